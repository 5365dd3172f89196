"""Reproductions as they are kept: a directory each, with a record that is replaced."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from pydantic import ValidationError

from jupyter_mlops import paths
from jupyter_mlops.errors import MlopsError, StoreFull, StoreUnusable
from jupyter_mlops.jobs.runner import files
from jupyter_mlops.reproduction.model import Reproduction

log = logging.getLogger(__name__)

REPRODUCTION_ID = re.compile(r"[0-9a-f]{16}")
RECORD, WORKSPACE, RESULT = "record.json", "workspace", "result"
#: Reproductions that are remembered; the oldest that have ended go first.
_KEPT = 500


def directory_of(reproduction_id: str) -> Path:
    """Everything of one."""
    return paths.reproductions_dir() / reproduction_id


def load_all() -> dict[str, Reproduction]:
    """Every record there is. Blocks."""
    found: dict[str, Reproduction] = {}
    with contextlib.suppress(FileNotFoundError):
        for entry in os.scandir(paths.reproductions_dir()):
            if not REPRODUCTION_ID.fullmatch(entry.name):
                continue
            try:
                raw = (Path(entry.path) / RECORD).read_bytes()
                found[entry.name] = Reproduction.model_validate_json(raw)
            except FileNotFoundError:
                # The daemon was killed before it was acknowledged.
                shutil.rmtree(entry.path, ignore_errors=True)
            except (OSError, ValidationError) as error:
                log.warning("the reproduction %s can't be read: %s", entry.name, error)
    return found


def save(record: Reproduction) -> None:
    """Write a record, durably. Blocks.

    Raises:
        StoreFull: there is no room.
        StoreUnusable: it can't be written.
    """
    directory = directory_of(record.id)
    try:
        paths.private_dir(paths.reproductions_dir())
        paths.private_dir(directory)
        files.replace(directory / RECORD, [record.model_dump_json().encode()])
        files.sync_directory(directory.parent)
    except OSError as error:
        if files.is_full(error):
            raise StoreFull("There is no space left to note a reproduction.") from error
        raise StoreUnusable(f"A reproduction can't be noted: {error}.") from error


def forget_old(known: dict[str, Reproduction]) -> None:
    """Remove the oldest of too many. Blocks."""
    ended = sorted((one.created_at, one.id) for one in known.values() if one.outcome is not None)
    for _, oldest in ended[: max(0, len(known) - _KEPT)]:
        del known[oldest]
        remove(directory_of(oldest))


def clear_up(known: Iterable[Reproduction]) -> None:
    """Remove workspaces that were to go when their reproductions ended. Blocks."""
    for record in known:
        workspace = directory_of(record.id) / WORKSPACE
        if record.outcome is not None and not record.order.keep and workspace.is_dir():
            try:
                remove(workspace)
            except (OSError, MlopsError) as error:
                log.warning("%s can't be removed: %s", workspace, error)


def remove(directory: Path) -> None:
    """Remove a directory that a notebook has worked in. Blocks."""

    def writable(function: object, path: str, error: BaseException) -> None:
        del error
        # A notebook may have taken the permission from a folder of its own.
        with contextlib.suppress(OSError):
            os.chmod(os.path.dirname(path), 0o700)
            os.chmod(path, 0o700, follow_symlinks=False)
            if callable(function):
                function(path)

    if directory.is_symlink():
        raise MlopsError(f"{directory} is a link.")
    shutil.rmtree(directory, onerror=lambda f, p, e: writable(f, p, e[1]))
