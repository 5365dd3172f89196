"""Rows of the store as models, and back."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from jupyter_mlops.jobs.model import (
    Attempt,
    Failure,
    Job,
    JobSpec,
    Kernel,
    Outputs,
    Progress,
    State,
    Tracking,
    WarmDetails,
)
from jupyter_mlops.jobs.state import Record


@dataclass(frozen=True, slots=True)
class OutputPaths:
    """Where the runner puts what the person gets; absolute."""

    notebook: str
    log: str


@dataclass(frozen=True, slots=True)
class Preload:
    """What a warm parent for the job should and must not have imported."""

    imports: tuple[str, ...] = ()
    held_back: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StoredJob:
    """A job with what only the dispatcher and the recorder need to know."""

    job: Job
    record: Record
    cwd: str
    preload: Preload
    output_paths: OutputPaths
    #: GPU indices of the attempt that is alive.
    gpus: tuple[int, ...]
    #: Version up to which tracking has to know the job, and up to which it does.
    sync_wanted: int
    synced: int


@dataclass(frozen=True, slots=True)
class NewJob:
    """What is inserted at submit, besides the snapshot's files."""

    id: str
    name: str
    spec: JobSpec
    notebook: str
    notebook_hash: str
    kernel: Kernel
    cwd: str
    outputs: Outputs
    output_paths: OutputPaths
    created_at: float
    preload: Preload = Preload()
    git_commit: str | None = None
    git_dirty: bool | None = None
    warnings: tuple[str, ...] = ()
    rerun_of: str | None = None
    idempotency_key: str | None = None
    idempotency_body: str | None = None

    def row(self) -> dict[str, Any]:
        """Column → value."""
        return {
            "id": self.id,
            "name": self.name,
            "state": State.QUEUED,
            "retries": self.spec.retries,
            "spec": self.spec.model_dump_json(),
            "notebook": self.notebook,
            "notebook_hash": self.notebook_hash,
            "git_commit": self.git_commit,
            "git_dirty": self.git_dirty,
            "kernel": self.kernel.model_dump_json(),
            "cwd": self.cwd,
            "preload": json.dumps([self.preload.imports, self.preload.held_back]),
            "outputs": self.outputs.model_dump_json(),
            "output_paths": json.dumps([self.output_paths.notebook, self.output_paths.log]),
            "warnings": json.dumps(self.warnings),
            "rerun_of": self.rerun_of,
            "created_at": self.created_at,
            "idempotency_key": self.idempotency_key,
            "idempotency_body": self.idempotency_body,
        }


def stored_job(row: sqlite3.Row, attempts: Iterable[sqlite3.Row]) -> StoredJob:
    """The job of a row of `jobs` and its rows of `attempts`, in order."""
    tries = list(attempts)
    state = State(row["state"])
    failure = failure_of(row["failure"])
    git_dirty = row["git_dirty"]
    job = Job(
        id=row["id"],
        name=row["name"],
        state=state,
        version=row["version"],
        cancelling=bool(row["cancelling"]),
        spec=JobSpec.model_validate_json(row["spec"]),
        notebook=row["notebook"],
        notebook_hash=row["notebook_hash"],
        git_commit=row["git_commit"],
        git_dirty=None if git_dirty is None else bool(git_dirty),
        kernel=Kernel.model_validate_json(row["kernel"]),
        created_at=row["created_at"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        duration=row["duration"],
        not_before=row["not_before"],
        attempt=row["attempt"],
        attempts=[_attempt(one) for one in tries],
        failure=failure,
        progress=Progress.model_validate_json(row["progress"]),
        last_output=row["last_output"],
        metrics=json.loads(row["metrics"]),
        tracking=Tracking.model_validate_json(row["tracking"]),
        outputs=Outputs.model_validate_json(row["outputs"]),
        warnings=json.loads(row["warnings"]),
        rerun_of=row["rerun_of"],
    )
    alive = [one for one in tries if not State(one["state"]).terminal]
    notebook, log = json.loads(row["output_paths"])
    imports, held_back = json.loads(row["preload"])
    return StoredJob(
        job=job,
        record=record_of(row),
        cwd=row["cwd"],
        preload=Preload(tuple(imports), tuple(held_back)),
        output_paths=OutputPaths(notebook, log),
        gpus=tuple(json.loads(alive[-1]["gpus"])) if alive else (),
        sync_wanted=row["sync_wanted"],
        synced=row["synced"],
    )


def record_of(row: sqlite3.Row) -> Record:
    """What the state machine needs of a row of `jobs`."""
    return Record(
        job_id=row["id"],
        state=State(row["state"]),
        attempt=row["attempt"],
        retries=row["retries"],
        cancelling=bool(row["cancelling"]),
        not_before=row["not_before"],
        failure=failure_of(row["failure"]),
    )


def failure_of(text: str | None) -> Failure | None:
    """A column that holds a Failure or nothing."""
    return None if text is None else Failure.model_validate_json(text)


def failure_text(failure: Failure | None) -> str | None:
    """The column of a Failure or nothing."""
    return None if failure is None else failure.model_dump_json(exclude_defaults=True)


def _attempt(row: sqlite3.Row) -> Attempt:
    return Attempt(
        number=row["number"],
        state=State(row["state"]),
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        failure=failure_of(row["failure"]),
        peak_memory=row["peak_memory"],
        start=WarmDetails.model_validate_json(row["start"]),
    )
