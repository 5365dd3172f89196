"""The magics in a plain IPython, without a kernel."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def ipython(directory: Path, source: str) -> subprocess.CompletedProcess[str]:
    """Run a script in IPython."""
    script = directory / "script.ipy"
    script.write_text(f"%load_ext jupyter_mlops\n{source}")
    env = {n: v for n, v in os.environ.items() if n != "JPY_SESSION_NAME"}
    env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{env['PATH']}"
    return subprocess.run(
        [sys.executable, "-m", "IPython", "--no-banner", "--colors=nocolor", str(script)],
        cwd=directory,
        env=env | {"IPYTHONDIR": str(directory / "ipython")},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_a_cell_on_a_terminal(notebooks: Path) -> None:
    """Text only: progress in lines, what the cell printed, how it ended."""
    done = ipython(
        notebooks,
        "get_ipython().run_cell_magic('mlops', 'run', '''\n"
        "from IPython.display import HTML, clear_output, display\n"
        'print("shown")\n'
        "clear_output()\n"
        'display(HTML("<b>x</b>"))\n'
        "6 * 7\n''')\n"
        "import sys\n"
        "print('ipywidgets' in sys.modules)\n",
    )
    lines = done.stdout.splitlines()
    assert "shown" in lines, done
    assert "<IPython.core.display.HTML object>" in lines
    assert "42" in lines
    assert [line for line in lines if "succeeded after" in line]
    assert lines[-1] == "False"


def test_a23_a_terminal_obeys_no_output(notebooks: Path) -> None:
    """What a job prints can't set the title or move the cursor."""
    done = ipython(
        notebooks,
        "get_ipython().run_cell_magic('mlops', 'run', "
        '\'print("\\\\x1b]0;owned\\\\x07plain"); raise ValueError("\\\\x1b[2Jx")\')\n',
    )
    assert "plain" in done.stdout
    assert "\x1b]" not in done.stdout + done.stderr
    assert "\x1b[2J" not in done.stdout + done.stderr


def test_errors_are_a_line_or_two(notebooks: Path) -> None:
    """And what comes after isn't run."""
    done = ipython(notebooks, "%mlops run missing.ipynb\nprint('after')\n")
    said = done.stdout + done.stderr
    assert "There is no notebook" in said
    assert "Traceback" not in said
    assert "after" not in done.stdout.splitlines()


def test_detaching_says_the_id(notebooks: Path) -> None:
    """And how to go on."""
    done = ipython(
        notebooks, "get_ipython().run_cell_magic('mlops', 'run --detach --name short', '1')\n"
    )
    assert "short is submitted: " in done.stdout
    assert "%mlops attach " in done.stdout
