"""What every test may use: a home of its own, a real daemon in it, and nothing left behind."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlops import paths
from jupyter_mlops.client import Client
from jupyter_mlops.errors import DaemonUnreachable

#: Everything that would let a test touch, or be touched by, the person's own installation.
_FOREIGN = ("MLFLOW_", "_MLFLOW_", "MLOPS_", "JUPYTER_MLOPS_", "JPY_", "KERNEL_")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A data directory of the test's own; whatever still runs in it afterwards is ended."""
    for name in list(os.environ):
        if name.startswith(_FOREIGN):
            monkeypatch.delenv(name)
    directory = tmp_path / "data"
    monkeypatch.setenv("JUPYTER_MLOPS_DATA_DIR", str(directory))
    yield directory
    end_processes(directory)


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
def make_notebook(tmp_path: Path) -> Callable[..., Path]:
    """Writes a notebook: `make_notebook("print(1)", "x = 2", parameters="lr = 0.1")`."""

    def make(
        *cells: str, parameters: str | None = None, name: str = "work.ipynb", **meta: Any
    ) -> Path:
        listed = [(source, []) for source in cells]
        if parameters is not None:
            listed.insert(0, (parameters, ["parameters"]))
        kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
        document = {
            "nbformat": 4,
            "nbformat_minor": 5,
            "metadata": {"kernelspec": kernelspec} | meta,
            "cells": [
                {
                    "id": f"cell-{number}",
                    "cell_type": "code",
                    "metadata": {"tags": tags} if tags else {},
                    "source": source,
                    "outputs": [],
                    "execution_count": None,
                }
                for number, (source, tags) in enumerate(listed)
            ],
        }
        path = tmp_path / "work" / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(json.dumps(document), "utf-8")
        return path

    return make


class DaemonProcess:
    """A real daemon in the test's home."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.process: subprocess.Popen[bytes] | None = None
        self.client = Client(start=False)

    def start(
        self,
        *,
        prefix: tuple[str, ...] = (),
        program: str | None = None,
        wait: float = 30.0,
        **environment: str,
    ) -> DaemonProcess:
        """Start it and return once it answers.

        Args:
            prefix: a command to run it under.
            program: what Python is to execute instead, to change something inside.
            wait: seconds that it may take.
            environment: variables for it.
        """
        what = ("-m", "jupyter_mlops.daemon") if program is None else ("-c", program)
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self.directory / "daemon.stderr").open("ab") as stderr:
            self.process = subprocess.Popen(
                [*prefix, sys.executable, "-P", *what],
                stdin=subprocess.DEVNULL,
                stdout=stderr,
                stderr=stderr,
                env=os.environ | environment,
                start_new_session=True,
            )
        self.wait_until_up(wait)
        return self

    def wait_until_up(self, patience: float = 30.0) -> None:
        """Return once it answers."""
        assert self.process is not None
        deadline = time.monotonic() + patience
        while True:
            try:
                self.client.status()
            except DaemonUnreachable:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise AssertionError(f"the daemon is not up:\n{self.said()}") from None
                time.sleep(0.02)
            else:
                return

    def said(self) -> str:
        """Its log and stderr, for messages."""
        found = [self.directory / "daemon.log", self.directory / "daemon.stderr"]
        return "\n".join(path.read_text("utf-8") for path in found if path.exists())

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the daemon alone."""
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        """`kill -9`: it gets no chance to do anything."""
        self.client.close()
        self.send(signal.SIGKILL)
        assert self.process is not None
        self.process.wait()

    def stop(self, patience: float = 15.0) -> int:
        """SIGTERM; returns its exit code."""
        self.client.close()
        assert self.process is not None
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(patience)

    def wait_for(self, job_id: str, *states: str, patience: float = 60.0) -> dict[str, Any]:
        """The job once it is in one of these states (terminal ones when none is named)."""
        wanted = states or ("succeeded", "failed", "cancelled")
        deadline = time.monotonic() + patience
        while (job := self.client.job(job_id))["state"] not in wanted:
            assert time.monotonic() < deadline, f"{job}\n{self.said()}"
            time.sleep(0.02)
        return job


@pytest.fixture
def daemon_process(home: Path) -> Iterator[DaemonProcess]:
    """A daemon that the test starts itself."""
    found = DaemonProcess(home)
    yield found
    found.client.close()
    if found.process is not None and found.process.poll() is None:
        found.process.kill()
        found.process.wait()


@pytest.fixture
def daemon(daemon_process: DaemonProcess) -> DaemonProcess:
    """A daemon that runs."""
    return daemon_process.start()


@pytest.fixture
def steady_packages(request: pytest.FixtureRequest) -> Iterator[None]:
    """No other test installs anything meanwhile: that makes every warm parent of this environment
    stale, and tests run beside each other. One that uses `installed` is the one that does.
    """
    place = Path(tempfile.gettempdir()) / f"mlops-packages-{os.getuid()}.lock"
    with place.open("w") as file:
        installs = "installed" in request.fixturenames
        fcntl.flock(file, fcntl.LOCK_EX if installs else fcntl.LOCK_SH)
        yield


def processes_of(directory: Path) -> list[int]:
    """Processes whose data directory is this one (Linux: by their environment)."""
    wanted = f"JUPYTER_MLOPS_DATA_DIR={directory}".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            environment = (entry / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if wanted in environment and int(entry.name) != os.getpid():
            found.append(int(entry.name))
    return found


@pytest.fixture
def end_all() -> Callable[[Path], None]:
    """`end_all(directory)`: for a test with a home of its own making."""
    return end_processes


def end_processes(directory: Path) -> None:
    """Kill what a test left running in its home."""
    for _ in range(50):
        left = processes_of(directory)
        if not left:
            return
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(0.05)
