"""The directories of jobs. Blocking: called in threads."""

from __future__ import annotations

import errno
import os
import shutil
import time
from pathlib import Path

from jupyter_mlops.paths import private_dir

_TRIES = 50
_PAUSE = 0.1


def remove_tree(directory: Path) -> None:
    """Remove a directory, never what links in it lead to; a link in its place is only unlinked.

    What is still written into it meanwhile goes as well: of a job that has just ended, the facts
    may be on their way. Who goes on for more than five seconds is told of by an `OSError`.
    """
    if directory.is_symlink():
        directory.unlink()
        return
    for left in reversed(range(_TRIES)):
        try:
            shutil.rmtree(directory)
        except OSError as error:
            # Something came into it, or went from it, after it was listed.
            if error.errno not in {errno.ENOTEMPTY, errno.ENOENT} or not left:
                raise
        if not os.path.lexists(directory):
            return
        time.sleep(_PAUSE)


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
