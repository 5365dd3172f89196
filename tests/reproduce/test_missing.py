"""What a run lacks now: not what its record says, but what is left of it."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path
from typing import Any, cast

import pytest
from mlops_reproduced import git

from jupyter_mlops.reproduction.missing import lacks_now
from jupyter_mlops.reproduction.recorded_run import RecordedRun
from jupyter_mlops.tracking.kept_data import KeptData, place_of

pytestmark = pytest.mark.usefixtures("home")


def lacking(datasets: list[dict[str, Any]], **facts: Any) -> dict[str, str]:
    """Code → what a reproduction comes to."""
    whole = {
        "complete": True,
        "python": {"executable": sys.executable},
        "local_packages": [],
        "datasets": {"files": datasets[:1]},
        **facts,
    }
    run = RecordedRun(cast("Any", None), whole, {}, tuple(datasets), ())
    return {one.code: one.then for one in lacks_now(run)}


def read(path: Path, **more: Any) -> dict[str, Any]:
    """A file as it was read."""
    found = path.stat()
    return {
        "path": str(path),
        "size": found.st_size,
        "mtime_ns": found.st_mtime_ns,
        "inode": found.st_ino,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        **more,
    }


def test_copies_that_are_gone(tmp_path: Path) -> None:
    """The file itself does as long as it is the same; what was written anew with the same content
    is the same.
    """
    path, other = tmp_path / "a.csv", tmp_path / "b.csv"
    path.write_text("a")
    other.write_text("b")
    files = [read(path, kept=True), read(other, kept=True)]
    data = KeptData(10, 1000)
    assert data.keep(files[0])
    assert data.keep(files[1])
    assert lacking(files) == {}
    copy = place_of(files[1]["sha256"])
    assert copy is not None
    copy.unlink()
    assert lacking(files) == {"data_unversioned": "while_there"}
    other.unlink()
    other.write_text("b")
    assert lacking(files) == {"data_unversioned": "while_there"}
    other.write_text("c")
    assert lacking(files) == {"data_gone": "cannot"}
    other.unlink()
    assert lacking(files) == {"data_gone": "cannot"}


def test_a_repository_that_is_gone(tmp_path: Path) -> None:
    """Or has its commit no more: then what it had is nowhere."""
    top = tmp_path / "top"
    top.mkdir()
    git(top, "init", "-q")
    (top / "a.csv").write_text("a")
    git(top, "add", "-A")
    git(top, "commit", "-qm", "first")
    code = {"directory": str(top), "commit": git(top, "rev-parse", "HEAD"), "submodules": []}
    files = [read(top / "a.csv", versioned="git")]
    (top / "a.csv").write_text("edited")
    assert lacking(files, code=code) == {}
    assert lacking(files, code={**code, "commit": "0" * 40}) == {"data_gone": "cannot"}
    assert lacking(files, code={**code, "commit": "--help"}) == {"data_gone": "cannot"}
    os.rename(top, tmp_path / "moved")
    assert lacking(files, code=code) == {"data_gone": "cannot"}


def test_an_environment_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Packages of a path went with it; without uv nothing can be rebuilt."""
    python = {"executable": str(tmp_path / "bin" / "python")}
    local = [{"name": "mine", "version": "1", "url": "file:///mine"}]
    there = {"local_package": "while_there"}
    assert lacking([], local_packages=local) == there
    assert lacking([], python=python) == {}
    assert lacking([], python=python, local_packages=local) == {"package_gone": "cannot"} | there
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert lacking([], python=python) == {"uv_missing": "cannot"}


def test_a_kernel_of_another_language(tmp_path: Path) -> None:
    """It has to be there; nobody rebuilds it."""
    kernel = {"name": "none-such", "display_name": "None such", "language": "cobol"}
    assert lacking([], kernel=kernel) == {
        "kernel_gone": "cannot",
        "kernel_not_python": "while_there",
    }
