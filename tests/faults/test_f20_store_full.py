"""Faults 19 and 20 from the outside: the daemon's disk is full, and then no longer."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlops.errors import MlopsError, StoreFull

from .mlops_faults import WAITING

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("mount") is None,
    reason="mounting a small disk needs root; CI is",
)

SIZE = 48 * 2**20


@pytest.fixture
def small_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, daemon_process: Any) -> Any:
    """The data directory on a disk of its own; the daemon is up."""
    place = tmp_path / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", place], check=True)
    monkeypatch.setenv("JUPYTER_MLOPS_DATA_DIR", str(place / "data"))
    daemon_process.directory = place / "data"
    yield daemon_process
    daemon_process.client.close()
    if daemon_process.process is not None and daemon_process.process.poll() is None:
        daemon_process.stop()
    subprocess.run(["umount", "-l", place], check=True)


@pytest.fixture
def disk(small_home: Any, end_all: Callable[[Path], None]) -> Iterator[Any]:
    """That daemon; whatever it started is ended before the disk goes."""
    yield small_home
    end_all(small_home.directory)


def fill(directory: Path) -> Path:
    """Leave no byte."""
    filler = directory / "filler"
    with filler.open("wb", buffering=0) as file:
        piece = b"\0" * 2**20
        while piece:
            try:
                file.write(piece)
            except OSError:
                piece = piece[: len(piece) // 2]
    return filler


def test_f20_a_full_store_refuses_and_recovers_unrestarted(
    disk: Any, make_notebook: Callable[..., Path]
) -> None:
    """507 with the file named; a job that runs ends all the same; what was acknowledged is there;
    with room again the same daemon goes on.
    """
    daemon = disk.start()
    waiting = make_notebook(WAITING)
    notebook = make_notebook("print('x' * 1000)", name="small.ipynb")
    before = daemon.client.submit({"notebook": str(notebook)})["id"]
    assert daemon.wait_for(before)["state"] == "succeeded"
    running = daemon.client.submit({"notebook": str(waiting)})["id"]
    daemon.wait_for(running, "running")
    pid = daemon.client.status()["pid"]
    filler = fill(daemon.directory.parent)
    acknowledged: list[str] = []
    refused: list[MlopsError] = []
    for _ in range(10):
        try:
            acknowledged.append(daemon.client.submit({"notebook": str(notebook)})["id"])
        except MlopsError as error:
            refused.append(error)
    assert refused
    for error in refused:
        assert isinstance(error, StoreFull), error
        assert "jobs.db" in error.detail or "full" in error.detail
        assert error.hint
    # Reading needs no room.
    assert {before, running, *acknowledged} <= {job["id"] for job in daemon.client.all_jobs()}
    filler.unlink()
    (waiting.parent / "go on").touch()
    assert daemon.wait_for(running)["state"] == "succeeded"
    for job_id in acknowledged:
        daemon.wait_for(job_id)
    after = daemon.client.submit({"notebook": str(notebook)})["id"]
    assert daemon.wait_for(after)["state"] == "succeeded"
    assert daemon.client.status()["pid"] == pid
    assert daemon.process.poll() is None


def test_f20_a_job_that_ends_while_the_disk_is_full_says_so(
    disk: Any, make_notebook: Callable[..., Path]
) -> None:
    """Its runner can't write either: it ends with a reason, never as running for ever, and never as
    succeeded without a notebook.
    """
    daemon = disk.start()
    notebook = make_notebook(
        WAITING + "\nimport os\nprint(os.urandom(20_000_000).hex())", name="large.ipynb"
    )
    job_id = daemon.client.submit({"notebook": str(notebook)})["id"]
    daemon.wait_for(job_id, "running")
    filler = fill(daemon.directory.parent)
    (notebook.parent / "go on").touch()
    assert daemon.client.status()["pid"] == daemon.process.pid
    filler.unlink()
    job = daemon.wait_for(job_id)
    if job["state"] == "failed":
        assert job["failure"]["code"] == "disk_full"
        assert job["failure"]["hint"]
    else:
        assert job["state"] == "succeeded"
        assert Path(job["outputs"]["notebook"]).exists()
