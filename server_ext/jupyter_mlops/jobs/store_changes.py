"""The changes of the store, each one operation in the writer's transaction."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass

from jupyter_mlops.errors import Conflict, NotFound
from jupyter_mlops.jobs import store_reader
from jupyter_mlops.jobs.model import Outputs, Progress, State
from jupyter_mlops.jobs.state import (
    CloseAttempt,
    Event,
    IllegalTransition,
    Instruction,
    OpenAttempt,
    Record,
    RunAttempt,
    transition,
)
from jupyter_mlops.jobs.store_rows import NewJob, StoredJob, failure_text, record_of
from jupyter_mlops.jobs.store_writer import Change, Transaction

#: Older deletions are forgotten; a client that was away for longer lists anew.
DELETIONS_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class LastSeen:
    """What an attempt left behind for the job's row when it ended."""

    progress: Progress
    last_output: str
    outputs: Outputs | None = None


@dataclass(frozen=True, slots=True)
class Applied:
    """The job after an event, and what is to be done now."""

    stored: StoredJob
    instructions: tuple[Instruction, ...]


def next_generation(connection: sqlite3.Connection) -> int:
    """Count this opening of the store."""
    connection.execute("BEGIN IMMEDIATE")
    row = connection.execute("SELECT value FROM meta WHERE key = 'generation'").fetchone()
    generation = int(row["value"]) + 1 if row else 1
    connection.execute(
        "INSERT INTO meta VALUES ('generation', ?)"
        " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        (str(generation),),
    )
    connection.execute("COMMIT")
    return generation


def submit(
    transaction: Transaction, new: NewJob, files: Mapping[str, bytes]
) -> tuple[StoredJob, bool]:
    """See `Store.submit`."""
    if new.idempotency_key is not None:
        row = transaction.execute(
            "SELECT id, idempotency_body FROM jobs WHERE idempotency_key = ?",
            (new.idempotency_key,),
        ).fetchone()
        if row is not None:
            if row["idempotency_body"] != new.idempotency_body:
                raise idempotency_conflict(row["id"])
            return store_reader.one_job(transaction.connection, row["id"]), False
    seq = transaction.next_seq()
    row_values = new.row() | {"version": seq, "sync_wanted": seq}
    transaction.execute(
        f"INSERT INTO jobs ({', '.join(row_values)})"  # noqa: S608 - our own columns
        f" VALUES ({', '.join('?' * len(row_values))})",
        tuple(row_values.values()),
    )
    for path, content in files.items():
        digest = hashlib.sha256(content).hexdigest()
        transaction.execute(
            "INSERT INTO blobs VALUES (?, ?, ?) ON CONFLICT (hash) DO NOTHING",
            (digest, len(content), content),
        )
        transaction.execute("INSERT INTO bundle_files VALUES (?, ?, ?)", (new.id, path, digest))
    _note(transaction, seq, new.id, new.created_at, State.QUEUED, 0, "submitted")
    stored = store_reader.one_job(transaction.connection, new.id)
    transaction.changes.append(Change(new.id, stored, track=True))
    return stored, True


def idempotency_conflict(job_id: str) -> Conflict:
    """The error of a key that came with another body before."""
    return Conflict(
        f"This Idempotency-Key was used for job {job_id} with a different request.",
        hint="Use a new key for a new job.",
        code="idempotency_conflict",
    )


def apply(transaction: Transaction, job_id: str, event: Event, last: LastSeen | None) -> Applied:
    """See `Store.apply`."""
    db = transaction.connection
    row = transaction.execute("SELECT * FROM jobs WHERE id = ?", (job_id,)).fetchone()
    if row is None:
        raise NotFound(f"There is no job {job_id}.", hint="`jupyter mlops jobs` lists them.")
    before = record_of(row)
    try:
        after, instructions = transition(before, event)
    except IllegalTransition as error:
        raise IllegalTransition(before, event, store_reader.story(db, job_id)) from error
    if after == before:
        return Applied(store_reader.one_job(db, job_id), instructions)
    seq = transaction.next_seq()
    track = after.state != before.state
    values = _columns(after, event, instructions, last) | {"version": seq}
    if track:
        values["sync_wanted"] = seq
        # Whatever is known of its run was true a moment ago.
        values["tracking"] = _not_synced(row["tracking"])
    if after.state is State.STARTING and row["started_at"] is None:
        values["started_at"] = event.at
    changed = transaction.execute(
        f"UPDATE jobs SET {', '.join(f'{name} = ?' for name in values)}"  # noqa: S608 - our own
        " WHERE id = ? AND state = ? AND attempt = ? AND cancelling = ?",
        (*values.values(), job_id, before.state, before.attempt, before.cancelling),
    )
    if changed.rowcount != 1:
        raise Conflict(f"Job {job_id} changed at the same moment.", hint="Try again.")
    for instruction in instructions:
        _write_attempt(transaction, job_id, instruction)
    kind = after.state.value if track else "cancelling"
    detail = after.failure.code if after.failure else ""
    _note(transaction, seq, job_id, event.at, kind, after.attempt, detail)
    stored = store_reader.one_job(db, job_id)
    transaction.changes.append(Change(job_id, stored, instructions, track))
    return Applied(stored, instructions)


def _not_synced(tracking: str) -> str:
    return json.dumps(json.loads(tracking) | {"synced": False})


def _columns(
    after: Record, event: Event, instructions: tuple[Instruction, ...], last: LastSeen | None
) -> dict[str, object]:
    values: dict[str, object] = {
        "state": after.state,
        "attempt": after.attempt,
        "cancelling": after.cancelling,
        "not_before": after.not_before,
        "failure": failure_text(after.failure),
    }
    if after.state.terminal:
        values["ended_at"] = event.at
    if last is not None:
        values["progress"] = last.progress.model_dump_json()
        values["last_output"] = last.last_output
        if last.outputs is not None:
            values["outputs"] = last.outputs.model_dump_json()
    for instruction in instructions:
        if isinstance(instruction, CloseAttempt):
            values["duration"] = instruction.duration
    return values


def _write_attempt(transaction: Transaction, job_id: str, instruction: Instruction) -> None:
    match instruction:
        case OpenAttempt(number, at, gpus):
            transaction.execute(
                "INSERT INTO attempts (job_id, number, state, started_at, gpus)"
                " VALUES (?, ?, 'starting', ?, ?)",
                (job_id, number, at, json.dumps(gpus)),
            )
        case RunAttempt(number, start):
            transaction.execute(
                "UPDATE attempts SET state = 'running', start = ? WHERE job_id = ? AND number = ?"
                " AND state = 'starting'",
                (start.model_dump_json(), job_id, number),
            )
        case CloseAttempt(number, at, state, failure, _, peak_memory):
            transaction.execute(
                "UPDATE attempts SET state = ?, ended_at = ?, failure = ?, peak_memory = ?"
                " WHERE job_id = ? AND number = ? AND state IN ('starting', 'running')",
                (state, at, failure_text(failure), peak_memory, job_id, number),
            )
        case _:
            pass  # an instruction to the dispatcher


def update(
    transaction: Transaction,
    job_id: str,
    values: dict[str, object],
    synced: int | None,
    seen: int | None,
) -> StoredJob:
    """See `Store.update`."""
    if seen is not None:
        stored = store_reader.one_job(transaction.connection, job_id)
        if stored.sync_wanted != seen:
            return stored
    seq = transaction.next_seq()
    values = values | {"version": seq}
    track = "git_dirty" in values  # of these, the only one that tracking doesn't know already
    if track:
        values["sync_wanted"] = seq
    assignments = [f"{name} = ?" for name in values]
    bound = list(values.values())
    if synced is not None:
        assignments.append("synced = max(synced, ?)")
        bound.append(synced)
    changed = transaction.execute(
        f"UPDATE jobs SET {', '.join(assignments)} WHERE id = ?",  # noqa: S608 - our own columns
        (*bound, job_id),
    )
    if changed.rowcount != 1:
        raise NotFound(f"There is no job {job_id}.")
    stored = store_reader.one_job(transaction.connection, job_id)
    transaction.changes.append(Change(job_id, stored, track=track))
    return stored


def delete(transaction: Transaction, job_id: str) -> StoredJob:
    """See `Store.delete`."""
    db = transaction.connection
    stored = store_reader.one_job(db, job_id)
    job = stored.job
    if not job.state.terminal:
        raise Conflict(
            f"Job {job_id} is {job.state.value}; only a job that has ended can be deleted.",
            hint=f"Cancel it first: jupyter mlops cancel {job_id}",
            code="not_ended",
        )
    hashes = set(store_reader.hashes_of(db, job_id).values())
    transaction.execute("DELETE FROM jobs WHERE id = ?", (job_id,))
    transaction.execute("DELETE FROM events WHERE job_id = ?", (job_id,))
    for digest in hashes:
        transaction.execute(
            "DELETE FROM blobs WHERE hash = ?"
            " AND NOT EXISTS (SELECT 1 FROM bundle_files WHERE hash = blobs.hash)",
            (digest,),
        )
    seq = transaction.next_seq()
    _note(transaction, seq, job_id, job.ended_at or job.created_at, "deleted", job.attempt, "")
    transaction.execute(
        "DELETE FROM events WHERE type = 'deleted' AND seq <= ("
        "SELECT seq FROM events WHERE type = 'deleted' ORDER BY seq DESC LIMIT 1 OFFSET ?)",
        (DELETIONS_KEPT,),
    )
    transaction.changes.append(Change(job_id, None))
    return stored


def _note(
    transaction: Transaction,
    seq: int,
    job_id: str,
    at: float,
    kind: str,
    attempt: int,
    detail: str,
) -> None:
    transaction.execute(
        "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)", (seq, job_id, at, kind, attempt, detail)
    )
