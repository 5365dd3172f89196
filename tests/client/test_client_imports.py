"""What the kernel and the command line load: a budget in modules, which no load can blur."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

#: Any of these costs more than everything that the client needs.
HEAVY = {
    "IPython", "argparse", "asyncio", "concurrent", "dataclasses", "email", "fastapi", "hashlib",
    "http", "httpx", "inspect", "ipykernel", "jupyter_client", "jupyter_core", "logging", "mlflow",
    "nbclient", "nbconvert", "nbformat", "numpy", "papermill", "pandas", "psutil", "pydantic",
    "requests", "shutil", "sqlalchemy", "sqlite3", "ssl", "starlette", "subprocess", "tempfile",
    "tornado", "traitlets", "uuid", "uvicorn", "yaml", "zmq",
}  # fmt: skip


def loaded_by(statement: str) -> list[str]:
    """The modules that a statement loads, in a fresh interpreter."""
    program = (
        "import sys, json; before = set(sys.modules)\n"
        f"{statement}\n"
        "sys.stdout.write('\\n' + json.dumps(sorted(set(sys.modules) - before)))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return json.loads(ran.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    ("statement", "ours", "most"),
    [
        (
            "import jupyter_mlops.client",
            {"", ".client", ".caller", ".transport", ".starting", ".paths", ".errors"},
            70,
        ),
        (
            "import jupyter_mlops.cli.main, jupyter_mlops.cli.run",
            {
                "", ".client", ".caller", ".transport", ".starting", ".paths", ".errors", ".cli",
                ".cli.main", ".cli.run", ".cli.console", ".cli.options", ".cli.verbs",
                ".cli.progress", ".cli.render", ".cli.resolve", ".cli.spec", ".cli.values",
            },
            82,
        ),
        (
            "from jupyter_mlops.cli.main import main; main(['--version'])",
            {
                "", ".starting", ".paths", ".errors", ".cli", ".cli.main", ".cli.console",
                ".cli.options", ".cli.verbs",
            },
            70,
        ),
    ],
    ids=["client", "run", "version"],
)  # fmt: skip
def test_the_import_budget(statement: str, ours: set[str], most: int) -> None:
    """Few modules, none of the heavy ones, and of our own exactly those that are needed."""
    loaded = loaded_by(statement)
    assert HEAVY.isdisjoint(name.partition(".")[0] for name in loaded)
    mine = {name for name in loaded if name.partition(".")[0] == "jupyter_mlops"}
    assert mine - {"jupyter_mlops._version"} == {f"jupyter_mlops{name}" for name in ours}
    assert len(loaded) <= most, loaded
