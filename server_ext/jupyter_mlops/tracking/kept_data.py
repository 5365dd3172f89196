"""Copies of small data files that runs have read, by the SHA-256 of their content.

    keep(file)              # while it still is what was read
    with using(digests): …  # whoever reads one compares its hash: nobody believes the name
    drop(…)                 # all, or those that no run needs any more

A copy is made once, whatever the number of runs. Its time of change is when it was used last. To
make room those go first that no run needs (`kept_for.py`), then the longest unused ones; never one
in use, and none for another one of the same run. Whose copies have gone is told (`listen`).
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import logging
import os
import re
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_mlops import paths
from jupyter_mlops.jobs.runner.files import is_full
from jupyter_mlops.tracking import kept_for

log = logging.getLogger(__name__)

_DIGEST = re.compile(r"[0-9a-f]{64}")
_CHUNK = 2**20


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy that there is."""

    digest: str
    place: Path
    size: int
    #: When it was used last (epoch seconds).
    used_at: float


class KeptData:
    """One for a data directory. Any thread may keep and drop files."""

    def __init__(self, limit: int, total: int) -> None:
        """Bytes: `limit` of one file, `total` of all."""
        self._limit = limit
        self.total = total
        self._used: int | None = None
        self._lock = threading.Lock()
        #: Content → how many reproductions read it.
        self._in_use: Counter[str] = Counter()
        self._dropped: Callable[[], None] = lambda: None

    def listen(self, dropped: Callable[[], None]) -> None:
        """Call `dropped` in any thread whenever copies have been removed."""
        self._dropped = dropped

    def keep(self, file: Mapping[str, Any], spared: Collection[str] = ()) -> bool:
        """Whether there is a copy of a file as it was read (`path`, `size`, `sha256`).

        `spared`: contents that don't make room for it.
        """
        digest = str(file["sha256"])
        place = place_of(digest)
        if place is None:
            return False
        if used_now(place):
            return True
        size = int(file["size"])
        if size > self._limit or not self._room_for(size, spared):
            return False
        try:
            kept = _copy(Path(str(file["path"])), size, digest, place)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.EACCES):
                log.warning("no copy of %s is kept: %s", file["path"], error)
            kept = False
            if is_full(error):
                self._give_up()
        if not kept:
            self._return(size)
        return kept

    @contextlib.contextmanager
    def using(self, digests: Collection[str]) -> Iterator[None]:
        """Let these stay meanwhile."""
        with self._lock:
            self._in_use.update(digests)
        try:
            yield
        finally:
            with self._lock:
                self._in_use.subtract(digests)
                self._in_use += Counter()  # without those that nobody uses

    def needed_by(self, run_id: str, needed: Mapping[str, str]) -> None:
        """A run needs these (content → where it was read). One of them may have gone already.

        Raises:
            StoreUnusable: it can't be noted.
        """
        kept_for.note(run_id, needed)
        if not all(is_there(digest) for digest in needed):
            with self._lock:
                kept_for.mark_dropped()
            self._dropped()

    def all_told(self, marked_at: int) -> bool:
        """Runs that have lost copies before `marked_at` know it; whether that is all of them."""
        with self._lock:
            if kept_for.marked_at() != marked_at:
                return False
            kept_for.clear_mark()
        return True

    def drop(self, *, needed_too: bool, unused_since: float, pretend: bool) -> list[Copy]:
        """Remove copies; returns which.

        Args:
            needed_too: those that a run needs as well.
            unused_since: only those not used since then (epoch seconds).
            pretend: only say which.
        """
        with self._lock:
            needed = set() if needed_too else kept_for.needed()
            found = [
                one
                for one in copies()
                if one.digest not in self._in_use
                and one.digest not in needed
                and one.used_at <= unused_since
            ]
            if not pretend:
                self._remove(found)
        return found

    def _room_for(self, size: int, spared: Collection[str]) -> bool:
        with self._lock:
            if self._used is None:
                self._used = sum(one.size for one in copies())
            if self._used + size > self.total and not self._make_room(size, spared):
                return False
            self._used += size
            return True

    def _make_room(self, size: int, spared: Collection[str]) -> bool:
        """Remove the most dispensable copies, until a tenth is free: for the next ones, too."""
        if size > self.total:
            return False
        there = copies()
        self._used = sum(one.size for one in there)
        may_go = [one for one in there if one.digest not in spared and not self._in_use[one.digest]]
        if self._used - sum(one.size for one in may_go) + size > self.total:
            return False  # nothing is gained by removing some of them
        needed = kept_for.needed()
        may_go.sort(key=lambda one: (one.digest in needed, one.used_at))
        wanted = max(0, self.total * 9 // 10 - size)
        going, left = [], self._used
        for one in may_go:
            if left <= wanted:
                break
            going.append(one)
            left -= one.size
        self._remove(going)
        return True

    def _remove(self, going: Sequence[Copy]) -> None:
        if not going:
            return
        kept_for.mark_dropped()
        for one in going:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(one.place)
            if self._used is not None:
                self._used -= one.size
        log.info("%d copies of data were removed", len(going))
        self._dropped()

    def _return(self, size: int) -> None:
        with self._lock:
            if self._used is not None:
                self._used -= size

    def _give_up(self) -> None:
        """The disk is full: what is free is looked at anew next time."""
        with self._lock:
            self._used = None


def is_there(digest: str) -> bool:
    """Whether there is a copy of a content."""
    place = place_of(digest)
    return place is not None and place.is_file()


def used_now(place: Path) -> bool:
    """Note that a copy is used; whether it is there."""
    try:
        os.utime(place)
    except OSError:
        return place.exists()  # of a directory that can only be read
    return True


def place_of(digest: str) -> Path | None:
    """Where the copy of a content is, or would be; None where that is no hash."""
    if not _DIGEST.fullmatch(digest):
        return None
    return paths.kept_data_dir() / digest[:2] / digest[2:]


def _copy(source: Path, size: int, digest: str, place: Path) -> bool:
    """Copy a file unless it has become another; hashed while it is copied."""
    paths.private_dir(paths.kept_data_dir())
    place.parent.mkdir(mode=0o700, exist_ok=True)
    beside = place.with_name(f".{os.getpid()}-{threading.get_ident()}.new")
    found = hashlib.sha256()
    try:
        with open(source, "rb") as given, open(beside, "xb") as made:
            left = size + 1
            while left > 0 and (piece := given.read(min(_CHUNK, left))):
                left -= len(piece)
                found.update(piece)
                made.write(piece)
            if left != 1 or found.hexdigest() != digest:
                return False
            made.flush()
            os.fsync(made.fileno())
        os.chmod(beside, 0o400)
        os.replace(beside, place)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(beside)
    return True


def copies() -> list[Copy]:
    """Every copy that there is. Blocks."""
    found: list[Copy] = []
    for folder, _, names in os.walk(paths.kept_data_dir()):
        for name in names:
            digest = os.path.basename(folder) + name
            if not _DIGEST.fullmatch(digest):
                continue
            place = Path(folder, name)
            with contextlib.suppress(OSError):
                about = os.lstat(place)
                found.append(Copy(digest, place, about.st_size, about.st_mtime))
    return found
