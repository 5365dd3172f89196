"""An isolated home, and a server that says what a test tells it to."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

# Test modules are imported by path; the helper beside them is imported by name.
sys.path.insert(0, str(Path(__file__).parent))

from mlops_standin import Request, StandIn, stand_ins


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A data directory of the test's own, with a path short enough for its sockets."""
    with tempfile.TemporaryDirectory(prefix="mlops-") as parent:
        directory = Path(parent) / "data"
        monkeypatch.setenv("JUPYTER_MLOPS_DATA_DIR", str(directory))
        monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
        yield directory


@pytest.fixture
def serve() -> Iterator[Callable[[Callable[[Request], None]], StandIn]]:
    """Start a stand-in for the daemon."""
    with stand_ins() as start:
        yield start
