"""Files that are whole or not there: written beside, synced, then renamed."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

#: What a write says when there is no room.
NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
#: Bytes that every file system allows in a name (encrypting ones allow the fewest).
_SHORT_NAME = 128
_numbers = itertools.count(1)


def is_full(error: OSError) -> bool:
    """Whether `error` means that there is no room left."""
    return error.errno in NO_SPACE


def replace(
    path: Path,
    chunks: Iterable[bytes],
    *,
    mode: int = 0o600,
    durable: bool = True,
    settled: bool = True,
) -> int:
    """Write `chunks` as the new content of `path` and return its size.

    The old content stays until the new one is on the disk; a failure leaves it untouched. Not
    `durable`: of no use after a power cut. Not `settled`: the caller syncs the directory later
    (`sync_directory`, or another file in it).

    Raises:
        OSError: it can't be written.
    """
    beside = _beside(path)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with open(descriptor, "wb") as file:
            size = sum(map(file.write, chunks))
            file.flush()
            if durable:
                os.fsync(file.fileno())
        os.replace(beside, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(beside)
        raise
    if durable and settled:
        sync_directory(path.parent)
    return size


def append(descriptor: int, data: bytes, size: int) -> None:
    """Write `data` at the end of a file that has `size` bytes: all of it or nothing.

    Raises:
        OSError: it can't be written; the file is as it was.
    """
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
    except OSError:
        os.ftruncate(descriptor, size)
        raise


def replace_with_copy(path: Path, source: Path, *, settled: bool = True) -> None:
    """Make `path` a copy of `source`, as `replace` does; readable as the umask allows.

    Raises:
        OSError: it can't be read or written.
    """
    beside = _beside(path)
    try:
        with open(source, "rb") as given, open(beside, "xb") as file:
            shutil.copyfileobj(given, file, 1 << 20)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(beside)
        raise
    if settled:
        sync_directory(path.parent)


def make_writable(directory: Path, name_length: int) -> None:
    """Let there be `directory`, where files with names of `name_length` bytes can be written.

    Raises:
        OSError: there can't.
    """
    try:
        directory.mkdir(parents=True)
    except FileExistsError:
        pass
    else:
        if name_length <= _SHORT_NAME:
            return  # made by us: ours to write into
    name = f".mlops-{os.getpid()}-probe"
    path = directory / (name + "x" * max(0, name_length - len(name)))
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    os.close(descriptor)
    os.unlink(path)


def sync_directory(path: Path) -> None:
    """Make a rename in `path` last; where a file system can't, it can't."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EROFS):
            raise
    finally:
        os.close(descriptor)


def _beside(path: Path) -> Path:
    # Not made from the name: that may already be as long as a name can be.
    return path.parent / f".mlops-{os.getpid()}-{next(_numbers)}.tmp"
