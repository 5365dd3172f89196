"""What `%load_ext jupyter_mlops` costs: a budget in modules, not in seconds."""

from __future__ import annotations

import json
import subprocess
import sys

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
