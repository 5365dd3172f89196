"""The rows that we write by SQL are those that MLflow's own client would have written."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlops import paths
from jupyter_mlops.errors import Busy, StoreUnusable
from jupyter_mlops.jobs.model import Failure, State
from jupyter_mlops.tracking import embedded_store, sql
from jupyter_mlops.tracking.embedded_store import EmbeddedStore
from jupyter_mlops.tracking.run_record import RunRecord, RunStatus, parameters, record_of

from .mlops_tracked import mlflow_rows
from .test_run_record import a_job, an_attempt

_TABLES = {
    "experiments": "name, artifact_location, lifecycle_stage, workspace",
    "runs": "name, source_type, source_name, entry_point_name, user_id, status, start_time,"
    " end_time, deleted_time, source_version, lifecycle_stage, artifact_uri, experiment_id",
    "tags": "run_uuid, key, value",
    "params": "run_uuid, key, value",
    "experiment_tags": "experiment_id, key, value",
}

_BY_CLIENT = """
from mlflow import MlflowClient
from mlflow.entities import Param
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
import mlflow.tracking._tracking_service.utils as utils
store = SqlAlchemyStore(URI, "mlflow-artifacts:/")
utils._tracking_store_registry.register("sqlite", lambda store_uri=None, artifact_uri=None: store)
client = MlflowClient(URI)
found = client.get_experiment_by_name(NAME)
if found is None:
    experiment = client.create_experiment(NAME)
else:
    experiment = found.experiment_id
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(experiment)
run = client.create_run(experiment, start_time=STARTED, tags=TAGS, run_name=RUN_NAME)
client.log_batch(run.info.run_id, params=[Param(k, v) for k, v in PARAMS.items()])
client.set_terminated(run.info.run_id, STATUS, ENDED)
for key, value in OWN.items():
    client.set_tag(run.info.run_id, key, value)
"""

_READ = """
from mlflow import MlflowClient
client = MlflowClient(URI)
found = []
for experiment in client.search_experiments():
    for run in client.search_runs([experiment.experiment_id]):
        info = dict(run.info)
        info.pop("run_id", None); info.pop("run_uuid", None); info.pop("artifact_uri", None)
        found.append([experiment.name, {k: str(v) for k, v in info.items()},
                      run.data.params, run.data.tags, run.data.metrics])
tell(sorted(found, key=str))
"""


def a_record(**given: Any) -> RunRecord:
    """A job that failed in its second attempt, with everything that a record can hold."""
    failure = Failure(code="cell_failed", message="Cell 3 raised ValueError: é '\"")
    job = a_job(
        state=State.FAILED,
        attempt=1,
        attempts=[an_attempt(1, State.FAILED, ended_at=1009.0, failure=failure)],
        git_commit="abc",
        git_dirty=False,
        spec={"tags": {"team": "a/b"}},
        **given,
    )
    values = {"lr": 0.1, "layers": [64, 64], "empty": "", "long": "x" * 9000, "none": None}
    return record_of(job, 1, user="me", params=parameters(values), experiment="ch'urn é")


def write(record: RunRecord) -> sql.RunPlace:
    """As the daemon does it: begun, then brought to the truth."""
    store = EmbeddedStore(paths.mlflow_dir() / "mlflow.db")
    try:
        place = store.submit(lambda db: sql.begin(db, record, 5000)).result()
        assert store.submit(lambda db: sql.bring_to_truth(db, record)).result()
        return place
    finally:
        store.close()


def dump(database: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Everything in the tables but ids of runs and times of experiments."""
    connection = sqlite3.connect(database)
    numbers = {
        row[0]: f"run-{number}"
        for number, row in enumerate(connection.execute("SELECT run_uuid FROM runs ORDER BY rowid"))
    }

    def plain(value: Any) -> Any:
        for run_id, name in numbers.items():
            if isinstance(value, str):
                value = value.replace(run_id, name)
        return value

    found = {}
    for table, columns in _TABLES.items():
        listed = connection.execute(f"SELECT {columns} FROM {table}").fetchall()
        found[table] = sorted((tuple(map(plain, row)) for row in listed), key=str)
    others = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    ).fetchall()
    for (table,) in others:
        if table not in _TABLES:
            found[table] = connection.execute(f"SELECT count(*) FROM {table}").fetchall()
    connection.close()
    return found


def test_rows_by_sql_are_those_of_mlflows_client(
    mlflow_home: Path, prepared_store: Path, tmp_path: Path, mlflow_script: Callable[..., Any]
) -> None:
    """The same run written both ways: equal table by table, and equal read through MLflow."""
    import shutil

    record = a_record()
    write(record)
    other = tmp_path / "by-client"
    shutil.copytree(prepared_store, other)
    uri = f"sqlite:///{other / 'mlflow.db'}"
    values = (
        f"URI={uri!r}; NAME={record.experiment!r}; STARTED={record.started}; ENDED={record.ended};"
        f"TAGS={record.tags!r}; OWN={record.own_tags!r}; RUN_NAME={record.name!r};"
        f"PARAMS={record.params!r}; STATUS={record.status.value!r}\n"
    )
    theirs = mlflow_script(values + _BY_CLIENT + _READ)
    ours = mlflow_script(f"URI='sqlite:///{paths.mlflow_dir() / 'mlflow.db'}'\n" + _READ)
    assert dump(paths.mlflow_dir() / "mlflow.db") == dump(other / "mlflow.db")
    assert ours == theirs
    assert ours[0][0] == "ch'urn é"


def test_a_deleted_experiment_is_restored_with_its_runs(mlflow_home: Path) -> None:
    """As MLflow's own restore does, which a person would have to call otherwise."""
    place = write(a_record())
    connection = sqlite3.connect(paths.mlflow_dir() / "mlflow.db")
    connection.execute("UPDATE experiments SET lifecycle_stage = 'deleted' WHERE experiment_id = 1")
    connection.execute("UPDATE runs SET lifecycle_stage = 'deleted', deleted_time = 5")
    connection.commit()
    connection.close()
    second = write(a_record(id="ba9876543210"))
    assert second.experiment_id == place.experiment_id
    assert mlflow_rows("SELECT lifecycle_stage, deleted_time FROM runs") == [("active", None)] * 2
    assert mlflow_rows(
        "SELECT lifecycle_stage, last_update_time FROM experiments WHERE experiment_id = 1"
    ) == [("active", 5000)]


def test_everything_may_be_done_twice(mlflow_home: Path) -> None:
    """After a crash it is: neither rows nor experiments appear a second time."""
    record = a_record()
    assert write(record) == write(record)
    assert mlflow_rows("SELECT count(*) FROM runs") == [(1,)]
    assert mlflow_rows("SELECT count(*) FROM experiments") == [(2,)]


def test_what_a_person_changed_in_mlflow_stays(mlflow_home: Path) -> None:
    """The run's name, tags of their own and a deletion; only what is ours is set again."""
    record = a_record()
    write(record)
    connection = sqlite3.connect(paths.mlflow_dir() / "mlflow.db")
    connection.execute("UPDATE runs SET name = 'renamed', lifecycle_stage = 'deleted'")
    connection.execute("UPDATE tags SET value = 'renamed' WHERE key = 'mlflow.runName'")
    connection.execute("UPDATE tags SET value = 'c' WHERE key = 'team'")
    connection.commit()
    connection.close()
    write(record)
    assert mlflow_rows("SELECT name, lifecycle_stage, status FROM runs") == [
        ("renamed", "deleted", "FAILED")
    ]
    tags = dict(mlflow_rows("SELECT key, value FROM tags"))
    assert (tags["mlflow.runName"], tags["team"]) == ("renamed", "c")


def test_metrics_are_the_last_values(mlflow_home: Path) -> None:
    """NaN, which JSON has no word for, and the machine's own series are left out."""
    place = write(a_record())
    connection = sqlite3.connect(paths.mlflow_dir() / "mlflow.db")
    connection.executemany(
        "INSERT INTO latest_metrics VALUES (?, ?, 0, 0, ?, ?)",
        [
            ("loss", 0.5, 0, place.run_id),
            ("broken", 0, 1, place.run_id),
            ("system/cpu", 3, 0, place.run_id),
        ],
    )
    connection.commit()
    assert sql.metrics(connection, place.run_id) == {"loss": 0.5}
    connection.close()


# --- the file ---


@pytest.fixture
def store(mlflow_home: Path) -> Any:
    """The store, open."""
    found = EmbeddedStore(paths.mlflow_dir() / "mlflow.db")
    yield found
    found.close()


def test_one_that_fails_does_not_take_the_others_along(store: EmbeddedStore) -> None:
    """Work that shares a transaction still fails alone, and leaves nothing behind."""
    gate = threading.Event()
    store.submit(lambda _: gate.wait(20))

    def broken(db: sqlite3.Connection) -> None:
        db.execute("INSERT INTO experiment_tags VALUES ('half', 'done', 0)")
        db.execute("INSERT INTO experiments (experiment_id, name) VALUES (0, 'taken')")

    def wrong(_: sqlite3.Connection) -> None:
        raise KeyError("mine")

    def good(db: sqlite3.Connection) -> str:
        db.execute("INSERT INTO experiment_tags VALUES ('good', 'done', 0)")
        return "yes"

    futures = [store.submit(work) for work in (broken, wrong, good)]
    gate.set()
    with pytest.raises(sqlite3.IntegrityError):
        futures[0].result(20)
    with pytest.raises(KeyError):
        futures[1].result(20)
    assert futures[2].result(20) == "yes"
    assert mlflow_rows("SELECT key FROM experiment_tags") == [("good",)]


def test_f40_a_locked_store_is_busy_and_works_again(
    store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another writer that keeps the lock makes us wait, then give up for now."""
    store.submit(lambda db: None).result(20)
    store._connection.execute("PRAGMA busy_timeout = 100")
    other = sqlite3.connect(store.path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(Busy):
        store.submit(lambda db: None).result(20)
    other.execute("COMMIT")
    other.close()
    assert store.submit(lambda db: 1).result(20) == 1


def test_nobody_who_stops_waiting_takes_the_others_along(
    store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not at the very moment either at which the answer is there."""

    class Cancelled(Future[Any]):
        """Cancelled by who waits, just before it gets its result."""

        def set_result(self, result: Any) -> None:
            self.cancel()
            super().set_result(result)

    with monkeypatch.context() as patched:
        patched.setattr(embedded_store, "Future", Cancelled)
        store.submit(lambda _: 1)
    assert store.submit(lambda _: 2).result(timeout=30) == 2


def test_f25_a_store_that_was_moved_away_is_noticed(store: EmbeddedStore) -> None:
    """Nothing is written into a file that nobody would find again."""
    store.path.rename(store.path.with_name("moved.db"))
    with pytest.raises(StoreUnusable, match="moved away"):
        store.submit(lambda db: None).result(20)
    store.path.with_name("moved.db").rename(store.path)
    store.submit(lambda db: None).result(20)


def test_changes_of_others_are_noticed(store: EmbeddedStore) -> None:
    """Cheaply: nothing is read unless somebody has written."""

    async def story() -> None:
        await store.changed()
        assert not await store.changed()
        await store.run(lambda db: db.execute("UPDATE experiments SET last_update_time = 1"))
        assert await store.changed()
        assert not await store.changed()

    asyncio.run(story())


def test_an_unfinished_run_is_found_by_its_tag(mlflow_home: Path) -> None:
    """What the reconciler looks for: runs of jobs that go on."""
    ended = write(a_record())
    job = a_job(id="ba9876543210", attempt=1, attempts=[an_attempt(1, State.RUNNING)])
    live = write(record_of(job, 1, user="me", params={}, experiment="e"))
    connection = sqlite3.connect(paths.mlflow_dir() / "mlflow.db")
    assert sql.unfinished(connection, "mlops.job_id") == [(live.run_id, "ba9876543210")]
    sql.end(connection, live.run_id, RunStatus.KILLED, int(time.time()))
    sql.end(connection, ended.run_id, RunStatus.KILLED, 1)
    connection.commit()
    assert sql.unfinished(connection, "mlops.job_id") == []
    assert sql.job_of(connection, ended.run_id) == "0123456789ab"
    assert sql.job_of(connection, "nothing") is None
    connection.close()
    assert ("FAILED",) in mlflow_rows("SELECT status FROM runs"), "an ended run stays as it ended"
