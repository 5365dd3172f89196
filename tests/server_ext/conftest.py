"""A Jupyter server for all tests of a worker, and a stand-in for the daemon for one test."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

# Test modules are imported by path; helpers beside them are imported by name.
sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "client"))

from mlops_jupyter import Jupyter
from mlops_standin import Request, StandIn, stand_ins


@pytest.fixture(scope="session")
def server_with_standin() -> Iterator[Jupyter]:
    """A Jupyter server whose data directory no daemon is started in."""
    with tempfile.TemporaryDirectory(prefix="mlops-") as directory:
        # Were a test to let it start a daemon, that would only say that it can't.
        server = Jupyter(Path(directory), Path(directory) / "data")
        server.config = "c.MlopsApp.body_limit = 1024 * 1024\nc.MlopsApp.subscriptions = 4\n"
        server.config += "c.MlopsApp.patience = 2.0\n"
        yield server.start()
        server.stop()


@pytest.fixture
def jupyter(server_with_standin: Jupyter, monkeypatch: pytest.MonkeyPatch) -> Jupyter:
    """The server; the test process has the same data directory."""
    monkeypatch.setenv("JUPYTER_MLOPS_DATA_DIR", str(server_with_standin.data))
    server_with_standin.deny()
    server_with_standin.asked()
    return server_with_standin


@pytest.fixture
def serve(jupyter: Jupyter) -> Iterator[Callable[[Callable[[Request], None]], StandIn]]:
    """Start a stand-in for the daemon of `jupyter`."""
    with stand_ins() as start:
        yield start
