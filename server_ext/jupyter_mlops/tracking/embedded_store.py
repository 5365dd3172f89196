"""The embedded store's file: one thread that writes, transactions shared by who comes together."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from jupyter_mlops.errors import Busy, MlopsError, StoreFull, StoreUnusable
from jupyter_mlops.tracking import schema

log = logging.getLogger(__name__)
T = TypeVar("T")

#: Seconds to wait for MLflow's own writers.
_BUSY_TIMEOUT = 20.0
_BATCH = 200


@dataclass(slots=True)
class _Task:
    work: Callable[[sqlite3.Connection], Any]
    durable: bool
    future: Future[Any]


class EmbeddedStore:
    """MLflow's SQLite file, which MLflow's own app in this process writes as well.

    Raises (all methods): StoreUnusable, StoreFull, Busy; then nothing was kept.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._tasks: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        self._connection = _connect(path)
        self._file = os.stat(path).st_ino
        self._version: int | None = None
        self._reader = read_only(path)
        self._reading = ThreadPoolExecutor(1, thread_name_prefix="mlflow-reader")
        self.known = schema.revision_of(self._connection) in schema.KNOWN_REVISIONS
        self._thread = threading.Thread(target=self._run, name="mlflow-store", daemon=True)
        self._thread.start()

    def submit(self, work: Callable[[sqlite3.Connection], T], *, durable: bool = True) -> Future[T]:
        """Have `work` done inside a transaction. What isn't `durable` may be lost with the power
        (not with the process): for what is done again if it is missing.
        """
        future: Future[T] = Future()
        self._tasks.put(_Task(work, durable, future))
        return future

    async def run(self, work: Callable[[sqlite3.Connection], T], *, durable: bool = True) -> T:
        """`submit`, and the answer."""
        return await asyncio.wrap_future(self.submit(work, durable=durable))

    async def read(self, question: Callable[[sqlite3.Connection], T]) -> T:
        """Ask something; waits for no writer. Any event loop may."""
        return await asyncio.wrap_future(self._reading.submit(self._ask, question))

    async def changed(self) -> bool:
        """Whether anybody has written since this was asked last. Cheap."""

        def ask(db: sqlite3.Connection) -> bool:
            before, self._version = self._version, db.execute("PRAGMA data_version").fetchone()[0]
            return self._version != before

        return await self.read(ask)

    def close(self) -> None:
        """Finish what was asked for and let the file go."""
        self._tasks.put(None)
        self._thread.join()
        self._reading.shutdown(wait=True, cancel_futures=True)
        self._reader.close()
        self._connection.close()

    def _ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        with translated(self.path):
            return question(self._reader)

    # --- the thread ---

    def _run(self) -> None:
        while (first := self._tasks.get()) is not None:
            batch = [first]
            last = False
            while len(batch) < _BATCH:
                try:
                    further = self._tasks.get_nowait()
                except queue.Empty:
                    break
                if further is None:
                    last = True
                    break
                batch.append(further)
            self._do(batch)
            if last:
                return

    def _do(self, batch: list[_Task]) -> None:
        results: list[tuple[_Task, Any, BaseException | None]] = []
        try:
            with translated(self.path):
                self._check_file()
                level = "FULL" if any(task.durable for task in batch) else "NORMAL"
                self._connection.execute(f"PRAGMA synchronous = {level}")
                self._connection.execute("BEGIN IMMEDIATE")
                try:
                    results = [self._one(task) for task in batch]
                    self._connection.execute("COMMIT")
                except BaseException:
                    if self._connection.in_transaction:
                        self._connection.execute("ROLLBACK")
                    raise
        except BaseException as error:  # whoever waits must hear of it, whatever it is
            if not isinstance(error, MlopsError):
                log.exception("the MLflow store failed")
            results = [(task, None, error) for task in batch]
        for task, result, problem in results:
            if not task.future.set_running_or_notify_cancel():
                continue  # from here on nobody can cancel it
            if problem is None:
                task.future.set_result(result)
            else:
                task.future.set_exception(problem)

    def _one(self, task: _Task) -> tuple[_Task, Any, BaseException | None]:
        """One piece of work in a savepoint of its own: what fails in it is its own affair, unless
        the whole transaction is lost.
        """
        db = self._connection
        db.execute("SAVEPOINT one")
        try:
            result = task.work(db)
        except Exception as error:  # handed to whoever asked
            if isinstance(error, sqlite3.DatabaseError) and not isinstance(
                error, (sqlite3.IntegrityError, sqlite3.ProgrammingError)
            ):
                raise  # the file's trouble, not this task's
            db.execute("ROLLBACK TO one")
            db.execute("RELEASE one")
            return task, None, error
        db.execute("RELEASE one")
        return task, result, None

    def _check_file(self) -> None:
        try:
            there = os.stat(self.path).st_ino == self._file
        except FileNotFoundError:
            there = False
        if not there:
            raise StoreUnusable(
                f"The MLflow store {self.path} was moved away while the daemon has it open.",
                hint="Move it back, then: jupyter mlops daemon stop",
                code="tracking_store_missing",
            )


def _open(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{path.as_uri()}?mode={mode}",
        uri=True,
        isolation_level=None,
        timeout=_BUSY_TIMEOUT,
        check_same_thread=False,
    )


def read_only(path: Path) -> sqlite3.Connection:
    """A connection that can write nothing."""
    with translated(path):
        connection = _open(path, "ro")
        connection.execute("PRAGMA query_only = ON")
    return connection


def _connect(path: Path) -> sqlite3.Connection:
    with translated(path):
        connection = _open(path, "rw")
        connection.execute("PRAGMA foreign_keys = ON")
        # What a statement keeps aside is small; each would be a file made and removed.
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute("PRAGMA journal_mode = WAL").fetchone()
        connection.execute("SELECT count(*) FROM runs WHERE run_uuid = ''").fetchone()
    return connection


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """SQLite's errors as ours."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise Busy(
                f"The MLflow store {path} is locked by another process.",
                hint="It is tried again by itself.",
            ) from error
        if code == sqlite3.SQLITE_FULL:
            raise StoreFull(
                f"There is no space left for the MLflow store {path}.",
                hint="Free some space; then it works again without a restart.",
            ) from error
        if code == sqlite3.SQLITE_IOERR:
            raise Busy(
                f"The disk of the MLflow store {path} fails: {error}.", hint="Check the disk."
            ) from error
        raise StoreUnusable(
            f"The MLflow store {path} can't be used: {error}.",
            hint="Restore it from a backup beside it, or move it away to begin a new one.",
            code="tracking_store_unusable",
        ) from error
