"""What is made of a kernel's facts: hashes that it had no time for, git's view, odd names."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from jupyter_mlops.jobs.working_tree import PATHS_MOST, changed
from jupyter_mlops.tracking import gathering
from jupyter_mlops.tracking.gathering import Gathering
from jupyter_mlops.tracking.kernel_facts import KernelFacts, kernel_facts

PYTHON = {"version": "3", "implementation": "cpython", "executable": ""}


def git(directory: Path, *arguments: str) -> str:
    """Run git there."""
    command = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "-C", str(directory)]
    done = subprocess.run([*command, *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def seen(path: Path, **more: Any) -> dict[str, Any]:
    """A file as a kernel tells of it."""
    found = path.stat()
    return {
        "path": str(path), "size": found.st_size, "mtime_ns": found.st_mtime_ns,
        "inode": found.st_ino, **more,
    }  # fmt: skip


def datasets(work: Path, files: list[dict[str, Any]], commit: str | None = None, limit: int = 100):
    """What `facts.json` says of these files."""
    kernel = KernelFacts.model_validate({"python": PYTHON, "read": files, "complete": True})
    facts: dict[str, Any] = {"cwd": str(work), "code": {"commit": commit}, "values": False}
    Gathering(limit).add_session(facts, kernel, None, {"cells": []}, [])
    return facts["datasets"]["files"]


def test_a_file_that_is_too_large_takes_nothing_from_the_others(
    home: Path, tmp_path: Path, monkeypatch
) -> None:
    """It isn't hashed anyway."""
    monkeypatch.setattr(gathering, "_HASH_MOST", 150)
    large, small, other = (tmp_path / name for name in ("large", "small", "other"))
    large.write_bytes(b"x" * 1000)
    small.write_bytes(b"x" * 90)
    other.write_bytes(b"y" * 90)
    found = datasets(tmp_path, [seen(large), seen(small), seen(other)])
    assert "too large" in found[0]["note"]
    assert "sha256" in found[1]
    assert found[2]["note"] == "not hashed: there was too much"


def test_git_has_what_was_read(home: Path, tmp_path: Path) -> None:
    """Neither what has changed since, nor what another commit holds."""
    git(tmp_path, "init", "-q")
    for name in ("same", "since", "later"):
        (tmp_path / name).write_text(name)
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "first")
    first = git(tmp_path, "rev-parse", "HEAD")
    (tmp_path / "later").write_text("changed")
    files = [seen(tmp_path / name, sha256="0" * 64) for name in ("same", "since", "later")]
    git(tmp_path, "commit", "-qam", "second")
    (tmp_path / "since").write_text("edited")
    git(tmp_path, "commit", "-qam", "third")

    def versioned(commit: str | None) -> list[str]:
        found = datasets(tmp_path, files, commit)
        return [Path(one["path"]).name for one in found if one.get("versioned") == "git"]

    assert versioned(first) == ["same"]
    assert versioned(git(tmp_path, "rev-parse", "HEAD")) == ["same", "later"]
    assert versioned(None) == []
    assert versioned("0" * 40) == []


def test_git_has_not_what_it_stores_in_another_form(home: Path, tmp_path: Path) -> None:
    """Of a file of git-lfs its pointer, of a link where it leads, of other line ends others."""
    work, outside = tmp_path / "work", tmp_path / "outside.csv"
    work.mkdir()
    git(work, "init", "-q")
    git(work, "config", "filter.lfs.clean", "echo pointer")
    git(work, "config", "core.autocrlf", "input")
    (work / ".gitattributes").write_text("*.big filter=lfs\n")
    (work / "a.big").write_text("x" * 80)
    (work / "ends.csv").write_bytes(b"a\r\n1\r\n")
    (work / "plain[1].csv").write_text("a\n1\n")
    outside.write_text("a\n")
    (work / "link.csv").symlink_to(outside)
    git(work, "add", "-A")
    git(work, "commit", "-qm", "first")
    names = ("a.big", "ends.csv", "link.csv", "plain[1].csv")
    files = [seen(work / name, sha256="0" * 64) for name in names]
    found = datasets(work, files, git(work, "rev-parse", "HEAD"))
    assert [Path(one["path"]).name for one in found if "versioned" in one] == ["plain[1].csv"]


def test_very_many_files_are_asked_about(tmp_path: Path) -> None:
    """More than fit into one command line."""
    git(tmp_path, "init", "-q")
    names = [f"{at:05}-{'x' * 150}" for at in range(3 * PATHS_MOST)]
    for name in names:
        (tmp_path / name).touch()
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "first")
    for name in (names[0], names[-1]):
        (tmp_path / name).write_text("changed")
    assert changed(tmp_path, [tmp_path / name for name in names]) == {names[0], names[-1]}
    assert changed(tmp_path, []) == frozenset()


def test_a_name_that_is_no_text_costs_only_itself(home: Path, tmp_path: Path) -> None:
    """The rest of the kernel's facts is believed."""
    odd = os.fsdecode(b"caf\xe9.csv")
    told = {"python": PYTHON, "complete": True, "argv": ["x"], "read": [
        {"path": f"/data/{odd}", "size": 1, "mtime_ns": 1, "inode": 1, "sha256": "0" * 64},
        {"path": "/data/good.csv", "size": 1, "mtime_ns": 1, "inode": 1},
    ]}  # fmt: skip
    file = tmp_path / "facts.json"
    file.write_text(json.dumps(told))
    found = kernel_facts(file)
    assert found is not None
    assert found.read is not None
    assert [one.path for one in found.read] == ["/data/caf?.csv", "/data/good.csv"]
    file.write_text("[" * 100_000)
    assert kernel_facts(file) is None
