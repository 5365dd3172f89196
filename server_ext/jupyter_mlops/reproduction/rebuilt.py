"""Rebuilt environments on the disk: how large they are, and which of them go. Blocks."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from jupyter_mlops import paths

log = logging.getLogger(__name__)

#: Written last: without it an environment isn't whole.
WHOLE = "kernel.json"


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """One, named by the beginning of its lock's hash."""

    name: str
    place: Path
    #: Bytes that are its alone; uv's cache has the others as well.
    size: int
    #: When it was used last (epoch seconds).
    used_at: float


def environments() -> list[Rebuilt]:
    """Every one that there is, the longest unused first."""
    found: list[Rebuilt] = []
    with contextlib.suppress(FileNotFoundError):
        for entry in os.scandir(paths.rebuilt_dir()):
            with contextlib.suppress(OSError):
                if entry.is_dir(follow_symlinks=False):
                    place = Path(entry.path)
                    used_at = entry.stat(follow_symlinks=False).st_mtime
                    found.append(Rebuilt(entry.name, place, _size(place), used_at))
    return sorted(found, key=lambda one: (one.used_at, one.name))


def make_room(limit: int, spared: Collection[str]) -> None:
    """Remove the longest unused ones above `limit` (bytes), but for those named in `spared`."""
    there = environments()
    total = sum(one.size for one in there)
    for one in there:
        if total <= limit:
            return
        if one.name not in spared:
            _remove(one)
            total -= one.size


def drop(spared: Collection[str], unused_since: float, *, pretend: bool) -> list[Rebuilt]:
    """Remove those that nobody has used since then (epoch seconds), but for `spared`."""
    going = [
        one for one in environments() if one.name not in spared and one.used_at <= unused_since
    ]
    if not pretend:
        for one in going:
            _remove(one)
    return going


def _remove(one: Rebuilt) -> None:
    log.info("the rebuilt environment %s is removed", one.name)
    (one.place / WHOLE).unlink(missing_ok=True)
    shutil.rmtree(one.place, ignore_errors=True)


def _size(place: Path) -> int:
    total = 0
    for folder, _, names in os.walk(place):
        for name in names:
            with contextlib.suppress(OSError):
                about = os.lstat(os.path.join(folder, name))
                total += about.st_blocks * 512 // max(1, about.st_nlink)
    return total
