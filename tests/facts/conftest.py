from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

#: Run inside a kernel-like process of its own, since an audit hook never goes again.
_SCRIPT = """
import json, os, sys
from IPython.core.interactiveshell import InteractiveShell
from jupyter_mlops.facts.watch import Watch
given = json.loads(sys.argv[1])
os.chdir(given["cwd"])
shell = InteractiveShell.instance()
watch = Watch(given["watch"])
watch.begin(shell)
for source in given["cells"]:
    shell.run_cell(source, store_history=True)
watch.finish()
"""


@pytest.fixture
def watched(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """`watched("cell", …)`: the facts that a shell left which ran these cells in `work/`."""
    (tmp_path / "work").mkdir()

    def run(*cells: str, env: dict[str, str] | None = None, **watch: Any) -> dict[str, Any]:
        file = tmp_path / "facts.json"
        told = {
            "cwd": str(tmp_path / "work"),
            "cells": cells,
            "watch": {"file": str(file), "cache": str(tmp_path / "hashes"), **watch},
        }
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", _SCRIPT, json.dumps(told)],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"IPYTHONDIR": str(tmp_path / "ipython")} | (env or {}),
        )
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(file.read_text())
        return {**found, "printed": done.stdout}

    return run
