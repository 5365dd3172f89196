"""Copies of data and rebuilt environments within their limits: what goes first, and what never."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlops import paths
from jupyter_mlops.reproduction import rebuilt
from jupyter_mlops.tracking import kept_for
from jupyter_mlops.tracking.kept_data import KeptData, copies, is_there, place_of

pytestmark = pytest.mark.usefixtures("home")


def read(directory: Path, name: str, size: int = 100) -> dict[str, Any]:
    """A file as a kernel has seen it."""
    path = directory / name
    path.write_bytes(name.encode() * size)
    raw = path.read_bytes()
    return {"path": str(path), "size": len(raw), "sha256": hashlib.sha256(raw).hexdigest()}


def used(file: dict[str, Any], ago: float) -> None:
    """Its copy was used then for the last time."""
    place = place_of(file["sha256"])
    assert place is not None
    at = time.time() - ago
    os.utime(place, (at, at))


@pytest.fixture
def files(tmp_path: Path) -> list[dict[str, Any]]:
    """Files of 100 bytes."""
    return [read(tmp_path, name) for name in "abcdef"]


def kept(files: list[dict[str, Any]]) -> str:
    """The names of those of which there is a copy."""
    return "".join(Path(one["path"]).name for one in files if is_there(one["sha256"]))


def test_the_longest_unused_makes_room(files: list[dict[str, Any]]) -> None:
    """One that is kept again counts as used; whoever listens is told, and the mark stays."""
    told: list[str] = []
    data = KeptData(1000, 300)
    data.listen(lambda: told.append("dropped"))
    for number, one in enumerate(files[:3]):
        assert data.keep(one)
        used(one, 100 - number)
    assert data.keep(files[0])
    assert (told, kept_for.marked_at()) == ([], None)
    assert data.keep(files[3])
    assert kept(files) == "ad", "until a tenth is free"
    assert told == ["dropped"]
    marked = kept_for.marked_at()
    assert marked is not None
    assert not data.all_told(marked - 1)
    assert data.all_told(marked)
    assert kept_for.marked_at() is None


def test_what_no_run_needs_goes_first(files: list[dict[str, Any]]) -> None:
    """However lately it was used."""
    data = KeptData(1000, 300)
    for number, one in enumerate(files[:3]):
        assert data.keep(one)
        used(one, 100 - number)
    data.needed_by("1" * 32, {one["sha256"]: one["path"] for one in files[:2]})
    assert data.keep(files[3])
    assert kept(files) == "bd"
    assert kept_for.needed() == {one["sha256"] for one in files[:2]}


def test_what_is_in_use_stays(files: list[dict[str, Any]]) -> None:
    """As do those of the same run; then nothing goes, since nothing would be gained."""
    data = KeptData(1000, 300)
    digests = [one["sha256"] for one in files]
    for one in files[:3]:
        assert data.keep(one)
    with data.using(digests[:2]), data.using(digests[:1]):
        assert not data.keep(files[3], spared={digests[2]})
        assert kept(files) == "abc"
        assert data.keep(files[3])
        assert kept(files) == "abd"
        gone = data.drop(needed_too=True, unused_since=time.time() + 1, pretend=False)
        assert [one.digest for one in gone] == [digests[3]]
    assert not data.keep(read(Path(files[0]["path"]).parent, "large", 100)), (
        "more than all may take"
    )
    assert kept(files) == "ab"
    data.drop(needed_too=True, unused_since=time.time() + 1, pretend=False)
    assert copies() == []


def test_dropping(files: list[dict[str, Any]]) -> None:
    """What runs need only when it is asked for, what was used lately not, pretended: nothing."""
    data = KeptData(1000, 1000)
    for one in files[:3]:
        assert data.keep(one)
    data.needed_by("1" * 32, {files[0]["sha256"]: files[0]["path"]})
    used(files[1], 100)
    now = time.time()
    gone = data.drop(needed_too=False, unused_since=now - 50, pretend=True)
    assert [one.digest for one in gone] == [files[1]["sha256"]]
    assert kept(files) == "abc"
    data.drop(needed_too=False, unused_since=now - 50, pretend=False)
    assert kept(files) == "ac"
    data.drop(needed_too=False, unused_since=now + 1, pretend=False)
    assert kept(files) == "a"
    data.drop(needed_too=True, unused_since=now + 1, pretend=False)
    assert kept(files) == ""


def test_a_copy_that_went_before_its_run_was_recorded(files: list[dict[str, Any]]) -> None:
    """Is found missing then, and the run told."""
    told: list[str] = []
    data = KeptData(1000, 1000)
    data.listen(lambda: told.append("dropped"))
    assert data.keep(files[0])
    data.needed_by("1" * 32, {one["sha256"]: one["path"] for one in files[:2]})
    assert told == ["dropped"]
    assert kept_for.marked_at() is not None
    data.needed_by("../../evil", {"0" * 64: "/x"})
    data.needed_by("1" * 32, {})
    assert kept_for.all_runs() == []


def test_environments_make_room_but_for_those_in_use() -> None:
    """The longest unused one first; what is no environment is left alone."""
    paths.private_dir(paths.rebuilt_dir())
    (paths.rebuilt_dir() / "file").write_text("x")
    for number, name in enumerate(["old", "used", "new"]):
        place = paths.private_dir(paths.rebuilt_dir() / name)
        (place / "large").write_bytes(b"x" * 8192)
        at = time.time() - 100 + number
        os.utime(place, (at, at))
    each = rebuilt.environments()[0].size
    assert each >= 8192
    rebuilt.make_room(2 * each, {"used"})
    assert [one.name for one in rebuilt.environments()] == ["used", "new"]
    rebuilt.make_room(0, {"used"})
    assert [one.name for one in rebuilt.environments()] == ["used"]
    assert rebuilt.drop(set(), time.time() - 200, pretend=False) == []
    assert [one.name for one in rebuilt.drop(set(), time.time(), pretend=True)] == ["used"]
    assert [one.name for one in rebuilt.drop(set(), time.time(), pretend=False)] == ["used"]
    assert (paths.rebuilt_dir() / "file").exists()
