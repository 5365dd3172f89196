"""An attempt that goes well, or ends by the notebook's own doing."""

from __future__ import annotations

import json
import os
import pickle
import socket
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from mlops_runner import PYTHON, RunnerAttempt, code

Make = Callable[..., RunnerAttempt]


@pytest.mark.parametrize("cpus_only", [True, False])
def test_what_an_attempt_holds_is_released(make_attempt: Make, cpus_only: bool):
    """CPUs with the last cell; memory and GPUs not before the kernel has ended."""
    attempt = make_attempt(
        "import atexit, os, time\n"
        "def wait():\n"
        "    while not os.path.exists('go'):\n"
        "        time.sleep(0.02)\n"
        "atexit.register(wait)",
        cpus_only=cpus_only,
    )
    attempt.start()
    attempt.wait_for("released" if cpus_only else "saved")
    assert not attempt.events_of("finished")
    assert bool(attempt.events_of("released")) is cpus_only
    (Path(attempt.order["cwd"]) / "go").touch()
    attempt.wait()
    assert len(attempt.events_of("released")) == 1
    assert attempt.exit["state"] == "succeeded"


def test_files_of_an_attempt(make_attempt: Make, doorbell: socket.socket):
    """Everything that ARCHITECTURE.md promises is there, and says the same."""
    attempt = make_attempt(
        "x = 1\nprint('one')", {"cell_type": "markdown", "source": "# M"}, "x + 1"
    )
    exit_ = attempt.run()
    assert attempt.process is not None
    assert attempt.process.returncode == 0
    assert exit_["state"] == "succeeded"
    assert exit_["failure"] is None
    assert exit_["duration"] > 0
    assert exit_["peak_memory"] > 10 * 2**20

    assert [event["seq"] for event in attempt.events] == list(range(1, len(attempt.events) + 1))
    # On a busy machine it is saved on the way as well.
    types = [event["type"] for event in attempt.events]
    assert [kind for kind in types if kind != "saved"] + [types[-3]] == [
        "prepared",
        "cell_started",
        "stream",
        "cell_finished",
        "cell_started",
        "output",
        "cell_finished",
        "released",
        "finished",
        "saved",
    ]
    prepared = attempt.events[0]
    assert prepared["total"] == 2
    assert prepared["start"]["warm"] is False
    assert prepared["kernel"]["pid"] > 0
    started, finished = attempt.events_of("cell_started"), attempt.events_of("cell_finished")
    assert [(event["index"], event["source"]) for event in started] == [(0, "x = 1"), (2, "x + 1")]
    assert [event["status"] for event in finished] == ["succeeded"] * 2
    assert [event["execution_count"] for event in finished] == [1, 2]
    told = attempt.events[-1]
    assert {name: told[name] for name in exit_} == exit_

    notebook = attempt.notebook
    nbformat.validate(nbformat.from_dict(notebook))
    assert attempt.statuses == ["succeeded", "succeeded"]
    assert attempt.text(0) == "one\n"
    assert attempt.outputs(2)[0]["data"] == {"text/plain": ["2"]}
    assert notebook["metadata"]["mlops"]["state"] == "succeeded"
    assert notebook["metadata"]["mlops"]["seq"] == attempt.events_of("cell_finished")[-1]["seq"]
    assert notebook["metadata"]["language_info"]["name"] == "python"
    assert attempt.log == "one\n2\n"
    assert attempt.result == notebook
    assert Path(attempt.order["output_log"]).read_text() == attempt.log

    runner = json.loads((attempt.directory / "runner.json").read_bytes())
    assert runner["pid"] == attempt.process.pid
    assert (attempt.directory / "heartbeat").read_bytes().strip().isdigit()
    for name in ("events.jsonl", "log.txt", "notebook.ipynb", "exit.json", "lease"):
        assert (attempt.directory / name).stat().st_mode & 0o077 == 0
    assert {entry.name for entry in attempt.directory.iterdir()} == {
        *("order.json", "bundle", "lease", "runner.json", "heartbeat", "events.jsonl"),
        *("log.txt", "notebook.ipynb", "exit.json", "runner.log", "kernel.log", "facts.json"),
    }
    rung = set()
    while True:
        try:
            rung.add(doorbell.recv(200))
        except BlockingIOError:
            break
    assert rung == {f"{attempt.order['job_id']}/1".encode()}


def test_papermill_metadata_is_there_and_true(make_attempt: Make):
    """Tools that read papermill's metadata find it, with the truth in it."""
    attempt = make_attempt("1", "raise KeyError('k')", "3")
    attempt.run()
    metadata = [cell["metadata"]["papermill"] for cell in attempt.notebook["cells"]]
    assert [each["status"] for each in metadata] == ["completed", "failed", "pending"]
    assert [each["exception"] for each in metadata] == [False, True, None]
    assert metadata[0]["duration"] >= 0
    assert metadata[2]["start_time"] is None
    whole = attempt.notebook["metadata"]["papermill"]
    assert whole["exception"] is True
    assert whole["input_path"] == attempt.order["source"]


def test_error_stops_and_is_described(make_attempt: Make):
    """The failure names the cell and has the traceback as plain text."""
    attempt = make_attempt("", "x = 0", "def f():\n    return 1 / x\nf()", "print('never')")
    exit_ = attempt.run()
    assert attempt.process is not None
    assert attempt.process.returncode == 1
    failure = exit_["failure"]
    assert failure["code"] == "cell_failed"
    assert failure["cell_index"] == 2
    # People count as progress does: the cells that run, from 1, as the prompts in JupyterLab.
    assert failure["message"] == "Cell 2 raised ZeroDivisionError: division by zero"
    assert attempt.notebook["cells"][2]["execution_count"] == 2
    assert (failure["ename"], failure["evalue"]) == ("ZeroDivisionError", "division by zero")
    assert "return 1 / x" in failure["traceback"]
    assert "\x1b" not in failure["traceback"]
    assert failure["hint"]
    assert attempt.statuses == ["skipped", "succeeded", "failed", "not_run"]
    assert attempt.outputs(3) == []
    assert attempt.outputs(2)[0]["ename"] == "ZeroDivisionError"
    assert "ZeroDivisionError: division by zero" in attempt.log
    assert "\x1b" not in attempt.log


def test_no_later_cell_runs_after_an_error(make_attempt: Make, tmp_path: Path):
    """Of hundreds of cells sent ahead, none runs once one has failed, whenever it fails."""
    trace = tmp_path / "trace"
    cells = [f"open({str(trace)!r}, 'a').write('{number}\\n')" for number in range(200)]
    cells[100] = "1 / 0"
    attempt = make_attempt(*cells)
    assert attempt.run()["failure"]["cell_index"] == 100
    assert trace.read_text().split() == [str(number) for number in range(100)]
    assert attempt.statuses == ["succeeded"] * 100 + ["failed"] + ["not_run"] * 99


@pytest.mark.parametrize("call", ["import sys; sys.exit()", "import sys; sys.exit(0)", "exit()"])
def test_a_clean_exit_ends_the_notebook_well(call: str, make_attempt: Make):
    """`sys.exit(0)` and `exit()` leave out the rest; the job succeeds, as with papermill."""
    attempt = make_attempt("print(1)", call, "print(3)")
    assert attempt.run()["state"] == "succeeded"
    assert attempt.statuses == ["succeeded", "succeeded", "not_run"]
    assert attempt.outputs(2) == []


def test_a_dirty_exit_fails(make_attempt: Make):
    """`sys.exit(3)` is a failure."""
    attempt = make_attempt("import sys; sys.exit(3)", "print(3)")
    failure = attempt.run()["failure"]
    assert (failure["code"], failure["ename"], failure["evalue"]) == (
        "cell_failed",
        "SystemExit",
        "3",
    )


def test_tags(make_attempt: Make):
    """`raises-exception` may fail, `skip-execution` and empty cells are skipped."""
    attempt = make_attempt(
        code("1 / 0", "raises-exception"),
        code("print('no')", "skip-execution"),
        "   \n",
        {"cell_type": "raw", "source": "raw", "metadata": {}},
        "print('yes')",
    )
    assert attempt.run()["state"] == "succeeded"
    assert attempt.wait_for("prepared")["total"] == 2
    assert attempt.statuses == ["succeeded", "skipped", "skipped", "succeeded"]
    assert attempt.outputs(0)[0]["output_type"] == "error"
    assert attempt.outputs(1) == []
    assert attempt.text(4) == "yes\n"


def test_parameters_follow_their_cell(make_attempt: Make):
    """The injected cell comes after the one tagged `parameters`, and counts as a cell."""
    attempt = make_attempt(
        "first = 1", code("lr = 0.1\nname = 'a'", "parameters"), "print(lr, name)",
        parameters={"lr": 0.5, "name": "it's"},
    )  # fmt: skip
    assert attempt.run()["state"] == "succeeded"
    cells = attempt.notebook["cells"]
    assert cells[2]["metadata"]["tags"] == ["injected-parameters"]
    assert attempt.text(3) == "0.5 it's\n"
    assert [event["index"] for event in attempt.events_of("cell_started")] == [0, 1, 2, 3]


def test_parameters_replace_an_earlier_injection(make_attempt: Make):
    """A notebook that was executed before has one injected cell, not two."""
    attempt = make_attempt(
        code("a = 1", "parameters"), code("a = 2", "injected-parameters"), "print(a)",
        parameters={"a": 3},
    )  # fmt: skip
    attempt.run()
    assert len(attempt.notebook["cells"]) == 3
    assert attempt.text(2) == "3\n"


def test_values_are_loaded_by_the_kernel(make_attempt: Make, tmp_path: Path):
    """Variables taken along are there before the first cell; the runner never unpickles."""
    witness = tmp_path / "who"

    class Tell:
        def __reduce__(self):
            return (exec, (f"import os; open({str(witness)!r}, 'a').write(str(os.getpid()))",))

    values = tmp_path / "values.pkl"
    values.write_bytes(pickle.dumps({"a": [1, 2], "b": "x", "c": Tell()}))
    attempt = make_attempt(
        "print(a, b)", code("a = 0", "parameters"), "print(a)", "import os; print(os.getpid())",
        values=str(values), parameters={"a": 7},
    )  # fmt: skip
    assert attempt.run()["state"] == "succeeded"
    assert attempt.notebook["cells"][0]["metadata"]["tags"] == ["mlops-values"]
    assert attempt.text(1) == "[1, 2] x\n"
    assert attempt.text(4) == "7\n"
    assert witness.read_text() == attempt.text(5).strip()


def test_values_need_python(make_attempt: Make, tmp_path: Path):
    """For another language the failure says what to do instead."""
    attempt = make_attempt("echo", argv=["true"], language="bash", values=str(tmp_path / "v"))
    assert attempt.run()["failure"]["code"] == "values_need_python"


def test_snapshot_of_modules_comes_before_live_ones(make_attempt: Make, tmp_path: Path):
    """Local modules come from the snapshot, data from the working directory."""
    code_dir = tmp_path / "snapshot"
    code_dir.mkdir()
    (code_dir / "helper.py").write_text("value = 'snapshot'")
    # As in a usual kernel, a local file doesn't take the standard library's place.
    (code_dir / "random.py").write_text("raise SystemExit('not me')")
    (code_dir / "signal.py").write_text("raise SystemExit('not me')")
    attempt = make_attempt(
        "import helper; print(helper.value)",
        "import random; print(open('data.txt').read(), random.Random(1).random() > 0)",
        "import subprocess, sys\n"
        "print(subprocess.run([sys.executable, '-P', '-c', 'import helper; print(helper.value)'], "
        "capture_output=True, text=True).stdout)",
        code_dir=str(code_dir),
    )
    work = Path(attempt.order["cwd"])
    (work / "helper.py").write_text("value = 'live'")
    (work / "data.txt").write_text("data")
    assert attempt.run()["state"] == "succeeded", attempt.said()
    assert attempt.text(0) == "snapshot\n"
    assert attempt.text(1) == "data True\n"
    assert attempt.text(2) == "snapshot\n\n"


def test_environment_of_the_kernel(make_attempt: Make):
    """The order's variables reach the kernel; those that speak of our parents don't."""
    attempt = make_attempt(
        "import os\n"
        "print(os.environ['GIVEN'], os.environ['SPEC'], os.environ.get('JPY_PARENT_PID'))",
        env={"GIVEN": "a\nb"},
        kernel={"argv": PYTHON, "env": {"SPEC": "c"}},
    )
    attempt.run(JPY_PARENT_PID=str(os.getpid()))
    assert attempt.text(0) == "a\nb c None\n"


def test_missing_working_directory(make_attempt: Make, tmp_path: Path):
    """It is said at once, and named."""
    attempt = make_attempt("1", cwd=str(tmp_path / "gone"))
    failure = attempt.run()["failure"]
    assert failure["code"] == "cwd_missing"
    assert str(tmp_path / "gone") in failure["message"]
    assert attempt.events_of("finished")[0]["failure"] == failure


def test_f34_an_unreadable_snapshot(make_attempt: Make):
    """A damaged snapshot is a failure with its place, not a traceback."""
    attempt = make_attempt("1")
    Path(attempt.order["notebook"]).write_text('{"cells": [')
    failure = attempt.run()["failure"]
    assert failure["code"] == "notebook_invalid"
    assert (attempt.directory / "runner.log").read_text() == ""


def test_old_notebooks_get_no_cell_ids(make_attempt: Make):
    """A notebook of nbformat 4.4 knows no ids: what is written validates."""
    attempt = make_attempt("print(a)", minor=4, parameters={"a": 1})
    assert attempt.run()["state"] == "succeeded"
    nbformat.validate(nbformat.from_dict(attempt.notebook))


def test_an_empty_notebook_succeeds(make_attempt: Make):
    """Nothing to do is done."""
    attempt = make_attempt({"cell_type": "markdown", "source": "only words"})
    assert attempt.run()["state"] == "succeeded"
    assert attempt.wait_for("prepared")["total"] == 0


def test_order_that_makes_no_sense(make_attempt: Make):
    """The runner leaves a word even when its order can't be read."""
    attempt = make_attempt("1")
    (attempt.directory / "order.json").write_text("{}")
    assert attempt.run()["failure"]["code"] == "runner_failed"
    assert "AttemptOrder" in (attempt.directory / "runner.log").read_text()
