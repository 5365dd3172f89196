"""What a working tree holds beyond its commit: the diff of tracked files, submodules, the remote.

    state = tree_state(top, [notebook, *modules])     # blocks: git may be slow
    state.for_files([notebook, *modules], submitted)  # what of it belongs to one job

What a job runs is its snapshot, exactly; this tells how that relates to a commit. It is asked for
at submit and takes milliseconds to seconds; a file that was saved in between is named.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_mlops.jobs.gitstate import GitSilent, git, git_commit, repository

#: A job's directory has its working tree's state in these.
STATE, DIFF = "code.json", "code.diff"
#: Seconds that git may take for its status, and for the diff.
STATUS_PATIENCE, DIFF_PATIENCE = 10.0, 30.0
#: Bytes of a diff that are kept; of a larger one the names of its files are.
DIFF_MOST = 8 * 2**20
#: Paths that are told one by one.
PATHS_MOST = 1_000
#: File systems tell times of change more coarsely than clocks do (seconds).
_COARSE = 0.02
#: The command that git-lfs sets up; other filters of a repository are not run.
_KNOWN_FILTER = re.compile(r"git-lfs(?: [\w%.-]+)*")


@dataclass(frozen=True, slots=True)
class TreeState:
    """A working tree at one moment (`taken`, epoch seconds, is when git was asked first)."""

    top: Path
    taken: float
    commit: str | None
    branch: str | None
    remote: str | None
    #: Tracked files that differ from the commit, submodules among them.
    changed: tuple[str, ...]
    submodules: tuple[dict[str, str], ...]
    #: `git diff HEAD --binary`; None when there is none, or none that can be kept.
    diff: bytes | None
    #: Why there is no diff though something has changed.
    note: str
    #: Of the files that were asked about: those that git tracks, relative to `top`.
    tracked: frozenset[str]

    def for_files(self, files: Iterable[Path], submitted: float) -> dict[str, Any]:
        """What belongs to a job with these files of its own, as JSON.

        `dirty`: tracked files have changed, or the first of `files` (the notebook) isn't tracked.
        """
        paths = [relative for file in files if (relative := _within(self.top, file)) is not None]
        untracked = [path for path in paths if path not in self.tracked]
        since = [p for p in self.changed if _changed_at(self.top / p) > submitted + _COARSE]
        found: dict[str, Any] = {
            "commit": self.commit,
            "branch": self.branch,
            "remote": self.remote,
            "directory": str(self.top),
            "dirty": bool(self.changed) or paths[:1] == untracked[:1] != [],
            "changed": list(self.changed[:PATHS_MOST]),
            "untracked": untracked[:PATHS_MOST],
            "submodules": list(self.submodules),
            "diff": None if self.diff is None else DIFF,
            "submitted": submitted,
            "taken": self.taken,
        }
        if since:
            found["changed_since_submit"] = since[:PATHS_MOST]
        if self.note:
            found["note"] = self.note
        return found


def tree_state(directory: Path, files: Sequence[Path]) -> TreeState | None:
    """The working tree that `directory` lies in, as it is now; None outside of one. Blocks.

    Raises:
        GitSilent: git can't tell.
    """
    repository_found = repository(directory)
    if repository_found is None:
        return None
    top, _ = repository_found
    taken = time.time()
    settings = _settings(top)
    plain = _without_filters(settings)
    status = git(
        top,
        *plain,
        *("status", "--porcelain=v2", "--branch", "--untracked-files=no", "-z"),
        "--ignore-submodules=none",
        patience=STATUS_PATIENCE,
    )
    branch, changed, submodules = _read_status(status)
    diff, note = None, ""
    if changed:
        try:
            diff = git(
                top,
                *plain,
                *("diff", "HEAD", "--binary", "--no-ext-diff", "--no-textconv", "--no-color"),
                *("--src-prefix=a/", "--dst-prefix=b/", "--ignore-submodules=none"),
                patience=DIFF_PATIENCE,
                most=DIFF_MOST,
            )
        except GitSilent as silent:
            note = f"There is no diff: {silent}."
    return TreeState(
        top,
        taken,
        git_commit(directory),
        branch,
        _remote(settings, branch),
        changed,
        submodules,
        diff,
        note,
        tracked(top, files),
    )


def tracked(top: Path, files: Iterable[Path]) -> frozenset[str]:
    """Those of `files` that git tracks, relative to `top`. Blocks.

    Raises:
        GitSilent: git can't tell.
    """
    found: set[str] = set()
    wanted = [path for file in files if (path := _within(top, file)) is not None]
    for start in range(0, len(wanted), PATHS_MOST):
        names = [f":(literal,top){path}" for path in wanted[start : start + PATHS_MOST]]
        said = git(top, "ls-files", "-z", "--full-name", "--", *names, patience=STATUS_PATIENCE)
        found.update(os.fsdecode(name) for name in said.split(b"\0") if name)
    return frozenset(found)


def blob_sizes(top: Path, files: Iterable[str], commit: str) -> dict[str, int]:
    """Bytes that a commit has of each of `files` (relative to `top`) as a plain file. Blocks.

    Of a link it has only where that leads, and is left out. A file that git stores in another form
    (LFS, line ends) has another size than on the disk.

    Raises:
        GitSilent: git can't tell, or doesn't know the commit.
    """
    found: dict[str, int] = {}
    wanted = list(files)
    for start in range(0, len(wanted), PATHS_MOST):
        names = wanted[start : start + PATHS_MOST]
        said = git(
            top,
            *("--literal-pathspecs", "ls-tree", "-r", "-l", "-z", "--full-tree", commit, "--"),
            *names,
            patience=STATUS_PATIENCE,
        )
        for entry in said.split(b"\0"):
            about, _, name = entry.partition(b"\t")
            fields = about.split()
            if len(fields) == 4 and fields[0].startswith(b"100") and fields[3].isdigit():
                found[os.fsdecode(name)] = int(fields[3])
    return found


def changed(top: Path, files: Iterable[Path], commit: str = "HEAD") -> frozenset[str]:
    """Those of `files` that differ from a commit, relative to `top`. Blocks.

    Raises:
        GitSilent: git can't tell, or doesn't know the commit.
    """
    found: set[str] = set()
    wanted = [path for file in files if (path := _within(top, file)) is not None]
    plain = _without_filters(_settings(top)) if wanted else []
    for start in range(0, len(wanted), PATHS_MOST):
        names = [f":(literal,top){path}" for path in wanted[start : start + PATHS_MOST]]
        said = git(
            top,
            *plain,
            *("diff", commit, "--name-only", "-z", "--no-ext-diff", "--no-textconv", "--"),
            *names,
            patience=STATUS_PATIENCE,
        )
        found.update(os.fsdecode(name) for name in said.split(b"\0") if name)
    return frozenset(found)


def without_credentials(url: str) -> str:
    """A remote's address as everybody may see it."""
    plain = re.sub(r"(?<=://)[^/@\s]*@", "", url)
    return re.sub(r"([?&][\w.-]*(?:token|key|secret|sig|auth)[\w.-]*=)[^&\s]*", r"\1…", plain)


# ---------------------------------------------------------------- parts


def _within(top: Path, file: Path) -> str | None:
    for base in (top, Path(os.path.realpath(top))):
        if file.is_relative_to(base):
            return file.relative_to(base).as_posix()
    return None


def _changed_at(path: Path) -> float:
    try:
        return os.lstat(path).st_mtime
    except OSError:
        return 0.0  # removed, nobody can tell when


def _settings(top: Path) -> list[tuple[str, str]]:
    """The repository's remotes and filters."""
    try:
        said = git(
            top,
            *("config", "-z", "--get-regexp", r"^(remote\..*\.url|filter\..*\.(clean|process))$"),
            patience=STATUS_PATIENCE,
        )
    except GitSilent as silent:
        if silent.status != 1:
            raise
        return []  # there are none
    found = []
    for entry in said.decode("utf-8", "replace").split("\0"):
        name, _, value = entry.partition("\n")
        found.append((name, value))
    return found


def _without_filters(settings: list[tuple[str, str]]) -> list[str]:
    """Options that keep git from running what the repository wants files to go through."""
    found: list[str] = []
    for name, value in settings:
        if name.startswith("filter.") and not _KNOWN_FILTER.fullmatch(value):
            driver = name.rpartition(".")[0]
            found += ["-c", f"{name}=", "-c", f"{driver}.required=false"]
    return found


def _remote(settings: list[tuple[str, str]], branch: str | None) -> str | None:
    del branch  # its own remote may be a fork that others can't see: the usual name says more
    urls = {name: value for name, value in settings if name.startswith("remote.")}
    found = urls.get("remote.origin.url") or next(iter(urls.values()), None)
    return None if found is None else without_credentials(found)


def _read_status(said: bytes) -> tuple[str | None, tuple[str, ...], tuple[dict[str, str], ...]]:
    """Branch, changed paths and dirty submodules of `status --porcelain=v2 --branch -z`."""
    branch: str | None = None
    changed: list[str] = []
    submodules: list[dict[str, str]] = []
    entries = iter(said.split(b"\0"))
    for entry in entries:
        text = os.fsdecode(entry)
        kind = text[:1]
        if text.startswith("# branch.head "):
            name = text.removeprefix("# branch.head ")
            branch = None if name == "(detached)" else name
        elif kind in ("1", "2", "u"):
            # The path is the ninth field, the tenth of a rename, the eleventh of a conflict.
            fields = text.split(" ", {"1": 8, "2": 9, "u": 10}[kind])
            changed.append(fields[-1])
            if fields[2].startswith("S"):
                submodules.append({"path": fields[-1], "state": _submodule(fields[2])})
            if kind == "2":
                next(entries, None)  # where it was before
    return branch, tuple(changed), tuple(submodules)


def _submodule(state: str) -> str:
    """In words: `S<c><m><u>`."""
    said = [
        words
        for letter, words in zip(
            state[1:],
            ("another commit", "changes that are not committed", "untracked files"),
            strict=False,
        )
        if letter != "."
    ]
    return ", ".join(said) or "changed"
