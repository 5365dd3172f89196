"""What two commits with their changes hold, compared by git. Blocks.

The repositories themselves are left alone, and so is their configuration, which may name programs
to run: a repository of our own borrows their objects, and lives as long as the question.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from jupyter_mlops.jobs.gitstate import GitSilent, git, objects_directory

#: Seconds for each step, and bytes of the whole diff.
_PATIENCE = 20.0
DIFF_MOST = 8 * 2**20
#: Bytes of stored changes that are applied.
_CONTEXT = 3


@dataclass(frozen=True, slots=True)
class Tree:
    """A commit, and what had changed beyond it."""

    commit: str
    #: Where its working tree was.
    directory: Path
    diff: Path | None


def tree_diff(before: Tree, after: Tree) -> str:
    """The unified diff of two trees.

    Raises:
        GitSilent: git can't tell; most often because a commit isn't here.
    """
    borrowed = [objects_directory(one.directory) for one in (before, after)]
    places = list(dict.fromkeys(str(place) for place in borrowed if place is not None))
    if not places or any("\n" in place or place.startswith(("#", '"')) for place in places):
        raise GitSilent("the repository isn't on this machine")
    with tempfile.TemporaryDirectory(prefix="jupyter-mlops-") as made:
        top = Path(made)
        git(top, "init", "--quiet", "--bare", "--template=", made, patience=_PATIENCE)
        alternates = top / "objects" / "info" / "alternates"
        alternates.parent.mkdir(parents=True, exist_ok=True)
        alternates.write_text("".join(f"{place}\n" for place in places))
        trees = [_written(top, one) for one in (before, after)]
        said = git(
            top,
            *("diff", "--no-color", "--no-ext-diff", "--no-textconv", "--find-renames"),
            *("--src-prefix=a/", "--dst-prefix=b/", f"--unified={_CONTEXT}"),
            *trees,
            patience=_PATIENCE,
            most=DIFF_MOST,
        )
    return said.decode("utf-8", "replace")


def _written(top: Path, tree: Tree) -> str:
    """The id of a tree."""
    if tree.diff is None:
        return f"{tree.commit}^{{tree}}"
    git(top, "read-tree", tree.commit, patience=_PATIENCE)
    git(top, "apply", "--cached", "--whitespace=nowarn", str(tree.diff), patience=_PATIENCE)
    return git(top, "write-tree", patience=_PATIENCE).decode().strip()
