"""MLflow's embedded store, read beside the daemon that the tests of magics share."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from typing import Any

from jupyter_mlops import paths
from jupyter_mlops.client import Client


def store_ready() -> None:
    """A new one takes its time, and until then runs are only in their files."""
    client = Client()
    until(lambda: client.status()["tracking"]["store"] == "ready", 100)


def until(condition: Callable[[], Any], patience: float = 45.0) -> None:
    """Wait for it."""
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.1)


def rows(question: str, *values: Any) -> list[tuple[Any, ...]]:
    """Of MLflow's embedded store."""
    connection = sqlite3.connect(paths.mlflow_dir() / "mlflow.db", timeout=30)
    try:
        return connection.execute(question, values).fetchall()
    finally:
        connection.close()


def run_of(run_id: str) -> dict[str, Any]:
    """Status, tags, parameters and points by metric."""
    ((status, name, experiment),) = rows(
        "SELECT status, runs.name, experiments.name FROM runs JOIN experiments"
        " USING (experiment_id) WHERE run_uuid = ?",
        run_id,
    )
    points: dict[str, list[tuple[int, float]]] = {}
    for key, step, value in rows(
        "SELECT key, step, value FROM metrics WHERE run_uuid = ? ORDER BY step", run_id
    ):
        points.setdefault(key, []).append((step, value))
    return {
        "status": status,
        "name": name,
        "experiment": experiment,
        "tags": dict(rows("SELECT key, value FROM tags WHERE run_uuid = ?", run_id)),
        "params": dict(rows("SELECT key, value FROM params WHERE run_uuid = ?", run_id)),
        "points": points,
    }


def becomes(run_id: str, status: str, patience: float = 45.0) -> dict[str, Any]:
    """The run once it has this status."""
    deadline = time.monotonic() + patience
    while not rows("SELECT 1 FROM runs WHERE run_uuid = ? AND status = ?", run_id, status):
        assert time.monotonic() < deadline, run_of(run_id)
        time.sleep(0.1)
    return run_of(run_id)


def artifact(run_id: str, name: str) -> str:
    """The text of one of the run's artifacts."""
    (path,) = (paths.mlflow_dir() / "artifacts").glob(f"*/{run_id}/artifacts/{name}")
    return path.read_text()
