"""SHA-256 of files' content, remembered by path, inode, size and time of change.

The cache is a directory with one small file an answer, so any number of processes may use it at
once. Small files are not remembered: hashing them is cheaper.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Callable, Mapping
from typing import Any

#: Files from this size (bytes) on are remembered.
REMEMBERED = 2**20
_CHUNK = 2**20
_DIGEST = re.compile("[0-9a-f]{64}")
#: What is said in place of a hash.
TOO_LARGE = "too large to hash: size and time of change are what is known of it"
CHANGED = "it has changed since it was read, before it could be hashed"
GONE = "it is gone, and was not hashed before"


def content_hash(
    file: Mapping[str, Any],
    limit: int,
    cache: str | None,
    stopped: Callable[[], bool] = lambda: False,
) -> dict[str, Any]:
    """`{"sha256": …}` of a file as it was when it was seen, else `{"note": why not}`.

    `{}` when `stopped` says that there is no more time. `file`: path, size, mtime_ns, inode.
    """
    if file["size"] > limit:
        return {"note": TOO_LARGE}
    remembered = None
    if cache is not None and file["size"] >= REMEMBERED:
        remembered = os.path.join(cache, _key(file))
        known = _remembered(remembered)
        if known and not unchanged(file):
            return {"note": CHANGED}
        if known:
            return {"sha256": known}
    answer = _hashed(file, stopped)
    if remembered is not None and "sha256" in answer:
        _remember(remembered, answer["sha256"])
    return answer


def _hashed(file: Mapping[str, Any], stopped: Callable[[], bool]) -> dict[str, Any]:
    try:
        digest = hashlib.sha256()
        with open(file["path"], "rb", buffering=0, opener=_at_once) as opened_raw:
            if not _is(os.fstat(opened_raw.fileno()), file):
                return {"note": CHANGED}
            while piece := opened_raw.read(_CHUNK):
                digest.update(piece)
                if stopped():
                    return {}
            if not _is(os.fstat(opened_raw.fileno()), file):
                return {"note": CHANGED}
    except FileNotFoundError:
        return {"note": GONE}
    except OSError as error:
        return {"note": f"it can't be read: {error.strerror or error}"}
    except ValueError:  # a name that no file has: what kernels tell is not always true
        return {"note": GONE}
    return {"sha256": digest.hexdigest()}


def _at_once(path: str, flags: int) -> int:
    """Opened without waiting: a pipe may have taken the file's place."""
    return os.open(path, flags | os.O_NONBLOCK)


def _key(file: Mapping[str, Any]) -> str:
    said = "\0".join(str(file[name]) for name in ("path", "inode", "size", "mtime_ns"))
    return hashlib.sha256(os.fsencode(said)).hexdigest()


def unchanged(file: Mapping[str, Any]) -> bool:
    """Whether a file is still what it was when it was seen."""
    try:
        return _is(os.stat(file["path"]), file)
    except (OSError, ValueError):
        return False


def _remembered(place: str) -> str:
    """The hash that is remembered there; "" where there is none, or a power cut has left a part."""
    try:
        with open(place, encoding="ascii") as opened:
            found = opened.read(65)
    except (OSError, ValueError):
        return ""
    return found if _DIGEST.fullmatch(found) else ""


def _is(found: os.stat_result, file: Mapping[str, Any]) -> bool:
    return (found.st_size, found.st_mtime_ns, found.st_ino) == (
        file["size"],
        file["mtime_ns"],
        file["inode"],
    )


def _remember(place: str, digest: str) -> None:
    beside = f"{place}.{os.getpid()}"
    with contextlib.suppress(OSError):  # full, or not ours: it is hashed again next time
        os.makedirs(os.path.dirname(place), mode=0o700, exist_ok=True)
        with open(beside, "w", encoding="ascii") as file:
            file.write(digest)
        os.replace(beside, place)
