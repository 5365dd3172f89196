"""The commit of a working tree, and whether it has changes.

The commit is read from git's own files: no process is started, so that a submit doesn't wait.
Whether something was changed only git itself can tell; that is asked apart, with a time limit, and
with everything switched off that a repository's configuration could make git run.
"""

from __future__ import annotations

import os
import re
import subprocess
import threading
import time
from pathlib import Path

#: Seconds that `git status` may take; a larger working tree has no answer.
STATUS_PATIENCE = 0.5
#: Seconds for which an answer is used again: sweeps submit one notebook many times.
_FRESH = 2.0

_OBJECT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_BRANCH = re.compile(r"ref: (refs/[^\0\n]+)")
_MAX_PACKED = 64 * 2**20

_answers: dict[tuple[str, ...], tuple[float, bool | None]] = {}
_asking = threading.Lock()


def git_commit(directory: Path) -> str | None:
    """The commit checked out in the working tree that `directory` lies in; None outside of one."""
    found = _repository(directory)
    if found is None:
        return None
    _, git_dir = found
    head = _line(git_dir / "HEAD")
    if _OBJECT.fullmatch(head):
        return head
    branch = _BRANCH.fullmatch(head)
    if branch is None or ".." in branch[1].split("/"):
        return None
    common = git_dir
    if relative := _line(git_dir / "commondir"):
        common = (git_dir / relative).resolve()
    for place in (git_dir, common):
        commit = _line(place / branch[1])
        if _OBJECT.fullmatch(commit):
            return commit
    return _packed(common, branch[1])


def git_dirty(notebook: Path) -> bool | None:
    """Whether tracked files have changes, or `notebook` isn't tracked at all.

    None outside of a working tree, without git, or when git takes longer than `STATUS_PATIENCE`.
    Blocks for up to twice that: call it in a thread. Git's answers are used again for two seconds.
    """
    found = _repository(notebook.parent)
    if found is None:
        return None
    top, _ = found
    changed = _lists(top, "status", "--porcelain", "--untracked-files=no", "-z")
    if changed is not False:
        return changed
    tracked = _lists(top, "ls-files", "-z", "--", f":(literal){notebook}")
    return None if tracked is None else not tracked


def _lists(top: Path, *arguments: str) -> bool | None:
    """Whether git lists anything, or did a moment ago; None: no answer."""
    key = (str(top), *arguments)
    with _asking:
        known = _answers.get(key)
        if known is None or time.monotonic() - known[0] > _FRESH:
            listed = _git(top, *arguments)
            known = (time.monotonic(), None if listed is None else bool(listed))
            if len(_answers) > 100:
                _answers.clear()
            _answers[key] = known
    return known[1]


def _git(top: Path, *arguments: str) -> bytes | None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment |= {
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C",
    }
    command = [
        *("git", "-C", str(top)),
        *("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null"),
        *arguments,
    ]
    try:
        answer = subprocess.run(  # an argument list, no shell; "git" as the person's PATH has it
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            timeout=STATUS_PATIENCE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None  # no git, or no answer in time: nothing is claimed
    return answer.stdout if answer.returncode == 0 else None


def _repository(directory: Path) -> tuple[Path, Path] | None:
    """The top of the working tree and its git directory."""
    for top in (directory, *directory.parents):
        place = top / ".git"
        if place.is_dir():
            return top, place
        if pointer := _line(place).removeprefix("gitdir: "):
            return top, (top / pointer).resolve()
    return None


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
