"""Directories of jobs go as a whole, whoever is still writing into them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_mlops.jobs import job_files

if TYPE_CHECKING:
    import pytest


def test_what_is_written_meanwhile_goes_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job that has just ended is deleted while what is known of it is being written."""
    job = tmp_path / "job"
    attempt = job / "attempts" / "1"
    attempt.mkdir(parents=True)
    late = ["run-facts.json", "datasets.json"]
    rmdir = os.rmdir

    def rmdir_too_late(path: str, *, dir_fd: int | None = None) -> None:
        if late and Path(path).name == "1":
            (attempt / late.pop()).write_text("{}")
        rmdir(path, dir_fd=dir_fd)

    monkeypatch.setattr(os, "rmdir", rmdir_too_late)
    job_files.remove_tree(job)
    assert not late
    assert not job.exists()


def test_a_link_in_its_place_is_only_unlinked(tmp_path: Path) -> None:
    """What a link leads to is somebody else's."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "kept.txt").write_text("kept")
    link = tmp_path / "job"
    link.symlink_to(elsewhere)
    job_files.remove_tree(link)
    assert not link.is_symlink()
    assert (elsewhere / "kept.txt").read_text() == "kept"


def test_a_directory_that_is_not_there_is_gone(tmp_path: Path) -> None:
    """Whoever removes it twice is told nothing."""
    job_files.remove_tree(tmp_path / "job")
    assert not (tmp_path / "job").exists()
