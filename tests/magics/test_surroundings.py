"""What a run of a notebook has without anybody asking: real kernels, daemons, repositories."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlops import paths
from jupyter_mlops.client import Client

from .conftest import Kernel
from .mlops_store import artifact, becomes, rows, run_of, store_ready, until

pytestmark = pytest.mark.slow
START = "import jupyter_mlops as mlops\nprint(mlops.start('seen').id)"


@pytest.fixture(autouse=True, scope="module")
def store(shared_home: Path) -> None:
    """It is there."""
    store_ready()


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A repository with a notebook, a module and data, all of it committed but for a change."""
    found = tmp_path / "work"
    found.mkdir()
    (found / "data.csv").write_text("a\n1\n")
    (found / "model.py").write_text("LAYERS = 1\n")
    notebook(found, ("import model", "m"))
    git(found, "init", "-q", "-b", "main")
    git(found, "remote", "add", "origin", "https://me:secret@example.org/it.git")
    git(found, "add", "-A")
    git(found, "commit", "-q", "-m", "first")
    (found / "model.py").write_text("LAYERS = 2\n")
    return found


def notebook(directory: Path, *cells: tuple[str, str]) -> None:
    """Save `book.ipynb` with these sources and ids."""
    document = {
        "nbformat": 4, "nbformat_minor": 5, "metadata": {},
        "cells": [
            {"cell_type": "code", "id": identity, "metadata": {}, "outputs": [],
             "execution_count": None, "source": source}
            for source, identity in cells
        ],
    }  # fmt: skip
    (directory / "book.ipynb").write_text(json.dumps(document))


def git(directory: Path, *arguments: str) -> str:
    """Run git there."""
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    command = ["git", *identity, "-C", str(directory), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def complete(run_id: str) -> dict[str, Any]:
    """`mlops/facts.json` once the run's directory has gone: all of it is recorded."""
    until(lambda: not paths.run_log_dir(run_id).exists())
    return json.loads(artifact(run_id, "mlops/facts.json"))


def test_a_run_of_a_notebook_has_the_facts_of_a_job(
    start_kernel: Callable[..., Kernel], work: Path
) -> None:
    """Code, packages, machine, cells by their ids, seeds, data, output; live load is there, too."""
    kernel = start_kernel(directory=work, OMP_NUM_THREADS="2", MY_TOKEN="secret")
    kernel.run("import random, model\nrandom.seed(5)", cell_id="m")
    run_id = kernel.run(START, cell_id="s").text().strip()
    until(lambda: "mlflow.source.git.commit" in run_of(run_id)["tags"])
    tags = run_of(run_id)["tags"]
    assert tags["mlflow.source.git.commit"] == git(work, "rev-parse", "HEAD")
    assert tags["mlflow.source.git.repoURL"] == "https://example.org/it.git"
    assert (tags["mlflow.source.git.branch"], tags["mlops.git_dirty"]) == ("main", "true")
    cell = kernel.run(
        "rows = open('data.csv').read()\n"
        "import sys\n"
        "print('printed')\n"
        "print('\\x1b[31mto stderr\\x1b[0m', file=sys.stderr)\n"
        "import time; time.sleep(3)",
        cell_id="d",
    )
    assert cell.error == ""
    # While it goes on.
    until(lambda: "system/system_memory_usage_megabytes" in run_of(run_id)["points"])
    assert run_of(run_id)["status"] == "RUNNING"
    kernel.run("mlops.end()", cell_id="e")
    becomes(run_id, "FINISHED")
    facts = complete(run_id)
    assert facts["complete"] is True
    assert (facts["code"]["dirty"], facts["code"]["changed"]) == (True, ["model.py"])
    git(work, "stash", "-q")
    git(work, "apply", "--check", str(path_of(run_id, "mlops/code.diff")))
    assert facts["notebook"]["path"] == str(work / "book.ipynb")
    ran = [(one["id"], one["runs"]) for one in facts["history"]["cells"]]
    assert ran == [("m", 1), ("s", 1), ("d", 1), ("e", 1)]
    assert not [one for one in facts["history"]["cells"] if one["edited"] or one["out_of_order"]]
    kept = json.loads(artifact(run_id, "mlops/notebook.ipynb"))
    assert kept["cells"][0]["source"] == "import random, model\nrandom.seed(5)"
    assert facts["seeds"]["calls"] == [{"function": "random.seed", "seed": 5, "cell": 2}]
    (data,) = facts["datasets"]["files"]
    assert (Path(data["path"]).name, data["versioned"]) == ("data.csv", "git")
    assert facts["machine"]["cpus"] == os.cpu_count()
    assert facts["variables"]["OMP_NUM_THREADS"] == "2"
    assert "secret" not in json.dumps(facts)
    assert "ipykernel" in facts["argv"][0]
    assert "mlflow==" in artifact(run_id, "mlops/requirements.txt")
    log = artifact(run_id, "notebook/book.log")
    assert {"printed", "to stderr"} <= set(log.splitlines())
    assert "\x1b" not in log
    found = run_of(run_id)
    assert found["tags"]["mlops.reproducible"] == ("no" if facts["lacks"] else "yes")
    assert found["tags"]["mlops.packages"] == facts["packages"]["sha256"]
    inputs = rows(
        "SELECT name FROM datasets JOIN inputs ON source_id = dataset_uuid"
        " WHERE destination_id = ?",
        run_id,
    )
    assert inputs == [("data.csv",)]


def path_of(run_id: str, name: str) -> Path:
    """One of the run's artifacts."""
    (path,) = (paths.mlflow_dir() / "artifacts").glob(f"*/{run_id}/artifacts/{name}")
    return path


def test_a_cell_that_is_a_run(start_kernel: Callable[..., Kernel], work: Path) -> None:
    """`%%mlops track`: the cell itself, as it stands there; the next run has the data of before."""
    kernel = start_kernel(directory=work)
    source = "%%mlops track --name one\nprint('inside', open('data.csv').read())"
    assert kernel.run(source, cell_id="t").status == "ok"
    again = "%%mlops track --name two\nimport random\nrandom.random()\n1 / 0"
    assert kernel.run(again, cell_id="u").status == "error"
    named = dict(rows("SELECT name, run_uuid FROM runs WHERE name IN ('one', 'two') AND"
                      " start_time > ?", int((time.time() - 60) * 1000)))  # fmt: skip
    facts = complete(named["one"])
    kept = json.loads(artifact(named["one"], "mlops/notebook.ipynb"))
    assert [cell["source"] for cell in kept["cells"] if cell["id"] == "t"] == [source]
    assert "inside a" in artifact(named["one"], "notebook/book.log")
    facts = complete(named["two"])
    assert [Path(one["path"]).name for one in facts["datasets"]["files"]] == ["data.csv"]
    assert "no_seed" in {one["code"] for one in facts["lacks"]}
    assert facts["complete"] is True


def test_a_killed_kernel_leaves_what_it_had_told(
    start_kernel: Callable[..., Kernel], work: Path
) -> None:
    """Its run says that it isn't all."""
    kernel = start_kernel(directory=work)
    run_id = kernel.run(START).text().strip()
    kernel.run("y = open('data.csv').read()\nprint('seen')\nimport time; time.sleep(2.1)")
    kernel.run("x = 1\nmlops.log(loss=1)")
    until(lambda: b"data.csv" in (paths.run_log_dir(run_id) / "facts.json").read_bytes())
    pid = int(kernel.run("import os\nprint(os.getpid())").text())
    os.kill(pid, 9)
    becomes(run_id, "KILLED")
    facts = complete(run_id)
    assert facts["complete"] is False
    assert [Path(one["path"]).name for one in facts["datasets"]["files"]] == ["data.csv"]
    assert "seen" in artifact(run_id, "notebook/book.log")


def test_what_the_operator_wants_is_what_is_seen(
    start_kernel: Callable[..., Kernel], work: Path
) -> None:
    """A kernel that keeps its files to itself; the daemon tells what is wanted of it."""
    answer = Client().start_run({"id": "b" * 32, "experiment": "e", "name": "n"})
    assert answer["facts"]["datasets"] is True
    kernel = start_kernel(directory=work, JUPYTER_MLOPS_DATASETS="off")
    run_id = kernel.run(START).text().strip()
    kernel.run("open('data.csv').read()\nmlops.end()")
    facts = complete(run_id)
    assert facts["datasets"] is None
    assert "data_unknown" in {one["code"] for one in facts["lacks"]}
