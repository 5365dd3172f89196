"""Connections that read the embedded store: several at once, none waits for a writer."""

from __future__ import annotations

import asyncio
import secrets
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from jupyter_mlops.tracking.embedded_store import read_only, translated

T = TypeVar("T")

_THREADS = 3


class StoreReaders:
    """Belongs to one event loop. Opens nothing before it is asked.

    Raises (all methods): StoreUnusable, Busy.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="runs-reader")
        #: Whether something is new is asked over and over: never behind a long question.
        self._watching = ThreadPoolExecutor(1, thread_name_prefix="runs-watch")
        self._own = threading.local()
        self._all: list[sqlite3.Connection] = []
        self._mark = secrets.token_hex(4)

    async def run(self, question: Callable[[sqlite3.Connection], T]) -> T:
        """Ask one question inside one consistent view of the store."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._ask, question)

    async def version(self) -> str:
        """What is another text after anybody has written anything, whoever it was."""
        loop = asyncio.get_running_loop()
        number = await loop.run_in_executor(self._watching, self._data_version)
        return f"{self._mark}-{number}"

    def close(self) -> None:
        """Close every connection; questions under way are answered first."""
        for threads in (self._threads, self._watching):
            threads.shutdown(wait=True, cancel_futures=True)
        for connection in self._all:
            connection.close()

    def _ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        with translated(self.path):
            connection = self._connection()
            connection.execute("BEGIN")
            try:
                return question(connection)
            finally:
                connection.execute("ROLLBACK")

    def _data_version(self) -> int:
        # SQLite's own count of what other connections have committed, processes included. This
        # connection never writes, so no write is missed.
        with translated(self.path):
            return int(self._connection().execute("PRAGMA data_version").fetchone()[0])

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._own, "connection", None)
        if connection is None:
            connection = read_only(self.path)
            # As MLflow's own connections are.
            connection.execute("PRAGMA case_sensitive_like = ON")
            self._own.connection = connection
            self._all.append(connection)
        return connection
