"""`log.txt`: what the cells printed and what the runner has to say, as plain text."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from jupyter_mlops.jobs.runner.files import append
from jupyter_mlops.jobs.runner.outputs import megabytes
from jupyter_mlops.jobs.runner.text import LogText, strip_controls

#: Seconds after which an unfinished line (a progress bar) is written as it stands.
_OVERDUE = 10.0


class LogFile:
    """Appends text; `flush` writes what has gathered."""

    def __init__(self, path: Path, limit: int) -> None:
        """`limit`: bytes after which nothing but notes is written any more."""
        self.path = path
        self._limit = limit
        self._descriptor = os.open(
            path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600
        )
        self._size = os.fstat(self._descriptor).st_size
        self._streams: dict[str, LogText] = {}
        self._waiting: list[str] = []
        #: Characters given so far, for the limit.
        self._given = self._size
        self._capped = False
        self._touched = time.monotonic()

    @property
    def waiting(self) -> bool:
        """Whether `flush` has something to write."""
        return bool(self._waiting)

    def stream(self, name: str, text: str) -> None:
        """A cell printed `text`."""
        lines = self._streams.get(name)
        if lines is None:
            lines = self._streams[name] = LogText()
        self._add(lines.feed(text))
        self.tick()

    def tick(self) -> None:
        """Now and then: an unfinished line shall not wait for ever."""
        now = time.monotonic()
        if now - self._touched >= _OVERDUE:
            self.settle()
            self._touched = now

    def output(self, output: dict[str, Any]) -> None:
        """A cell showed something: its text, or its traceback."""
        if output["output_type"] == "error":
            text = "\n".join(output["traceback"]) or f"{output['ename']}: {output['evalue']}"
        else:
            plain = output["data"].get("text/plain", "")
            text = plain if isinstance(plain, str) else "".join(plain)
        if text:
            self.settle()
            self._add(strip_controls(text).rstrip("\n") + "\n")

    def note(self, text: str) -> None:
        """The runner has something to say."""
        self.settle()
        said = strip_controls(text).replace("\n", "\n[jupyter-mlops] ")
        self._waiting.append(f"[jupyter-mlops] {said}\n")

    def lines(self, heading: str, lines: list[str]) -> None:
        """Whole lines of other origin, below a heading."""
        self.settle()
        self._waiting.append(f"[jupyter-mlops] {heading}\n")
        self._waiting += [f"{line}\n" for line in lines]

    def settle(self) -> None:
        """Write unfinished lines as they stand."""
        for lines in self._streams.values():
            self._add(lines.overdue())

    def flush(self) -> None:
        """Write what has gathered.

        Raises:
            OSError: it can't be written; it is kept.
        """
        if not self._waiting:
            return
        data = "".join(self._waiting).encode("utf-8", "replace")
        append(self._descriptor, data, self._size)
        self._size += len(data)
        self._waiting.clear()

    def close(self) -> None:
        """Close the file; what wasn't flushed is gone."""
        os.close(self._descriptor)

    def _add(self, text: str) -> None:
        if not text or self._capped:
            return
        self._given += len(text)
        if self._given > self._limit:
            self._capped = True
            text = f"[jupyter-mlops] The log ends here: it has {megabytes(self._limit)}.\n"
        self._waiting.append(text)
