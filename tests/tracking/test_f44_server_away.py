"""Fault 44: a tracking server that is away, silent, slow or broken; a real one, behind a wire."""

from __future__ import annotations

import json
import os
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from .mlops_wire import TrackingServerProcess, Wire, serving

Make = Callable[..., Path]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

#: MLflow's client gives up soon, so that the test needn't wait for it.
IMPATIENT = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "2",
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
    yield found
    found.close()


def runs_of(server: TrackingServerProcess, job_id: str) -> list[dict[str, Any]]:
    """The job's runs, as the server has them."""

    def ask(path: str, body: dict[str, Any]) -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{server.port}/api/2.0/mlflow/{path}",
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    listed = ask("experiments/search", {"max_results": 100})["experiments"]
    ids = [one["experiment_id"] for one in listed]
    wanted = f"tags.`mlops.job_id` = '{job_id}'"
    found: list[dict[str, Any]] = ask(
        "runs/search", {"experiment_ids": ids, "filter": wanted, "max_results": 100}
    ).get("runs", [])
    return found


def tags_of(run: dict[str, Any]) -> dict[str, str]:
    """A run's tags."""
    return {tag["key"]: tag["value"] for tag in run["data"]["tags"]}


def synced(daemon: Any, job_id: str, patience: float = 150.0) -> dict[str, Any]:
    """The job once its run is as it should be."""
    deadline = time.monotonic() + patience
    while True:
        job: dict[str, Any] = daemon.client.job(job_id)
        if job["tracking"]["synced"]:
            return job
        assert time.monotonic() < deadline, f"{job['tracking']}\n{daemon.said()}"
        time.sleep(0.2)


def check_run(server: TrackingServerProcess, job: dict[str, Any], status: str) -> None:
    """There is one run of the job, and it says the truth."""
    (run,) = runs_of(server, job["id"])
    assert run["info"]["run_id"] == job["tracking"]["run_id"]
    assert run["info"]["status"] == status
    assert int(run["info"]["end_time"]) >= int(run["info"]["start_time"])
    assert tags_of(run)["mlops.job_id"] == job["id"]
    assert {"key": "lr", "value": "0.5"} in run["data"]["params"]


@pytest.mark.parametrize("mode", ["refused", "silent", "broken"])
def test_f44_a_server_that_does_not_answer_harms_no_job(
    daemon_process: Any, make_notebook: Make, server: TrackingServerProcess, wire: Wire, mode: str
) -> None:
    """The job runs and ends; its run follows once the server answers, complete and only once."""
    wire.set(mode)
    daemon = daemon_process.start(MLFLOW_TRACKING_URI=wire.uri, **IMPATIENT)
    notebook = make_notebook("print(lr)", parameters="lr = 0.1")
    spec = {"notebook": str(notebook), "parameters": {"lr": 0.5}}
    good = daemon.client.submit(spec)["id"]
    bad_notebook = make_notebook("raise ValueError(lr)", parameters="lr = 0.1", name="bad.ipynb")
    bad = daemon.client.submit(spec | {"notebook": str(bad_notebook)})["id"]
    assert daemon.wait_for(good)["state"] == "succeeded"
    failed = daemon.wait_for(bad)
    assert (failed["state"], failed["failure"]["code"]) == ("failed", "cell_failed")
    assert not daemon.client.job(good)["tracking"]["synced"]
    assert runs_of(server, good) == []
    wire.set("pass")
    check_run(server, synced(daemon, good), "FINISHED")
    check_run(server, synced(daemon, bad), "FAILED")


def test_f44_a_slow_server_delays_no_job(
    daemon_process: Any, make_notebook: Make, server: TrackingServerProcess, wire: Wire
) -> None:
    """Every piece takes its time on the wire: the job ends long before its run is complete."""
    wire.set("slow")
    patient = IMPATIENT | {"MLFLOW_HTTP_REQUEST_TIMEOUT": "60"}
    daemon = daemon_process.start(MLFLOW_TRACKING_URI=wire.uri, **patient)
    notebook = make_notebook("print(lr)", parameters="lr = 0.1")
    spec = {"notebook": str(notebook), "parameters": {"lr": 0.5}}
    jobs = [daemon.client.submit(spec)["id"] for _ in range(3)]
    for job_id in jobs:
        assert daemon.wait_for(job_id)["state"] == "succeeded"
    assert not all(daemon.client.job(job_id)["tracking"]["synced"] for job_id in jobs)
    assert wire.came
    wire.set("pass")
    for job_id in jobs:
        check_run(server, synced(daemon, job_id), "FINISHED")


def test_f44_a_server_that_goes_away_in_between(
    daemon_process: Any, make_notebook: Make, server: TrackingServerProcess, wire: Wire
) -> None:
    """The run was begun there; the daemon is killed as well; the next one ends the run."""
    wire.set("pass")
    daemon = daemon_process.start(MLFLOW_TRACKING_URI=wire.uri, **IMPATIENT)
    notebook = make_notebook(
        "import os, time\nwhile not os.path.exists('go on'): time.sleep(0.05)",
        parameters="lr = 0.1",
    )
    job_id = daemon.client.submit({"notebook": str(notebook), "parameters": {"lr": 0.5}})["id"]
    daemon.wait_for(job_id, "running")
    deadline = time.monotonic() + 60
    while not runs_of(server, job_id):
        assert time.monotonic() < deadline, daemon.said()
        time.sleep(0.2)
    wire.set("silent")
    (notebook.parent / "go on").touch()
    assert daemon.wait_for(job_id)["state"] == "succeeded"
    (run,) = runs_of(server, job_id)
    assert run["info"]["status"] == "RUNNING"
    daemon.kill()
    daemon.start(MLFLOW_TRACKING_URI=wire.uri, **IMPATIENT)
    assert daemon.client.job(job_id)["state"] == "succeeded"
    wire.set("pass")
    check_run(server, synced(daemon, job_id), "FINISHED")


def listed(folder: str) -> set[str]:
    """The artifacts that the server has in a folder."""
    with urllib.request.urlopen(folder, timeout=60) as answer:
        return {one["path"] for one in json.load(answer)["files"]}


def test_artifacts_and_metrics_reach_the_server(
    daemon_process: Any, make_notebook: Make, server: TrackingServerProcess, tmp_path: Path
) -> None:
    """With the wire whole: what the notebook logs, and notebook, HTML and log beside it."""
    uri = f"http://127.0.0.1:{server.port}"
    daemon = daemon_process.start(MLFLOW_TRACKING_URI=uri, MLFLOW_DISABLE_TELEMETRY="true")
    notebook = make_notebook(
        "import mlflow\nmlflow.log_metric('loss', 0.25)\nprint('logged')", parameters="lr = 0.1"
    )
    job_id = daemon.client.submit({"notebook": str(notebook), "parameters": {"lr": 0.5}})["id"]
    job = daemon.wait_for(job_id, patience=100)
    assert job["state"] == "succeeded", job["failure"]
    job = synced(daemon, job_id)
    check_run(server, job, "FINISHED")
    assert job["metrics"] == {"loss": 0.25}
    (run,) = runs_of(server, job_id)
    # Beside it is the load of the machine, where the job took long enough to be looked at.
    logged = {one["key"]: one["value"] for one in run["data"]["metrics"]}
    assert logged["loss"] == 0.25
    folder = f"{uri}/api/2.0/mlflow/artifacts/list?run_id={job['tracking']['run_id']}&path=notebook"
    expected = {f"notebook/work.{kind}" for kind in ("ipynb", "html", "log")}
    deadline = time.monotonic() + 60
    # The page is written, and sent, after everything that says how the job ended.
    while (names := listed(folder)) < expected:
        assert time.monotonic() < deadline, names
        time.sleep(0.2)
    assert names == expected
    assert os.listdir(daemon.directory)
