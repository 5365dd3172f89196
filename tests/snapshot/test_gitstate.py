"""The commit, without starting git."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from jupyter_mlops.jobs.gitstate import git_commit


def git(directory: Path, *arguments: str) -> str:
    """Run git there."""
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    command = ["git", *identity, "-C", str(directory), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def tree(tmp_path):
    """A working tree with one commit that has a notebook."""
    top = tmp_path / "tree"
    (top / "sub").mkdir(parents=True)
    git(tmp_path, "init", "-q", "-b", "main", str(top))
    (top / "sub/nb.ipynb").write_text("{}")
    git(top, "add", ".")
    git(top, "commit", "-q", "-m", "first")
    return top


def test_the_commit_of_a_branch_is_read_from_any_directory(tree):
    """Loose, packed, on a branch with a slash, detached."""
    head = git(tree, "rev-parse", "HEAD")
    assert git_commit(tree / "sub") == head
    git(tree, "pack-refs", "--all")
    assert not (tree / ".git/refs/heads/main").exists()
    assert git_commit(tree) == head
    git(tree, "checkout", "-q", "-b", "feature/one")
    git(tree, "commit", "-q", "--allow-empty", "-m", "second")
    assert git_commit(tree) == git(tree, "rev-parse", "HEAD") != head
    git(tree, "checkout", "-q", "--detach", head)
    assert git_commit(tree) == head


def test_the_commit_of_a_linked_working_tree_and_a_submodule_is_read(tree, tmp_path):
    """Where .git is a file that points elsewhere."""
    git(tree, "worktree", "add", "-q", str(tmp_path / "linked"), "-b", "other")
    git(tmp_path / "linked", "commit", "-q", "--allow-empty", "-m", "there")
    assert git_commit(tmp_path / "linked/sub") == git(tmp_path / "linked", "rev-parse", "HEAD")
    assert git_commit(tmp_path / "linked") != git_commit(tree)
    allow = ("-c", "protocol.file.allow=always")
    git(tree, *allow, "submodule", "add", "-q", str(tmp_path / "linked"), "module")
    assert git_commit(tree / "module") == git(tree / "module", "rev-parse", "HEAD")


def test_without_a_commit_or_a_repository_there_is_none(tmp_path):
    """A new repository, and no repository at all."""
    assert git_commit(tmp_path) is None
    git(tmp_path, "init", "-q", str(tmp_path / "new"))
    assert git_commit(tmp_path / "new") is None


@pytest.mark.parametrize(
    "head", ["", "garbage", "ref: ../../../etc/passwd", "ref: refs/../../x", "é"]
)
def test_a_head_that_is_none_gives_none(tree, head):
    """Nothing outside of the git directory is read, nothing is guessed."""
    (tree / ".git/HEAD").write_text(head)
    assert git_commit(tree) is None


def test_reading_the_commit_starts_no_process(tree, monkeypatch):
    """A submit doesn't wait for git."""

    def fail(*_args, **_kwargs):
        raise AssertionError("a process was started")

    monkeypatch.setattr(subprocess, "Popen", fail)
    assert git_commit(tree) is not None
