"""Where the code of two runs differs. Blocks: it asks git.

Three things tell what the code was: modules kept with the run are exactly what ran; the commit and
what had changed beyond it are the rest of the working tree.
"""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_mlops.jobs.gitstate import GitSilent
from jupyter_mlops.tracking.diffs.patches import Patch, patches_of
from jupyter_mlops.tracking.diffs.text import Budget, one_sided, text_diff
from jupyter_mlops.tracking.diffs.trees import Tree, tree_diff
from jupyter_mlops.tracking.diffs.views import Change, CodeDiff, CodeSide, FileDiff

#: Files that are told, modules that are read, and how large one may be.
_TOLD_MOST, _MODULES_MOST, _MODULE_MOST = 500, 2_000, 2 * 2**20
#: Characters that all of it may have, as it is told.
_BUDGET = 8 * 2**20
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_BINARY = "It isn't text."


@dataclass(frozen=True, slots=True)
class Code:
    """What one run keeps of its code."""

    facts: Mapping[str, Any]
    #: `git diff HEAD`, and the archive of modules; None where there is none.
    diff: Path | None
    modules: Path | None

    @property
    def git(self) -> Mapping[str, Any]:
        """What git said."""
        found = self.facts.get("code")
        return found if isinstance(found, Mapping) else {}

    @property
    def commit(self) -> str | None:
        """The commit; None outside of a repository."""
        found = self.git.get("commit")
        return found if isinstance(found, str) and _COMMIT.fullmatch(found) else None

    def side(self) -> CodeSide:
        """Where it came from, to be told."""
        dirty = self.git.get("dirty")
        return CodeSide(
            commit=self.commit,
            branch=_text(self.git.get("branch")) or None,
            remote=_text(self.git.get("remote")) or None,
            dirty=dirty if isinstance(dirty, bool) else None,
        )

    def in_tree(self, name: str) -> str:
        """The path of a module in the working tree, or its own name."""
        top, cwd = _text(self.git.get("directory")), _text(self.facts.get("cwd"))
        if not top or not cwd:
            return name
        found = os.path.relpath(os.path.join(cwd, name), top)
        return name if found.startswith("..") else found

    @property
    def notebook(self) -> str:
        """The notebook's path in the working tree: it is compared as a notebook."""
        told = self.facts.get("notebook")
        path = _text(told.get("path")) if isinstance(told, Mapping) else ""
        top = _text(self.git.get("directory"))
        return os.path.relpath(path, top) if path and top else ""


def code_diff(before: Code | None, after: Code | None) -> CodeDiff:
    """Two runs' code; None where a run tells nothing."""
    found = CodeDiff(
        known=[before is not None, after is not None],
        before=None if before is None else before.side(),
        after=None if after is None else after.side(),
        files=[],
        equal=0,
        changes=0,
    )
    if before is None or after is None:
        return found
    notes: list[str] = []
    files, equal = _modules(before, after, notes)
    told = {one.path for one in files} | equal
    files += [one for one in _trees(before, after, notes) if one.path not in told]
    commits = before.commit != after.commit
    if len(files) > _TOLD_MOST:
        notes.append(f"Only the first {_TOLD_MOST} files that differ are told.")
    budget = Budget(_BUDGET)
    files = [one.model_copy(update={"text": budget.kept(one.text)}) for one in files]
    return found.model_copy(
        update={
            "files": files[:_TOLD_MOST],
            "equal": len(equal),
            "changes": len(files) or int(commits),
            "notes": notes,
        }
    )


def _modules(before: Code, after: Code, notes: list[str]) -> tuple[list[FileDiff], set[str]]:
    """Modules that differ as they ran, and the paths of those that don't."""
    old, new = _archived(before, notes), _archived(after, notes)
    files: list[FileDiff] = []
    equal: set[str] = set()
    for name in sorted(old.keys() | new.keys()):
        one, other = old.get(name), new.get(name)
        if one == other:
            equal.add(name)
        else:
            files.append(_module(name, one, other))
    return files, equal


def _module(path: str, old: bytes | None, new: bytes | None) -> FileDiff:
    change: Change = "added" if old is None else "removed" if new is None else "changed"
    found = FileDiff(path=path, change=change, ran=True)
    if any(one is not None and b"\0" in one for one in (old, new)):
        return found.model_copy(update={"note": _BINARY})
    one, other = (None if raw is None else raw.decode("utf-8", "replace") for raw in (old, new))
    if one is None:
        text = one_sided(other or "", "+")
    elif other is None:
        text = one_sided(one, "-")
    else:
        text = text_diff(one, other)
    return found.model_copy(update={"text": text})


def _archived(code: Code, notes: list[str]) -> dict[str, bytes]:
    """Modules by their paths in the working tree."""
    if code.modules is None:
        return {}
    found: dict[str, bytes] = {}
    try:
        with zipfile.ZipFile(code.modules) as archive:
            for entry in archive.infolist()[:_MODULES_MOST]:
                with archive.open(entry) as file:
                    raw = file.read(_MODULE_MOST + 1)
                if len(raw) > _MODULE_MOST:
                    notes.append(f"{entry.filename} is too large to be compared.")
                else:
                    found[code.in_tree(entry.filename)] = raw
    except (OSError, ValueError, RuntimeError, NotImplementedError, EOFError,
            zipfile.BadZipFile, zipfile.LargeZipFile) as error:  # fmt: skip
        notes.append(f"A run's modules can't be read: {error}.")
    return found


def _trees(before: Code, after: Code, notes: list[str]) -> list[FileDiff]:
    """Files of the working trees that differ, but for the notebooks."""
    if before.commit is None or after.commit is None:
        if before.commit != after.commit:
            notes.append("One of the runs was in no git repository: only modules are compared.")
        return []
    for code in (before, after):
        if code.git.get("dirty") and code.diff is None and code.git.get("changed"):
            said = _text(code.git.get("note")) or "It wasn't kept."
            notes.append(f"What a run had changed beyond its commit isn't known. {said}")
    stored = [_stored(code) for code in (before, after)]
    if before.commit == after.commit and stored[0] == stored[1]:
        return []
    trees = [_tree(code) for code in (before, after)]
    try:
        patches = patches_of(tree_diff(trees[0], trees[1]))
        files = [_file(patch) for patch in patches]
    except GitSilent as silent:
        if before.commit != after.commit:
            notes.append(
                f"What changed between the commits isn't told: {silent}. Only modules are compared."
            )
            return []
        files = _by_patches(patches_of(stored[0]), patches_of(stored[1]))
    own = {before.notebook, after.notebook}
    return [one for one in files if one.path not in own]


def _tree(code: Code) -> Tree:
    return Tree(code.commit or "", Path(_text(code.git.get("directory")) or "/"), code.diff)


def _stored(code: Code) -> str:
    return "" if code.diff is None else code.diff.read_bytes().decode("utf-8", "replace")


def _by_patches(before: list[Patch], after: list[Patch]) -> list[FileDiff]:
    """Files that were changed beyond the same commit, without that commit."""
    old, new = ({patch.path: patch for patch in patches} for patches in (before, after))
    files: list[FileDiff] = []
    for path in sorted(old.keys() | new.keys()):
        one, other = old.get(path), new.get(path)
        if one is None and other is not None:
            files.append(_file(other))
        elif other is None and one is not None:
            files.append(_file(one.reversed()))
        elif one is not None and other is not None and one.text != other.text:
            said = "The commit isn't here: this is how the changes to it differ."
            text = None if one.binary or other.binary else text_diff(one.text, other.text)
            note = said if text is not None else _BINARY
            files.append(FileDiff(path=path, change="changed", ran=False, text=text, note=note))
    return files


def _file(patch: Patch) -> FileDiff:
    return FileDiff(
        path=patch.path,
        change=patch.change,
        was=patch.was,
        ran=False,
        text=patch.diff(),
        note=_BINARY if patch.binary else "",
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
