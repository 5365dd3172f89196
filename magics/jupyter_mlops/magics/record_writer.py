"""Brings what is logged into the run's file: a thread, every quarter of a second while there is
something, and whoever wants it there now.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from jupyter_mlops.errors import MlopsError
from jupyter_mlops.magics.points import Entry, Steps
from jupyter_mlops.magics.record_file import RecordFile

#: Seconds between two looks at whether there is something to write.
INTERVAL = 0.25
#: Seconds between two tries to start a daemon that has gone away.
_RESTART_INTERVAL = 5.0
#: Entries that are turned into records at a time: the kernel goes on between two.
_AT_ONCE = 500


class RecordWriter:
    """One open run's. Everything that is logged is in the file in the order in which it was."""

    def __init__(self, file: RecordFile, start_daemon: Callable[[], None]) -> None:
        self.points: deque[Entry] = deque()
        #: Called whenever it is written, and every quarter of a second by the thread.
        self.beside: list[Callable[[], None]] = []
        #: Told each record that was written.
        self.readers: list[Callable[[list[dict[str, Any]]], None]] = []
        self._file = file
        self._start_daemon = start_daemon
        self._steps = Steps()
        self._records: deque[dict[str, Any]] = deque()
        #: Could not be written yet.
        self._left: list[dict[str, Any]] = []
        self._last: dict[str, Any] | None = None
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._ring = False
        self._not_before = 0.0
        self._told = False
        self._child = False
        self._thread = threading.Thread(target=self._run, name="mlops-log", daemon=True)
        self._thread.start()

    def add(self, record: dict[str, Any]) -> None:
        """One record, soon in the file."""
        self._records.append(record)
        if self._child:
            self.flush()

    def flush(self) -> bool:
        """Write what there is and tell the daemon; whether all of it is written."""
        for write in self.beside:
            write()
        with self._lock:
            try:
                written = self._write()
            except OSError as error:
                self._tell(error)
                return False
        if written or self._ring:
            # Nobody there: the thread starts the daemon again, and tells it then.
            self._ring = not self._file.ring()
        return True

    def end(self, record: dict[str, Any]) -> bool:
        """Write what is left, `record` last; whether all of it is written."""
        if not self._child:
            self._ended.set()
            self._thread.join(5.0)
        self._last = record
        done = self.flush()
        self._file.sync()
        return done

    def in_child(self) -> None:
        """This is a forked child now: no thread, and every point is written at once."""
        self._lock = threading.Lock()
        self._left.clear()
        self._records.clear()
        self.beside.clear()
        self.readers.clear()
        self._child = True
        self.points = _Direct(self.flush)

    def _write(self) -> bool:
        # What is there now: a loop may log faster than this writes.
        entries = len(self.points)
        written = bool(self._left)
        if written:
            self._append(self._left)
        while entries or self._records:
            some = self._some(min(entries, _AT_ONCE))
            entries -= len(some)
            self._append([*self._steps.records(some), *self._next_records()])
            written = True
        if self._last is not None:
            self._append([self._last])
            self._last = None
            written = True
        return written

    def _append(self, records: list[dict[str, Any]]) -> None:
        self._left = records
        self._file.append(records)
        self._left = []
        for read in self.readers:
            read(records)

    def _some(self, count: int) -> list[Entry]:
        # Only this, under the lock, takes from it: what is there stays there.
        return [self.points.popleft() for _ in range(count)]

    def _next_records(self) -> list[dict[str, Any]]:
        records = self._records
        return [records.popleft() for _ in range(len(records))]

    def _run(self) -> None:
        while not self._ended.wait(INTERVAL):
            if self.points or self._records or self._left:
                self.flush()
            else:
                for write in self.beside:
                    write()
            if self._ring:
                self._wake_daemon()

    def _wake_daemon(self) -> None:
        now = time.monotonic()
        if now < self._not_before:
            return
        self._not_before = now + _RESTART_INTERVAL
        try:
            self._start_daemon()
        except MlopsError as error:
            # What was logged is in the file: the next daemon, whoever starts it, records it.
            self._tell(error)
        else:
            self._ring = not self._file.ring()

    def _tell(self, error: OSError | MlopsError) -> None:
        """Once: it is tried again and again."""
        if self._told:
            return
        self._told = True
        what = error.detail if isinstance(error, MlopsError) else error.strerror or str(error)
        sys.stderr.write(f"mlops: what is logged can't be recorded now: {what} It is kept.\n")


class _Direct(deque[Entry]):
    """Written as soon as it is appended to: a forked child may end at any moment, and without
    exit handlers.
    """

    def __init__(self, flush: Callable[[], bool]) -> None:
        super().__init__()
        self._flush = flush

    def append(self, entry: Entry, /) -> None:
        super().append(entry)
        self._flush()
