"""`%mlops …`: the command line's verbs in a notebook."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlops.client import Client

JOB = "application/vnd.jupyter-mlops.job+json"


@pytest.fixture
def train(notebooks: Path) -> str:
    """A notebook with parameters, beside the one that we are in."""
    cells = [
        {"source": "lr = 0.1  # learning rate\nname = 'a'", "metadata": {"tags": ["parameters"]}},
        {"source": "print('trained with', lr, repr(name))", "metadata": {}},
    ]
    for number, cell in enumerate(cells):
        cell |= {"id": f"c{number}", "cell_type": "code", "outputs": [], "execution_count": None}
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    document = {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"kernelspec": spec},
        "cells": cells,
    }
    (notebooks / "train.ipynb").write_text(json.dumps(document))
    return "train.ipynb"


def newest() -> dict[str, Any]:
    """The newest job."""
    found: dict[str, Any] = Client().jobs(limit=1)["jobs"][0]
    return found


def test_a_notebook_is_run(kernel: Any, train: str, notebooks: Path) -> None:
    """Beside the notebook that we are in; its outputs stay in its own notebook."""
    cell = kernel.run(f"%mlops run {train} -p lr=0.5 -p name=5 --tag team=a")
    assert cell.status == "ok", cell.error
    job = newest()
    assert job["notebook"] == str(notebooks / train)
    assert job["spec"]["parameters"] == {"lr": 0.5, "name": "5"}
    assert job["spec"]["tags"] == {"team": "a"}
    assert cell.displays(JOB) == [{"id": job["id"]}]
    assert cell.text() == ""
    assert "trained with 0.5 '5'" in kernel.run("%mlops logs @last").text()


def test_a_failure_fails_the_cell(kernel: Any, train: str) -> None:
    """So that "run all" stops there."""
    cell = kernel.run(f"%mlops run {train} --timeout 0.001 --cold")
    assert cell.status == "error"
    assert cell.of("error")[0]["ename"] == "JobFailed"
    assert newest()["id"] in cell.error


def test_jobs_show_logs(kernel: Any, train: str) -> None:
    """As on the command line, with the commands of a notebook."""
    kernel.run(f"%mlops run {train} -q")
    job = newest()
    listed = kernel.run("%mlops jobs --notebook train.ipynb --limit 1").text()
    assert job["id"] in listed
    shown = kernel.run(f"%mlops show {job['id'][:8]}").text()
    assert f"%mlops rerun {job['id']}" in shown
    assert "jupyter mlops" not in shown
    assert json.loads(kernel.run(f"%mlops show {job['id']} --json").text())["id"] == job["id"]


def test_runs_are_looked_at(kernel: Any, train: str) -> None:
    """The run of a job is listed, described and compared as on the command line."""
    kernel.run("%mlops experiments")  # answered once MLflow's store is there
    for lr in ("0.5", "0.25"):
        assert kernel.run(f"%mlops run {train} -p lr={lr} --experiment seen").status == "ok"
    listed = kernel.run("%mlops runs --experiment seen --columns params.lr")
    assert "0.25" in listed.text()
    assert "seen" in kernel.run("%mlops experiments").text()
    run_id = newest()["tracking"]["run_id"]
    assert "lr = 0.25" in kernel.run(f"%mlops describe {run_id[:12]}").text()
    wrong = kernel.run("%mlops compare @last")
    assert (wrong.status, "two runs" in str(wrong.error)) == ("error", True)


def test_without_a_job_it_is_this_notebooks_last(kernel: Any, train: str) -> None:
    """Not another notebook's."""
    kernel.run("%%mlops run -q\nprint('ours')")
    ours = newest()["id"]
    kernel.run(f"%mlops run {train} -q")
    assert newest()["id"] != ours
    assert kernel.run("%mlops logs").text() == "ours\n"
    assert ours in kernel.run("%mlops show").text()
    assert kernel.run("%mlops attach").displays(JOB) == [{"id": ours}]


def test_a_notebook_without_jobs(start_kernel: Callable[..., Any], notebooks: Path) -> None:
    """Is told so."""
    kernel = start_kernel(JPY_SESSION_NAME=str(notebooks / "new.ipynb"))
    assert "no jobs yet" in kernel.run("%mlops attach").error


def test_cancel_and_delete(kernel: Any) -> None:
    """By id; nobody can be asked in a notebook, so deleting needs --yes."""
    kernel.run("%%mlops run -d\nimport time\ntime.sleep(600)")
    job = newest()["id"]
    assert "is being cancelled" in kernel.run(f"%mlops cancel {job}").text()
    ended = kernel.run("%mlops attach")
    assert ended.status == "error"
    assert "cancelled" in ended.error
    assert "--yes" in kernel.run(f"%mlops delete {job}").error
    assert "Deleted" in kernel.run(f"%mlops delete {job} --yes").text()
    assert kernel.run(f"%mlops show {job}").status == "error"


def test_rerun_with_another_parameter(kernel: Any, train: str) -> None:
    """Typed as the notebook declares."""
    kernel.run(f"%mlops run {train} -q")
    first = newest()
    kernel.run(f"%mlops rerun {first['id']} -p lr=1 -q")
    again = newest()
    assert again["rerun_of"] == first["id"]
    assert again["spec"]["parameters"]["lr"] == 1


def test_a_verb_that_did_only_part_of_it_fails_the_cell(kernel: Any) -> None:
    """What went wrong was told; what comes after must not run."""
    cell = kernel.run("%mlops cancel 000000000000")
    assert cell.status == "error"
    assert "000000000000" in cell.text("stderr")


def test_help(kernel: Any) -> None:
    """Of everything, and of a verb: its line and its cell."""
    overview = kernel.run("%mlops").text()
    assert "%%mlops run" in overview
    assert "%mlops attach" in overview
    assert kernel.run("%mlops help").text() == overview
    both = kernel.run("%mlops help run").text()
    assert "usage: %mlops run NOTEBOOK [options]" in both
    assert "usage: %%mlops run [options]" in both
    assert "--with NAMES" in both
    assert kernel.run("%mlops run --help").text() in both
    assert json.loads(kernel.run("%mlops help jobs --json").text())["verbs"][0]["verb"] == "jobs"
    assert "Did you mean jobs?" in kernel.run("%mlops help jbos").error


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("%mlops dance", "There is no verb 'dance'"),
        ("%mlops daemon", "needs to know what to do"),
        ("%mlops run", "needs NOTEBOOK"),
        ("%mlops run missing.ipynb", "missing.ipynb"),
        ("%mlops run http://x/y.ipynb", "is an address"),
        ("%mlops run a.ipynb 'b", "Close every quotation mark"),
        ("%mlops show zzz", "no job's id"),
        ("%mlops attach 000000000000", "000000000000"),
        ("%mlops jobs --state happy", "isn't a state"),
    ],
)
def test_what_cant_be_done_is_told(kernel: Any, line: str, said: str) -> None:
    """In a few lines, never a traceback."""
    cell = kernel.run(line)
    assert cell.status == "error"
    assert said in cell.error
    assert "Traceback" not in cell.error
    assert 'File "' not in cell.error


def test_what_nobody_expected(kernel: Any) -> None:
    """Is one line, with the traceback in a log; `--debug` shows it."""
    kernel.run(
        "import jupyter_mlops.cli.jobs as broken\n"
        "kept, broken.list_jobs = broken.list_jobs, lambda *_: 1 / 0"
    )
    try:
        short = kernel.run("%mlops jobs")
        long = kernel.run("%mlops jobs --debug")
    finally:
        kernel.run("broken.list_jobs = kept")
    assert "Unexpected ZeroDivisionError" in short.error
    assert "cli.log" in short.error
    assert "Traceback" not in short.error
    assert "Traceback" in long.error


def test_the_notebook_that_vs_code_names(kernel: Any, notebooks: Path) -> None:
    """Wins over the session's name."""
    kernel.run(f"__vsc_ipynb_file__ = {str(notebooks / 'other.ipynb')!r}")
    kernel.run("%%mlops run -q\n1")
    assert newest()["notebook"] == str(notebooks / "other.ipynb")


def test_outside_of_a_notebook(start_kernel: Callable[..., Any], notebooks: Path) -> None:
    """A console's cells work in its directory."""
    kernel = start_kernel(JPY_SESSION_NAME="console-1")
    assert kernel.run("%%mlops run\nimport os\nprint(os.getcwd())").text() == f"{notebooks}\n"
    assert newest()["notebook"] == str(notebooks / "cell.ipynb")


def test_it_can_be_unloaded(start_kernel: Callable[..., Any]) -> None:
    """And loaded again."""
    kernel = start_kernel()
    assert kernel.run("%unload_ext jupyter_mlops").status == "ok"
    assert "not found" in kernel.run("%mlops jobs").text("stderr")
    assert "not found" in kernel.run("%%mlops run\n1").text("stderr")
    kernel.run("%load_ext jupyter_mlops")
    assert kernel.run("%mlops help").status == "ok"
