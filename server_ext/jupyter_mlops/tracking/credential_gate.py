"""Keeps credentials that a tracking server has refused from being sent to it again and again: some
servers lock an account for that.
"""

from __future__ import annotations

import time
from pathlib import Path

from jupyter_mlops.tracking.tracking_server import CredentialsRefused, credentials_path

#: Seconds for which a refusal holds: the first one; each further one twice as long.
_FIRST = 5.0


class CredentialGate:
    """Shut for a while after a refusal, open again as soon as the file of credentials changes."""

    def __init__(self, most: float, file: Path | None = None) -> None:
        """`most` is the longest, in seconds, that one refusal holds."""
        self._most = most
        self._file = credentials_path() if file is None else file
        self._refusal: CredentialsRefused | None = None
        self._until = 0.0
        self._pause = _FIRST
        self._stamp: tuple[int, int] | None = None

    def check(self) -> None:
        """Return if the server may be asked.

        Raises:
            CredentialsRefused: as it was told last.
        """
        if self._refusal is None:
            return
        if self._stamped() != self._stamp:
            self.opened()
        elif time.monotonic() < self._until:
            raise self._refusal

    def refused(self, error: CredentialsRefused) -> None:
        """The server has refused them."""
        self._refusal, self._stamp = error, self._stamped()
        self._until = time.monotonic() + self._pause
        self._pause = min(self._pause * 2, self._most)

    def opened(self) -> None:
        """The server takes them, or they may be others now."""
        self._refusal, self._pause = None, _FIRST

    def _stamped(self) -> tuple[int, int] | None:
        try:
            found = self._file.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ino
