"""The directories of jobs. Blocking: called in threads."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

from jupyter_mlops.paths import private_dir


def remove_tree(directory: Path) -> None:
    """Remove a directory, never what links in it lead to; a link in its place is only unlinked."""
    if directory.is_symlink():
        directory.unlink()
        return
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(directory)


def fresh_directory(directory: Path) -> None:
    """An attempt's directory, 0700 and empty: one may be left by a begin that was not recorded."""
    private_dir(directory.parent.parent)
    if os.path.lexists(directory):
        remove_tree(directory)
    private_dir(directory)


def existing(*candidates: str) -> list[str | None]:
    """Each path that is a file, None for the others."""
    return [path if os.path.isfile(path) else None for path in candidates]


def names(directory: Path) -> list[str]:
    """Names of what is in a directory; none when it isn't there."""
    try:
        return os.listdir(directory)
    except FileNotFoundError:
        return []
