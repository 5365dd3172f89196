"""`papermill --engine mlops`: papermill's own command with our execution below it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest

Make = Callable[..., Path]


def _papermill(notebook: Path, *options: str, output: str = "out.ipynb") -> subprocess.Popen[str]:
    env = {k: v for k, v in os.environ.items() if k != "PYTEST_CURRENT_TEST"}
    return subprocess.Popen(
        [sys.executable, "-m", "papermill", "--engine", "mlops", *options, notebook.name, output],
        cwd=notebook.parent,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _result(notebook: Path) -> nbformat.NotebookNode:
    return nbformat.read(notebook.parent / "out.ipynb", as_version=4)


def test_it_executes(home: Path, make_notebook: Make):
    """Parameters, outputs, metadata, progress bar: as with papermill's own engine."""
    notebook = make_notebook("print(lr)", "lr + 1", parameters="lr = 0.1")
    process = _papermill(notebook, "-p", "lr", "2", "--log-output")
    said, _ = process.communicate(timeout=90)
    assert process.returncode == 0, said
    result = _result(notebook)
    nbformat.validate(result)
    assert result.cells[1].metadata.tags == ["injected-parameters"]
    assert result.cells[2].outputs[0].text == "2\n"
    assert result.cells[3].outputs[0].data["text/plain"] == "3"
    assert {cell.metadata.papermill.status for cell in result.cells} == {"completed"}
    whole = result.metadata.papermill
    assert whole.exception is None
    assert whole.duration > 0
    assert whole.parameters == {"lr": 2}
    assert "Executing" in said
    assert "Ending Cell" in said


def test_errors_are_papermills(home: Path, make_notebook: Make):
    """A cell's error comes out as papermill's own, with its marker in the notebook."""
    notebook = make_notebook("x = 1", "x / 0", "never")
    process = _papermill(notebook)
    said, _ = process.communicate(timeout=90)
    assert process.returncode == 1
    assert "PapermillExecutionError" in said
    assert "ZeroDivisionError" in said
    result = _result(notebook)
    assert "papermill-error-cell" in result.cells[0].source
    statuses = [c.metadata.papermill.status for c in result.cells if c.cell_type == "code"]
    assert statuses == ["completed", "failed", "pending"]


def test_f01_the_truth_after_a_kernels_death(home: Path, make_notebook: Make):
    """The engine of papermill calls every cell completed then; ours doesn't."""
    notebook = make_notebook("1", "import os; os.kill(os.getpid(), 9)", "3")
    process = _papermill(notebook)
    said, _ = process.communicate(timeout=90)
    assert process.returncode == 1
    assert "kernel stopped while cell 2 was running" in said
    statuses = [cell.metadata.papermill.status for cell in _result(notebook).cells]
    assert statuses == ["completed", "failed", "pending"]


def test_interrupted(home: Path, make_notebook: Make):
    """Ctrl-C ends it, the notebook so far is saved."""
    notebook = make_notebook("print('first')", "import time; time.sleep(600)", "3")
    process = _papermill(notebook, "--autosave-cell-every", "1", "--no-progress-bar")
    out = notebook.parent / "out.ipynb"
    deadline = time.monotonic() + 60
    while not (out.exists() and '"running"' in out.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode != 0
    statuses = [cell.metadata.papermill.status for cell in _result(notebook).cells]
    assert statuses == ["completed", "failed", "pending"]


def test_timeout_of_a_cell(home: Path, make_notebook: Make):
    """`--execution-timeout` counts for each cell."""
    notebook = make_notebook("import time; time.sleep(0.8)", "time.sleep(0.8)", "time.sleep(600)")
    process = _papermill(notebook, "--execution-timeout", "3")
    said, _ = process.communicate(timeout=90)
    assert process.returncode == 1
    assert "timeout of 3 s passed while cell 3 was running" in said


def test_copies_of_the_streams(home: Path, make_notebook: Make):
    """`--stdout-file` and `--stderr-file` get what is printed."""
    notebook = make_notebook("import sys; print('out'); print('err', file=sys.stderr)")
    process = _papermill(notebook, "--stdout-file", "o.txt", "--stderr-file", "e.txt")
    process.communicate(timeout=90)
    assert (notebook.parent / "o.txt").read_text() == "out\n"
    assert (notebook.parent / "e.txt").read_text() == "err\n"


def test_from_python_in_a_thread(home: Path, make_notebook: Make):
    """`papermill.execute_notebook` works where signals can't be caught."""
    notebook = make_notebook("print('threaded')")
    script = (
        "import threading, papermill, json\n"
        f"def run():\n    nb = papermill.execute_notebook({str(notebook)!r}, None, "
        "engine_name='mlops', progress_bar=False)\n    print(json.dumps(nb.cells[0].outputs))\n"
        "t = threading.Thread(target=run); t.start(); t.join()"
    )
    env = {k: v for k, v in os.environ.items() if k != "PYTEST_CURRENT_TEST"}
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=env,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert json.loads(done.stdout)[0]["text"] == "threaded\n", done.stderr


@pytest.mark.parametrize("first", ["papermill", "jupyter_mlops.jobs.runner.engine"])
def test_the_engine_can_be_imported_first(first: str):
    """While papermill is imported it loads its engines: no order of imports may fail."""
    script = f"import {first}, papermill.engines as e; e.papermill_engines.get_engine('mlops')"
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
