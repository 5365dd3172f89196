"""Runs that need copies of data: a small file each, below `runs/` of the copies' directory.

Written once a run's facts are recorded. Whenever copies are removed a mark is there until every run
that needed one of them has been told, however often the daemon is killed meanwhile. Blocks.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from jupyter_mlops import paths
from jupyter_mlops.errors import StoreUnusable
from jupyter_mlops.jobs.runner import files

_RUN_ID = re.compile(r"[0-9a-zA-Z_-]{1,100}")
_RUNS, _MARK = "runs", "dropped"
_BYTES_MOST = 16 * 2**20


@dataclass(frozen=True, slots=True)
class KeptFor:
    """A run, and the copies that it needs."""

    run_id: str
    #: Content (SHA-256) → where it was read.
    copies: Mapping[str, str]


def note(run_id: str, copies: Mapping[str, str]) -> None:
    """Note which copies a run needs; none: it needs none any more.

    Raises:
        StoreUnusable: it can't be written.
    """
    if not _RUN_ID.fullmatch(run_id):
        return  # no run's id
    place = _directory() / run_id
    try:
        if not copies:
            place.unlink(missing_ok=True)
            return
        paths.private_dir(paths.kept_data_dir())
        paths.private_dir(place.parent)
        files.replace(place, [json.dumps(dict(copies)).encode()], settled=False)
    except OSError as error:
        raise StoreUnusable(f"It can't be noted what the run {run_id} needs: {error}.") from error


def all_runs() -> list[KeptFor]:
    """Every run that needs copies."""
    found: list[KeptFor] = []
    with contextlib.suppress(FileNotFoundError):
        for entry in os.scandir(_directory()):
            if not _RUN_ID.fullmatch(entry.name):
                continue
            with contextlib.suppress(OSError, ValueError, RecursionError):
                if entry.stat(follow_symlinks=False).st_size > _BYTES_MOST:
                    continue
                said = json.loads(Path(entry.path).read_bytes())
                if isinstance(said, dict):
                    told = {str(digest): str(path) for digest, path in said.items()}
                    found.append(KeptFor(entry.name, told))
    return found


def needed() -> set[str]:
    """Contents that some run needs."""
    return {digest for one in all_runs() for digest in one.copies}


def mark_dropped() -> None:
    """Copies are about to be removed: runs have to be told."""
    paths.private_dir(paths.kept_data_dir())
    _mark().touch(mode=0o600)


def marked_at() -> int | None:
    """When that was last (ns); None where all runs have been told."""
    try:
        return _mark().stat().st_mtime_ns
    except FileNotFoundError:
        return None


def clear_mark() -> None:
    """All of them have been told."""
    _mark().unlink(missing_ok=True)


def _directory() -> Path:
    return paths.kept_data_dir() / _RUNS


def _mark() -> Path:
    return paths.kept_data_dir() / _MARK
