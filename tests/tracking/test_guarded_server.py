"""A tracking server that asks who somebody is, and lets not everybody do everything: a real one."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlops import paths
from jupyter_mlops.client import Client

from .mlops_guarded import WORD, GuardedServer
from .mlops_logging import Logging, until
from .mlops_looking import Looking, looking_at
from .mlops_wire import serving

pytestmark = [pytest.mark.slow, pytest.mark.timeout(560)]

IMPATIENT = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
LOG = """
run = mlops.start("of {name}", params={{"lr": 1}}, tags={{"team": "x"}})
tell(run.id)
for i in range({points}):
    mlops.log(loss=i)
open("f.txt", "w").write("content")
mlops.artifact("f.txt", "deep/f.txt")
"""


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, prepared_store: Path
) -> Iterator[GuardedServer]:
    """One for all; `alice` and `bob` are known to it, and `shared` is an experiment of others."""
    with serving(GuardedServer, tmp_path_factory, prepared_store) as found:
        for name in ("alice", "bob"):
            found.add_user(name)
        # The first request of each kind takes its time.
        found.experiment("first")
        yield found


def given(server: GuardedServer, name: str = "", **more: str) -> dict[str, str]:
    """The environment of a daemon of somebody's."""
    known = {"MLFLOW_TRACKING_USERNAME": name, "MLFLOW_TRACKING_PASSWORD": WORD} if name else {}
    return IMPATIENT | {"MLFLOW_TRACKING_URI": server.uri} | known | more


def waiting() -> dict[str, Any]:
    """What the daemon says of the runs that it follows."""
    found: dict[str, Any] = Client(start=False).status()["tracking"]["runs"]
    return found


def test_jobs_and_runs_of_somebody_who_is_known(
    home: Path,
    daemon_process: Any,
    server: GuardedServer,
    make_notebook: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Everything as without: a job with its notebook's own calls, a run, reading, searching,
    changing.
    """
    monkeypatch.chdir(tmp_path)
    daemon = daemon_process.start(**given(server, "alice"))
    notebook = make_notebook("import mlflow\nmlflow.log_metric('loss', 0.25)", parameters="lr = 1")
    job_id = daemon.client.submit({"notebook": str(notebook), "parameters": {"lr": 2}})["id"]
    job = daemon.wait_for(job_id, patience=240)
    assert job["state"] == "succeeded", job["failure"]
    until(lambda: daemon.client.job(job_id)["tracking"]["synced"], 240)
    # Into the job's run, or one of its own where the job didn't wait for it: a slow server.
    assert server.rows("SELECT value FROM metrics WHERE key = 'loss'") == [(0.25,)]
    kernel = Logging(LOG.format(name="alice", points=2000) + "mlops.end()")
    ours = kernel.told()
    kernel.ended(240)
    until(lambda: server.status(ours) == "FINISHED", 240)
    assert server.points(ours) == [(i, float(i)) for i in range(2000)]
    run_id = server.run_of(ours)

    async def story(on: Looking) -> None:
        found = await on.get("/runs", experiment_name="of alice", filter="metrics.loss > 1998")
        assert [one["id"] for one in found["runs"]] == [run_id]
        assert found["total"] == 1
        (series,) = (await on.get("/metrics", run=run_id, key="loss"))["series"]
        assert series["y"][-1] == 1999.0
        answer = await on.ask("PATCH", f"/runs/{run_id}", json={"favourite": True})
        assert answer.json()["run"]["favourite"] is True
        page = await on.ask("GET", f"/runs/{run_id}/artifacts/content?path=deep/f.txt")
        assert page.text == "content"

    daemon.stop()
    looking_at(story, given(server, "alice"), patience=300)


def test_a_token_that_expires_in_the_middle(
    home: Path,
    daemon_process: Any,
    server: GuardedServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is logged afterwards is kept, the person is told what to do, and after the daemon has
    a new one all of it is there, once. No token is in any log.
    """
    monkeypatch.chdir(tmp_path)
    server.issue("token-that-expires", "alice")
    daemon = daemon_process.start(**given(server, MLFLOW_TRACKING_TOKEN="token-that-expires"))
    kernel = Logging(
        """
run = mlops.start("of a token")
tell(run.id)
for i in range(1000):
    mlops.log(loss=i)
tell(run.sync(30)["recorded"])
sys.stdin.readline()
for i in range(1000, 3000):
    mlops.log(loss=i)
mlops.end()
tell("ended")
"""
    )
    ours = kernel.told()
    assert kernel.told() == "True"
    server.revoke("token-that-expires")
    kernel.go_on()
    assert kernel.told() == "ended"
    said = kernel.ended(240)
    assert "refuses the credentials" in said
    assert "daemon restart" in said
    assert "is kept until then" in said
    assert server.status(ours) == "RUNNING"
    assert len(server.points(ours)) == 1000
    assert (waiting()["open"], waiting()["waiting"]) == (1, 1)
    # Nobody is asked again and again meanwhile.
    asked = server.log.read_text().count(" 401")
    time.sleep(4)
    assert server.log.read_text().count(" 401") - asked <= 1
    assert daemon.stop() == 0
    assert "token-that-expires" not in daemon.said()
    server.issue("the-next-token", "alice")
    daemon.start(**given(server, MLFLOW_TRACKING_TOKEN="the-next-token"))
    until(lambda: server.status(ours) == "FINISHED", 240)
    assert server.points(ours) == [(i, float(i)) for i in range(3000)]
    until(lambda: not list(paths.logs_dir().iterdir()))


def test_a_password_that_is_renewed_in_its_file(
    home: Path,
    daemon_process: Any,
    server: GuardedServer,
    make_notebook: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A wrong password: runs and jobs are kept, and follow without a restart."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    server.add_user("carol", "the-right-password")
    credentials = tmp_path / ".mlflow" / "credentials"
    credentials.parent.mkdir()

    def write(password: str) -> None:
        text = "[mlflow]\nmlflow_tracking_username = carol\n"
        credentials.write_text(f"{text}mlflow_tracking_password = {password}\n")

    write("the-wrong-password")
    daemon = daemon_process.start(**given(server))
    job_id = daemon.client.submit({"notebook": str(make_notebook("print(1)"))})["id"]
    kernel = Logging(LOG.format(name="carol", points=10) + "run.end(wait=60)")
    ours = kernel.told()
    assert "refuses the credentials" in kernel.ended(240)
    assert daemon.wait_for(job_id)["state"] == "succeeded"
    until(lambda: "refuses the credentials" in daemon.client.job(job_id)["tracking"]["detail"], 240)
    assert server.run_of(ours) == ""
    write("the-right-password")
    until(lambda: server.status(ours) == "FINISHED", 300)
    until(lambda: daemon.client.job(job_id)["tracking"]["synced"], 300)
    assert server.points(ours) == [(i, float(i)) for i in range(10)]


def test_an_experiment_that_may_only_be_read(
    home: Path,
    daemon_process: Any,
    server: GuardedServer,
    make_notebook: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Reading goes; logging and changing are refused in so many words; what was logged is kept,
    nobody asks for ever, the daemon may leave, and with the permission all of it is there.
    """
    monkeypatch.chdir(tmp_path)
    experiment = server.experiment("of bob")
    run = server.as_admin("POST", "runs/create", {"experiment_id": experiment, "run_name": "r"})
    run_id = run["run"]["info"]["run_id"]

    async def story(on: Looking) -> None:
        found = await on.get("/runs", experiment_name="of bob")
        assert [one["id"] for one in found["runs"]] == [run_id]
        refusal = await on.ask("PATCH", f"/runs/{run_id}", json={"favourite": True})
        assert (refusal.status_code, refusal.json()["code"]) == (403, "tracking_permission")
        assert "permission" in refusal.json()["hint"]

    looking_at(story, given(server, "bob"), patience=300)
    settings = "idle_timeout: 5\n"
    (home / "mlops.yaml").write_text(settings)
    daemon = daemon_process.start(**given(server, "bob"))
    kernel = Logging(LOG.format(name="bob", points=100) + "run.end(wait=60)")
    ours = kernel.told()
    said = kernel.ended(240)
    assert "doesn't allow it" in said
    assert "is kept until then" in said
    spec = {"notebook": str(make_notebook("print(1)")), "experiment": "of bob"}
    job_id = daemon.client.submit(spec)["id"]
    assert daemon.wait_for(job_id)["state"] == "succeeded"
    until(lambda: "doesn't allow it" in daemon.client.job(job_id)["tracking"]["detail"], 60)
    daemon.client.close()
    # Nothing can be done here: the daemon doesn't stay for it.
    until(lambda: daemon.process.poll() is not None, 90)
    order = json.loads((paths.run_log_dir(ours) / "order.json").read_text())
    assert order["experiment"] == "of bob"
    assert server.run_of(ours) == ""
    server.allow(experiment, "bob", "EDIT")
    daemon.start(**given(server, "bob"))
    until(lambda: server.status(ours) == "FINISHED", 240)
    assert server.points(ours) == [(i, float(i)) for i in range(100)]
    until(lambda: daemon.client.job(job_id)["tracking"]["synced"], 240)


def test_nobody_is_known(home: Path, server: GuardedServer) -> None:
    """Without credentials: whoever looks is told what is missing, and nothing else."""

    async def story(on: Looking) -> None:
        for path in ("/experiments", "/runs", f"/runs/{'0' * 32}"):
            refusal = await on.refused(path, 403, "tracking_credentials")
            assert "MLFLOW_TRACKING_TOKEN" in refusal["hint"]
        # Asked once: what was refused a moment ago would be again.
        assert server.log.read_text().count("401") >= 1

    looking_at(story, given(server), patience=300)
