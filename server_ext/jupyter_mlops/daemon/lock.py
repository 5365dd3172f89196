"""The lock that makes the daemon alone. The kernel gives it back however the daemon ends.

Two locks, in fact: of a file, and of the directory that it lies in. The file may be taken for a
leftover and removed while the daemon lives; the next daemon would then lock another file, and there
would be two. The directory stays. Where directories can't be locked (NFS), the file has to do.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

_FILE = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
_DIRECTORY = os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY


class DaemonLock:
    """Held from `acquire` until `release` or the end of the process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None
        self._directory: int | None = None

    def acquire(self) -> bool:
        """Take the lock; False when another daemon has it.

        Raises:
            OSError: there can be no such file; its directory is missing above all.
        """
        if not _leads_to(self._path.parent, self._directory):
            directory = os.open(self._path.parent, _DIRECTORY)
            if _lock(directory, or_else=True) is False:
                os.close(directory)
                return False
            self._directory = _replace(self._directory, directory)
        try:
            file = os.open(self._path, _FILE, 0o600)
            if _lock(file):
                self._file = _replace(self._file, file)
                return True
            os.close(file)
        finally:
            if self._file is None:
                self.release()
        return False

    def in_place(self) -> bool:
        """Whether the file that is locked is the one that everybody else would lock; where it
        isn't, `acquire` takes that one in its stead.
        """
        return _leads_to(self._path, self._file)

    def release(self) -> None:
        """Give it back; the file stays, since removing it would let two daemons hold "the" lock."""
        for descriptor in (self._file, self._directory):
            if descriptor is not None:
                os.close(descriptor)
        self._file = self._directory = None


def _lock(descriptor: int, *, or_else: bool = False) -> bool:
    """Whether it is ours now; `or_else`: where such a thing can't be locked."""
    for pause in (0.01, 0.04, 0.0):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            # Who only looks whether it is held (`starting.lock_held`) has it for a moment.
            time.sleep(pause)
        except OSError:
            if or_else:
                return True
            os.close(descriptor)
            raise
        else:
            return True
    return False


def _leads_to(path: Path, descriptor: int | None) -> bool:
    if descriptor is None:
        return False
    try:
        return os.path.samestat(os.fstat(descriptor), os.lstat(path))
    except OSError:
        return False


def _replace(before: int | None, now: int) -> int:
    if before is not None:
        os.close(before)
    return now
