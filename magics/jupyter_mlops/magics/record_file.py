"""The file into which a kernel writes what it logs, and the lease that says that it lives.

`<data>/runs/<id>/records.jsonl` is read by the daemon (`tracking/logbook.py` has its lines): what
stands in it is recorded, whatever becomes of this kernel, the daemon or the tracking server.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import socket
from pathlib import Path
from typing import Any

from jupyter_mlops import paths

_RECORDS, _LEASE, _ARTIFACTS = "records.jsonl", "lease", "artifacts"
_NOBODY = (errno.ENOENT, errno.ECONNREFUSED, errno.ENOTSOCK, errno.EPROTOTYPE)


class RecordFile:
    """One open run's; may be used by several threads, and by forked children."""

    def __init__(self, directory: Path, run_id: str) -> None:
        """Hold the lease.

        Raises:
            OSError: the directory isn't there (any more).
        """
        self.directory = directory
        self.artifacts = directory / _ARTIFACTS
        self._message = f"run/{run_id}".encode()
        self._lease = os.open(directory / _LEASE, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            # Shared: a job's kernel and its child processes may log into one run.
            fcntl.flock(self._lease, fcntl.LOCK_SH)
            flags = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
            self._file = os.open(directory / _RECORDS, flags)
        except BaseException:
            os.close(self._lease)
            raise
        self._torn = False
        self._doorbell = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._doorbell.setblocking(False)

    def append(self, records: list[dict[str, Any]]) -> None:
        """Add records, whole lines at once.

        Raises:
            OSError: not all of it could be written; adding the same again is harmless.
        """
        # A line that a full disk cut off is ended first; nobody can read it.
        text = "\n" * self._torn + "".join(f"{_line(record)}\n" for record in records)
        data = text.encode("utf-8", "backslashreplace")
        written = os.write(self._file, data)
        self._torn = written < len(data)
        if self._torn:
            raise OSError(errno.ENOSPC, "the disk is full")

    def ring(self) -> bool:
        """Tell the daemon that there is more; False when there is no daemon. Waits for nothing."""
        try:
            self._doorbell.sendto(self._message, str(paths.doorbell_socket()))
        except OSError as error:
            # Anything else (a full queue, above all) means that it is there and busy.
            return error.errno not in _NOBODY
        return True

    def sync(self) -> None:
        """Have what was written survive a power cut, where the disk can."""
        with contextlib.suppress(OSError):
            os.fsync(self._file)

    def forget_lease(self) -> None:
        """In a forked child: the lease is its parent's."""
        os.close(self._lease)

    def close(self) -> None:
        """Let go of the lease."""
        os.close(self._file)
        os.close(self._lease)
        self._doorbell.close()


def _line(record: dict[str, Any]) -> str:
    return json.dumps(record, separators=(",", ":"))
