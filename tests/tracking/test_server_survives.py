"""What a tracking server may do while kernels log: a real one, killed, filled, its runs deleted."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlops import paths
from jupyter_mlops.client import Client
from jupyter_mlops.errors import NotFound
from jupyter_mlops.naming import PARAM_VALUE_MOST

from .mlops_logging import Logging, until
from .mlops_wire import TrackingServerProcess
from .test_logging_server import IMPATIENT, Kept

pytestmark = [pytest.mark.slow, pytest.mark.timeout(560)]


@pytest.fixture
def server(tmp_path: Path, prepared_store: Path) -> Iterator[TrackingServerProcess]:
    """One of the test's own: it is killed."""
    directory = tmp_path / "server"
    directory.mkdir()
    shutil.copy(prepared_store / "mlflow.db", directory / "server.db")
    found = TrackingServerProcess(directory, directory / "server.db")
    try:
        found.wait_until_up()
        yield found
    finally:
        found.stop()


def given(server: TrackingServerProcess) -> dict[str, str]:
    """The environment of a daemon that records there."""
    return IMPATIENT | {"MLFLOW_TRACKING_URI": f"http://127.0.0.1:{server.port}"}


def test_a_burst_while_the_server_is_killed(
    home: Path, daemon_process: Any, server: TrackingServerProcess
) -> None:
    """100,000 points at once, `kill -9` of the server in the middle: every point is there once."""
    daemon_process.start(**given(server))
    kernel = Logging(
        """
run = mlops.start("burst")
tell(run.id)
for i in range(100_000):
    mlops.log(loss=i)
run.end(wait=0)
"""
    )
    kept = Kept(server, kernel.told())
    kernel.ended(240)
    until(lambda: kept.ids and kept.points(), 240)
    server.stop()
    assert kept.status() == "RUNNING"
    time.sleep(2)
    server.start()
    server.wait_until_up()
    until(lambda: kept.status() == "FINISHED", 400)
    assert kept.points() == [(i, float(i)) for i in range(100_000)]
    assert len(kept.ids) == 1


def test_eight_kernels_at_once(
    home: Path, daemon_process: Any, server: TrackingServerProcess
) -> None:
    """Every point of each, once; values that MLflow doesn't take whole are cut as it wants."""
    daemon_process.start(**given(server))
    code = """
run = mlops.start("eight", params={"long": "p" * 2**20})
tell(run.id)
for i in range(1_500):
    mlops.log(loss=i)
run.end(wait=0)
"""
    kernels = [Logging(code) for _ in range(8)]
    found = [Kept(server, kernel.told()) for kernel in kernels]
    for kernel in kernels:
        kernel.ended(240)
    for kept in found:
        until(lambda kept=kept: kept.status() == "FINISHED", 400)
        assert kept.points() == [(i, float(i)) for i in range(1_500)]
        ((size,),) = kept.rows(
            "SELECT length(value) FROM params WHERE run_uuid = ? AND key = 'long'", kept.ids[0]
        )
        assert size == PARAM_VALUE_MOST
    # What surrounded them follows the log.
    until(lambda: not list(paths.logs_dir().iterdir()), 120)


def test_an_experiment_that_is_deleted_underneath(
    home: Path, daemon_process: Any, server: TrackingServerProcess, mlflow_script: Any
) -> None:
    """What is logged then is kept and the person is told; restored, the run gets all of it."""
    daemon_process.start(**given(server))
    kernel = Logging(
        """
run = mlops.start("gone")
tell(run.id)
mlops.log(loss=0)
tell(run.sync(60)["recorded"])
sys.stdin.readline()
for i in range(1, 50):
    mlops.log(loss=i)
run.end(wait=60)
"""
    )
    kept = Kept(server, kernel.told())
    assert kernel.told() == "True"
    uri = given(server)["MLFLOW_TRACKING_URI"]
    client = f"from mlflow import MlflowClient\nc = MlflowClient({uri!r})\n"
    find = "e = [e for e in c.search_experiments(view_type=3) if e.name == 'gone'][0]\n"
    mlflow_script(f"{client}{find}c.delete_experiment(e.experiment_id)")
    kernel.go_on()
    said = kernel.ended(240)
    assert "was deleted on the tracking server" in said
    assert "is kept and follows" in said
    assert len(kept.points()) == 1
    mlflow_script(f"{client}{find}c.restore_experiment(e.experiment_id)")
    # Somebody asks; it is tried again by itself too, and may have been.
    with contextlib.suppress(NotFound):
        Client().sync_run(kept.ours, 60)
    until(lambda: kept.status() == "FINISHED", 240)
    assert kept.points() == [(i, float(i)) for i in range(50)]
