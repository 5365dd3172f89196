"""Kernels of other languages, of other makers, over TCP; and ours against the usual one."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbclient
import nbformat
import pytest
from mlops_runner import BASH, PYTHON, RunnerAttempt, code, wait_gone

Make = Callable[..., RunnerAttempt]


def test_bash(make_attempt: Make):
    """A kernel that isn't Python runs, one cell at a time."""
    attempt = make_attempt("x=5", "echo hello $x", "echo err >&2", argv=BASH, language="bash")
    assert attempt.run()["state"] == "succeeded", attempt.said()
    assert attempt.text(1) == "hello 5\n"
    assert "err" in attempt.text(2) + attempt.text(2, "stderr")
    assert attempt.statuses == ["succeeded"] * 3
    assert attempt.wait_for("prepared")["start"]["reason"] == "only ipykernel can be forked"


def test_bash_fails(make_attempt: Make, tmp_path: Path):
    """A failing command fails its cell; what comes after doesn't run."""
    witness = tmp_path / "witness"
    attempt = make_attempt(
        "true", "echo oops; false", f"touch {witness}", argv=BASH, language="bash"
    )
    failure = attempt.run()["failure"]
    assert failure["code"] == "cell_failed"
    assert failure["cell_index"] == 1
    assert attempt.statuses == ["succeeded", "failed", "not_run"]
    assert "oops" in attempt.text(1)
    assert not witness.exists()


def test_a_kernel_over_tcp(make_attempt: Make):
    """A kernel behind a script gets TCP ports, which every kernel knows."""
    wrapped = f'exec {shlex.join(BASH[:-1])} "$0"'
    attempt = make_attempt("echo over tcp", argv=["sh", "-c", wrapped, BASH[-1]], language="bash")
    assert attempt.run()["state"] == "succeeded", attempt.said()
    assert attempt.text(0) == "over tcp\n"


def test_sixty_thousand_prints_of_a_usual_kernel(make_attempt: Make):
    """A kernel that would drop messages for a slow reader waits for us instead."""
    attempt = make_attempt(
        "for i in range(60_000): print(i, flush=True)",
        "print('last')",
        argv=[sys.executable, "-m", "ipykernel.kernelapp", "-f", "{connection_file}"],
    )
    assert attempt.run()["state"] == "succeeded", attempt.said()
    assert attempt.text(0) == "".join(f"{number}\n" for number in range(60_000))
    assert attempt.text(1) == "last\n"


def test_options_of_the_kernelspec_are_kept(make_attempt: Make):
    """Flags of the interpreter and of the kernel stay where the kernelspec has them."""
    argv = [
        *(sys.executable, "-X", "utf8=1", "-W", "ignore", "-m", "ipykernel_launcher"),
        *("-f", "{connection_file}", "--IPKernelApp.exec_lines=given = 42"),
    ]
    attempt = make_attempt(
        "import sys\nprint(sys.flags.utf8_mode, sys.warnoptions, given)", argv=argv
    )
    assert attempt.run()["state"] == "succeeded", attempt.said()
    assert attempt.text(0) == "1 ['ignore'] 42\n"


CELLS = [
    "import os, sys, json",
    "x = 1\nx",
    "print('out'); print('err', file=sys.stderr); x + 1",
    ("from IPython.display import HTML, Markdown, display\n"
    "display(HTML('<b>x</b>'), Markdown('*y*'))"),
    "%%capture kept\nprint('captured')",
    "kept.stdout",
    "%time sum(range(10)) == 45;",
    "!echo from a shell",
    "files = !echo a b\nfiles",
    "def f(n):\n    return n if n < 2 else f(n - 1) + f(n - 2)\n[f(n) for n in range(10)]",
    "_, __, Out[2], In[2]",
    "import asyncio\nawait asyncio.sleep(0.01)\n'awaited'",
    "import warnings; warnings.warn('careful')",
    ("class A:\n    def _repr_html_(self): return '<i>a</i>'\n"
    "    def __repr__(self): return 'A()'\nA()"),
    "get_ipython().run_line_magic('whos', 'int')",
    "import logging; logging.warning('logged')",
    "print(end='no newline')",
    "None",
    "import random; random.seed(1); random.random()",
    "import multiprocessing as mp\nsorted(mp.get_context('spawn').Pool(1).map(abs, [-1, 2]))",
    "try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    print(repr(e))",
    "%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.plot([1, 2]); plt.show()",
    "sorted(k for k in globals() if not k.startswith('_'))",
    "history = list(get_ipython().history_manager.get_range())[:3]\nhistory",
    "__name__, sys.argv[0].rsplit('/', 1)[1], __file__ if '__file__' in globals() else None",
    "import pickle\npickle.loads(pickle.dumps(A)).__module__",
    "raise ValueError('the end')",
]  # fmt: skip


def _comparable(cells: list[dict[str, Any]]) -> list[Any]:
    found = []
    for cell in cells:
        outputs = []
        for output in cell["outputs"]:
            text = json.dumps(output, sort_keys=True)
            if "CPU times" in text or "ipykernel_" in text:
                outputs.append([output["output_type"], output.get("name")])  # times and pids differ
            else:
                outputs.append(output)
        found.append([cell["execution_count"], outputs])
    return found


def test_same_results_as_a_usual_kernel(make_attempt: Make, tmp_path: Path):
    """The same cells in a usual ipykernel under nbclient: the same outputs, cell by cell."""
    pytest.importorskip("matplotlib")
    attempt = make_attempt(*CELLS)
    attempt.run()
    ours = nbformat.reads(json.dumps(attempt.notebook), as_version=4)
    theirs = nbformat.reads(Path(attempt.order["notebook"]).read_text(), as_version=4)
    theirs.metadata.kernelspec.name = "python3"
    client = nbclient.NotebookClient(
        theirs, allow_errors=True, resources={"metadata": {"path": attempt.order["cwd"]}}
    )
    client.execute()
    mine, usual = _comparable(ours.cells), _comparable(theirs.cells)
    for number, source in enumerate(CELLS):
        assert mine[number] == usual[number], source


def test_an_older_ipykernel_without_our_feature_is_fed_one_cell(make_attempt: Make, tmp_path: Path):
    """A kernel that may forget an error isn't sent cells ahead."""
    trace = tmp_path / "trace"
    launcher = "from ipykernel.kernelapp import launch_new_instance as f; f()"
    cells = [f"open({str(trace)!r}, 'a').write('{number}\\n')" for number in range(40)]
    cells[20] = "1 / 0"
    attempt = make_attempt(*cells, argv=[sys.executable, "-c", launcher, "-f", "{connection_file}"])
    assert attempt.run()["failure"]["cell_index"] == 20
    assert trace.read_text().split() == [str(number) for number in range(20)]


def test_nothing_is_left_of_the_kernel(make_attempt: Make):
    """Kernel and guard are gone when the exit is written."""
    attempt = make_attempt("import os; print(os.getppid())", code("print(os.getpid())"))
    attempt.run()
    guard, kernel = int(attempt.text(0)), int(attempt.text(1))
    assert kernel == attempt.wait_for("prepared")["kernel"]["pid"]
    wait_gone(guard, kernel, patience=5)
    assert PYTHON[1] == "-m"
