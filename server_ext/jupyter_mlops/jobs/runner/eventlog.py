"""`events.jsonl`: what happened, in order, appended and never rewritten."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from jupyter_mlops.jobs.runner.files import append
from jupyter_mlops.jobs.runner.jsontext import compact

#: One line of stream text is at most this long (characters); longer text makes several lines.
STREAM_CHUNK = 1 << 20


class EventLog:
    """Appends events; `flush` writes what has gathered, in whole lines."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(
            path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600
        )
        self._size = os.fstat(self._descriptor).st_size
        self._lines: list[bytes] = []
        self._text: list[str] = []
        self._text_key: tuple[int, str] = (-1, "")
        self.seq = 0
        #: Bytes of events so far.
        self.written = self._size

    def append(self, kind: str, **fields: Any) -> None:
        """Add an event of type `kind`."""
        self._close_text()
        self._add(kind, fields)

    def stream(self, index: int, name: str, text: str) -> None:
        """Add text that cell `index` printed; gathered until something else comes."""
        if (index, name) != self._text_key:
            self._close_text()
            self._text_key = (index, name)
        self._text.append(text)

    def settle(self) -> None:
        """Make gathered text an event, so that `seq` counts everything."""
        self._close_text()

    @property
    def waiting(self) -> bool:
        """Whether `flush` has something to write."""
        return bool(self._lines or self._text)

    def flush(self) -> None:
        """Write what has gathered.

        Raises:
            OSError: it can't be written (a full disk); it is kept, the file ends in a whole line.
        """
        self._close_text()
        if not self._lines:
            return
        data = b"".join(self._lines)
        append(self._descriptor, data, self._size)
        self._size += len(data)
        self._lines.clear()

    def close(self) -> None:
        """Close the file; what wasn't flushed is gone."""
        os.close(self._descriptor)

    def _close_text(self) -> None:
        if not self._text:
            return
        index, name = self._text_key
        text = "".join(self._text)
        self._text.clear()
        for start in range(0, len(text), STREAM_CHUNK):
            piece = text[start : start + STREAM_CHUNK]
            self._add("stream", {"index": index, "name": name, "text": piece})

    def _add(self, kind: str, fields: dict[str, Any]) -> None:
        self.seq += 1
        event = {"seq": self.seq, "t": round(time.time(), 6), "type": kind, **fields}
        data = compact(event) + b"\n"
        self.written += len(data)
        self._lines.append(data)
