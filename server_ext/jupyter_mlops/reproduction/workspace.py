"""The folder that a run is run again in: its code and data, each file where it was, below it.

`/home/me/project/train.ipynb` becomes `<workspace>/home/me/project/train.ipynb`, so that every
relative path leads where it led. The person's own files are read, never written. Blocks.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jupyter_mlops.jobs.checkout import apply_diff, check_out, remove_escapes
from jupyter_mlops.jobs.gitstate import GitSilent
from jupyter_mlops.reproduction.archive import make_folders, unpack, write_new
from jupyter_mlops.reproduction.model import CannotReproduce
from jupyter_mlops.tracking.kept_data import place_of, used_now

_CHUNK = 2**20
#: Bytes that stay free on the disk.
_SPARE = 256 * 2**20
_NAMED = 5


class Workspace:
    """One folder; made anew."""

    def __init__(self, root: Path, named: str = "", real: str = "") -> None:
        """A folder for files.

        Args:
            root: the folder.
            named: where the run worked, as it was named; a link may have been on the way.
            real: where that really was: there everything is laid out.
        """
        self.root = root
        self._link = _without_common_end(named, real)
        #: What else is worth knowing.
        self.notes: list[str] = []

    def place(self, path: str) -> Path:
        """Where a file that lay at `path` lies here.

        Raises:
            CannotReproduce: `path` is none that a file can have.
        """
        named, real = self._link
        if named != real and (path == named or path.startswith(f"{named}/")):
            path = real + path[len(named) :]
        parts = path.split("/")
        fits = path.startswith("/") and ".." not in parts and "\0" not in path and len(path) < 2000
        if not fits or not any(parts):
            raise CannotReproduce(f"a path can't be used: {path[:100]!r}")
        return self.root.joinpath(*[part for part in parts if part not in ("", ".")])

    # --- code ---

    def restore_tree(self, code: Mapping[str, Any], diff: Path | None) -> str:
        """Lay out the commit and what was changed since; what was found, in words.

        Where that can't be, a note says why: the modules themselves are in `code.zip`.
        """
        top, commit = str(code.get("directory") or ""), str(code.get("commit") or "")
        if not top or not commit:
            return ""
        target = self.place(top)
        try:
            check_out(Path(top), commit, target)
        except GitSilent as silent:
            self.notes.append(f"the code is that of code.zip: {silent}")
            shutil.rmtree(target, ignore_errors=True)
            return ""
        said = f"commit {commit[:12]}"
        if diff is not None:
            try:
                apply_diff(target, diff)
            except GitSilent as silent:
                raise CannotReproduce(
                    f"code.diff doesn't fit commit {commit[:12]}: {silent}"
                ) from None
            said += " and its diff"
        elif code.get("changed") and code.get("note"):
            self.notes.append(str(code["note"]))
        if since := code.get("changed_since_submit"):
            self.notes.append(f"changed while it was submitted: {_listed(since)}")
        if links := remove_escapes(target):
            self.notes.append(
                f"links that lead out of the repository were left out: {_listed(links)}"
            )
        return said

    def restore_modules(self, archive: Path, cwd: str) -> int:
        """Lay out `code.zip`, the modules as they ran; returns how many files."""
        return unpack(archive, self._folder(cwd))

    def put(self, path: str, content: bytes) -> Path:
        """Write a file; where it is."""
        place = self.place(path)
        write_new(place, self.root, [content], len(content))
        return place

    def _folder(self, cwd: str) -> Path:
        folder = self.place(cwd)
        make_folders(folder, self.root)
        return folder

    # --- data ---

    def restore_data(
        self, files: Sequence[Mapping[str, Any]], told: Callable[[int], None]
    ) -> dict[str, int]:
        """Bring the files that were read to their places; how many came from where.

        Args:
            files: `path`, `size` and `sha256` of each.
            told: called with the number of those that are there.

        Raises:
            CannotReproduce: one can't be had as it was read; names every one.
        """
        came = {"the commit": 0, "where they were": 0, "copies": 0}
        missing: list[str] = []
        for number, one in enumerate(files):
            path, digest = str(one.get("path", "")), str(one.get("sha256", ""))
            place = self.place(path)
            if has_content(place, digest):
                came["the commit"] += 1
            elif self._copied(Path(path), place, digest):
                came["where they were"] += 1
            elif (kept := place_of(digest)) is not None and self._copied(kept, place, digest):
                used_now(kept)
                came["copies"] += 1
            else:
                missing.append(f"{path} {'has changed' if os.path.exists(path) else 'is gone'}")
            told(number + 1)
        if missing:
            raise CannotReproduce(f"data can't be had as it was read: {_listed(missing)}")
        return {where: count for where, count in came.items() if count}

    def _copied(self, source: Path, place: Path, digest: str) -> bool:
        """Copy a file if it has that content."""
        beside = place.with_name(f".{os.getpid()}.new")
        try:
            if not source.is_file():
                return False
            if shutil.disk_usage(self.root).free < source.stat().st_size + _SPARE:
                raise CannotReproduce(f"there is no room on the disk for a copy of {source}")
            make_folders(place.parent, self.root)
            if _copy(source, beside) != digest:
                return False
            os.replace(beside, place)
        except OSError as error:
            self.notes.append(f"{source} can't be copied: {error.strerror or error}")
            return False
        finally:
            beside.unlink(missing_ok=True)
        return True


def _without_common_end(one: str, other: str) -> tuple[str, str]:
    """Two names of a folder, up to where they lead to the same: where the link is."""
    first, second = one.split("/"), other.split("/")
    while len(first) > 1 and len(second) > 1 and first[-1] == second[-1]:
        first.pop()
        second.pop()
    return "/".join(first), "/".join(second)


def _copy(source: Path, target: Path) -> str:
    """Copy a file; the hash of what was copied."""
    found = hashlib.sha256()
    with open(source, "rb") as given, open(target, "xb") as made:
        while piece := given.read(_CHUNK):
            found.update(piece)
            made.write(piece)
    return found.hexdigest()


def has_content(place: Path, digest: str) -> bool:
    """Whether a file is there and has that content; a link is none."""
    if place.is_symlink() or not place.is_file():
        return False
    with open(place, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == digest


def _listed(names: Sequence[object]) -> str:
    shown = ", ".join(map(str, names[:_NAMED]))
    return shown if len(names) <= _NAMED else f"{shown} and {len(names) - _NAMED} more"
