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

from .mlops_logged import logged_script
from .mlops_tracked import Tracked, tracked_in

# Wherever mlflow is imported: tests report to nobody.
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"


@pytest.fixture(scope="session")
def logged_store(prepared_store: Path) -> tuple[Path, list[str]]:
    """A store with the runs of `mlops_logged`, logged by MLflow's own client, and their ids."""
    made = prepared_store.with_name("logged-mlflow")
    told = made / "ids.json"
    with made.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not told.exists():
            shutil.rmtree(made, ignore_errors=True)
            shutil.copytree(prepared_store, made)
            code = logged_script(made / "mlflow.db", f"open({str(told)!r}, 'w').write(repr(ids))")
            subprocess.run(
                [sys.executable, "-W", "ignore", "-c", code],
                check=True,
                capture_output=True,
                timeout=300,
            )
    return made, json.loads(told.read_text().replace("'", '"'))


@pytest.fixture
def logged(home: Path, logged_store: tuple[Path, list[str]]) -> list[str]:
    """The test's home with that store; the ids of its runs."""
    paths.private_dir(paths.data_dir())
    shutil.copytree(logged_store[0], paths.mlflow_dir())
    return logged_store[1]


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


@pytest.fixture(scope="session")
def nvml(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a stand-in for NVML's library, which the real binding loads."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler")
    directory = tmp_path_factory.mktemp("nvml")
    source = Path(__file__).parent / "nvml_stub.c"
    library = directory / "libnvidia-ml.so.1"
    flags = ("-shared", "-fPIC", "-O1", "-w", "-Wl,-soname,libnvidia-ml.so.1")
    subprocess.run([compiler, *flags, "-o", str(library), str(source)], check=True)
    return directory
