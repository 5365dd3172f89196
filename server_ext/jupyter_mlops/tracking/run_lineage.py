"""What a run of the embedded store came from and what came out of it. Blocking.

MLflow keeps nesting as a tag, datasets and models as rows; that a job repeats another one is a tag
of ours.
"""

from __future__ import annotations

import sqlite3

from jupyter_mlops.tracking.dataset_inputs import rows_of
from jupyter_mlops.tracking.run_record import JOB_TAG, PARENT_TAG, RERUN_TAG, RunStatus
from jupyter_mlops.tracking.run_views import Dataset, Lineage, ModelLink, RunLink, RunRow

#: Of each kind.
MOST = 100
_LINK = (
    "SELECT r.run_uuid, coalesce(n.value, r.name, ''), r.status FROM runs r"
    " LEFT JOIN tags n ON n.run_uuid = r.run_uuid AND n.key = 'mlflow.runName'"
)
_TAGGED = (
    f"{_LINK} JOIN tags t ON t.run_uuid = r.run_uuid AND t.key = ? AND t.value = ?"
    " WHERE r.lifecycle_stage = 'active' ORDER BY r.start_time, r.run_uuid LIMIT ?"
)


def lineage(db: sqlite3.Connection, run: RunRow) -> Lineage:
    """The lineage of a run that is there."""
    repeats_job = run.own_tags.get(RERUN_TAG)
    parent = None
    if run.parent_id is not None:
        row = db.execute(f"{_LINK} WHERE r.run_uuid = ?", (run.parent_id,)).fetchone()
        parent = None if row is None else _link(row)
    repeats = _tagged(db, JOB_TAG, repeats_job) if repeats_job else []
    return Lineage(
        parent=parent,
        children=_tagged(db, PARENT_TAG, run.id),
        # Of a job's attempts the last: the others are nested below it.
        repeats=repeats[-1] if repeats else None,
        repeats_job=repeats_job,
        repeated_by=_tagged(db, RERUN_TAG, run.job_id) if run.job_id else [],
        models=[*_registered(db, run.id), *_logged(db, run.id)],
        models_used=_used(db, run.id),
    )


def datasets(db: sqlite3.Connection, run_id: str) -> list[Dataset]:
    """What a run read."""
    rows = db.execute(
        "SELECT d.name, d.digest, d.dataset_source_type, d.dataset_source,"
        " (SELECT t.value FROM input_tags t WHERE t.input_uuid = i.input_uuid"
        "  AND t.name = 'mlflow.data.context'),"
        " (SELECT count(*) FROM inputs o WHERE o.source_type = i.source_type"
        "  AND o.source_id = i.source_id AND o.destination_type = i.destination_type) - 1,"
        " d.dataset_profile"
        " FROM inputs i JOIN datasets d ON i.source_id = d.dataset_uuid"
        " WHERE i.destination_id = ? ORDER BY d.name, d.digest",
        (run_id,),
    )
    return [
        Dataset(
            name=name,
            digest=digest,
            source_type=kind,
            source=source,
            context=role or "",
            rows=rows_of(profile),
            other_runs=others,
        )
        for name, digest, kind, source, role, others, profile in rows
    ]


def _tagged(db: sqlite3.Connection, key: str, value: str) -> list[RunLink]:
    return [_link(row) for row in db.execute(_TAGGED, (key, value, MOST))]


def _link(row: tuple[str, str, str]) -> RunLink:
    return RunLink(id=row[0], name=row[1], status=RunStatus(row[2]))


def _registered(db: sqlite3.Connection, run_id: str) -> list[ModelLink]:
    rows = db.execute(
        "SELECT v.name, v.version, (SELECT group_concat(a.alias, char(10)) FROM"
        " registered_model_aliases a WHERE a.workspace = v.workspace AND a.name = v.name"
        " AND a.version = v.version)"
        " FROM model_versions v WHERE v.run_id = ?"
        " AND coalesce(v.current_stage, '') <> 'Deleted_Internal'"
        " ORDER BY v.name, v.version LIMIT ?",
        (run_id, MOST),
    )
    return [
        ModelLink(name=name, version=version, aliases=sorted((aliases or "").splitlines()))
        for name, version, aliases in rows
    ]


def _logged(db: sqlite3.Connection, run_id: str) -> list[ModelLink]:
    rows = db.execute(
        "SELECT name, model_id FROM logged_models WHERE source_run_id = ?"
        " AND lifecycle_stage = 'active' ORDER BY creation_timestamp_ms LIMIT ?",
        (run_id, MOST),
    )
    return [ModelLink(name=name, model_id=model_id) for name, model_id in rows]


def _used(db: sqlite3.Connection, run_id: str) -> list[ModelLink]:
    rows = db.execute(
        "SELECT m.name, m.model_id FROM inputs i JOIN logged_models m"
        " ON m.model_id = i.destination_id WHERE i.source_type = 'RUN_INPUT' AND i.source_id = ?"
        " AND i.destination_type = 'MODEL_INPUT' ORDER BY m.creation_timestamp_ms LIMIT ?",
        (run_id, MOST),
    )
    return [ModelLink(name=name, model_id=model_id) for name, model_id in rows]
