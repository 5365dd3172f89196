"""What a working tree holds beyond its commit, asked of a real git."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from jupyter_mlops.jobs import working_tree
from jupyter_mlops.jobs.gitstate import GitSilent
from jupyter_mlops.jobs.working_tree import (
    TreeState,
    changed,
    tracked,
    tree_state,
    without_credentials,
)


def git(directory: Path, *arguments: str) -> str:
    """Run git there."""
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    allow = ("-c", "protocol.file.allow=always")
    command = ["git", *identity, *allow, "-C", str(directory), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def commit(directory: Path, message: str = "more") -> None:
    """Everything there is."""
    git(directory, "add", "-A")
    git(directory, "commit", "-q", "-m", message)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A working tree with one commit that has a notebook and a module."""
    top = tmp_path / "tree"
    (top / "sub").mkdir(parents=True)
    git(tmp_path, "init", "-q", "-b", "main", str(top))
    (top / "sub/nb.ipynb").write_text("{}")
    (top / "sub/model.py").write_text("LAYERS = 1\n")
    commit(top)
    return top


def state_of(tree: Path, *files: Path) -> TreeState:
    """As it is now."""
    found = tree_state(tree / "sub", files or (tree / "sub/nb.ipynb",))
    assert found is not None
    return found


def is_dirty(tree: Path, notebook: Path) -> bool:
    """What a job of this notebook would say."""
    return bool(state_of(tree, notebook).for_files([notebook], time.time())["dirty"])


def test_a_clean_tree_says_where_it_is(tree: Path) -> None:
    """Commit, branch, remote without credentials; no diff."""
    git(tree, "remote", "add", "fork", "https://example.org/fork.git")
    git(tree, "remote", "add", "origin", "https://me:secret@example.org/it.git")
    found = state_of(tree)
    assert found.commit == git(tree, "rev-parse", "HEAD")
    assert (found.branch, found.remote) == ("main", "https://example.org/it.git")
    assert (found.changed, found.diff, found.note) == ((), None, "")
    assert not is_dirty(tree, tree / "sub/nb.ipynb")
    git(tree, "checkout", "-q", "--detach")
    assert state_of(tree).branch is None


def test_there_is_none_outside_of_a_tree(tmp_path: Path) -> None:
    """Nothing is claimed."""
    assert tree_state(tmp_path, []) is None


def test_the_diff_restores_the_tree(tree: Path, tmp_path: Path) -> None:
    """Applied to a clone: text, binary, renamed, removed and odd names."""
    (tree / "old.txt").write_text("a\nb\nc\n" * 20)
    (tree / "gone").write_text("x")
    (tree / "é ü\n.bin").write_bytes(b"\0\1\2")
    commit(tree)
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", str(tree), str(clone))
    (tree / "sub/model.py").write_text("LAYERS = 2\n")
    (tree / "é ü\n.bin").write_bytes(bytes(range(256)))
    git(tree, "mv", "old.txt", "new.txt")
    git(tree, "rm", "-q", "gone")
    found = state_of(tree)
    assert found.diff is not None
    assert set(found.changed) == {"sub/model.py", "é ü\n.bin", "new.txt", "gone"}
    (clone / "it.diff").write_bytes(found.diff)
    git(clone, "apply", "it.diff")
    assert (clone / "sub/model.py").read_text() == "LAYERS = 2\n"
    assert (clone / "é ü\n.bin").read_bytes() == bytes(range(256))
    assert (clone / "new.txt").exists()
    assert not (clone / "gone").exists()


def test_dirty_means_a_changed_tracked_file_or_an_untracked_notebook(tree: Path) -> None:
    """Results that lie about untracked don't make a tree dirty."""
    (tree / "sub/out.ipynb").write_text("{}")
    (tree / "sub/helper.py").write_text("")
    assert not is_dirty(tree, tree / "sub/nb.ipynb")
    assert is_dirty(tree, tree / "sub/out.ipynb")
    files = [tree / "sub/nb.ipynb", tree / "sub/helper.py", tree / "sub/model.py"]
    told = state_of(tree, *files).for_files(files, time.time())
    assert (told["dirty"], told["untracked"]) == (False, ["sub/helper.py"])
    (tree / "sub/model.py").write_text("LAYERS = 3\n")
    assert is_dirty(tree, tree / "sub/nb.ipynb")


@pytest.mark.parametrize(
    "name", ["*.ipynb", ":(glob)x.ipynb", "-n.ipynb", "a\nb.ipynb", "é🚀.ipynb"]
)
def test_f35_a_notebook_with_an_unusual_name_is_found(tree: Path, name: str) -> None:
    """Fault 35: the name is no pattern and no option."""
    (tree / name).write_text("{}")
    assert is_dirty(tree, tree / name)
    commit(tree)
    assert not is_dirty(tree, tree / name)
    assert tracked(tree, [tree / name]) == {name}
    (tree / name).write_text("{ }")
    assert changed(tree, [tree / name, tree / "sub/nb.ipynb"]) == {name}


def test_what_was_saved_after_the_submit_is_named(tree: Path) -> None:
    """The diff holds it; the job's snapshot doesn't."""
    (tree / "sub/model.py").write_text("LAYERS = 2\n")
    os.utime(tree / "sub/model.py", (1000, 1000))
    told = state_of(tree).for_files([tree / "sub/nb.ipynb"], 2000.0)
    assert "changed_since_submit" not in told
    os.utime(tree / "sub/model.py", (3000, 3000))
    told = state_of(tree).for_files([tree / "sub/nb.ipynb"], 2000.0)
    assert told["changed_since_submit"] == ["sub/model.py"]


def test_a_dirty_submodule_is_named(tree: Path, tmp_path: Path) -> None:
    """With what is wrong with it."""
    inner = tmp_path / "inner"
    git(tmp_path, "init", "-q", "-b", "main", str(inner))
    (inner / "f").write_text("1")
    commit(inner)
    git(tree, "submodule", "add", "-q", str(inner), "lib")
    commit(tree)
    assert state_of(tree).submodules == ()
    (tree / "lib/f").write_text("2")
    (found,) = state_of(tree).submodules
    assert (found["path"], found["state"]) == ("lib", "changes that are not committed")


def test_a_large_diff_is_left_out_and_said(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its files are named all the same."""
    monkeypatch.setattr(working_tree, "DIFF_MOST", 1000)
    (tree / "sub/model.py").write_bytes(os.urandom(100_000))
    found = state_of(tree)
    assert (found.diff, found.changed) == (None, ("sub/model.py",))
    assert "more than 1000 bytes" in found.note


def test_a_repositorys_own_settings_start_nothing(tree: Path, tmp_path: Path) -> None:
    """A fsmonitor, hook, filter or diff program that somebody else configured is not run."""
    marker = tmp_path / "ran"
    script = tmp_path / "evil.sh"
    script.write_text(f"#!/bin/sh\ntouch {marker}\ncat\n")
    script.chmod(0o755)
    (tree / ".gitattributes").write_text("*.py filter=evil diff=evil\n")
    commit(tree)
    git(tree, "config", "core.fsmonitor", str(script))
    git(tree, "config", "core.hooksPath", str(tmp_path))
    git(tree, "config", "diff.external", str(script))
    git(tree, "config", "diff.evil.textconv", str(script))
    git(tree, "config", "diff.evil.command", str(script))
    git(tree, "config", "filter.evil.clean", str(script))
    git(tree, "config", "filter.evil.required", "true")
    (tree / "sub/model.py").write_text("LAYERS = 9\n")
    found = state_of(tree)
    assert found.diff is not None
    assert b"+LAYERS = 9" in found.diff
    assert changed(tree, [tree / "sub/model.py"]) == {"sub/model.py"}
    assert not marker.exists()


def test_a_git_that_takes_too_long_claims_nothing(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither does one that isn't there."""
    monkeypatch.setattr(working_tree, "STATUS_PATIENCE", 0.3)
    slow = tmp_path / "bin"
    slow.mkdir()
    (slow / "git").write_text("#!/bin/sh\nexec sleep 60\n")
    (slow / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{slow}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(GitSilent, match="took longer"):
        state_of(tree)
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    with pytest.raises(GitSilent, match="can't be started"):
        state_of(tree)


def test_an_address_is_shown_without_its_secrets() -> None:
    """User, password and tokens in the query; an address of ssh has none."""
    assert without_credentials("https://u:p@h.org/x.git") == "https://h.org/x.git"
    assert without_credentials("https://tok@h.org/x?access_token=abc&b=1") == (
        "https://h.org/x?access_token=…&b=1"
    )
    assert without_credentials("git@h.org:x.git") == "git@h.org:x.git"
