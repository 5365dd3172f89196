"""What reproductions have left in the data directory."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from jupyter_mlops import paths
from jupyter_mlops.cli.checks.finding import Finding, ok
from jupyter_mlops.cli.render import size


def rebuilt_environments() -> list[Finding]:
    """How large rebuilt environments are; their limit is the daemon's affair."""
    directory = paths.rebuilt_dir()
    count = 0
    with contextlib.suppress(OSError):
        count = sum(entry.is_dir(follow_symlinks=False) for entry in os.scandir(directory))
    what = f"{count} rebuilt environment{'' if count == 1 else 's'}, {size(_size(directory)[1])}"
    return [ok("environments", what if count else "none was rebuilt")]


def copies_of_data() -> list[Finding]:
    """How large the copies of data are that runs have read."""
    count, taken = _size(paths.kept_data_dir(), without="runs")
    what = f"{count} cop{'y' if count == 1 else 'ies'} of data, {size(taken)}"
    return [ok("copies", what if count else "no copies of data")]


def _size(directory: Path, without: str = "") -> tuple[int, int]:
    """Files below a directory, and the bytes on the disk that they alone take."""
    count = taken = 0
    for folder, folders, names in os.walk(directory):
        folders[:] = [name for name in folders if name != without]
        for name in names if folder != str(directory) else ():
            with contextlib.suppress(OSError):
                about = os.lstat(os.path.join(folder, name))
                count += 1
                taken += about.st_blocks * 512 // max(1, about.st_nlink)
    return count, taken
