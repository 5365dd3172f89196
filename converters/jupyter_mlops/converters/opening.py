"""Opening a file once, and knowing what was opened.

A path that is checked and then opened can be exchanged in between. Here the file is opened first;
what is checked is the real path of the open descriptor, and what is read comes from it.
"""

from __future__ import annotations

import fcntl
import os
import stat
import sys
from pathlib import Path


class Outside(OSError):
    """The real path of what was opened is not below the root."""


def read_regular(path: Path, *, root: Path | None = None, limit: int) -> bytes:
    """The content of a regular file, at most `limit` + 1 bytes of it.

    Args:
        path: links are followed; what they lead to counts.
        root: a directory (its links are resolved) below which the file must lie.
        limit: in bytes; a longer result tells the caller that there is more.

    Raises:
        Outside: it doesn't lie there.
        OSError: it can't be opened or read, or is a directory, pipe, socket or device.
        ValueError: the path holds a NUL character.
    """
    # O_NONBLOCK: opening a pipe must not wait for somebody who writes into it.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(21, "Is a directory", str(path))
        if not stat.S_ISREG(mode):
            raise OSError(22, "Not a regular file", str(path))
        if root is not None and not _real_path(descriptor, path).is_relative_to(
            os.path.realpath(root)
        ):
            raise Outside(1, "Outside the root", str(path))
        return file.read(limit + 1)


def _real_path(descriptor: int, path: Path) -> Path:
    """Where the open file lies, links resolved."""
    if sys.platform == "darwin":
        raw = fcntl.fcntl(descriptor, fcntl.F_GETPATH, b"\0" * 1024)
        return Path(os.fsdecode(raw.rstrip(b"\0")))
    try:
        return Path(f"/proc/self/fd/{descriptor}").readlink()
    except FileNotFoundError:  # no /proc: resolve, and make sure that it is the same file
        real = Path(os.path.realpath(path))
        if not os.path.samestat(real.stat(), os.fstat(descriptor)):
            raise Outside(1, "Exchanged while it was opened", str(path)) from None
        return real
