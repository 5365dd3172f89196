"""What cells print while a run is open, on its way to a file beside the run's records.

ipykernel's streams echo what is written to them: whoever holds the stream is seen (loggers,
progress bars), and so are child processes, whose output ipykernel writes there. (IPython replaces
their `write` for each cell, so that can't be taken.) On a terminal the output is the terminal's,
and isn't kept.
"""

from __future__ import annotations

import os
import sys
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

#: Bytes that are kept.
MOST = 32 * 2**20
#: Characters that are kept in memory before they are written at once.
_WAITING_MOST = 2**20
_CUT = "\n[jupyter-mlops] The log ends here: it has 32 MB.\n"


class RunOutput:
    """Open until `close`; `flush` brings into the file what was printed."""

    def __init__(self, file: Path) -> None:
        """Nothing is kept before `open`."""
        self._file = file
        self._waiting: deque[str] = deque()
        self._length = 0
        self._left = MOST
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._streams: list[tuple[Any, _Echo]] = []

    def open(self) -> None:
        """Keep what is printed from now on."""
        for stream in dict.fromkeys((sys.stdout, sys.stderr)):
            if hasattr(stream, "pub_thread"):  # ipykernel's
                kept: Any = stream
                kept.echo = echo = _Echo(self._keep, kept.echo)
                self._streams.append((kept, echo))

    def close(self) -> None:
        """No more; what was kept is in the file."""
        for stream, echo in self._streams:
            if stream.echo is echo:
                stream.echo = echo.before
            echo.keep = None
        self._streams.clear()
        self.flush()

    def flush(self) -> None:
        """Write what has gathered; a full disk costs the log, not the run."""
        if os.getpid() == self._pid:
            with self._lock:
                self._write()

    def _write(self) -> None:
        waiting = self._waiting
        text = "".join([waiting.popleft() for _ in range(len(waiting))])
        self._length = 0
        if not text or self._left <= 0:
            return
        data = text.encode("utf-8", "backslashreplace")
        if len(data) > self._left:
            data = data[: self._left] + _CUT.encode()
        self._left -= len(data)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            descriptor = os.open(self._file, flags, 0o600)
        except OSError:
            self._left = 0
            return
        try:
            os.write(descriptor, data)
        except OSError:
            self._left = 0
        finally:
            os.close(descriptor)

    def _keep(self, text: str) -> None:
        # A forked child's is printed, but not into this file.
        if self._left <= 0 or os.getpid() != self._pid:
            return
        self._waiting.append(text)
        self._length += len(text)
        if self._length > _WAITING_MOST:
            self.flush()


class _Echo:
    """What ipykernel's stream writes to besides."""

    def __init__(self, keep: Callable[[str], None], before: Any) -> None:
        self.keep: Callable[[str], None] | None = keep
        self.before = before

    def write(self, text: str) -> None:
        """One more text."""
        if self.keep is not None:
            self.keep(text)
        if self.before is not None:
            self.before.write(text)

    def flush(self) -> None:
        """Nothing is held back here."""
        if self.before is not None:
            self.before.flush()
