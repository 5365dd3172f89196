"""The commit of a working tree, and git itself for what only it can tell.

The commit is read from git's own files: no process is started, so that a submit doesn't wait. What
was changed only git can tell; it is asked apart (see `working_tree`), with a time limit, and with
everything switched off that a repository's configuration could make git run.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

_OBJECT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_BRANCH = re.compile(r"ref: (refs/[^\0\n]+)")
_MAX_PACKED = 64 * 2**20
#: Seconds between two looks at how much git has said.
_LOOK = 0.01


def git_commit(directory: Path) -> str | None:
    """The commit checked out in the working tree that `directory` lies in; None outside of one."""
    found = repository(directory)
    if found is None:
        return None
    _, git_dir = found
    head = _line(git_dir / "HEAD")
    if _OBJECT.fullmatch(head):
        return head
    branch = _BRANCH.fullmatch(head)
    if branch is None or ".." in branch[1].split("/"):
        return None
    common = _common(git_dir)
    for place in (git_dir, common):
        commit = _line(place / branch[1])
        if _OBJECT.fullmatch(commit):
            return commit
    return _packed(common, branch[1])


class GitSilent(Exception):
    """Git isn't there, doesn't answer in time, refuses, or says too much; the text says which."""

    def __init__(self, why: str, status: int | None = None) -> None:
        """`status`: what git ended with, where it ended by itself."""
        super().__init__(why)
        self.status = status


def git(
    top: Path,
    *arguments: str,
    patience: float,
    most: int = 16 * 2**20,
    variables: Mapping[str, str] | None = None,
) -> bytes:
    """What git says in the working tree `top`. Blocks.

    Args:
        top: the top of the working tree.
        arguments: its command and what belongs to it.
        patience: seconds that it may take.
        most: bytes that it may say.
        variables: of its environment, besides ours.

    Raises:
        GitSilent: nothing can be claimed.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment |= {
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C",
        **(variables or {}),
    }
    command = [
        *("git", "-C", str(top)),
        *("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null"),
        *arguments,
    ]
    deadline = time.monotonic() + patience
    with tempfile.TemporaryFile() as said:  # a pipe would have to be read while it is waited for
        try:
            process = subprocess.Popen(  # an argument list, no shell; as the person's PATH has it
                command,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.DEVNULL,
                env=environment,
            )
        except OSError as error:
            raise GitSilent(f"git can't be started: {error.strerror or error}") from error
        with process:
            while process.poll() is None:
                if os.fstat(said.fileno()).st_size > most:
                    process.kill()
                elif time.monotonic() > deadline:
                    process.kill()
                    raise GitSilent(f"git {arguments[0]} took longer than {patience:g} s")
                else:
                    time.sleep(_LOOK)
        if said.tell() > most or os.fstat(said.fileno()).st_size > most:
            raise GitSilent(f"git {arguments[0]} said more than {most} bytes")
        if process.returncode != 0:
            status = process.returncode
            raise GitSilent(f"git ended with status {status}", status)
        said.seek(0)
        return said.read()


def repository(directory: Path) -> tuple[Path, Path] | None:
    """The top of the working tree and its git directory."""
    for top in (directory, *directory.parents):
        place = top / ".git"
        if place.is_dir():
            return top, place
        if pointer := _line(place).removeprefix("gitdir: "):
            return top, (top / pointer).resolve()
    return None


def objects_directory(directory: Path) -> Path | None:
    """Where git keeps what the commits of the working tree hold; None outside of one."""
    found = repository(directory)
    if found is None:
        return None
    objects = _common(found[1]) / "objects"
    return objects if objects.is_dir() else None


def _common(git_dir: Path) -> Path:
    """What all working trees of a repository share."""
    relative = _line(git_dir / "commondir")
    return (git_dir / relative).resolve() if relative else git_dir


def _line(path: Path) -> str:
    """The first line of a small file, "" when there is none."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.readline(4096).strip()
    except (OSError, ValueError):
        return ""


def _packed(common: Path, branch: str) -> str | None:
    path = common / "packed-refs"
    try:
        if path.stat().st_size > _MAX_PACKED:
            return None
        with open(path, encoding="utf-8", errors="replace") as file:
            for line in file:
                commit, _, name = line.rstrip("\n").partition(" ")
                if name == branch and _OBJECT.fullmatch(commit):
                    return commit
    except OSError:
        return None
    return None
