"""Dataset inputs and system metrics: the rows are those that MLflow's own store writes."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jupyter_mlops import paths
from jupyter_mlops.tracking import facts_sql, sql
from jupyter_mlops.tracking.dataset_inputs import MOST, dataset_inputs
from jupyter_mlops.tracking.embedded_store import EmbeddedStore
from jupyter_mlops.tracking.run_facts import Sample, samples_of

from .test_embedded_sql import a_record

FILES = [
    {"path": "/data/d.csv", "size": 3, "sha256": "a" * 64},
    {"path": "/elsewhere/é.parquet", "size": 4, "sha256": "b" * 64},
    {"path": "/data/large", "size": 5, "note": "too large"},
]
SAMPLES = [
    Sample("system/cpu_utilization_percentage", float(10 + step), 1000 + step, step)
    for step in range(3)
]

_BY_MLFLOW = """
import json
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
store = SqlAlchemyStore(URI, "mlflow-artifacts:/")
inputs = [
    DatasetInput(
        Dataset(one["name"], one["digest"], one["source_type"], one["source"],
                profile=one["profile"]),
        [InputTag(name, value) for name, value in one["tags"].items()],
    )
    for one in INPUTS
]
store.log_inputs(RUN, inputs)
store.log_batch(RUN, metrics=[Metric(*one) for one in SAMPLES], params=[], tags=[])
"""


def rows(database: Path) -> dict[str, list[Any]]:
    """What is in the tables, without ids that are chosen at random."""
    connection = sqlite3.connect(database)
    asked = {
        "datasets": "SELECT experiment_id, name, digest, dataset_source_type, dataset_source,"
        " dataset_schema, dataset_profile FROM datasets ORDER BY name",
        "inputs": "SELECT source_type, destination_type, destination_id, step, datasets.name"
        " FROM inputs JOIN datasets ON source_id = dataset_uuid ORDER BY datasets.name",
        "input_tags": "SELECT name, value FROM input_tags ORDER BY value",
        "metrics": "SELECT key, value, timestamp, run_uuid, step, is_nan FROM metrics"
        " ORDER BY step",
        "latest": "SELECT key, value, timestamp, step, is_nan, run_uuid FROM latest_metrics",
    }
    found = {name: connection.execute(question).fetchall() for name, question in asked.items()}
    connection.close()
    return found


def test_the_rows_are_mlflows_own(
    mlflow_home: Path, tmp_path: Path, mlflow_script: Callable[..., Any]
) -> None:
    """However often they are written, and in whatever pieces."""
    record = a_record()
    inputs = list(dataset_inputs(FILES, "/data"))
    store = EmbeddedStore(paths.mlflow_dir() / "mlflow.db")
    try:
        place = store.submit(lambda db: sql.begin(db, record, 5000)).result()
    finally:
        store.close()
    theirs = tmp_path / "theirs.db"
    connection = sqlite3.connect(paths.mlflow_dir() / "mlflow.db")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    connection.close()
    shutil.copyfile(paths.mlflow_dir() / "mlflow.db", theirs)

    def work(db: sqlite3.Connection) -> None:
        facts_sql.add_samples(db, place.run_id, SAMPLES)
        facts_sql.add_samples(db, place.run_id, SAMPLES[:2])
        for _ in range(2):
            facts_sql.add_inputs(db, place, inputs)

    store = EmbeddedStore(paths.mlflow_dir() / "mlflow.db")
    try:
        store.submit(work).result()
    finally:
        store.close()
    told = [{name: getattr(one, name) for name in type(one).__slots__} for one in inputs]
    mlflow_script(
        f"URI = {f'sqlite:///{theirs}'!r}\nRUN = {place.run_id!r}\nINPUTS = {told!r}\n"
        f"SAMPLES = {[tuple(one) for one in SAMPLES]!r}\n" + _BY_MLFLOW
    )
    assert rows(paths.mlflow_dir() / "mlflow.db") == rows(theirs)
    assert [one.name for one in inputs] == ["d.csv", "/elsewhere/é.parquet"]


def test_two_runs_of_an_experiment_share_a_dataset(mlflow_home: Path) -> None:
    """As in MLflow: it is known by its name and digest."""
    store = EmbeddedStore(paths.mlflow_dir() / "mlflow.db")
    inputs = list(dataset_inputs(FILES, "/data"))

    def work(db: sqlite3.Connection) -> list[Any]:
        for given in ({}, {"id": "b" * 12}):
            facts_sql.add_inputs(db, sql.begin(db, a_record(**given), 5000), inputs)
        return db.execute(
            "SELECT (SELECT count(*) FROM datasets), (SELECT count(*) FROM inputs)"
        ).fetchall()

    try:
        assert store.submit(work).result() == [(2, 4)]
    finally:
        store.close()


def test_only_so_many_files_become_inputs() -> None:
    """The artifact has all of them."""
    files = [{"path": f"/data/{n}", "size": 1, "sha256": f"{n:064}"} for n in range(MOST + 50)]
    assert len(list(dataset_inputs(files, "/data"))) == MOST


def test_samples_that_a_crash_cut_off_are_left_out(tmp_path: Path) -> None:
    """As is whatever isn't one."""
    file = tmp_path / "system.jsonl"
    file.write_text(
        '{"timestamp": 1, "step": 0, "metrics": {"system/a": 1.5, "system/b": NaN}}\n'
        '[1]\n{"timestamp": 2, "step": 1, "metrics": {"system/a": "x"}}\n{"timestamp": 3, "st'
    )
    assert samples_of(file) == [Sample("system/a", 1.5, 1, 0)]
    assert samples_of(tmp_path / "none") == []
