"""Opening files that somebody else may swap: what was checked is what is read."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import BinaryIO

from jupyter_mlops.errors import NotFound, Refused, TooLarge


def open_regular(path: Path, below: Path | None = None) -> BinaryIO:
    """Open a regular file for reading; with `below`, only if it really lies there.

    Raises:
        NotFound: it isn't there.
        Refused: it is a link, a device, a pipe, unreadable, or lies elsewhere.
    """
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        descriptor = os.open(path, flags)
    except FileNotFoundError:
        raise NotFound(f"There is no file {path}.") from None
    except OSError as error:
        raise Refused(f"{path} can't be read: {error.strerror}.") from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise Refused(f"{path} is not a regular file.")
        if below is not None and not _real_path(descriptor, path).is_relative_to(below):
            raise Refused(f"{path} leads out of {below}.")
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_regular(path: Path, limit: int, below: Path | None = None) -> bytes:
    """The content of a regular file of at most `limit` bytes; see `open_regular`.

    Raises:
        TooLarge: there is more.
    """
    with open_regular(path, below) as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise TooLarge(f"{path} is larger than {limit // 2**20} MB.")
    return data


def _real_path(descriptor: int, path: Path) -> Path:
    """Where the opened file is, whatever its name was changed to since."""
    if sys.platform == "darwin":
        import fcntl

        found = fcntl.fcntl(descriptor, 50, bytes(1024))  # F_GETPATH
        return Path(os.fsdecode(found.rstrip(b"\0")))
    try:
        return Path(os.readlink(f"/proc/self/fd/{descriptor}"))
    except OSError:
        return Path(os.path.realpath(path))
