"""What `%load_ext jupyter_mlops` costs: a budget in modules, not in seconds."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

#: All that loading may add to what a kernel has loaded anyway.
LOADED = {
    "jupyter_mlops",
    "jupyter_mlops._version",
    "jupyter_mlops.magics",
    "IPython.core.magics.extension",  # `%load_ext` itself
    "pkgutil",
}
#: The standard library's, and small ones of ours, when a verb is first used.
HEAVY = {
    "IPython.display", "anyio", "bentoml", "cloudpickle", "docker", "fastapi", "h11", "httpx",
    "ipywidgets", "jsonschema", "jupyter_client.manager", "jupyter_server", "kubernetes",
    "matplotlib", "mlflow", "nbclient", "nbconvert", "nbformat", "numpy", "optuna", "pandas",
    "papermill", "psutil", "pydantic", "requests", "sqlalchemy", "sqlite3", "starlette", "torch",
    "uvicorn", "yaml",
}  # fmt: skip

SCRIPT = """
import json, sys
from IPython.core.interactiveshell import InteractiveShell
import ipykernel.ipkernel, ipykernel.zmqshell
shell = InteractiveShell.instance()
before = set(sys.modules)
shell.run_line_magic("load_ext", "jupyter_mlops")
loaded = set(sys.modules) - before
shell.run_line_magic("mlops", "help run")
helped = set(sys.modules) - before - loaded
try:
    shell.run_line_magic("mlops", "show 000000000000")
except Exception as error:
    assert type(error).__name__ == "NotFound", error
asked = set(sys.modules) - before - loaded - helped
print()
print(json.dumps([sorted(loaded), sorted(helped), sorted(asked)]))
"""


def test_loading_costs_next_to_nothing(shared_home: object) -> None:
    """Nothing beyond what a kernel has loaded anyway; a verb loads little, and nothing heavy."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT], capture_output=True, text=True, check=True
    )
    loaded, helped, asked = map(set, json.loads(done.stdout.splitlines()[-1]))
    assert loaded <= LOADED
    for found in (helped, asked):
        roots = {name.partition(".")[0] for name in found}
        assert not (found | roots) & HEAVY
        ours = {"jupyter_mlops"}
        assert roots <= ours | sys.stdlib_module_names | set(sys.builtin_module_names), roots


LOGGING = """
import json, sys
before = set(sys.modules)
import jupyter_mlops as mlops
imported = set(sys.modules) - before
mlops.start("budget", params={"lr": 1})
mlops.log(loss=1)
mlops.tag(a="b")
mlops.table([{"a": 1}], "rows")
mlops.dataset(sys.argv[1])
mlops.end()
print(json.dumps([sorted(imported), sorted(set(sys.modules) - before)]))
"""


@pytest.mark.slow
def test_logging_loads_nothing_large(shared_home: Path) -> None:
    """`import jupyter_mlops` nothing at all; what is logged only the standard library."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LOGGING, __file__],
        capture_output=True,
        text=True,
        check=True,
    )
    imported, used = map(set, json.loads(done.stdout.splitlines()[-1]))
    assert imported <= {"jupyter_mlops", "jupyter_mlops._version", "pkgutil"} | {
        name for name in imported if name.partition(".")[0] in sys.stdlib_module_names
    }
    roots = {name.partition(".")[0] for name in used}
    assert not (used | roots) & HEAVY
    assert roots <= {"jupyter_mlops"} | sys.stdlib_module_names, roots
    assert not {"asyncio", "urllib.request", "http.client"} & used
