"""Kernels' sockets lie in a directory that everybody may write into: another user may be first."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from jupyter_mlops import paths


@pytest.fixture
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for /dev/shm."""
    directory = tmp_path / "shm"
    directory.mkdir()
    directory.chmod(0o1777)
    monkeypatch.setattr(paths, "_MEMORY", directory)
    return directory


def test_the_directory_is_the_persons_own(memory: Path, tmp_path: Path) -> None:
    """Made for one user, closed to all others, also where it was left open."""
    made = paths.sockets_dir(tmp_path / "run")
    assert made.parent == memory
    assert str(os.getuid()) in made.name
    assert stat.S_IMODE(made.stat().st_mode) == 0o700
    made.chmod(0o755)
    assert paths.sockets_dir(tmp_path / "run") == made
    assert stat.S_IMODE(made.stat().st_mode) == 0o700
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("squatted", ["another's", "link", "file"])
def test_a09_a_name_that_somebody_took_is_not_used(
    memory: Path, tmp_path: Path, squatted: str
) -> None:
    """A directory of another user, a link to one of ours, a file: the data directory it is."""
    name = memory / f"jupyter-mlops-{os.getuid()}"
    if squatted == "another's":
        if os.getuid():
            pytest.skip("only root can give a directory away")
        name.mkdir()
        os.chown(name, 65534, 65534)
    elif squatted == "link":
        (tmp_path / "elsewhere").mkdir()
        name.symlink_to(tmp_path / "elsewhere")
    else:
        name.write_text("")
    assert paths.sockets_dir(tmp_path / "run") == tmp_path / "run"
    assert stat.S_IMODE((tmp_path / "run").stat().st_mode) == 0o700


def test_without_such_a_place_they_lie_in_the_data_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on macOS."""
    monkeypatch.setattr(paths, "_MEMORY", tmp_path / "missing")
    assert paths.sockets_dir(tmp_path / "run") == tmp_path / "run"
