"""The commit without starting git, and changes without waiting for it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from jupyter_mlops.jobs import gitstate
from jupyter_mlops.jobs.gitstate import git_commit, git_dirty


@pytest.fixture(autouse=True)
def _nothing_remembered():
    """Answers about other tests' trees are gone."""
    gitstate._answers.clear()


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
    assert git_dirty(tmp_path / "x.ipynb") is None


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


def test_dirty_means_a_changed_tracked_file_or_an_untracked_notebook(tree):
    """Results that lie about untracked don't make a tree dirty."""
    notebook = tree / "sub/nb.ipynb"
    assert git_dirty(notebook) is False
    (tree / "sub/jobs").mkdir()
    (tree / "sub/jobs/out.ipynb").write_text("{}")
    gitstate._answers.clear()
    assert git_dirty(notebook) is False
    assert git_dirty(tree / "sub/jobs/out.ipynb") is True
    notebook.write_text("{ }")
    gitstate._answers.clear()
    assert git_dirty(notebook) is True


@pytest.mark.parametrize(
    "name", ["*.ipynb", ":(glob)x.ipynb", "-n.ipynb", "a\nb.ipynb", "é🚀.ipynb"]
)
def test_f35_a_notebook_with_an_unusual_name_is_found(tree, name):
    """Fault 35: the name is no pattern and no option."""
    assert git_dirty(tree / name) is True
    (tree / name).write_text("{}")
    git(tree, "add", "--", ".")
    git(tree, "commit", "-q", "-m", "named")
    gitstate._answers.clear()
    assert git_dirty(tree / name) is False


def test_a_repositorys_own_settings_start_nothing(tree, tmp_path):
    """A fsmonitor or hook that somebody else configured is not run."""
    marker = tmp_path / "ran"
    script = tmp_path / "evil.sh"
    script.write_text(f"#!/bin/sh\ntouch {marker}\n")
    script.chmod(0o755)
    git(tree, "config", "core.fsmonitor", str(script))
    git(tree, "config", "core.hooksPath", str(tmp_path))
    (tree / "sub/nb.ipynb").write_text("{ }")
    assert git_dirty(tree / "sub/nb.ipynb") is True
    assert not marker.exists()


def test_a_git_that_takes_too_long_has_no_answer(tree, tmp_path, monkeypatch):
    """Nothing is claimed, and it is not waited for."""
    slow = tmp_path / "bin"
    slow.mkdir()
    (slow / "git").write_text("#!/bin/sh\nexec sleep 60\n")
    (slow / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{slow}{os.pathsep}{os.environ['PATH']}")
    assert git_dirty(tree / "sub/nb.ipynb") is None
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    gitstate._answers.clear()
    assert git_dirty(tree / "sub/nb.ipynb") is None


def test_git_is_asked_once_for_a_burst_of_jobs(tree, monkeypatch):
    """Two hundred submits don't start two hundred processes."""
    asked = []
    run = gitstate._git

    def counting(top, *arguments):
        asked.append(arguments[0])
        return run(top, *arguments)

    monkeypatch.setattr(gitstate, "_git", counting)
    # Fresh however slow this machine is.
    monkeypatch.setattr(gitstate, "_FRESH", 60.0)
    for _ in range(20):
        assert git_dirty(tree / "sub/nb.ipynb") is False
    assert asked == ["status", "ls-files"]
    gitstate._answers.clear()
    (tree / "sub/nb.ipynb").write_text("{ }")
    for _ in range(20):
        assert git_dirty(tree / "sub/nb.ipynb") is True
    assert asked == ["status", "ls-files", "status"]
