"""The store of jobs: every acknowledged change is durable, every transition one compare-and-swap.

Writes go through one thread (`store_writer`), reads through a few (`store_reader`). Sequence
numbers order all that clients see; the store's generation (how often it was opened) is in their
high bits, so that numbers given out for progress, which isn't stored, never come back.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from jupyter_mlops.errors import Conflict, NotFound, StoreFull
from jupyter_mlops.jobs import store_reader
from jupyter_mlops.jobs.model import Job, Outputs, Progress, State, Tracking
from jupyter_mlops.jobs.state import (
    CloseAttempt,
    Event,
    IllegalTransition,
    Instruction,
    OpenAttempt,
    RunAttempt,
    transition,
)
from jupyter_mlops.jobs.store_file import StoreFile, translated
from jupyter_mlops.jobs.store_reader import JobQuery, Page, Reader
from jupyter_mlops.jobs.store_rows import NewJob, StoredJob, failure_text, record_of
from jupyter_mlops.jobs.store_writer import Change, Listener, Transaction, Writer

GENERATION = 2**32
#: Older deletions are forgotten; a client that was away for longer lists anew.
DELETIONS_KEPT = 10_000
#: A submit leaves so much space free, so that running jobs can still be recorded.
RESERVE = 4 * 2**20


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


class Store:
    """Opened by `Store.open`, closed by `close`. Every method raises StoreUnusable and Busy;
    those that write raise StoreFull, and then nothing was kept."""

    def __init__(self, file: StoreFile, generation: int) -> None:
        self.file = file
        self.generation = generation
        self._numbers = itertools.count(generation * GENERATION + 1)
        self._last = generation * GENERATION
        self._writer = Writer(file, self.next_seq)
        self._reader = Reader(file)

    @classmethod
    async def open(cls, path: Path) -> Store:
        """Open or create the store at `path`.

        Raises:
            StoreUnusable: missing though it existed, corrupt, or of a newer version.
        """

        def prepare() -> tuple[StoreFile, int]:
            file = StoreFile.open(path)
            with translated(path):
                connection = file.connect()
                try:
                    return file, _next_generation(connection)
                finally:
                    connection.close()

        file, generation = await asyncio.to_thread(prepare)
        return cls(file, generation)

    async def close(self) -> None:
        """Finish what was asked for and let the file go."""
        await self._writer.close()
        await asyncio.to_thread(self._reader.close)

    def listen(self, listener: Listener) -> None:
        """Tell `listener` each change once it is durable, in order, on the event loop."""
        self._writer.listener = listener

    def next_seq(self) -> int:
        """A sequence number greater than all before."""
        self._last = next(self._numbers)
        return self._last

    @property
    def first_seq(self) -> int:
        """Numbers from here on were given out since the store was opened."""
        return self.generation * GENERATION

    @property
    def last_seq(self) -> int:
        """The greatest sequence number given out."""
        return self._last

    # --- changes ---

    async def submit(self, new: NewJob, files: Mapping[str, bytes]) -> tuple[StoredJob, bool]:
        """Insert a job with its snapshot; False: the idempotency key had already made this job.

        Raises:
            Conflict: the idempotency key came with another body before.
        """
        size = sum(map(len, files.values()))
        if self.file.free_bytes() < size + RESERVE:
            raise StoreFull(
                f"There is no space left for the store {self.file.path}; nothing was accepted.",
                hint="Free some space; then it works again without a restart.",
            )
        blobs = {
            path: (hashlib.sha256(content).hexdigest(), content) for path, content in files.items()
        }
        return await self._writer.run(lambda transaction: _submit(transaction, new, blobs))

    async def apply(self, job_id: str, event: Event, last: LastSeen | None = None) -> Applied:
        """Let `event` happen to the job; without instructions and change when it came too late.

        Raises:
            NotFound: the job was deleted.
            IllegalTransition: the event can't have happened; carries the job's story.
        """
        return await self._writer.run(lambda transaction: _apply(transaction, job_id, event, last))

    async def update(
        self,
        job_id: str,
        *,
        tracking: Tracking | None = None,
        outputs: Outputs | None = None,
        metrics: Mapping[str, float] | None = None,
        git_dirty: bool | None = None,
        synced: int | None = None,
    ) -> StoredJob:
        """Set what is learnt about a job outside its life; clients see it at once.

        Raises:
            NotFound: the job was deleted.
        """
        values: dict[str, object] = {}
        if tracking is not None:
            values["tracking"] = tracking.model_dump_json()
        if outputs is not None:
            values["outputs"] = outputs.model_dump_json()
        if metrics is not None:
            values["metrics"] = json.dumps(dict(metrics))
        if git_dirty is not None:
            values["git_dirty"] = git_dirty
        return await self._writer.run(
            lambda transaction: _update(transaction, job_id, values, synced)
        )

    async def mark_synced(self, job_id: str, version: int, tracking: Tracking) -> StoredJob:
        """Tracking knows the job up to `version` (of `StoredJob.sync_wanted`).

        Raises:
            NotFound: the job was deleted.
        """
        return await self.update(job_id, tracking=tracking, synced=version)

    async def delete(self, job_id: str) -> StoredJob:
        """Remove the job, its attempts and whatever of its snapshot no other job has.

        Raises:
            NotFound: there is none with this id.
            Conflict: it has not ended.
        """
        return await self._writer.run(lambda transaction: _delete(transaction, job_id))

    # --- questions ---

    async def get(self, job_id: str) -> StoredJob:
        """The job.

        Raises:
            NotFound: there is none with this id.
        """
        return await self._reader.run(lambda db: store_reader.one_job(db, job_id))

    async def by_key(self, key: str) -> tuple[StoredJob, str] | None:
        """The job that an idempotency key made, and the hash of the request's body."""

        def ask(db: sqlite3.Connection) -> tuple[StoredJob, str] | None:
            row = db.execute(
                "SELECT id, idempotency_body FROM jobs WHERE idempotency_key = ?", (key,)
            ).fetchone()
            return (store_reader.one_job(db, row["id"]), row["idempotency_body"]) if row else None

        return await self._reader.run(ask)

    async def page(self, query: JobQuery) -> Page:
        """One page of the jobs that match."""
        return await self._reader.run(lambda db: store_reader.page(db, query))

    async def alive(self) -> list[StoredJob]:
        """Every job that has not ended, oldest first."""
        clause = "WHERE state IN ('queued', 'starting', 'running') ORDER BY created_at, id"
        return await self._reader.run(lambda db: store_reader.jobs_where(db, clause))

    async def jobs_to_sync(self, limit: int = 100) -> list[StoredJob]:
        """Jobs of which tracking does not know everything, oldest change first."""
        clause = "WHERE synced < sync_wanted ORDER BY sync_wanted LIMIT ?"
        return await self._reader.run(lambda db: store_reader.jobs_where(db, clause, (limit,)))

    async def changed_since(self, seq: int) -> list[StoredJob]:
        """Jobs whose last durable change came after `seq`, in the order of those changes."""
        clause = "WHERE version > ? ORDER BY version"
        return await self._reader.run(lambda db: store_reader.jobs_where(db, clause, (seq,)))

    async def deleted_since(self, seq: int) -> list[tuple[int, str]]:
        """(seq, job id) of the jobs that were deleted after `seq`."""
        return await self._reader.run(lambda db: store_reader.deleted_since(db, seq))

    async def was_deleted(self, job_ids: list[str]) -> set[str]:
        """Which of these ids belonged to deleted jobs."""
        return await self._reader.run(lambda db: store_reader.was_deleted(db, job_ids))

    async def counts(self) -> dict[State, int]:
        """How many jobs there are in each state."""
        return (await self.page(JobQuery(limit=1))).counts

    async def lay_out(self, job_id: str, directory: Path) -> list[str]:
        """Write the job's snapshot below `directory`; returns the paths written."""
        return await self._reader.run(lambda db: store_reader.lay_out(db, job_id, directory))

    async def snapshot_file(self, job_id: str, path: str) -> bytes | None:
        """One file of the job's snapshot, or None."""
        return await self._reader.run(lambda db: store_reader.file_of(db, job_id, path))

    async def snapshot_files(self, job_id: str) -> dict[str, bytes]:
        """The job's whole snapshot: path → content."""

        def ask(db: sqlite3.Connection) -> dict[str, bytes]:
            paths = store_reader.hashes_of(db, job_id)
            return {path: store_reader.file_of(db, job_id, path) or b"" for path in paths}

        return await self._reader.run(ask)

    async def story(self, job_id: str) -> str:
        """What the job went through, one line a change."""
        return await self._reader.run(lambda db: store_reader.story(db, job_id))


# --- operations, in the writer's thread -------------------------------------------------------------


def _next_generation(connection: sqlite3.Connection) -> int:
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


def _submit(
    transaction: Transaction, new: NewJob, blobs: Mapping[str, tuple[str, bytes]]
) -> tuple[StoredJob, bool]:
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
        f"INSERT INTO jobs ({', '.join(row_values)}) VALUES ({', '.join('?' * len(row_values))})",
        tuple(row_values.values()),
    )
    for path, (digest, content) in blobs.items():
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


def _apply(
    transaction: Transaction, job_id: str, event: Event, last: LastSeen | None
) -> Applied:
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
    values: dict[str, object] = {
        "state": after.state,
        "attempt": after.attempt,
        "cancelling": after.cancelling,
        "not_before": after.not_before,
        "failure": failure_text(after.failure),
        "version": seq,
    }
    track = after.state != before.state
    if track:
        values["sync_wanted"] = seq
    if after.state.terminal:
        values["ended_at"] = event.at
    if after.state is State.STARTING and row["started_at"] is None:
        values["started_at"] = event.at
    if last is not None:
        values["progress"] = last.progress.model_dump_json()
        values["last_output"] = last.last_output
        if last.outputs is not None:
            values["outputs"] = last.outputs.model_dump_json()
    for instruction in instructions:
        if isinstance(instruction, CloseAttempt):
            values["duration"] = instruction.duration
    changed = transaction.execute(
        f"UPDATE jobs SET {', '.join(f'{name} = ?' for name in values)}"
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


def _update(
    transaction: Transaction, job_id: str, values: dict[str, object], synced: int | None
) -> StoredJob:
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
        f"UPDATE jobs SET {', '.join(assignments)} WHERE id = ?", (*bound, job_id)
    )
    if changed.rowcount != 1:
        raise NotFound(f"There is no job {job_id}.")
    stored = store_reader.one_job(transaction.connection, job_id)
    transaction.changes.append(Change(job_id, stored, track=track))
    return stored


def _delete(transaction: Transaction, job_id: str) -> StoredJob:
    db = transaction.connection
    stored = store_reader.one_job(db, job_id)
    job: Job = stored.job
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
