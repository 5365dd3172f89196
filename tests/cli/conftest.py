"""The command line as a process of its own, against a scripted daemon or the real one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

# Test modules are imported by path; their helpers are imported by name.
sys.path[:0] = [str(Path(__file__).parents[1] / "client"), str(Path(__file__).parent)]

from mlops_script import COMMAND, Run, Script  # noqa: E402

from jupyter_mlops.client import Client  # noqa: E402

from ..conftest import end_processes  # noqa: E402, TID252 - tests are no package

ROOT = Path(__file__).parents[2]
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A job that a script started in its background ignores Ctrl-C, and all that it starts would.
    signal.signal(signal.SIGINT, signal.default_int_handler)
SOURCES = ("server_ext", "magics", "converters")


@pytest.fixture(autouse=True)
def home(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """As every test's, with a path short enough for its sockets, and a usual terminal."""
    with tempfile.TemporaryDirectory(prefix="mlops-") as parent:
        directory = Path(parent) / "data"
        monkeypatch.setenv("JUPYTER_MLOPS_DATA_DIR", str(directory))
        for name in ("NO_COLOR", "COLUMNS"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("TERM", "xterm-256color")
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join(str(ROOT / p) for p in SOURCES))
        yield directory
        end_processes(directory)


@pytest.fixture
def cli(tmp_path: Path) -> Run:
    """Run a command line to its end, in a directory of its own, without a terminal."""

    def run(*words: str, **options: Any) -> subprocess.CompletedProcess[str]:
        given: dict[str, Any] = {"cwd": tmp_path, "timeout": 60, "stdin": subprocess.DEVNULL}
        given |= options
        return subprocess.run(
            [*COMMAND, *words],
            capture_output=True,
            encoding="utf-8",
            check=False,
            **given,
        )

    return run


@pytest.fixture
def script() -> Iterator[Script]:
    """The scripted daemon."""
    daemon = Script()
    yield daemon
    daemon.server.stop()


@pytest.fixture
def stopped() -> Iterator[None]:
    """Whatever daemon a test has started is stopped."""
    yield
    Client(start=False).stop_daemon()
