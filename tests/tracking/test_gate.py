"""Who may reach MLflow, and what of a job's run they may change."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlops import paths
from jupyter_mlops.errors import StoreUnusable
from jupyter_mlops.jobs.model import State
from jupyter_mlops.tracking import gate as gate_module
from jupyter_mlops.tracking import live_runs, sql
from jupyter_mlops.tracking.access import Access
from jupyter_mlops.tracking.embedded_store import EmbeddedStore
from jupyter_mlops.tracking.gate import Gate
from jupyter_mlops.tracking.live_runs import LiveRun, LiveRuns
from jupyter_mlops.tracking.run_record import record_of

from .mlops_tracked import mlflow_rows
from .test_run_record import a_job, an_attempt

JOB = "0123456789ab"
ACCESS = Access(5000, b"k" * 32)
API = "/api/2.0/mlflow/runs"


class Behind:
    """MLflow's place: keeps what comes through."""

    def __init__(self) -> None:
        self.scope: dict[str, Any] = {}
        self.body = b""
        self.used = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Keep what came."""
        self.scope = scope
        self.body = b""
        while True:
            message = await receive()
            self.body += message.get("body", b"")
            if not message.get("more_body"):
                break
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"through"})


class Front:
    """The gate, and a way to ask it."""

    def __init__(self, store: EmbeddedStore | None = None) -> None:
        self.behind = Behind()
        self.live = LiveRuns()
        self.problem: Exception | None = None

        async def opened() -> tuple[Any, Any]:
            if self.problem is not None:
                raise self.problem
            return store, self.behind

        def used() -> None:
            self.behind.used += 1

        self.gate = Gate(ACCESS, self.live, opened, used)

    def ask(
        self,
        path: str = "/",
        body: Any = None,
        *,
        method: str = "GET",
        token: str | None = ACCESS.person_token(),
        host: str = "127.0.0.1:5000",
        pieces: int = 1,
        **headers: str,
    ) -> tuple[int, bytes]:
        """Status and body of the answer."""
        data = (
            b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        )
        listed = [(b"host", host.encode()), (b"content-length", str(len(data)).encode())]
        if token is not None:
            listed.append((b"authorization", f"Bearer {token}".encode()))
        listed += [(name.encode(), value.encode()) for name, value in headers.items()]
        size = max(1, -(-len(data) // pieces))
        parts = [data[start : start + size] for start in range(0, len(data), size)] or [b""]
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            part = parts.pop(0)
            return {"type": "http.request", "body": part, "more_body": bool(parts)}

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "headers": listed,
            "query_string": b"",
            "root_path": "",
        }
        asyncio.run(self.gate(scope, receive, send))
        return sent[0]["status"], b"".join(one.get("body", b"") for one in sent[1:])

    def post(self, call: str, body: Any, **given: Any) -> dict[str, Any]:
        """What MLflow gets of a call."""
        status, _ = self.ask(f"{API}/{call}", body, method="POST", **given)
        assert status == 200
        assert dict(self.behind.scope["headers"])[b"content-length"] == b"%d" % len(
            self.behind.body
        )
        return dict(json.loads(self.behind.body))


@pytest.fixture
def front() -> Front:
    """A gate without a store."""
    return Front()


def test_a_request_with_a_token_comes_through(front: Front) -> None:
    """Without what is the gate's own affair; MLflow believes that it is asked as localhost."""
    assert front.ask("/x", origin="https://jupyter.example", cookie="a=b") == (200, b"through")
    names = dict(front.behind.scope["headers"])
    assert names[b"host"] == b"localhost"
    assert not {b"authorization", b"origin", b"cookie"} & names.keys()
    assert front.behind.used == 1


@pytest.mark.parametrize("path", ["/", "/health", "/version", "/static-files/x", f"{API}/search"])
def test_a01_every_address_needs_a_token(front: Front, path: str) -> None:
    """Even those that MLflow itself leaves open."""
    status, body = front.ask(path, token=None)
    assert status == 401
    assert json.loads(body)["error_code"] == "UNAUTHENTICATED"
    assert front.ask(path, token=ACCESS.person_token()[:-1] + "x")[0] == 401
    assert front.behind.used == 0


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:5000", "127.0.0.1", "127.0.0.1:5001", "", "localhost.evil:5000",
     "[::1]:5000", "127.0.0.1:5000.evil", "0.0.0.0:5000"],
)  # fmt: skip
def test_a08_a41_other_hosts_are_refused(front: Front, host: str) -> None:
    """DNS rebinding: a browser that was led here names somebody else's host."""
    assert front.ask("/health", host=host)[0] == 403
    assert front.behind.used == 0


def test_localhost_is_us_too(front: Front) -> None:
    """By name as by number."""
    assert front.ask(host="LOCALHOST:5000")[0] == 200


@pytest.mark.parametrize(
    "path",
    ["/ajax-api/3.0/mlflow/assistant/chat", "/ajax-api/3.0/jobs", "/ajax-api/3.0/jobs/1",
     "/ajax-api/2.0/mlflow/gateway-proxy"],
)  # fmt: skip
def test_a41_what_runs_commands_or_calls_others_is_not_offered(front: Front, path: str) -> None:
    """MLflow's agent, its own jobs, and its proxy to addresses that a request names."""
    assert front.ask(path, {}, method="POST")[0] == 404
    assert front.behind.scope == {}


def test_websockets_are_closed(front: Front) -> None:
    """There is nothing behind them."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(front.gate({"type": "websocket"}, None, send))  # type: ignore[arg-type]
    assert [one["type"] for one in sent] == ["websocket.close"]


def test_a_jobs_token_ends_with_the_job(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is good while the job is alive and, for exit handlers, a moment longer."""
    token = ACCESS.job_token(JOB, 1)
    assert front.ask(token=token)[0] == 401, "no such job"
    front.live.add(LiveRun(JOB, "r"))
    assert front.ask(token=token)[0] == 200
    front.live.end(JOB)
    assert front.ask(token=token)[0] == 200
    monkeypatch.setattr(live_runs, "GRACE", -1.0)
    assert front.ask(token=token)[0] == 401


def test_an_unusable_store_says_so_at_once(front: Front) -> None:
    """Not as an error that MLflow's client would try again for minutes."""
    front.problem = StoreUnusable("The store is newer.", hint="Upgrade.")
    status, body = front.ask()
    assert status == 400
    assert json.loads(body)["message"] == "The store is newer. Upgrade."


def test_waiting_for_mlflow_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client is told to come again."""
    monkeypatch.setattr(gate_module, "PATIENCE", 0.05)
    front = Front()

    async def never() -> Any:
        await asyncio.sleep(60)

    front.gate._opened = never
    status, body = front.ask()
    assert status == 503
    assert json.loads(body)["error_code"] == "TEMPORARILY_UNAVAILABLE"


# --- a job's run ---


@pytest.fixture
def begun(mlflow_home: Path) -> Any:
    """A gate in front of a store with the runs of a live job and of one that failed."""
    store = EmbeddedStore(paths.mlflow_dir() / "mlflow.db")
    front = Front(store)
    alive = a_job(id=JOB, attempt=1, attempts=[an_attempt(1, State.RUNNING)])
    params = {"lr": "0.1", "n": "3"}
    record = record_of(alive, 1, user="me", params=params, experiment="e")
    place = store.submit(lambda db: sql.begin(db, record, 1)).result()
    front.live.add(LiveRun(JOB, place.run_id, place.experiment_id, params))
    ended = a_job(
        id="ba9876543210", attempt=1, attempts=[an_attempt(1, State.FAILED, ended_at=5.0)]
    )
    over = record_of(ended, 1, user="me", params={}, experiment="e")
    store.submit(lambda db: sql.begin(db, over, 1)).result()
    yield front, place, over.run_id
    store.close()


@pytest.mark.parametrize("prefix", ["/api", "/ajax-api"])
def test_a_notebook_can_not_end_its_jobs_run(begun: Any, prefix: str) -> None:
    """`mlflow.end_run()`, or the kernel's exit handler; the run's name it may change."""
    front, place, over = begun
    body = {"status": "FINISHED", "end_time": 5, "run_name": "new"}
    for run_id in (place.run_id, over):
        path = f"{prefix}/2.0/mlflow/runs/update"
        assert front.ask(path, body | {"run_id": run_id}, method="POST", pieces=3)[0] == 200
        assert json.loads(front.behind.body) == {"run_id": run_id, "run_name": "new"}
    old_style = front.post("update", {"run_uuid": place.run_id, "status": "FAILED"})
    assert old_style == {"run_uuid": place.run_id}


def test_other_runs_end_as_they_like(begun: Any) -> None:
    """Those of a person, and those that a notebook made itself."""
    front, _, _ = begun
    body = {"run_id": "f" * 32, "status": "FINISHED", "end_time": 5}
    assert front.post("update", body) == body


def test_the_daemon_itself_ends_runs(begun: Any) -> None:
    """Where it has to do so through MLflow's client."""
    front, place, _ = begun
    body = {"run_id": place.run_id, "status": "FINISHED"}
    assert front.post("update", body, token=ACCESS.daemon_token()) == body


def test_a_notebook_may_log_the_value_that_it_really_used(begun: Any) -> None:
    """Of a parameter that we have set; MLflow refuses a second value, so ours steps aside."""
    front, place, _ = begun
    front.post("log-parameter", {"run_id": place.run_id, "key": "lr", "value": "0.2"})
    assert mlflow_rows("SELECT key, value FROM params") == [("n", "3")]
    params = [{"key": "n", "value": "3"}, {"key": "other", "value": "x"}, "odd", {}]
    front.post("log-batch", {"run_id": place.run_id, "params": params})
    assert mlflow_rows("SELECT key, value FROM params") == [("n", "3")], "the same value stays"
    front.post("log-batch", {"run_id": place.run_id, "params": [{"key": "n", "value": "4"}]})
    assert mlflow_rows("SELECT key, value FROM params") == []


def test_a_value_that_the_notebook_logged_is_its_own(begun: Any) -> None:
    """A second other value is MLflow's error, as everywhere."""
    front, place, _ = begun
    store_value = "UPDATE params SET value = '0.2' WHERE key = 'lr'"
    import sqlite3

    connection = sqlite3.connect(paths.mlflow_dir() / "mlflow.db")
    connection.execute(store_value)
    connection.commit()
    connection.close()
    front.post("log-parameter", {"run_id": place.run_id, "key": "lr", "value": "0.3"})
    assert ("lr", "0.2") in mlflow_rows("SELECT key, value FROM params")


def test_runs_of_a_notebook_are_marked_and_nested(begun: Any) -> None:
    """So that none of them stays open when the job's kernel is killed."""
    front, place, _ = begun
    token = ACCESS.job_token(JOB, 1)
    body = {"experiment_id": place.experiment_id, "tags": [{"key": "a", "value": "b"}]}
    tags = {tag["key"]: tag["value"] for tag in front.post("create", body, token=token)["tags"]}
    assert tags == {
        "a": "b",
        "mlops.created_by_job": JOB,
        "mlflow.parentRunId": place.run_id,
    }
    elsewhere = front.post("create", {"experiment_id": "99"}, token=token)
    assert elsewhere["tags"] == [{"key": "mlops.created_by_job", "value": JOB}]
    body["tags"] = [{"key": "mlflow.parentRunId", "value": "mine"}]
    own = front.post("create", body, token=token)["tags"]
    assert {"key": "mlflow.parentRunId", "value": "mine"} in own
    assert len(own) == 2
    person = {"experiment_id": place.experiment_id}
    assert front.post("create", person) == person


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b"[" * 100_000, b"\xff"])
def test_f34_what_is_not_json_is_mlflows_to_refuse(begun: Any, body: bytes) -> None:
    """It comes through as it is."""
    front, _, _ = begun
    assert front.ask(f"{API}/update", body, method="POST")[0] == 200
    assert front.behind.body == body


def test_a34_a_huge_call_is_refused(begun: Any) -> None:
    """Only those that are looked at are held whole, so only they have a limit here."""
    front, _, _ = begun
    body = b"x" * (5 * 2**20)
    assert front.ask(f"{API}/log-batch", body, method="POST", pieces=50)[0] == 413
    assert front.ask("/api/2.0/mlflow-artifacts/artifacts/x", body, method="PUT")[0] == 200
