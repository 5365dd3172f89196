"""What is laid out of a record: nothing leaves its folder."""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from mlops_reproduced import content_of, git

from jupyter_mlops import paths
from jupyter_mlops.jobs import checkout
from jupyter_mlops.jobs.gitstate import GitSilent
from jupyter_mlops.reproduction import archive
from jupyter_mlops.reproduction.archive import unpack
from jupyter_mlops.reproduction.model import CannotReproduce
from jupyter_mlops.reproduction.package_index import uv_environment
from jupyter_mlops.reproduction.rebuilding import find_uv
from jupyter_mlops.reproduction.workspace import Workspace
from jupyter_mlops.tracking.kept_data import KeptData, place_of


def packed(directory: Path, *entries: tuple[str | zipfile.ZipInfo, bytes]) -> Path:
    """An archive."""
    target = directory / "code.zip"
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in entries:
            made.writestr(name, content)
    return target


def a_link(name: str) -> zipfile.ZipInfo:
    """An entry that says it is a symbolic link."""
    entry = zipfile.ZipInfo(name)
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    return entry


@pytest.mark.parametrize(
    "name",
    ["../out.py", "/tmp/out.py", "a/../../out.py", "a//b.py", "./a.py", "a\\b.py", "x" * 300],
)
def test_names_that_lead_out_are_refused(tmp_path: Path, name: str) -> None:
    """And nothing is written outside."""
    target = tmp_path / "a" / "b"
    with pytest.raises(CannotReproduce, match="can't be laid out"):
        unpack(packed(tmp_path, (name, b"x")), target)
    assert not [path for path in tmp_path.rglob("*.py") if path.is_file()]


def test_links_are_refused_and_never_followed(tmp_path: Path) -> None:
    """One in the archive; one that lies where a folder has to be, or where a file goes."""
    target, outside = tmp_path / "to", tmp_path / "outside"
    outside.mkdir()
    (outside / "a.py").write_text("mine")
    with pytest.raises(CannotReproduce, match="can't be laid out"):
        unpack(packed(tmp_path, (a_link("l"), b"/etc")), target)
    target.mkdir(exist_ok=True)
    (target / "pkg").symlink_to(outside)
    with pytest.raises(CannotReproduce, match="no folder"):
        unpack(packed(tmp_path, ("pkg/a.py", b"theirs")), target)
    (target / "b.py").symlink_to(outside / "a.py")
    assert unpack(packed(tmp_path, ("b.py", b"theirs")), target) == 1
    assert (outside / "a.py").read_text() == "mine"
    assert not (target / "b.py").is_symlink()


def test_sizes_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By what comes out, whatever the archive claims; and by the number of files."""
    monkeypatch.setattr(archive, "BYTES_MOST", 1_000_000)
    bomb = packed(tmp_path, ("a.py", b"\0" * 900_000), ("b.py", b"\0" * 900_000))
    assert bomb.stat().st_size < 10_000
    with pytest.raises(CannotReproduce, match="larger"):
        unpack(bomb, tmp_path / "to")
    monkeypatch.setattr(archive, "FILES_MOST", 3)
    many = packed(tmp_path, *[(f"{n}.py", b"") for n in range(4)])
    with pytest.raises(CannotReproduce, match="more than 3 files"):
        unpack(many, tmp_path / "to")
    (tmp_path / "code.zip").write_bytes(b"PK\x03\x04 broken")
    with pytest.raises(CannotReproduce, match="can't be read"):
        unpack(tmp_path / "code.zip", tmp_path / "to")


@pytest.mark.parametrize("path", ["relative/a", "/a/../../b", "", "/", "/a\0b", "/" + "x/" * 2000])
def test_paths_that_no_file_has_are_refused(tmp_path: Path, path: str) -> None:
    """A record may say anything."""
    with pytest.raises(CannotReproduce, match="path can't be used"):
        Workspace(tmp_path).place(path)
    assert Workspace(tmp_path).place("/home//me/./a.csv") == tmp_path / "home/me/a.csv"


def a_repository(directory: Path) -> str:
    """A commit with a file, a script's filter and links."""
    directory.mkdir()
    git(directory, "init", "-q", "-b", "main")
    (directory / "a.py").write_text("A = 1\n")
    (directory / "inside").symlink_to("a.py")
    (directory / "outside").symlink_to("/etc")
    (directory / "x.big").write_text("pointer\n")
    git(directory, "add", "-A")
    git(directory, "commit", "-q", "-m", "first")
    return git(directory, "rev-parse", "HEAD")


def test_a_commit_is_laid_out_and_the_repository_stays(tmp_path: Path) -> None:
    """No filter of its configuration is run, no hook, no index touched; links out are removed."""
    top, target = tmp_path / "repo", tmp_path / "to"
    commit = a_repository(top)
    ran = tmp_path / "ran"
    for name in ("smudge", "clean"):
        git(top, "config", f"filter.evil.{name}", f"touch {ran}; cat")
    git(top, "config", "core.fsmonitor", f"touch {ran}")
    (top / ".git" / "info" / "attributes").write_text("*.big filter=evil\n")
    hook = top / ".git" / "hooks" / "post-checkout"
    hook.write_text(f"#!/bin/sh\ntouch {ran}\n")
    hook.chmod(0o755)
    before = content_of(top)
    checkout.check_out(top, commit, target)
    assert not ran.exists()
    assert content_of(top) == before
    assert checkout.remove_escapes(target) == ["outside"]
    assert (target / "inside").read_text() == "A = 1\n"
    assert not os.path.lexists(target / "outside")


def test_what_is_no_commit_any_more(tmp_path: Path) -> None:
    """Is told; so is a repository that is too large, or none."""
    commit = a_repository(tmp_path / "repo")
    for top, wanted, said in [
        (tmp_path / "repo", "0" * 40, "has no commit"),
        (tmp_path / "repo", "--output=x", "no commit"),
        (tmp_path / "none", commit, "not there any more"),
    ]:
        with pytest.raises(GitSilent, match=said):
            checkout.check_out(top, wanted, tmp_path / "to")


DIFF = """diff --git a/{0} b/{0}
new file mode {1}
--- /dev/null
+++ b/{0}
@@ -0,0 +1 @@
+{2}
"""


def test_a_diff_leads_nowhere(tmp_path: Path) -> None:
    """Not up, not through a link of its own, not into a repository further up."""
    target = tmp_path / "to"
    target.mkdir()
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    outside = tmp_path / "outside"
    outside.mkdir()
    file = tmp_path / "code.diff"
    link = (
        DIFF.format("l", "120000", "../outside").rstrip("\n") + "\n\\ No newline at end of file\n"
    )
    for text in (
        DIFF.format("../out.py", "100644", "x"),
        DIFF.format(".git/hooks/evil", "100644", "x"),
        link + DIFF.format("l/out.py", "100644", "x"),
        "nothing of the kind",
    ):
        file.write_text(text)
        with pytest.raises(GitSilent):
            checkout.apply_diff(target, file)
    assert list(outside.iterdir()) == []
    assert not (tmp_path / "out.py").exists()
    file.write_text(DIFF.format("new.py", "100644", "B = 2"))
    checkout.apply_diff(target, file)
    assert (target / "new.py").read_text() == "B = 2\n"


def told(path: Path) -> dict[str, Any]:
    """A file as a kernel has seen it."""
    raw = path.read_bytes()
    return {"path": str(path), "size": len(raw), "sha256": hashlib.sha256(raw).hexdigest()}


@pytest.mark.usefixtures("home")
def test_copies_are_kept_up_to_limits(tmp_path: Path) -> None:
    """Of one file and of all; not of a file that has become another; one copy for two."""
    kept = KeptData(100, 150)
    small, again, large = (tmp_path / name for name in ("small", "again", "large"))
    small.write_bytes(b"x" * 80)
    again.write_bytes(b"x" * 80)
    large.write_bytes(b"y" * 101)
    other = tmp_path / "other"
    other.write_bytes(b"z" * 80)
    assert kept.keep(told(small))
    assert kept.keep(told(again))
    assert not kept.keep(told(large))
    assert not kept.keep(told(other), {told(small)["sha256"]}), "that would be too much"
    changed = told(small) | {"sha256": "0" * 64}
    assert not KeptData(100, 10_000).keep(changed)
    assert not KeptData(100, 10_000).keep(told(small) | {"sha256": "../../etc/passwd"})
    place = place_of(told(small)["sha256"])
    assert place is not None
    assert place.read_bytes() == b"x" * 80
    files = [path for path in paths.kept_data_dir().rglob("*") if path.is_file()]
    assert files == [place]


@pytest.mark.usefixtures("home")
def test_data_is_taken_from_wherever_it_still_is(tmp_path: Path) -> None:
    """By its content: what has changed or is gone is named, all of it."""
    there, copied, gone = (tmp_path / "data" / name for name in ("there", "copied", "gone"))
    there.parent.mkdir()
    for path in (there, copied, gone):
        path.write_text(path.name)
    records = [told(path) for path in (there, copied, gone)]
    assert KeptData(100, 1000).keep(records[1])
    copied.write_text("changed")
    workspace = Workspace(tmp_path / "work")
    workspace.root.mkdir()
    counts: list[int] = []
    assert workspace.restore_data(records, counts.append) == {"where they were": 2, "copies": 1}
    assert counts == [1, 2, 3]
    assert workspace.place(str(copied)).read_text() == "copied"
    gone.unlink()
    there.write_text("changed")
    fresh = Workspace(tmp_path / "fresh")
    fresh.root.mkdir()
    with pytest.raises(CannotReproduce) as caught:
        fresh.restore_data(records, counts.append)
    assert f"{there} has changed" in str(caught.value)
    assert f"{gone} is gone" in str(caught.value)
    assert not list(fresh.root.rglob("*.new"))


def test_packages_come_from_where_pip_gets_them(tmp_path: Path) -> None:
    """Its file, over that its variables, over that uv's own."""
    file = tmp_path / "pip.conf"
    file.write_text(
        "[global]\nindex-url = https://mirror.example.org/simple\nfind_links = /a\n  /b\n"
        "[install]\nno-index = true\n"
    )
    given = {"PIP_CONFIG_FILE": str(file), "HOME": str(tmp_path), "VIRTUAL_ENV": "/venv"}
    found = uv_environment(given)
    assert found["UV_DEFAULT_INDEX"] == "https://mirror.example.org/simple"
    assert found["UV_FIND_LINKS"] == "/a,/b"
    assert found["UV_NO_INDEX"] == "1"
    assert "VIRTUAL_ENV" not in found
    found = uv_environment(given | {"PIP_INDEX_URL": "https://b/", "UV_FIND_LINKS": "/mine"})
    assert found["UV_DEFAULT_INDEX"] == "https://b/"
    assert found["UV_FIND_LINKS"] == "/mine"
    assert "UV_DEFAULT_INDEX" not in uv_environment(
        {"PIP_CONFIG_FILE": os.devnull, "HOME": str(tmp_path)}
    )


def test_a_link_on_the_way_is_seen_through(tmp_path: Path) -> None:
    """Whatever was named by it lies where it really was; what only begins alike doesn't."""
    workspace = Workspace(tmp_path, "/home/me/link/sub", "/data/project/sub")
    assert workspace.place("/home/me/link/sub/a.py") == tmp_path / "data/project/sub/a.py"
    assert workspace.place("/home/me/link") == tmp_path / "data/project"
    assert workspace.place("/home/me/linked/a.py") == tmp_path / "home/me/linked/a.py"
    assert workspace.place("/data/project/a.csv") == tmp_path / "data/project/a.csv"
    same = Workspace(tmp_path, "/home/me/sub", "/home/me/sub")
    assert same.place("/home/me/sub/a.py") == tmp_path / "home/me/sub/a.py"
    with pytest.raises(CannotReproduce, match="path can't be used"):
        Workspace(tmp_path, "/a", "/b/../../c").place("/a/x")


def test_without_uv_it_is_said_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Found on the PATH, else beside our interpreter, else it is missing."""
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(CannotReproduce, match="uv isn't there: pip install uv"):
        find_uv({"PATH": str(tmp_path / "none")})
    uv = tmp_path / "uv"
    uv.write_text("#!/bin/sh\n")
    uv.chmod(0o755)
    assert find_uv({}) == str(uv)
