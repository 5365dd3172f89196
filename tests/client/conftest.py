"""An isolated home, and a server that says what a test tells it to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from standin import Request, StandIn


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data directory of the test's own."""
    directory = tmp_path / "data"
    monkeypatch.setenv("JUPYTER_MLOPS_DATA_DIR", str(directory))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return directory


@pytest.fixture
def serve() -> Iterator[Callable[[Callable[[Request], None]], StandIn]]:
    """Start a stand-in for the daemon."""
    running: list[StandIn] = []

    def start(answer: Callable[[Request], None]) -> StandIn:
        running.append(StandIn(answer))
        return running[-1]

    yield start
    for server in running:
        server.stop()
