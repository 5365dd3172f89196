"""What a run lacks now, by what was recorded of it and what is left of that here. Blocks."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jupyter_mlops.converters.reproducible import CANNOT, Lack, is_python, lacks
from jupyter_mlops.errors import KernelUnknown
from jupyter_mlops.facts import hashing
from jupyter_mlops.jobs import kernelspecs
from jupyter_mlops.jobs.gitstate import GitSilent, git
from jupyter_mlops.reproduction.model import CannotReproduce
from jupyter_mlops.reproduction.rebuilding import find_uv
from jupyter_mlops.reproduction.recorded_run import RecordedRun
from jupyter_mlops.tracking.kept_data import is_there

#: Bytes up to which a file that was written since is hashed, and seconds that git may take.
_HASH_MOST, _GIT_PATIENCE = 256 * 2**20, 10.0
_NAMED = 5


def lacks_now(run: RecordedRun) -> list[Lack]:
    """As it was recorded, but for copies and repositories that are gone, and files and kernels that
    it would need in their place.
    """
    facts = run.facts
    found: list[Lack] = []
    if not is_python(facts):
        name = str((facts.get("kernel") or {}).get("name") or "")
        try:
            kernelspecs.find(name)
        except KernelUnknown:
            what = f"Its kernel {name} isn't there, and only those of Python are rebuilt."
            found.append(Lack("kernel_gone", what, "Install that kernel.", CANNOT))
    else:
        found += _of_environment(facts)
    gone: list[str] = []
    if facts.get("datasets") is not None:
        files, gone = _files(run.datasets, facts.get("code") or {})
        facts = {**facts, "datasets": {**facts["datasets"], "files": files}}
    if gone:
        shown = ", ".join(gone[:_NAMED])
        more = f" and {len(gone) - _NAMED} more" if len(gone) > _NAMED else ""
        found.append(
            Lack(
                "data_gone",
                f"Data has changed or is gone, and there is no copy of it any more: {shown}{more}.",
                "Put it back as it was; its SHA-256 stands in datasets.json.",
                CANNOT,
            )
        )
    return [*found, *lacks(facts)]


def _of_environment(facts: Mapping[str, Any]) -> list[Lack]:
    """Where its interpreter is gone everything has to be had again. Whether one that is there still
    has the same packages takes too long for an answer in advance.
    """
    executable = str((facts.get("python") or {}).get("executable") or "")
    if os.path.isabs(executable) and os.access(executable, os.X_OK):
        return []
    found: list[Lack] = []
    local = [one for one in facts.get("local_packages") or () if one.get("used", True)]
    if local:
        named = ", ".join(f"{one['name']} {one['version']}" for one in local[:_NAMED])
        what = f"Its environment is gone, and packages of a path of its machine with it: {named}."
        mend = "Install them from an index, or from a git repository: pip install git+https://…"
        found.append(Lack("package_gone", what, mend, CANNOT))
    try:
        find_uv(os.environ)
    except CannotReproduce:
        what = "Its environment is gone and would have to be rebuilt, and uv isn't there."
        found.append(Lack("uv_missing", what, "pip install uv", CANNOT))
    return found


def _files(
    files: Sequence[Mapping[str, Any]], code: Mapping[str, Any]
) -> tuple[list[dict[str, Any]], list[str]]:
    """Files that can be had, each with what keeps it now; and paths of those that can't."""
    versioned = any(one.get("versioned") for one in files) and _has_commit(code)
    there: list[dict[str, Any]] = []
    gone: list[str] = []
    for one in files:
        now = {k: v for k, v in one.items() if k not in ("kept", "versioned")}
        if versioned and one.get("versioned"):
            now["versioned"] = one["versioned"]
        # Its content is compared when it is used; that takes too long for an answer in advance.
        elif is_there(str(one.get("sha256", ""))):
            now["kept"] = True
        elif "sha256" in one and not _is_same(one):
            gone.append(str(one.get("path")))
            continue
        there.append(now)
    return there, gone


def _has_commit(code: Mapping[str, Any]) -> bool:
    top, commit = str(code.get("directory") or ""), str(code.get("commit") or "")
    if not os.path.isabs(top) or not commit or commit.startswith("-"):
        return False
    try:
        git(Path(top), "cat-file", "-e", f"{commit}^{{commit}}", patience=_GIT_PATIENCE)
    except (GitSilent, OSError):
        return False
    return True


def _is_same(file: Mapping[str, Any]) -> bool:
    """Whether a file lies where it was read, as it was."""
    path = str(file.get("path", ""))
    try:
        about = os.stat(path)
    except (OSError, ValueError):
        return False
    if about.st_size != file.get("size"):
        return False
    if (about.st_mtime_ns, about.st_ino) == (file.get("mtime_ns"), file.get("inode")):
        return True
    now = {
        "path": path,
        "size": about.st_size,
        "mtime_ns": about.st_mtime_ns,
        "inode": about.st_ino,
    }
    # What is too large for that may be the same: it is compared when it is used.
    known = hashing.content_hash(now, _HASH_MOST, None).get("sha256")
    return known == file["sha256"] or about.st_size > _HASH_MOST
