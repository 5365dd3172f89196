"""Runs from a real kernel: the verbs, a run a cell, and honest ends."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from jupyter_mlops import paths

from .conftest import Kernel
from .mlops_store import artifact, becomes, rows, run_of, store_ready, until

pytestmark = pytest.mark.slow
START = "import jupyter_mlops as mlops\nprint(mlops.start('cells').id)"


@pytest.fixture(autouse=True, scope="module")
def store(shared_home: Path) -> None:
    """It is there."""
    store_ready()


def test_the_verbs(kernel: Kernel, notebooks: Path) -> None:
    """A line each, with the notebook's variables; the experiment is the notebook's name."""
    (notebooks / "data.csv").write_text("a,b\n1,2\n")
    started = kernel.run("%mlops start --json --name first --tag team=vision -p lr=0.1")
    run_id = json.loads(started.text())["id"]
    cell = kernel.run(
        "loss, rows = 0.5, [{'a': 1}]\n"
        "class Figure:\n"
        "    def savefig(self, path, format, bbox_inches): open(path, 'w').write(format)\n"
        "fig = Figure()\n"
        "%mlops log loss=$loss acc=1 --step 3\n"
        "%mlops log loss=nan\n"
        "%mlops params depth=3 'text=a b'\n"
        "%mlops tag stage=late\n"
        "%mlops note It went well\n"
        "%mlops artifact data.csv --name in/data.csv\n"
        "%mlops figure fig\n"
        "%mlops table rows --name table\n"
        "%mlops dataset data.csv\n"
    )
    assert (cell.status, cell.error) == ("ok", "")
    ended = kernel.run("%mlops end")
    assert "has ended: finished" in ended.text()
    found = becomes(run_id, "FINISHED")
    assert (found["name"], found["experiment"]) == ("first", "book")
    assert found["params"] == {"lr": "0.1", "depth": "3", "text": "a b"}
    assert found["points"] == {"loss": [(3, 0.5), (4, 0.0)], "acc": [(3, 1.0)]}
    tags = found["tags"]
    assert (tags["team"], tags["stage"]) == ("vision", "late")
    assert tags["mlflow.note.content"] == "It went well"
    assert tags["mlflow.source.type"] == "NOTEBOOK"
    assert tags["mlops.notebook"] == str(notebooks / "book.ipynb")
    assert artifact(run_id, "in/data.csv") == "a,b\n1,2\n"
    assert artifact(run_id, "fig.png") == "png"
    assert json.loads(artifact(run_id, "table.json")) == {"columns": ["a"], "data": [[1]]}
    assert rows(
        "SELECT name FROM datasets JOIN inputs ON source_id = dataset_uuid"
        " WHERE destination_id = ?",
        run_id,
    ) == [("data.csv",)]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("log loss", "isn't NAME=VALUE"),
        ("log loss=high", "a metric is a number"),
        ("log loss=$nothing", "There is no variable nothing"),
        ("figure nothing", "There is no variable nothing"),
        ("artifact nowhere.txt", "There is no file"),
        ("start --tag x", "isn't NAME=VALUE"),
        ("end --status great", "can't end as 'great'"),
    ],
)
def test_what_is_refused(kernel: Kernel, line: str, said: str) -> None:
    """In a line or two, and the run is as it was."""
    kernel.run(START)
    cell = kernel.run(f"%mlops {line}")
    assert said in cell.error
    assert "Traceback" not in cell.error
    kernel.run("mlops.end('finished')")


def test_a_function_says_all_that_is_wrong(kernel: Kernel) -> None:
    """In the error's own text, as a traceback and `print` show it."""
    kernel.run(START)
    cell = kernel.run("mlops.log({'bad=name': 1, 'good': 2, 'word': 'x'})")
    kernel.run("mlops.end('finished')")
    assert "bad=name: a name has only letters" in cell.error
    assert "word: a metric is a number, not str" in cell.error
    assert "good:" not in cell.error
    cell = kernel.run("try: mlops.end()\nexcept Exception as error: print(error)")
    assert cell.text() == "No run is open.\n  mlops.start() begins one.\n"


def test_there_is_nothing_to_end(kernel: Kernel) -> None:
    """It is said."""
    assert "No run is open" in kernel.run("%mlops end").error


def test_logging_starts_a_run(kernel: Kernel) -> None:
    """Of the notebook's experiment; `start` ends it and begins another one."""
    kernel.run("import jupyter_mlops as mlops\nmlops.log(loss=1)")
    first = kernel.run("from jupyter_mlops.magics import recording\nprint(recording.open_run().id)")
    second = kernel.run(START)
    found = becomes(first.text().strip(), "FINISHED")
    assert (found["experiment"], found["points"]) == ("book", {"loss": [(0, 1.0)]})
    kernel.run("mlops.end()")
    becomes(second.text().strip(), "FINISHED")


def test_a_cell_that_raises_fails_the_run(kernel: Kernel) -> None:
    """At once, with the cell and its traceback; a cell that succeeds later hides nothing."""
    run_id = kernel.run(START).text().strip()
    kernel.run("def broken():\n    raise KeyError('lost')\nmlops.log(loss=1)")
    kernel.run("x = 1\nbroken()")
    found = becomes(run_id, "FAILED")
    assert found["tags"]["mlops.failure"] == "KeyError: 'lost'"
    kept = artifact(run_id, "mlops/traceback.txt")
    assert "x = 1\nbroken()" in kept
    assert "in broken" in kept
    assert "run_code" not in kept
    kernel.run("mlops.log(loss=2)")
    ended = kernel.run("mlops.end()")
    assert ended.status == "ok"
    found = becomes(run_id, "FAILED")
    assert found["points"] == {"loss": [(0, 1.0), (1, 2.0)]}


def test_a_person_says_how_it_ended(kernel: Kernel) -> None:
    """Then it ended so, whatever happened before."""
    run_id = kernel.run(START).text().strip()
    kernel.run("1 / 0")
    becomes(run_id, "FAILED")
    kernel.run("%mlops end --status finished")
    becomes(run_id, "FINISHED")


@pytest.mark.parametrize(
    ("cell", "failed"),
    [
        ("%mlops tga team=vision", False),
        ("x = 1\n%mlops log loss=high  # a typo\n%mlops tag a=b\n# the end", False),
        ("%%mlops run --nonsense\nx = 1", False),
        ("%mlops log loss=high\nx = 1", True),
        ("for i in range(3):\n    %mlops log loss=high", True),
        ("mlops.log(loss='high')", True),
        ("y = %mlops tag nothing", True),
    ],
)
def test_a_refused_line_is_no_failed_run(kernel: Kernel, cell: str, failed: bool) -> None:
    """Unless it has kept code of its cell from running; the cell has an error all the same."""
    run_id = kernel.run(START).text().strip()
    assert kernel.run(cell).status == "error"
    kernel.run("mlops.log(loss=1)\nmlops.end()")
    found = becomes(run_id, "FAILED" if failed else "FINISHED")
    assert ("mlops.failure" in found["tags"]) is failed


def test_a_cell_as_a_run(kernel: Kernel) -> None:
    """It ends with the cell, as the cell did; the kernel's own variables are there."""
    kernel.run("import jupyter_mlops as mlops\nbase = 2")
    good = kernel.run("%%mlops track --name one -p lr=1\nmlops.log(loss=base)\nprint('inside')")
    assert good.status == "ok"
    assert "inside" in good.text()
    bad = kernel.run("%%mlops track --name two\nmlops.log(loss=base)\nundefined")
    assert bad.status == "error"
    shown = "\n".join(output.get("text", "") for output in bad.outputs) + bad.error
    assert "NameError" in shown
    assert "The cell failed, and so did its run" in bad.error
    found = dict(rows("SELECT name, status FROM runs WHERE name IN ('one', 'two')"))
    assert found == {"one": "FINISHED", "two": "FAILED"}


def parent(run_id: str) -> str | None:
    """MLflow's id of the run that this one is within."""
    return run_of(run_id)["tags"].get("mlflow.parentRunId")


def test_a_run_within_another_one(kernel: Kernel, notebooks: Path) -> None:
    """In the block of the outer run: it goes on when the inner one has ended, with all its facts;
    what is left open in the block ends with it.
    """
    (notebooks / "later.csv").write_text("a\n1\n")
    cell = kernel.run(
        "import jupyter_mlops as mlops\n"
        "with mlops.start('within', name='outer') as outer:\n"
        "    mlops.log(before=1)\n"
        "    for fold in range(2):\n"
        "        with mlops.start(name=f'fold {fold}') as inner:\n"
        "            mlops.log(fold=fold)\n"
        "        print(inner.id)\n"
        "    open('later.csv').read()\n"
        "    mlops.log(after=1)\n"
        "    left = mlops.start(name='left open')\n"
        "    mlops.log(left=1)\n"
        "print(left.id)\n"
        "print(outer.id)\n"
        "mlops.end()"
    )
    first, second, left, outer = cell.text().split()
    assert "No run is open" in cell.error
    found = becomes(outer, "FINISHED")
    assert set(found["points"]) == {"before", "after"}
    assert parent(outer) is None
    for run_id, points in ((first, {"fold": [(0, 0.0)]}), (left, {"left": [(0, 1.0)]})):
        inner = becomes(run_id, "FINISHED")
        assert (inner["experiment"], inner["points"]) == ("within", points)
        assert parent(run_id) == outer
    for run_id in (first, second, left, outer):
        until(lambda run_id=run_id: not paths.run_log_dir(run_id).exists())
        facts = json.loads(artifact(run_id, "mlops/facts.json"))
        assert facts["complete"] is True
    assert [Path(one["path"]).name for one in facts["datasets"]["files"]][-1] == "later.csv"


def test_what_fails_within_fails_both(kernel: Kernel) -> None:
    """A tracked cell, and a run that it has begun and not ended."""
    cell = kernel.run(
        "%%mlops track --name around\n"
        "import jupyter_mlops as mlops\n"
        "from jupyter_mlops.magics import recording\n"
        "around = recording.open_run()\n"
        "left = mlops.start(name='inner')\n"
        "1 / 0"
    )
    assert "ZeroDivisionError" in cell.error
    ids = kernel.run("print(around.id, left.id)").text().split()
    for run_id in ids:
        assert becomes(run_id, "FAILED")["tags"]["mlops.failure"].startswith("ZeroDivisionError")
    assert parent(ids[1]) == ids[0]
    assert "No run is open" in kernel.run("%mlops end").error


def test_a_cell_that_awaits_is_no_run(kernel: Kernel) -> None:
    """IPython can't run it from within a cell: that is said before anything is begun."""
    before = rows("SELECT COUNT(*) FROM runs")
    cell = kernel.run("%%mlops track\nimport asyncio\nawait asyncio.sleep(0)")
    assert "with mlops.start():" in cell.error
    assert rows("SELECT COUNT(*) FROM runs") == before
    cell = kernel.run("%%mlops track\nasync def later(): await thing")
    assert cell.error == ""


def test_exit_kill_and_restart(start_kernel: Callable[..., Kernel]) -> None:
    """A kernel that is shut down ends its run as its cells ended; a killed one is told apart."""
    ends = {}
    for name, cell in (("fine", "mlops.log(loss=1)"), ("failed", "1 / 0")):
        one = start_kernel()
        ends[name] = one.run(START).text().strip()
        one.run(cell)
        one.manager.shutdown_kernel()
    killed = start_kernel()
    ends["killed"] = killed.run(START).text().strip()
    killed.run("mlops.log(loss=1)")
    (pid,) = [int(killed.run("import os\nprint(os.getpid())").text())]
    os.kill(pid, signal.SIGKILL)
    becomes(ends["fine"], "FINISHED")
    becomes(ends["failed"], "FAILED")
    found = becomes(ends["killed"], "KILLED")
    assert found["points"] == {"loss": [(0, 1.0)]}


def test_in_a_job(kernel: Kernel, notebooks: Path) -> None:
    """What is logged goes into the job's own run, which ends as the job does."""
    source = (
        "import jupyter_mlops as mlops\n"
        "with mlops.start('elsewhere', params={'lr': 2}) as run:\n"
        "    mlops.log(loss=1)\n"
        "mlops.log(loss=2)\n"
        "mlops.tag(stage='x')\n"
        "lr = 1"
    )
    cell = kernel.run(f"%%mlops run --json -p lr=1 --wait-html\n{source}")
    job = json.loads(cell.text())
    assert job["state"] == "succeeded"
    assert job["metrics"] == {"loss": 2.0}
    found = becomes(job["tracking"]["run_id"], "FINISHED")
    assert found["points"] == {"loss": [(0, 1.0), (1, 2.0)]}
    assert found["params"]["lr"] == "2"
    assert found["tags"]["stage"] == "x"
    assert found["tags"]["mlops.job_id"] == job["id"]
    assert found["experiment"] == "book"


def test_autologging(kernel: Kernel) -> None:
    """MLflow's own, into the run that is open; MLflow doesn't end it."""
    run_id = kernel.run(START).text().strip()
    cell = kernel.run(
        "import warnings; warnings.simplefilter('ignore')\n"
        "from sklearn.linear_model import LinearRegression\n"
        "%mlops autolog\n"
        "_ = LinearRegression().fit([[1.0], [2.0], [3.0]], [1.0, 2.0, 3.5])\n"
        "import mlflow; mlflow.end_run()\n"
        "mlops.log(own=1)",
        patience=180,
    )
    assert cell.error == ""
    found = run_of(run_id)
    assert found["status"] == "RUNNING"
    kernel.run("mlops.end()")
    found = becomes(run_id, "FINISHED")
    assert found["params"]["fit_intercept"] == "True"
    assert {"own", "training_mean_squared_error"} <= set(found["points"])

    later = kernel.run(START).text().strip()
    cell = kernel.run(
        "_ = LinearRegression(positive=True).fit([[1.0], [2.0], [3.0]], [1.0, 2.0, 3.5])\n"
        "mlops.end()",
        patience=180,
    )
    assert cell.error == ""
    assert "View run" not in cell.text()  # of the daemon's own port, which lets no browser in
    assert becomes(later, "FINISHED")["params"]["positive"] == "True"
    kernel.run("mlflow.autolog(disable=True)")
