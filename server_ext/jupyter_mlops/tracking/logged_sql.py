"""Plain SQL for what kernels log, row for row as MLflow's own `log_batch` and `log_inputs` write it
(a test compares the two). Writing the same again changes nothing: MLflow's primary keys see to it.

Every function works inside a transaction of its caller.
"""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterable, Mapping, Sequence

from jupyter_mlops.tracking.logbook import Dataset, Point, stored
from jupyter_mlops.tracking.run_record import RUN_NAME_TAG, RunStatus

_NAMESPACE = uuid.UUID("5f6c0c0e-6f0e-4a5c-9d0b-0a5e6c1b7f11")


def log_points(db: sqlite3.Connection, run_id: str, points: Sequence[Point]) -> None:
    """Add points, and keep the latest of each metric: the one with the highest step, timestamp and
    value, in this order.
    """
    rows = []
    latest: dict[str, tuple[int, int, float, bool]] = {}
    for name, number, timestamp, step in points:
        value, is_nan = stored(number)
        rows.append((name, value, timestamp, run_id, step, is_nan))
        found = (step, timestamp, value, is_nan)
        before = latest.get(name)
        if before is None or found[:3] > before[:3]:
            latest[name] = found
    db.executemany(
        "INSERT OR IGNORE INTO metrics (key, value, timestamp, run_uuid, step, is_nan)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        rows,
    )
    db.executemany(
        "INSERT INTO latest_metrics (key, value, timestamp, step, is_nan, run_uuid)"
        " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (key, run_uuid) DO UPDATE SET"
        " value = excluded.value, timestamp = excluded.timestamp, step = excluded.step,"
        " is_nan = excluded.is_nan"
        " WHERE (excluded.step, excluded.timestamp, excluded.value)"
        " > (latest_metrics.step, latest_metrics.timestamp, latest_metrics.value)",
        [
            (name, value, timestamp, step, is_nan, run_id)
            for name, (step, timestamp, value, is_nan) in latest.items()
        ],
    )


def log_params(
    db: sqlite3.Connection, run_id: str, params: Mapping[str, str], ours: Mapping[str, str]
) -> None:
    """Add parameters. The first value stays, as MLflow has it, unless it is one that we set for a
    job (`ours`): the notebook knows better what it really used.
    """
    for name, value in params.items():
        db.execute(
            "INSERT INTO params (key, value, run_uuid) VALUES (?, ?, ?)"
            " ON CONFLICT (key, run_uuid) DO UPDATE SET value = excluded.value"
            " WHERE params.value = ?",
            (name, value, run_id, ours.get(name)),
        )


def rename(db: sqlite3.Connection, run_id: str, tags: Mapping[str, str]) -> None:
    """The run's name is a tag and a column."""
    if name := tags.get(RUN_NAME_TAG):
        db.execute("UPDATE runs SET name = ? WHERE run_uuid = ?", (name, run_id))


def log_datasets(
    db: sqlite3.Connection, run_id: str, experiment_id: int, datasets: Iterable[Dataset]
) -> None:
    """Add datasets as inputs of the run; one of the same name and digest is the same."""
    for one in datasets:
        made = uuid.uuid5(_NAMESPACE, f"{experiment_id}/{one.name}/{one.digest}").hex
        db.execute(
            "INSERT OR IGNORE INTO datasets (dataset_uuid, experiment_id, name, digest,"
            " dataset_source_type, dataset_source, dataset_schema, dataset_profile)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                made,
                experiment_id,
                one.name,
                one.digest,
                one.source_type,
                one.source,
                one.schema,
                one.profile,
            ),
        )
        (found,) = db.execute(
            "SELECT dataset_uuid FROM datasets WHERE experiment_id = ? AND name = ? AND digest = ?",
            (experiment_id, one.name, one.digest),
        ).fetchone()
        db.execute(
            "INSERT OR IGNORE INTO inputs (input_uuid, source_type, source_id, destination_type,"
            " destination_id) VALUES (?, 'DATASET', ?, 'RUN', ?)",
            (uuid.uuid5(_NAMESPACE, f"{found}/{run_id}").hex, found, run_id),
        )


def active(db: sqlite3.Connection, run_id: str) -> bool | None:
    """Whether something can be logged into the run: nothing can once it, or its experiment, was
    deleted. None: there is no such run.
    """
    row = db.execute(
        "SELECT runs.lifecycle_stage, experiments.lifecycle_stage FROM runs"
        " JOIN experiments USING (experiment_id) WHERE run_uuid = ?",
        (run_id,),
    ).fetchone()
    return None if row is None else row == ("active", "active")


def set_status(db: sqlite3.Connection, run_id: str, status: RunStatus, at: int | None) -> None:
    """The run's status, and when it ended: not before it began, however the clock was set."""
    db.execute(
        "UPDATE runs SET status = ?1, end_time = CASE WHEN ?2 IS NULL THEN NULL"
        " ELSE max(?2, coalesce(start_time, ?2)) END WHERE run_uuid = ?3",
        (status, at, run_id),
    )
