"""Artifacts of runs in a directory of this machine: listed and opened, never left. Blocking.

Whoever logs artifacts may put links among them, and swap a directory for one while it is walked:
every step of a path is opened from the one before, and none may be a link.
"""

from __future__ import annotations

import errno
import mimetypes
import os
import stat
from pathlib import Path
from typing import BinaryIO

from jupyter_mlops.errors import InvalidInput, NotFound, Refused
from jupyter_mlops.tracking.run_views import Artifact, ArtifactList

#: Most entries of a directory that are listed.
LISTED_MOST = 10_000
#: Types that can be shown, all of them harmless in a sandbox or as text; what isn't here is a
#: download.
_SHOWN = {
    "image/png", "image/jpeg", "image/gif", "image/webp", "image/svg+xml", "image/bmp",
    "text/html", "text/plain", "text/csv", "text/tab-separated-values", "text/markdown",
    "application/json",
}  # fmt: skip
_TEXT_NAMES = (
    ".cfg", ".conf", ".diff", ".ini", ".ipynb", ".lock", ".log", ".patch", ".py", ".r", ".sh",
    ".sql", ".toml", ".yaml", ".yml",
)  # fmt: skip
_TEXT_FILES = ("MLmodel", "Dockerfile", "Makefile", "LICENSE")
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def parts_of(path: str) -> list[str]:
    """The steps of an artifact's path.

    Raises:
        InvalidInput: it isn't one below the run's artifacts.
    """
    parts = path.split("/") if path else []
    climbs = any(part in ("", ".", "..") for part in parts)
    if climbs or "\\" in path or "\0" in path or len(path) > 4000:
        raise InvalidInput(
            "This is no path of an artifact.",
            hint="It is counted from the root of the run's artifacts, as in: model/MLmodel",
            problems=[{"where": "path", "message": "isn't below the run's artifacts"}],
        )
    return parts


def media_type(name: str) -> str:
    """The type of a file by its name; empty when unknown."""
    base = name.rpartition("/")[2]
    if base.endswith(".md"):
        return "text/markdown"
    if base in _TEXT_FILES or base.lower().endswith(_TEXT_NAMES):
        return "application/json" if base.endswith(".ipynb") else "text/plain"
    return mimetypes.guess_type(base)[0] or ""


def can_be_shown(kind: str) -> bool:
    """Whether content of a type is answered to be shown rather than downloaded."""
    return kind in _SHOWN


def listed(root: Path, path: str) -> ArtifactList:
    """What a directory of a run's artifacts holds; none when nothing was logged yet.

    Raises:
        NotFound: there is no such directory.
        Refused: it is a link.
    """
    parts = parts_of(path)
    try:
        directory = _walk(root, parts)
    except NotFound:
        if parts:
            raise
        return ArtifactList(path="", artifacts=[])
    found: list[Artifact] = []
    cut = False
    try:
        with os.scandir(directory) as entries:
            for entry in entries:
                if len(found) >= LISTED_MOST:
                    cut = True
                    break
                about = entry.stat(follow_symlinks=False)
                folder = stat.S_ISDIR(about.st_mode)
                if folder or stat.S_ISREG(about.st_mode):
                    path_there = "/".join([*parts, entry.name])
                    found.append(artifact(path_there, about.st_size, directory=folder))
    finally:
        os.close(directory)
    return arranged(path, found, cut=cut)


def artifact(path: str, size: int | None, *, directory: bool) -> Artifact:
    """One entry of a listing."""
    path = path.encode("utf-8", "replace").decode()
    if directory:
        return Artifact(path=path, directory=True)
    kind = media_type(path)
    return Artifact(
        path=path, directory=False, size=size, media_type=kind, preview=can_be_shown(kind)
    )


def arranged(path: str, found: list[Artifact], *, cut: bool) -> ArtifactList:
    """A listing in its order."""
    found.sort(key=lambda one: (not one.directory, one.path))
    return ArtifactList(path=path, artifacts=found, cut=cut)


def opened(root: Path, path: str) -> tuple[BinaryIO, int]:
    """A file among a run's artifacts, and its size.

    Raises:
        NotFound: there is no such file.
        Refused: it is a link or no plain file.
    """
    parts = parts_of(path)
    if not parts:
        raise NotFound("A directory has no content.", code="artifact_not_found")
    directory = _walk(root, parts[:-1])
    try:
        descriptor = _step(parts[-1], _FILE, directory, path)
    finally:
        os.close(directory)
    about = os.fstat(descriptor)
    if not stat.S_ISREG(about.st_mode):
        os.close(descriptor)
        if stat.S_ISDIR(about.st_mode):
            raise NotFound("A directory has no content.", code="artifact_not_found")
        raise Refused(f"The artifact {path!r} is no plain file.")
    return os.fdopen(descriptor, "rb"), about.st_size


def _walk(root: Path, parts: list[str]) -> int:
    """A descriptor of a directory below `root`."""
    try:
        directory = os.open(root, _DIRECTORY)
    except (FileNotFoundError, NotADirectoryError):
        raise _missing("/".join(parts)) from None
    for number, part in enumerate(parts):
        try:
            below = _step(part, _DIRECTORY, directory, "/".join(parts[: number + 1]))
        finally:
            os.close(directory)
        directory = below
    return directory


def _step(name: str, flags: int, directory: int, path: str) -> int:
    try:
        return os.open(name, flags, dir_fd=directory)
    except OSError as error:
        if error.errno == errno.ELOOP or (
            error.errno == errno.ENOTDIR and _is_link(name, directory)
        ):
            raise Refused(f"The artifact {path!r} is a link; they are not followed.") from None
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG):
            raise _missing(path) from None
        raise Refused(f"The artifact {path!r} can't be read: {error.strerror}.") from None


def _is_link(name: str, directory: int) -> bool:
    try:
        return stat.S_ISLNK(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode)
    except OSError:
        return False


def _missing(path: str) -> NotFound:
    return NotFound(
        f"The run has no artifact {path!r}.",
        hint="GET /runs/{id}/artifacts lists them.",
        code="artifact_not_found",
    )
