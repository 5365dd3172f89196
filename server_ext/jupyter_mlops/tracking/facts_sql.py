"""Plain SQL for a run's dataset inputs and system metrics, row for row as MLflow's own code writes
them (`SqlAlchemyStore.log_inputs`, `log_batch`; a test compares the two).

Every function works inside a transaction of its caller and may be repeated.
"""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterable, Sequence

from jupyter_mlops.tracking.dataset_inputs import DatasetInput
from jupyter_mlops.tracking.run_facts import Sample
from jupyter_mlops.tracking.sql import RunPlace


def add_inputs(db: sqlite3.Connection, place: RunPlace, inputs: Iterable[DatasetInput]) -> None:
    """Let the run have these dataset inputs; a dataset is one row of its experiment."""
    experiment = int(place.experiment_id)
    for one in inputs:
        dataset = _dataset(db, experiment, one)
        row = db.execute(
            "SELECT input_uuid FROM inputs WHERE source_type = 'DATASET' AND source_id = ?"
            " AND destination_type = 'RUN' AND destination_id = ?",
            (dataset, place.run_id),
        ).fetchone()
        if row is not None:
            continue
        edge = uuid.uuid4().hex
        db.execute(
            "INSERT INTO inputs (input_uuid, source_type, source_id, destination_type,"
            " destination_id, step) VALUES (?, 'DATASET', ?, 'RUN', ?, 0)",
            (edge, dataset, place.run_id),
        )
        db.executemany(
            "INSERT INTO input_tags (input_uuid, name, value) VALUES (?, ?, ?)",
            [(edge, name, value) for name, value in one.tags.items()],
        )


def _dataset(db: sqlite3.Connection, experiment: int, one: DatasetInput) -> str:
    row = db.execute(
        "SELECT dataset_uuid FROM datasets WHERE experiment_id = ? AND name = ? AND digest = ?",
        (experiment, one.name, one.digest),
    ).fetchone()
    if row is not None:
        return str(row[0])
    made = uuid.uuid4().hex
    db.execute(
        "INSERT INTO datasets (dataset_uuid, experiment_id, name, digest, dataset_source_type,"
        " dataset_source, dataset_schema, dataset_profile) VALUES (?, ?, ?, ?, ?, ?, NULL, ?)",
        (made, experiment, one.name, one.digest, one.source_type, one.source, one.profile),
    )
    return made


def add_samples(db: sqlite3.Connection, run_id: str, samples: Sequence[Sample]) -> None:
    """Let the run have these points; the last of each metric is its latest."""
    db.executemany(
        "INSERT OR IGNORE INTO metrics (key, value, timestamp, run_uuid, step, is_nan)"
        " VALUES (?, ?, ?, ?, ?, 0)",
        [(one.key, one.value, one.timestamp, run_id, one.step) for one in samples],
    )
    # As MLflow decides which is the latest.
    last: dict[str, Sample] = {}
    for one in samples:
        known = last.get(one.key)
        if known is None or _order(one) > _order(known):
            last[one.key] = one
    db.executemany(
        "INSERT INTO latest_metrics (key, value, timestamp, step, is_nan, run_uuid)"
        " VALUES (?, ?, ?, ?, 0, ?) ON CONFLICT (key, run_uuid) DO UPDATE SET"
        " value = excluded.value, timestamp = excluded.timestamp, step = excluded.step, is_nan = 0"
        " WHERE (excluded.step, excluded.timestamp, excluded.value) > (step, timestamp, value)",
        [(one.key, one.value, one.timestamp, one.step, run_id) for one in last.values()],
    )


def _order(sample: Sample) -> tuple[int, int, float]:
    return sample.step, sample.timestamp, sample.value
