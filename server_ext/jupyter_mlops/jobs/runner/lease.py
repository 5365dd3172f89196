"""The lease of an attempt: whoever holds its lock is the attempt's only runner."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

REVOKED = b"revoked"


class LeaseLost(Exception):
    """Another runner has the attempt, or it was taken from us: nothing more may be written."""


class Lease:
    """A held lease; the system lets go of it when the process ends."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor

    @classmethod
    def take(cls, directory: Path) -> Lease:
        """Hold the lease of the attempt in `directory`.

        Raises:
            LeaseLost: another process holds it, or it was revoked.
        """
        path = directory / "lease"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(descriptor)
            raise LeaseLost(f"{path} is held by another runner") from error
        lease = cls(path, descriptor)
        try:
            lease.check()
        except LeaseLost:
            lease.release()
            raise
        return lease

    def check(self) -> None:
        """Before writing what others rely on: is it still ours?

        Raises:
            LeaseLost: it was revoked, or its file is gone.
        """
        # By path: whoever revokes may have replaced the file.
        try:
            content = self._path.read_bytes()
        except FileNotFoundError as error:
            raise LeaseLost(f"{self._path} is gone") from error
        if content.strip().startswith(REVOKED):
            raise LeaseLost(f"{self._path} was revoked")

    def release(self) -> None:
        """Let go of it."""
        os.close(self._descriptor)
