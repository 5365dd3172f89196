"""A run's notebook becomes a file again: as it was, and over nothing."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import pytest

from jupyter_mlops.errors import InvalidInput, MlopsError, Refused
from jupyter_mlops.tracking import run_copy
from jupyter_mlops.tracking.run_copy import Kept


def archive(names: dict[str, bytes], attributes: int = 0o644 << 16) -> bytes:
    """An archive of files, as whoever logs artifacts may make one."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in names.items():
            entry = zipfile.ZipInfo(name)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = attributes
            file.writestr(entry, content)
    return made.getvalue()


def test_it_lies_beside_the_original(tmp_path: Path) -> None:
    """The same content is found again; what a person made of it is left alone."""
    first = run_copy.put(Kept(b"one", "train"), tmp_path, "12345678").path
    assert (first.name, first.read_bytes()) == ("train-12345678.ipynb", b"one")
    assert run_copy.put(Kept(b"one", "train"), tmp_path, "12345678").path == first
    first.write_bytes(b"edited")
    second = run_copy.put(Kept(b"one", "train"), tmp_path, "12345678").path
    assert (second.name, first.read_bytes()) == ("train-12345678-2.ipynb", b"edited")
    assert run_copy.put(Kept(b"one", "train"), tmp_path, "12345678").path == second


def test_modules_that_have_changed_lie_with_it(tmp_path: Path) -> None:
    """Beside the original as long as it would import the same, else apart with what it did."""
    kept = Kept(b"one", "train", {"nets/deep.py": b"x = 1\n"})
    (tmp_path / "nets").mkdir()
    (tmp_path / "nets" / "deep.py").write_bytes(b"x = 1\n")
    assert run_copy.put(kept, tmp_path, "12").path == tmp_path / "train-12.ipynb"
    (tmp_path / "nets" / "deep.py").write_bytes(b"x = 2\n")
    apart = run_copy.put(kept, tmp_path, "12")
    assert apart.path == tmp_path / "runs" / "train-12" / "train.ipynb"
    assert apart.modules == ("nets/deep.py",)
    assert (apart.path.parent / "nets" / "deep.py").read_bytes() == b"x = 1\n"
    assert run_copy.put(kept, tmp_path, "12") == apart
    (apart.path.parent / "nets" / "deep.py").write_bytes(b"edited")
    again = run_copy.put(kept, tmp_path, "12")
    assert again.path.parent.name == "train-12-2"
    assert (apart.path.parent / "nets" / "deep.py").read_bytes() == b"edited"
    assert [one.name for one in (tmp_path / "runs").glob(".*")] == []


def test_links_in_the_way_are_not_followed(tmp_path: Path) -> None:
    """A link where the copy would be is another file of the person's."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    home = tmp_path / "home"
    home.mkdir()
    (home / "train-12.ipynb").symlink_to(elsewhere / "precious.ipynb")
    assert run_copy.put(Kept(b"one", "train"), home, "12").path.name == "train-12-2.ipynb"
    (home / "runs").symlink_to(elsewhere)
    with pytest.raises(Refused):
        run_copy.put(Kept(b"one", "train", {"gone.py": b""}), home, "12")
    assert os.listdir(elsewhere) == []


def test_a_folder_that_nobody_may_write_is_told(tmp_path: Path) -> None:
    """With what to do."""
    with pytest.raises(MlopsError) as refused:
        run_copy.put(Kept(b"one", "train"), tmp_path / "absent", "12")
    assert "can't be written" in refused.value.detail


@pytest.mark.parametrize(
    "name", ["../evil.py", "/etc/evil.py", "a/../../evil.py", "a\\..\\evil.py"]
)
def test_archives_that_climb_are_refused(name: str) -> None:
    """Whoever logs artifacts chooses their content."""
    with pytest.raises(InvalidInput):
        run_copy.unpacked(archive({name: b"x"}))


def test_archives_of_other_things_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Links, what is no archive, and what unpacks to more than it should."""
    with pytest.raises(InvalidInput):
        run_copy.unpacked(archive({"a.py": b"/etc/passwd"}, attributes=0o120777 << 16))
    with pytest.raises(InvalidInput):
        run_copy.unpacked(b"PK no archive")
    monkeypatch.setattr(run_copy, "_BYTES_MOST", 1000)
    assert run_copy.unpacked(archive({"a.py": bytes(1000)})) == {"a.py": bytes(1000)}
    with pytest.raises(InvalidInput):
        run_copy.unpacked(archive({"a.py": bytes(600), "b.py": bytes(600)}))
