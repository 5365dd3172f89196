"""A commit's files and a diff laid out in a clean directory; the working tree is never touched.

    check_out(top, commit, target)      # the repository's own index and tree stay as they are
    apply_diff(target, diff)            # paths that lead out of `target` are refused by git
    remove_escapes(target)              # links that lead out

All of them block.
"""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

from jupyter_mlops.jobs.gitstate import GitSilent, git, repository

#: Seconds.
_PATIENCE, _CHECKOUT_PATIENCE = 30.0, 600.0
#: Bytes of all files of a commit.
TREE_MOST = 4 * 2**30
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
#: Nothing is fetched, nobody is asked.
_VARIABLES = {"GIT_NO_LAZY_FETCH": "1"}


def check_out(top: Path, commit: str, target: Path) -> None:
    """Lay out the files of a commit below `target`, which need not exist.

    Filters of the repository are not run: a file of git-lfs is laid out as its pointer.

    Raises:
        GitSilent: the repository isn't there, or hasn't the commit, or it is too large.
    """
    if not _COMMIT.fullmatch(commit):
        raise GitSilent("that is no commit")
    found = repository(top)
    if found is None or found[0] != top:
        raise GitSilent("the repository is not there any more")
    try:
        git(top, "cat-file", "-e", f"{commit}^{{commit}}", patience=_PATIENCE, variables=_VARIABLES)
    except GitSilent as silent:
        if silent.status is None:
            raise
        raise GitSilent(f"the repository has no commit {commit[:12]} any more") from silent
    size = _size(top, commit)
    if size > TREE_MOST:
        raise GitSilent(f"the commit has {size / 2**30:.1f} GB of files")
    plain = _without_filters(top)
    with tempfile.TemporaryDirectory(prefix="jupyter-mlops-") as beside:
        variables = {**_VARIABLES, "GIT_INDEX_FILE": os.path.join(beside, "index")}
        git(top, *plain, "read-tree", commit, patience=_CHECKOUT_PATIENCE, variables=variables)
        target.mkdir(parents=True, exist_ok=True)
        git(
            top,
            *plain,
            *("checkout-index", "--all", "--force", f"--prefix={target}/"),
            patience=_CHECKOUT_PATIENCE,
            variables=variables,
        )


def apply_diff(target: Path, diff: Path) -> None:
    """Apply what `git diff --binary` wrote to the files below `target`.

    Raises:
        GitSilent: it doesn't fit, or names a path that leads out.
    """
    # A repository further up isn't the one that it belongs to.
    variables = {"GIT_CEILING_DIRECTORIES": str(target.parent)}
    options = ("apply", "--binary", "--whitespace=nowarn")
    git(target, *options, str(diff), patience=_CHECKOUT_PATIENCE, variables=variables)


def remove_escapes(target: Path) -> list[str]:
    """Remove links that lead out of `target`; their paths, relative to it."""
    root = os.path.realpath(target)
    removed: list[str] = []
    for folder, folders, names in os.walk(target):
        for name in [*folders, *names]:
            path = os.path.join(folder, name)
            if not os.path.islink(path):
                continue
            real = os.path.realpath(path)
            if real != root and not real.startswith(root + os.sep):
                os.unlink(path)
                removed.append(os.path.relpath(path, target))
    return removed


def _size(top: Path, commit: str) -> int:
    said = git(
        top,
        *("ls-tree", "-r", "-l", "-z", "--full-tree", commit),
        patience=_PATIENCE,
        most=256 * 2**20,
        variables=_VARIABLES,
    )
    total = 0
    for entry in said.split(b"\0"):
        fields = entry.partition(b"\t")[0].split()
        if len(fields) == 4 and fields[3].isdigit():
            total += int(fields[3])
    return total


def _without_filters(top: Path) -> list[str]:
    try:
        said = git(
            top,
            *("config", "-z", "--name-only", "--get-regexp"),
            r"^filter\..*\.(clean|smudge|process)$",
            patience=_PATIENCE,
        )
    except GitSilent as silent:
        if silent.status != 1:
            raise
        return []  # there are none
    found: list[str] = []
    for name in said.decode("utf-8", "replace").split("\0"):
        if name and "=" not in name:
            found += ["-c", f"{name}=", "-c", f"{name.rpartition('.')[0]}.required=false"]
    return found
