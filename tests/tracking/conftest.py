from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlops import paths

from .mlops_tracked import Tracked, tracked_in

# Wherever mlflow is imported: tests report to nobody.
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"


@pytest.fixture(scope="session")
def prepared_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An embedded store as MLflow makes it; made once for all workers, since it takes seconds."""
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent
    made = root / "prepared-mlflow"
    with (root / "prepared-mlflow.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (made / "store.json").exists():
            subprocess.run(
                [sys.executable, "-m", "jupyter_mlops.tracking.create_store", str(made)],
                check=True,
                capture_output=True,
                env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
                timeout=300,
            )
    return made


@pytest.fixture
def mlflow_home(home: Path, prepared_store: Path) -> Path:
    """The test's home with an embedded store in it that need not be made any more."""
    paths.private_dir(paths.data_dir())
    shutil.copytree(prepared_store, paths.mlflow_dir())
    return home


@pytest.fixture
def mlflow_script(home: Path) -> Callable[..., Any]:
    """Runs code that may `import mlflow` in a process of its own and returns what it `told`."""

    def run(code: str, *, patience: float = 110.0, **environment: str) -> Any:
        script = (
            "import json, sys\n"
            "def tell(value):\n"
            "    print('TOLD ' + json.dumps(value), flush=True)\n" + code
        )
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", script],
            capture_output=True,
            text=True,
            check=False,
            timeout=patience,
            env=os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true"} | environment,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        told = [line[5:] for line in done.stdout.splitlines() if line.startswith("TOLD ")]
        return json.loads(told[-1]) if told else None

    return run


@pytest.fixture
def tracked(mlflow_home: Path) -> Callable[..., Any]:
    """Runs a coroutine function with a store of jobs and a recorder on the embedded store.

    MLflow's store is open by then, where it can be: a run that begins before isn't there at once.
    """

    def run(story: Callable[[Tracked], Any], **given: Any) -> Any:
        async def opened(on: Tracked) -> Any:
            async def open_or_never() -> bool:
                return on.service.status().get("store") != "preparing"

            await on.until(open_or_never)
            return await story(on)

        return tracked_in(opened, **given)

    return run
