"""What a session tells of itself, and what the daemon makes of it."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlops.tracking.run_facts import RunFacts
from jupyter_mlops.tracking.run_log import RunOrder
from jupyter_mlops.tracking.session_facts import SessionFacts

_SESSION = """
import json, os, pathlib, sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
directory = pathlib.Path(sys.argv[3])
os.chdir(sys.argv[1])
before = set(sys.modules)
shell.run_cell("x = 1", store_history=True)
from jupyter_mlops.magics.facts import watch_session
watch = watch_session(shell)
watch.begin_run(directory / "facts.json", {})
loaded = {name.partition(".")[0] for name in set(sys.modules) - before}
cells = json.loads(sys.argv[2])
shell.user_ns["end"] = lambda: watch.end_run(directory / "facts.json", ok=True)
for source in cells:
    shell.run_cell(source, store_history=True)
if not any("end()" in source for source in cells):
    watch.end_run(directory / "facts.json", ok=True)
shell.run_cell("open('later.csv').read()", store_history=True)
print(json.dumps(sorted(loaded)))
"""


def session(directory: Path, run: Path, *cells: str, **env: str) -> tuple[dict[str, Any], set[str]]:
    """What a session told of a run that began after `x = 1`, with these cells; what it loaded."""
    run.mkdir()
    done = subprocess.run(
        [
            *(sys.executable, "-W", "ignore", "-c", _SESSION),
            *(str(directory), json.dumps(cells), str(run)),
        ],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"IPYTHONDIR": str(directory / ".ipython")} | env,
    )
    loaded = json.loads(done.stdout.splitlines()[-1])
    return json.loads((run / "facts.json").read_bytes()), set(loaded)


def ended(run: Path, notebook: Path) -> tuple[RunFacts, dict[str, Any]]:
    """What goes into the run, and its `facts.json`."""
    order = RunOrder("a" * 32, int(time.time() * 1000), notebook=str(notebook))
    made = asyncio.run(SessionFacts(2**30).ended(order, run))
    return made, json.loads(made.files["mlops/facts.json"].read_bytes())


def saved(notebook: Path, *cells: tuple[str, int], at: float) -> None:
    """A notebook with sources and counts, saved at that time."""
    document = {
        "nbformat": 4, "nbformat_minor": 5, "metadata": {},
        "cells": [
            {"cell_type": "code", "id": f"c{at}", "metadata": {}, "outputs": [],
             "execution_count": count, "source": source}
            for at, (source, count) in enumerate(cells)
        ],
    }  # fmt: skip
    notebook.write_text(json.dumps(document))
    os.utime(notebook, (at, at))


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A folder with data and a module."""
    found = tmp_path / "work"
    found.mkdir()
    for name in ("data.csv", "later.csv"):
        (found / name).write_text("1\n")
    (found / "model.py").write_text("LAYERS = 1\n")
    return found


CELLS = ("import random, model; random.seed(2)", "y = open('data.csv').read()", "z = 3")


def test_a_session_has_the_facts_of_a_job(home: Path, work: Path, tmp_path: Path) -> None:
    """In the same document: history, seeds, files, packages, code, and what is lacking."""
    told, loaded = session(work, tmp_path / "run", *CELLS)
    assert loaded <= {"IPython", "jupyter_mlops"} | sys.stdlib_module_names
    assert [cell["count"] for cell in told["cells"]] == [1, 2, 3, 4]
    assert [Path(one["path"]).name for one in told["read"]] == ["data.csv"]
    assert told["complete"] is True
    cells = ((CELLS[0], 2), ("x = 1", 1), ("y = 'edited'", 3), (CELLS[2], 4))
    saved(work / "nb.ipynb", *cells, at=time.time() + 9)
    made, facts = ended(tmp_path / "run", work / "nb.ipynb")
    assert made.files.keys() == {
        f"mlops/{name}" for name in
        ("facts.json", "requirements.txt", "notebook.ipynb", "code.zip", "datasets.json")
    }  # fmt: skip
    assert [one["index"] for one in facts["history"]["cells"] if one["out_of_order"]] == [1]
    assert [one["index"] for one in facts["history"]["cells"] if one["edited"]] == [2]
    assert {one["code"] for one in facts["lacks"]} - {"local_package"} == {
        "cell_edited", "cell_out_of_order", "data_unversioned",
    }  # fmt: skip
    assert made.tags["mlops.reproducible"] == "no"
    assert [one.name for one in made.inputs] == ["data.csv"]


def test_a_notebook_that_was_not_saved_since(home: Path, work: Path, tmp_path: Path) -> None:
    """Has the cells that ran, where they ran: nothing was edited."""
    session(work, tmp_path / "run", *CELLS)
    old = (("x = 1", 1), ("import random", 2), ("y = 'before'", 3))
    saved(work / "nb.ipynb", *old, at=time.time() - 3600)
    made, facts = ended(tmp_path / "run", work / "nb.ipynb")
    kept = json.loads(made.files["mlops/notebook.ipynb"].read_bytes())
    assert [cell["source"] for cell in kept["cells"]] == ["x = 1", *CELLS]
    assert {one["code"] for one in facts["lacks"]} & {"cell_edited", "cell_out_of_order"} == set()
    assert facts["history"]["elsewhere"] == 0


def test_the_cell_that_ends_a_run_is_one_of_its_cells(
    home: Path, work: Path, tmp_path: Path
) -> None:
    """With what it has done so far; what follows isn't."""
    told, _ = session(work, tmp_path / "run", "a = 1", "y = open('data.csv').read()\nend()")
    assert [(cell["count"], cell.get("running", False)) for cell in told["cells"]] == [
        (1, False), (2, False), (3, True),
    ]  # fmt: skip
    assert [Path(one["path"]).name for one in told["read"]] == ["data.csv"]


def test_code_that_changes_while_the_run_goes_on(home: Path, work: Path, tmp_path: Path) -> None:
    """The run has it as it was at its beginning, and says so."""
    saved(work / "nb.ipynb", (CELLS[0], 1), at=time.time())
    run = tmp_path / "run"
    run.mkdir()
    order = RunOrder("a" * 32, int(time.time() * 1000), notebook=str(work / "nb.ipynb"))
    facts = SessionFacts(2**30)
    asyncio.run(facts.begun(order, run))
    (work / "model.py").write_text("LAYERS = 2\n")
    made = asyncio.run(facts.ended(order, run))
    told = json.loads(made.files["mlops/facts.json"].read_bytes())
    assert told["code"]["changed_since_start"] == ["model.py"]
    packed = made.files["mlops/code.zip"]
    assert subprocess.check_output(["unzip", "-p", str(packed), "model.py"]) == b"LAYERS = 1\n"
    assert told["complete"] is False


def test_files_can_be_kept_to_oneself(home: Path, work: Path, tmp_path: Path) -> None:
    """By a variable of the kernel."""
    cell = "open('data.csv').read()"
    told, _ = session(work, tmp_path / "run", cell, JUPYTER_MLOPS_DATASETS="off")
    assert "read" not in told
