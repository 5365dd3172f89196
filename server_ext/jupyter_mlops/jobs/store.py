"""The store of jobs: every acknowledged change is durable, every transition one compare-and-swap.

Writes go through one thread (`store_writer`), reads through a few (`store_reader`). Sequence
numbers order all that clients see; the store's generation (how often it was opened) is in their
high bits, so that numbers given out for progress, which isn't stored, never come back.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from jupyter_mlops.errors import StoreFull
from jupyter_mlops.jobs import store_changes as changes
from jupyter_mlops.jobs import store_reader
from jupyter_mlops.jobs.model import Outputs, State, Tracking
from jupyter_mlops.jobs.state import Event
from jupyter_mlops.jobs.store_changes import Applied, LastSeen
from jupyter_mlops.jobs.store_file import StoreFile, translated
from jupyter_mlops.jobs.store_reader import JobQuery, Page, Reader
from jupyter_mlops.jobs.store_rows import NewJob, StoredJob
from jupyter_mlops.jobs.store_writer import Listener, Writer

T = TypeVar("T")

GENERATION = 2**32
#: A submit leaves so much space free, so that running jobs can still be recorded.
RESERVE = 4 * 2**20


class Store:
    """Opened by `Store.open`, closed by `close`.

    Every method raises StoreUnusable and Busy; those that write raise StoreFull, and then nothing
    was kept.
    """

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
                    return file, changes.next_generation(connection)
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
        return await self._writer.run(lambda transaction: changes.submit(transaction, new, files))

    async def apply(self, job_id: str, event: Event, last: LastSeen | None = None) -> Applied:
        """Let `event` happen to the job; without instructions and change when it came too late.

        Raises:
            NotFound: the job was deleted.
            IllegalTransition: the event can't have happened; carries the job's story.
        """
        return await self._writer.run(
            lambda transaction: changes.apply(transaction, job_id, event, last)
        )

    async def update(
        self,
        job_id: str,
        *,
        tracking: Tracking | None = None,
        outputs: Outputs | None = None,
        metrics: Mapping[str, float] | None = None,
        git_dirty: bool | None = None,
        synced: int | None = None,
        seen: int | None = None,
    ) -> StoredJob:
        """Set what is learnt about a job outside its life; clients see it at once.

        With `seen`, the `StoredJob.sync_wanted` that it was learnt from: nothing is set when the
        job has changed since.

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
            lambda transaction: changes.update(transaction, job_id, values, synced, seen)
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
        return await self._writer.run(lambda transaction: changes.delete(transaction, job_id))

    # --- questions ---

    async def read(self, question: Callable[[sqlite3.Connection], T]) -> T:
        """Ask a question of one's own, in a thread, inside one view of the store."""
        return await self._reader.run(question)

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


__all__ = ["Applied", "LastSeen", "Store"]
