"""Plain SQL for a job's run in MLflow's tables, row for row as MLflow's own code writes them
(`mlflow/store/tracking/sqlalchemy_store.py`; a test compares the two).

Every function works inside a transaction of its caller.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass

from jupyter_mlops.tracking.run_record import JOB_TAG, RunRecord, RunStatus

#: Where MLflow's server keeps artifacts that go through it.
ARTIFACT_ROOT = "mlflow-artifacts:/"
_WORKSPACE = "default"


@dataclass(frozen=True, slots=True)
class RunPlace:
    """Where a run is."""

    run_id: str
    experiment_id: str
    experiment: str
    artifact_uri: str


def experiment(db: sqlite3.Connection, name: str, now: int) -> tuple[int, str]:
    """Id and artifact location of the experiment, created or restored if need be; `now` in ms."""
    row = db.execute(
        "SELECT experiment_id, artifact_location, lifecycle_stage FROM experiments"
        " WHERE workspace = ? AND name = ?",
        (_WORKSPACE, name),
    ).fetchone()
    if row is None:
        made = db.execute(
            "INSERT INTO experiments (name, artifact_location, lifecycle_stage, creation_time,"
            " last_update_time, workspace) VALUES (?, NULL, 'active', ?, ?, ?)",
            (name, now, now, _WORKSPACE),
        )
        found, location = int(made.lastrowid or 0), f"{ARTIFACT_ROOT}{made.lastrowid}"
        db.execute(
            "UPDATE experiments SET artifact_location = ? WHERE experiment_id = ?",
            (location, found),
        )
        return found, location
    if row[2] != "active":
        # As MLflow restores one: with its runs.
        db.execute(
            "UPDATE experiments SET lifecycle_stage = 'active', last_update_time = ?"
            " WHERE experiment_id = ?",
            (now, row[0]),
        )
        db.execute(
            "UPDATE runs SET lifecycle_stage = 'active', deleted_time = NULL"
            " WHERE experiment_id = ?",
            (row[0],),
        )
    return int(row[0]), str(row[1])


def place(db: sqlite3.Connection, run_id: str) -> RunPlace | None:
    """Where the run is; None when there is none."""
    row = db.execute(
        "SELECT experiment_id, experiments.name, artifact_uri FROM runs"
        " JOIN experiments USING (experiment_id) WHERE run_uuid = ?",
        (run_id,),
    ).fetchone()
    return None if row is None else RunPlace(run_id, str(row[0]), str(row[1]), str(row[2]))


def begin(db: sqlite3.Connection, record: RunRecord, now: int) -> RunPlace:
    """Create the attempt's run unless it is there."""
    if (found := place(db, record.run_id)) is not None:
        return found
    experiment_id, location = experiment(db, record.experiment, now)
    artifact_uri = f"{location.rstrip('/')}/{record.run_id}/artifacts"
    db.execute(
        "INSERT INTO runs (run_uuid, name, source_type, source_name, entry_point_name, user_id,"
        " status, start_time, end_time, deleted_time, source_version, lifecycle_stage,"
        " artifact_uri, experiment_id)"
        " VALUES (?, ?, 'UNKNOWN', '', '', ?, ?, ?, NULL, NULL, '', 'active', ?, ?)",
        (
            record.run_id,
            record.name,
            record.user,
            RunStatus.RUNNING,
            record.started,
            artifact_uri,
            experiment_id,
        ),
    )
    set_tags(db, record.run_id, record.tags)
    db.executemany(
        "INSERT INTO params (key, value, run_uuid) VALUES (?, ?, ?)",
        [(key, value, record.run_id) for key, value in record.params.items()],
    )
    return RunPlace(record.run_id, str(experiment_id), record.experiment, artifact_uri)


def bring_to_truth(db: sqlite3.Connection, record: RunRecord) -> bool:
    """Status, times and our own tags as they are now; False when there is no such run."""
    changed = db.execute(
        "UPDATE runs SET status = ?, start_time = ?, end_time = ? WHERE run_uuid = ?",
        (record.status, record.started, record.ended, record.run_id),
    )
    if changed.rowcount == 0:
        return False
    set_tags(db, record.run_id, record.own_tags)
    return True


def set_tags(db: sqlite3.Connection, run_id: str, tags: Mapping[str, str]) -> None:
    """Set tags, new or not."""
    db.executemany(
        "INSERT INTO tags (key, value, run_uuid) VALUES (?, ?, ?)"
        " ON CONFLICT (key, run_uuid) DO UPDATE SET value = excluded.value",
        [(key, value, run_id) for key, value in tags.items()],
    )


def withdraw_param(db: sqlite3.Connection, run_id: str, key: str, value: str) -> None:
    """Make room for another value of a parameter, as long as it has the value that we set."""
    db.execute(
        "DELETE FROM params WHERE run_uuid = ? AND key = ? AND value = ?", (run_id, key, value)
    )


def metrics(db: sqlite3.Connection, run_id: str) -> dict[str, float]:
    """The last value of each metric; NaN is left out, as are the machine's own series."""
    rows = db.execute(
        "SELECT key, value FROM latest_metrics"
        " WHERE run_uuid = ? AND NOT is_nan AND key NOT LIKE 'system/%' ORDER BY key",
        (run_id,),
    )
    return {str(key): float(value) for key, value in rows}


def job_of(db: sqlite3.Connection, run_id: str) -> str | None:
    """The id of the job whose run this is; None for any other run."""
    row = db.execute(
        "SELECT value FROM tags WHERE run_uuid = ? AND key = ?", (run_id, JOB_TAG)
    ).fetchone()
    return None if row is None else str(row[0])


def unfinished(db: sqlite3.Connection, tag: str) -> list[tuple[str, str]]:
    """(run, value of `tag`) of every run with that tag which has not ended."""
    rows = db.execute(
        "SELECT runs.run_uuid, tags.value FROM tags JOIN runs USING (run_uuid)"
        " WHERE tags.key = ? AND runs.status IN ('RUNNING', 'SCHEDULED')",
        (tag,),
    )
    return [(str(run), str(value)) for run, value in rows]


def end(db: sqlite3.Connection, run_id: str, status: RunStatus, ended: int) -> None:
    """End a run that has not ended."""
    db.execute(
        "UPDATE runs SET status = ?, end_time = ? WHERE run_uuid = ?"
        " AND status IN ('RUNNING', 'SCHEDULED')",
        (status, ended, run_id),
    )
