"""The only thread that writes to the store.

Operations that arrive while a commit waits for the disk share the next one, so a thousand submits
cost a few fsyncs; each still fails alone.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from jupyter_mlops.errors import Busy
from jupyter_mlops.jobs.state import Instruction
from jupyter_mlops.jobs.store_file import StoreFile, translate
from jupyter_mlops.jobs.store_rows import StoredJob

T = TypeVar("T")
log = logging.getLogger(__name__)

#: Operations that share one commit at most.
BATCH = 256


@dataclass(frozen=True, slots=True)
class Change:
    """One durable change; told to the listener before the caller hears of it."""

    job_id: str
    #: None: the job was deleted.
    job: StoredJob | None
    instructions: tuple[Instruction, ...] = ()
    #: Whether tracking has to hear of it.
    track: bool = False


@dataclass
class Transaction:
    """What an operation works with."""

    connection: sqlite3.Connection
    next_seq: Callable[[], int]
    changes: list[Change] = field(default_factory=list)

    def execute(self, sql: str, values: Any = ()) -> sqlite3.Cursor:
        """Run one statement."""
        return self.connection.execute(sql, values)


Operation = Callable[[Transaction], T]
Listener = Callable[[Change], None]


@dataclass
class _Item:
    operation: Operation[Any]
    future: asyncio.Future[Any]
    value: Any = None
    error: Exception | None = None
    changes: list[Change] = field(default_factory=list)


class Writer:
    """Runs operations in its thread; results and changes arrive on the event loop, in order."""

    def __init__(self, file: StoreFile, next_seq: Callable[[], int]) -> None:
        self._file = file
        self._next_seq = next_seq
        self._loop = asyncio.get_running_loop()
        self._queue: queue.SimpleQueue[_Item | None] = queue.SimpleQueue()
        self._connection: sqlite3.Connection | None = None
        self._closed = False
        self.listener: Listener | None = None
        self._thread = threading.Thread(target=self._work, name="store-writer", daemon=True)
        self._thread.start()

    async def run(self, operation: Operation[T]) -> T:
        """Run `operation` in a transaction; returns once it is durable.

        Raises:
            StoreFull, Busy, StoreUnusable: nothing of it was kept.
            Whatever the operation itself raises; nothing of it was kept either.
        """
        if self._closed:
            raise Busy("The daemon is stopping.", hint="Try again in a moment.")
        future: asyncio.Future[T] = self._loop.create_future()
        self._queue.put(_Item(operation, future))
        return await future

    async def close(self) -> None:
        """Finish what was asked for, then end the thread."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
            await asyncio.to_thread(self._thread.join)

    # --- in the thread ---

    def _work(self) -> None:
        stop = False
        while not stop:
            batch: list[_Item] = []
            item = self._queue.get()
            while True:
                if item is None:
                    stop = True
                    break
                batch.append(item)
                if len(batch) == BATCH:
                    break
                try:
                    item = self._queue.get_nowait()
                except queue.Empty:
                    break
            if batch:
                self._commit(batch)
                self._loop.call_soon_threadsafe(self._deliver, batch)
        self._disconnect()

    def _commit(self, batch: list[_Item]) -> None:
        try:
            self._file.check_present()
            if self._connection is None:
                self._connection = self._file.connect()
            self._connection.execute("BEGIN IMMEDIATE")
            for item in batch:
                self._run_one(self._connection, item)
            self._connection.execute("COMMIT")
        except Exception as error:  # noqa: BLE001 - the thread must outlive one batch
            told: Exception = error
            if isinstance(error, (sqlite3.Error, OSError)):
                told = translate(error, self._file.path)
            log.warning("store: %d operations were not kept: %s", len(batch), told)
            for item in batch:
                item.error, item.changes = item.error or told, []
            # After a failed write or fsync a connection's view of the file is not to be trusted.
            self._disconnect()

    def _run_one(self, connection: sqlite3.Connection, item: _Item) -> None:
        transaction = Transaction(connection, self._next_seq)
        connection.execute("SAVEPOINT one")
        try:
            item.value = item.operation(transaction)
        except Exception as error:
            if not connection.in_transaction:
                # The disk is full or broken: SQLite has rolled everything back.
                raise
            connection.execute("ROLLBACK TO one")
            connection.execute("RELEASE one")
            if isinstance(error, sqlite3.Error) and not isinstance(error, sqlite3.IntegrityError):
                item.error = translate(error, self._file.path)
            else:
                item.error = error
        else:
            connection.execute("RELEASE one")
            item.changes = transaction.changes

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.close()
            except sqlite3.Error as error:
                log.warning("store: closing failed: %s", error)

    # --- on the loop ---

    def _deliver(self, batch: list[_Item]) -> None:
        for item in batch:
            if item.error is None:
                for change in item.changes:
                    self._tell(change)
            if item.future.done():
                continue
            if item.error is not None:
                item.future.set_exception(item.error)
            else:
                item.future.set_result(item.value)

    def _tell(self, change: Change) -> None:
        if self.listener is None:
            return
        try:
            self.listener(change)
        except Exception:  # the change is durable: whoever asked for it must not wait for ever
            log.exception("store: a change of job %s can't be told", change.job_id)
