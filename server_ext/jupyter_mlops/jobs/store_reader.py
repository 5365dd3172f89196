"""What can be asked of the store.

Each reading thread has a connection of its own that can't write; none of them waits for the writer.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import json
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TypeVar

from jupyter_mlops.errors import InvalidInput, NotFound, StoreUnusable
from jupyter_mlops.jobs.model import State
from jupyter_mlops.jobs.store_file import StoreFile, translated
from jupyter_mlops.jobs.store_rows import StoredJob, stored_job

T = TypeVar("T")

PAGE = 100
PAGE_MOST = 1000
_THREADS = 4


@dataclass(frozen=True, slots=True)
class JobQuery:
    """Which jobs to list; newest first. `name` is a part of the name, taken literally."""

    states: tuple[State, ...] = ()
    name: str | None = None
    notebook: str | None = None
    limit: int = PAGE
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a listing; `counts` of all that match but for the states."""

    jobs: list[StoredJob]
    next: str | None
    counts: dict[State, int]


class Reader:
    """Asks in threads; every method returns once the answer is there.

    Raises (all of them): StoreUnusable, Busy.
    """

    def __init__(self, file: StoreFile) -> None:
        self._file = file
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="store-reader")
        self._own = threading.local()
        self._all: list[sqlite3.Connection] = []

    async def run(self, question: Callable[[sqlite3.Connection], T]) -> T:
        """Ask one question inside one consistent view of the store."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._ask, question)

    def close(self) -> None:
        """Close every connection; questions under way are answered first."""
        self._threads.shutdown(wait=True)
        for connection in self._all:
            connection.close()

    def _ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        with translated(self._file.path):
            self._file.check_present()
            connection: sqlite3.Connection | None = getattr(self._own, "connection", None)
            if connection is None:
                connection = self._file.connect_reader()
                self._own.connection = connection
                self._all.append(connection)
            connection.execute("BEGIN")
            try:
                return question(connection)
            finally:
                connection.execute("ROLLBACK")


# --- questions ------------------------------------------------------------------------------------


def one_job(connection: sqlite3.Connection, job_id: str) -> StoredJob:
    """The job.

    Raises:
        NotFound: there is none with this id.
    """
    row = connection.execute("SELECT * FROM jobs WHERE id = ?", (job_id,)).fetchone()
    if row is None:
        raise NotFound(f"There is no job {job_id}.", hint="`jupyter mlops jobs` lists them.")
    return stored_job(row, _attempts(connection, [job_id]).get(job_id, []))


def jobs_where(
    connection: sqlite3.Connection, clause: str, values: tuple[object, ...] = ()
) -> list[StoredJob]:
    """Jobs that match a clause of our own (never text from outside)."""
    rows = connection.execute(
        f"SELECT * FROM jobs {clause}",  # noqa: S608 - as it says
        values,
    ).fetchall()
    tries = _attempts(connection, [row["id"] for row in rows])
    return [stored_job(row, tries.get(row["id"], [])) for row in rows]


def page(connection: sqlite3.Connection, query: JobQuery) -> Page:
    """One page of the jobs that match.

    Raises:
        InvalidInput: the cursor isn't one of ours.
    """
    clauses, values = ["1"], list[object]()
    if query.name:
        clauses.append("name LIKE ? ESCAPE '\\'")
        escaped = query.name.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        values.append(f"%{escaped}%")
    if query.notebook:
        clauses.append("notebook = ?")
        values.append(query.notebook)
    counted = connection.execute(
        f"SELECT state, count(*) FROM jobs WHERE {' AND '.join(clauses)}"  # noqa: S608 - our own
        " GROUP BY state",
        values,
    )
    counts = dict.fromkeys(State, 0) | {State(state): n for state, n in counted}
    if query.states:
        clauses.append(f"state IN ({', '.join('?' * len(query.states))})")
        values += query.states
    if query.cursor:
        clauses.append("(created_at, id) < (?, ?)")
        values += _read_cursor(query.cursor)
    limit = max(1, min(query.limit, PAGE_MOST))
    found = jobs_where(
        connection,
        f"WHERE {' AND '.join(clauses)} ORDER BY created_at DESC, id DESC LIMIT {limit + 1:d}",
        tuple(values),
    )
    more = len(found) > limit
    found = found[:limit]
    return Page(found, _cursor(found[-1]) if more else None, counts)


def deleted_since(connection: sqlite3.Connection, seq: int) -> list[tuple[int, str]]:
    """(seq, job id) of each job that was deleted after `seq`."""
    rows = connection.execute(
        "SELECT seq, job_id FROM events WHERE type = 'deleted' AND seq > ? ORDER BY seq", (seq,)
    )
    return [(row["seq"], row["job_id"]) for row in rows]


def was_deleted(connection: sqlite3.Connection, job_ids: list[str]) -> set[str]:
    """Which of these ids belonged to jobs that were deleted."""
    found: set[str] = set()
    for job_id in job_ids:
        row = connection.execute(
            "SELECT 1 FROM events WHERE job_id = ? AND type = 'deleted'", (job_id,)
        ).fetchone()
        if row is not None:
            found.add(job_id)
    return found


def story(connection: sqlite3.Connection, job_id: str) -> str:
    """What the job went through, one line a change."""
    rows = connection.execute(
        "SELECT * FROM events WHERE job_id = ? ORDER BY seq", (job_id,)
    ).fetchall()
    return "\n".join(
        f"  {row['seq']} {row['at']:.3f} {row['type']} (attempt {row['attempt']}) {row['detail']}"
        for row in rows
    )


def lay_out(connection: sqlite3.Connection, job_id: str, directory: Path) -> list[str]:
    """Write the job's snapshot below `directory` (created, 0700); returns the paths written.

    Raises:
        StoreUnusable: a stored file is damaged.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    rows = connection.execute(
        "SELECT path, hash, data FROM bundle_files JOIN blobs USING (hash) WHERE job_id = ?",
        (job_id,),
    )
    written: list[str] = []
    for row in rows:
        if hashlib.sha256(row["data"]).hexdigest() != row["hash"]:
            raise StoreUnusable(
                f"The snapshot of job {job_id} is damaged in the store ({row['path']}).",
                hint="Submit the notebook again.",
                code="store_corrupt",
            )
        target = directory.joinpath(*_safe_parts(row["path"]))
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        target.write_bytes(row["data"])
        written.append(row["path"])
    return written


def file_of(connection: sqlite3.Connection, job_id: str, path: str) -> bytes | None:
    """One file of the job's snapshot, or None."""
    row = connection.execute(
        "SELECT data FROM bundle_files JOIN blobs USING (hash) WHERE job_id = ? AND path = ?",
        (job_id, path),
    ).fetchone()
    return None if row is None else bytes(row["data"])


def hashes_of(connection: sqlite3.Connection, job_id: str) -> dict[str, str]:
    """Path → hash of the job's snapshot."""
    rows = connection.execute("SELECT path, hash FROM bundle_files WHERE job_id = ?", (job_id,))
    return {row["path"]: row["hash"] for row in rows}


def _attempts(connection: sqlite3.Connection, job_ids: list[str]) -> dict[str, list[sqlite3.Row]]:
    found: dict[str, list[sqlite3.Row]] = {}
    for start in range(0, len(job_ids), 500):
        some = job_ids[start : start + 500]
        rows = connection.execute(
            "SELECT * FROM attempts WHERE job_id IN"  # noqa: S608 - question marks
            f" ({', '.join('?' * len(some))})"
            " ORDER BY job_id, number",
            some,
        )
        for row in rows:
            found.setdefault(row["job_id"], []).append(row)
    return found


def _safe_parts(path: str) -> tuple[str, ...]:
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "\0" in path:
        raise StoreUnusable(
            f"A snapshot in the store has an impossible path ({path[:100]!r}).",
            code="store_corrupt",
        )
    return parts


def _cursor(stored: StoredJob) -> str:
    text = json.dumps([stored.job.created_at, stored.job.id])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read_cursor(cursor: str) -> list[object]:
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        at, job_id = json.loads(text)
        return [float(at), str(job_id)]
    except (binascii.Error, ValueError, TypeError) as error:
        raise InvalidInput(
            "This is not a cursor of a listing.",
            hint="Use `next` of the page before as it is.",
            problems=[{"where": "cursor", "message": "not a cursor"}],
        ) from error
