"""Logging to a tracking server: a real one, behind a wire that can be cut."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlops import paths
from jupyter_mlops.client import Client

from .mlops_logging import Logging, until
from .mlops_wire import TrackingServerProcess, Wire, serving

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

IMPATIENT = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "5",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, prepared_store: Path
) -> Iterator[TrackingServerProcess]:
    """One for all."""
    with serving(TrackingServerProcess, tmp_path_factory, prepared_store) as found:
        yield found


@pytest.fixture
def wire(server: TrackingServerProcess) -> Iterator[Wire]:
    """To that server."""
    found = Wire(server.port)
    found.set("pass")
    yield found
    found.close()


class Kept:
    """What the server has of a run."""

    def __init__(self, server: TrackingServerProcess, ours: str) -> None:
        self.directory = server.log.parent
        self.ours = ours

    def rows(self, question: str, *values: Any) -> list[tuple[Any, ...]]:
        """Of its database."""
        connection = sqlite3.connect(self.directory / "server.db", timeout=30)
        try:
            return connection.execute(question, values).fetchall()
        finally:
            connection.close()

    @property
    def ids(self) -> list[str]:
        """The runs that carry our id."""
        found = self.rows(
            "SELECT run_uuid FROM tags WHERE key = 'mlops.run_id' AND value = ?", self.ours
        )
        return [str(row[0]) for row in found]

    def status(self) -> str:
        """Of the only one; empty when there is none."""
        found = self.rows(
            "SELECT status FROM runs JOIN tags USING (run_uuid)"
            " WHERE key = 'mlops.run_id' AND tags.value = ?",
            self.ours,
        )
        assert len(found) <= 1
        return str(found[0][0]) if found else ""

    def points(self) -> list[tuple[int, float]]:
        """Step and value of `loss`."""
        return self.rows(
            "SELECT step, value FROM metrics WHERE run_uuid = ? AND key = 'loss' ORDER BY step",
            self.ids[0],
        )


LOG = """
run = mlops.start("served", name="r", params={"lr": 1}, tags={"team": "x"})
tell(run.id)
for i in range(5_000):
    mlops.log(loss=i)
mlops.log({"nan": float("nan"), "inf": float("inf")}, step=2)
open("f.txt", "w").write("content")
mlops.artifact("f.txt", "deep/f.txt")
mlops.dataset("f.txt")
mlops.note("noted")
"""


def test_a_run_on_a_server(home: Path, daemon_process, server, wire, tmp_path, monkeypatch) -> None:
    """All of it, and once."""
    monkeypatch.chdir(tmp_path)
    daemon_process.start(MLFLOW_TRACKING_URI=wire.uri, **IMPATIENT)
    kernel = Logging(LOG + "mlops.end()")
    kept = Kept(server, kernel.told())
    kernel.ended(120)
    until(lambda: kept.status() == "FINISHED", 120)
    (run_id,) = kept.ids
    assert kept.points() == [(i, float(i)) for i in range(5_000)]
    latest = dict(kept.rows("SELECT key, is_nan FROM latest_metrics WHERE run_uuid = ?", run_id))
    assert latest == {"loss": 0, "nan": 1, "inf": 0}
    assert kept.rows("SELECT key, value FROM params WHERE run_uuid = ?", run_id) == [("lr", "1")]
    tags = dict(kept.rows("SELECT key, value FROM tags WHERE run_uuid = ?", run_id))
    assert (tags["team"], tags["mlflow.note.content"]) == ("x", "noted")
    assert kept.rows("SELECT count(*) FROM inputs WHERE destination_id = ?", run_id) == [(1,)]
    (file,) = (kept.directory / "artifacts").glob(f"*/{run_id}/artifacts/deep/f.txt")
    assert file.read_text() == "content"
    until(lambda: not list(paths.logs_dir().iterdir()))


def test_a_server_that_is_away(
    home: Path, daemon_process, server, wire, tmp_path, monkeypatch
) -> None:
    """The run begins and ends without it; a daemon is killed meanwhile; then all of it is there."""
    monkeypatch.chdir(tmp_path)
    wire.set("refused")
    daemon_process.start(MLFLOW_TRACKING_URI=wire.uri, **IMPATIENT)
    kernel = Logging(LOG + "assert run.run_id is None\nmlops.end()\ntell('ended')")
    kept = Kept(server, kernel.told())
    assert kernel.told() == "ended"
    assert "is kept and follows" in kernel.ended()
    waiting = Client().status()["tracking"]["runs"]
    assert (waiting["open"], waiting["waiting"]) == (1, 1)
    assert waiting["detail"]
    daemon_process.kill()
    daemon_process.start(MLFLOW_TRACKING_URI=wire.uri, **IMPATIENT)
    assert kept.ids == []
    wire.set("pass")
    until(lambda: kept.status() == "FINISHED", 120)
    assert kept.points() == [(i, float(i)) for i in range(5_000)]


def test_a_wire_that_breaks_in_the_middle(
    home: Path, daemon_process, server, wire, tmp_path, monkeypatch
) -> None:
    """Requests whose answers are lost are made again; every point is there once."""
    monkeypatch.chdir(tmp_path)
    daemon_process.start(MLFLOW_TRACKING_URI=wire.uri, **IMPATIENT)
    kernel = Logging(
        """
tell(mlops.start("broken").id)
for i in range(8_000):
    mlops.log(loss=i)
    if i % 20 == 0:
        time.sleep(0.01)
mlops.end()
"""
    )
    kept = Kept(server, kernel.told())
    for mode in ("broken", "pass", "refused", "pass"):
        time.sleep(1.5)
        wire.set(mode)
    pid = int(json.loads(paths.daemon_record().read_text())["pid"])
    os.kill(pid, signal.SIGKILL)
    daemon_process.process.wait()
    daemon_process.start(MLFLOW_TRACKING_URI=wire.uri, **IMPATIENT)
    kernel.ended(120)
    until(lambda: kept.status() == "FINISHED", 150)
    assert kept.points() == [(i, float(i)) for i in range(8_000)]


def test_a_run_on_a_server_has_its_surroundings_and_a_model(
    home: Path, daemon_process, server, wire, tmp_path, monkeypatch
) -> None:
    """Facts, data, load while it goes on; a model that everybody can load. It isn't ended by it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data.csv").write_text("1")
    daemon_process.start(MLFLOW_TRACKING_URI=wire.uri, **IMPATIENT)
    kernel = Logging(
        """
import warnings; warnings.simplefilter("ignore")
run = mlops.start("served")
tell(run.id)
open("data.csv").read()
import random; random.seed(3)
from sklearn.linear_model import LinearRegression
line = LinearRegression().fit([[1.0], [2.0]], [2.0, 4.0])
tell(mlops.model(line, "line", input_example=[[1.0]]))
sys.stdin.readline()
mlops.end()
""",
        MLFLOW_TRACKING_URI="",
    )
    kept = Kept(server, kernel.told())
    address = kernel.told()
    until(lambda: kept.ids, 120)
    (run_id,) = kept.ids
    load = "SELECT count(*) FROM metrics WHERE run_uuid = ? AND key LIKE 'system/cpu%'"
    until(lambda: kept.rows(load, run_id) != [(0,)], 120)
    assert kept.status() == "RUNNING"
    kernel.go_on()
    kernel.ended(120)
    until(lambda: kept.status() == "FINISHED", 120)
    until(lambda: not list(paths.logs_dir().iterdir()), 120)
    (facts,) = (kept.directory / "artifacts").glob(f"*/{run_id}/artifacts/mlops/facts.json")
    told = json.loads(facts.read_bytes())
    assert {"function": "random.seed", "seed": 3, "cell": None} in told["seeds"]["calls"]
    inputs = kept.rows(
        "SELECT name FROM datasets JOIN inputs ON source_id = dataset_uuid"
        " WHERE destination_id = ?",
        run_id,
    )
    assert ("data.csv",) in inputs
    tags = dict(kept.rows("SELECT key, value FROM tags WHERE run_uuid = ?", run_id))
    # A script has no notebook that could be run again.
    assert tags["mlops.reproducible"] == "no"
    assert {"no_notebook"} == {one["code"] for one in told["lacks"]}
    made = kept.rows(
        "SELECT name, source_run_id FROM logged_models WHERE model_id = ?",
        address.removeprefix("models:/"),
    )
    assert made == [("line", run_id)]
    code = f"import mlflow; print(mlflow.pyfunc.load_model({address!r}).predict([[5.0]]))"
    said = subprocess.check_output(
        [sys.executable, "-W", "ignore", "-c", code],
        env=os.environ | {"MLFLOW_TRACKING_URI": wire.uri},
        text=True,
        timeout=240,
    )
    assert float(said.strip().strip("[]")) == pytest.approx(10.0)
