"""Where what a notebook logs lands: real daemon, real kernel, real MLflow."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

#: As a notebook with autologging: MLflow starts and ends a run by itself, then something is logged.
CELLS = (
    (
        "import mlflow\n"
        "with mlflow.start_run():\n"
        "    mlflow.log_metric('fitted', 1)\n"
        "mlflow.log_metric('mine', 2)"
    ),
    (
        "mlflow.end_run()\n"
        "with mlflow.start_run(run_name='child'):\n"
        "    mlflow.log_metric('inner', 3)\n"
        "mlflow.log_param('late', 'x')\n"
        "mlflow.log_metric('late', 4)"
    ),
    "mlflow.end_run()\nmlflow.set_experiment('elsewhere')\nmlflow.log_metric('other', 5)",
)


def _wait_for_parent(daemon: Any) -> None:
    """Until a kernel parent has MLflow loaded."""
    deadline = time.monotonic() + 120
    while not any(
        parent["ready"] and "mlflow" in parent["imports"]
        for parent in daemon.client.status()["warm"]["parents"]
    ):
        assert time.monotonic() < deadline, daemon.said()
        time.sleep(0.1)


@pytest.mark.usefixtures("steady_packages")
@pytest.mark.parametrize("preloaded", [False, True])
def test_what_is_logged_without_a_run_is_the_jobs(
    daemon: Any, home: Path, make_notebook: Callable[..., Path], preloaded: bool
) -> None:
    """However often MLflow has ended a run before; runs of the notebook's own stay its own."""
    spec = {"notebook": str(make_notebook(*CELLS)), "experiment": "here", "warm_start": preloaded}
    if preloaded:
        warming = daemon.client.submit(spec)
        daemon.wait_for(warming["id"], patience=120)
        _wait_for_parent(daemon)
    job = daemon.wait_for(daemon.client.submit(spec)["id"], patience=120)
    assert job["state"] == "succeeded", job["failure"]
    start = job["attempts"][0]["start"]
    assert ("mlflow" in start["preloaded"]) is preloaded, start
    with sqlite3.connect(home / "mlflow" / "mlflow.db") as db:
        rows = db.execute(
            "SELECT r.name, e.name, m.key FROM latest_metrics m"
            " JOIN runs r ON r.run_uuid = m.run_uuid"
            " JOIN experiments e ON e.experiment_id = r.experiment_id"
            " WHERE r.run_uuid = ? OR r.run_uuid IN"
            " (SELECT run_uuid FROM tags WHERE key = 'mlops.created_by_job' AND value = ?)",
            (job["tracking"]["run_id"], job["id"]),
        ).fetchall()
    of_job = {key for name, experiment, key in rows if name == "work"}
    assert of_job == {"fitted", "mine", "late"}
    assert ("child", "here", "inner") in rows
    assert {key for _, experiment, key in rows if experiment == "elsewhere"} == {"other"}
