"""The modules beside a notebook: what is copied, what stays, and what is said about it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

from jupyter_mlops.converters import localcode
from jupyter_mlops.converters.localcode import local_code


def write(directory: Path, files: dict[str, str]) -> None:
    """Files by their relative path."""
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


def test_modules_are_followed_through_each_other(tmp_path):
    """A notebook's import, that module's import, that one's import inside a function."""
    write(
        tmp_path,
        {
            "a.py": "import b, numpy",
            "b.py": "def f():\n    from c import x",
            "c.py": "x = 1",
            "unused.py": "",
            "numpy_like.py": "",
        },
    )
    code = local_code(["import a"], tmp_path)
    assert sorted(code.files) == ["a.py", "b.py", "c.py"]
    assert code.files["c.py"] == b"x = 1"
    assert code.modules == {"a", "b", "c"}
    assert code.imports == ["numpy"]
    assert code.links == {}
    assert code.warnings == []


def test_a_package_is_taken_whole(tmp_path):
    """With its data and subpackages, without caches and hidden files."""
    write(
        tmp_path,
        {
            "pkg/__init__.py": "",
            "pkg/deep/__init__.py": "from ..other import y",
            "pkg/other.py": "import helper",
            "pkg/data/table.csv": "1",
            "pkg/__pycache__/x.pyc": "",
            "pkg/.hidden/x.py": "",
            "pkg/.env": "SECRET=1",
            "helper.py": "",
        },
    )
    code = local_code(["from pkg.deep import z"], tmp_path)
    assert sorted(code.files) == [
        "helper.py",
        "pkg/__init__.py",
        "pkg/data/table.csv",
        "pkg/deep/__init__.py",
        "pkg/other.py",
    ]


def test_a_directory_without_init_counts_when_it_has_code(tmp_path):
    """A namespace package is copied, a folder of data with a module's name is not."""
    write(tmp_path, {"ns/mod.py": "", "datasets/a.csv": "1", "ns2/sub/mod.py": ""})
    code = local_code(["import ns.mod, datasets, ns2.sub.mod"], tmp_path)
    assert sorted(code.files) == ["ns/mod.py", "ns2/sub/mod.py"]
    assert code.modules == {"ns", "ns2"}


def test_python_looks_for_a_package_before_a_module(tmp_path):
    """The same order as the import system's."""
    write(tmp_path, {"both/__init__.py": "package = 1", "both.py": "module = 1"})
    assert sorted(local_code(["import both"], tmp_path).files) == ["both/__init__.py"]


def test_a_compiled_module_is_copied(tmp_path):
    """With the suffix of the interpreter's own extensions."""
    from importlib.machinery import EXTENSION_SUFFIXES

    (tmp_path / f"fast{EXTENSION_SUFFIXES[0]}").write_bytes(b"\x7fELF")
    code = local_code(["import fast"], tmp_path)
    assert list(code.files) == [f"fast{EXTENSION_SUFFIXES[0]}"]


def test_code_that_asks_for_its_file_finds_its_neighbours(tmp_path):
    """`Path(__file__).parent / "x.csv"` works from the copy; hidden files are not offered."""
    write(
        tmp_path,
        {
            "mod.py": "from pathlib import Path\nDATA = Path(__file__).parent / 'x.csv'",
            "x.csv": "1,2",
            "data/y.csv": "3",
            ".env": "SECRET=1",
        },
    )
    code = local_code(["import mod"], tmp_path)
    assert code.links == {"x.csv": str(tmp_path / "x.csv"), "data": str(tmp_path / "data")}
    write(tmp_path, {"mod.py": "x = 1"})
    assert local_code(["import mod"], tmp_path).links == {}


def test_large_data_in_a_package_stays_in_place(tmp_path, monkeypatch):
    """The largest files become links until the rest fits; code never does."""
    monkeypatch.setattr(localcode, "MAX_BYTES", 1000)
    write(
        tmp_path,
        {"pkg/__init__.py": "#" * 400, "pkg/big.bin": "x" * 2000, "pkg/small.csv": "y" * 300},
    )
    code = local_code(["import pkg"], tmp_path)
    assert sorted(code.files) == ["pkg/__init__.py", "pkg/small.csv"]
    assert code.links == {"pkg/big.bin": str(tmp_path / "pkg/big.bin")}
    assert "1 large data file(s) stay in place" in code.warnings[0]


def test_code_over_the_limit_is_left_in_place_and_said_so(tmp_path, monkeypatch):
    """A package that is too large, and a module for which no room is left."""
    monkeypatch.setattr(localcode, "MAX_BYTES", 1000)
    write(
        tmp_path,
        {"pkg/__init__.py": "#" * 2000, "one.py": "#" * 700, "two.py": "#" * 700},
    )
    code = local_code(["import pkg, one, two"], tmp_path)
    assert sorted(code.files) == ["one.py"]
    assert "pkg/ was not copied" in code.warnings[0]
    assert "two.py was not copied" in code.warnings[1]
    assert code.modules == {"pkg", "one", "two"}


def test_too_many_files_are_left_in_place(tmp_path, monkeypatch):
    """A package that holds a data set of single files doesn't fill the store."""
    monkeypatch.setattr(localcode, "MAX_FILES", 10)
    write(tmp_path, {"pkg/__init__.py": "", **{f"pkg/{n}.txt": "" for n in range(20)}})
    code = local_code(["import pkg"], tmp_path)
    assert code.files == {}
    assert "more than 10 files" in code.warnings[0]


def test_a16_what_is_no_regular_file_is_passed_over(tmp_path):
    """Attack 16: a pipe would block, a socket or device has no content; links to them likewise."""
    write(tmp_path, {"pkg/__init__.py": ""})
    os.mkfifo(tmp_path / "pkg/pipe.py")
    os.mkfifo(tmp_path / "piped.py")
    (tmp_path / "pkg/zero.py").symlink_to("/dev/zero")
    (tmp_path / "pkg/dangling.py").symlink_to("nowhere")
    (tmp_path / "pkg/loop").symlink_to("loop")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "pkg/sock.py"))
        code = local_code(["import pkg, piped"], tmp_path)
    assert sorted(code.files) == ["pkg/__init__.py"]


def test_a16_nothing_outside_the_root_is_read(tmp_path):
    """Attack 16: a link out of the server's root is not followed into a snapshot."""
    root, outside = tmp_path / "root", tmp_path / "outside"
    write(outside, {"secret.py": "KEY = 1", "pkg/__init__.py": "KEY = 2"})
    write(root, {"good/__init__.py": "", "x.py": ""})
    (root / "linked.py").symlink_to(outside / "secret.py")
    (root / "pkg").symlink_to(outside / "pkg")
    (root / "good/inner.py").symlink_to(outside / "secret.py")
    code = local_code(["import linked, pkg, good, x"], root, root=root)
    assert sorted(code.files) == ["x.py"]
    assert b"KEY" not in b"".join(code.files.values())
    assert all("outside the server's root" in one for one in code.warnings)
    assert len(code.warnings) == 3
    without = local_code(["import linked, pkg"], root)
    assert sorted(without.files) == ["linked.py", "pkg/__init__.py"]


def test_a_directory_that_is_linked_into_a_package_stays_a_link(tmp_path):
    """It may lead anywhere, back to the package too."""
    write(tmp_path, {"pkg/__init__.py": "", "shared/z.txt": ""})
    (tmp_path / "pkg/shared").symlink_to(tmp_path / "shared")
    (tmp_path / "pkg/again").symlink_to(tmp_path / "pkg")
    code = local_code(["import pkg"], tmp_path)
    assert sorted(code.files) == ["pkg/__init__.py"]
    assert code.links == {
        "pkg/shared": str(tmp_path / "shared"),
        "pkg/again": str(tmp_path / "pkg"),
    }


def test_names_that_lead_elsewhere_find_nothing(tmp_path):
    """An import is one name: no path can be made of it."""
    write(tmp_path, {"in/nb.txt": "", "evil.py": "x"})
    code = local_code(["__import__('../evil')\nimport evil2"], tmp_path / "in")
    assert code.files == {}


def test_what_is_read_at_run_time_is_said(tmp_path):
    """`%run` and `sys.path` reach around the snapshot."""
    code = local_code(["%run helper.py", "sys.path.append('../src')"], tmp_path)
    assert "%run helper.py" in code.warnings[0]
    assert "sys.path" in code.warnings[1]


def test_a_module_that_cannot_be_decoded_is_copied_as_it_is(tmp_path):
    """Its own encoding is its own affair."""
    (tmp_path / "latin.py").write_bytes(b"# -*- coding: latin-1 -*-\nx = '\xe9'\nimport other\n")
    write(tmp_path, {"other.py": ""})
    code = local_code(["import latin"], tmp_path)
    assert sorted(code.files) == ["latin.py", "other.py"]


def test_a_module_that_may_not_be_read_is_left_in_place(tmp_path, monkeypatch):
    """The job then says what the kernel says."""

    def refuse(path, **_):
        raise PermissionError(13, "Permission denied", str(path))

    write(tmp_path, {"mine.py": "", "pkg/__init__.py": ""})
    monkeypatch.setattr(localcode, "read_regular", refuse)
    code = local_code(["import mine, pkg"], tmp_path)
    assert code.files == {}
    assert [one.endswith("as it is when it runs.") for one in code.warnings] == [True, True]
    assert all("Permission denied" in one for one in code.warnings)


def test_the_copy_imports_like_the_original(tmp_path):
    """A real interpreter imports the copied tree from elsewhere, the original being gone."""
    write(
        tmp_path / "project",
        {
            "model.py": "from pkg.layers import size\nimport util\nvalue = size + util.one",
            "pkg/__init__.py": "from . import layers",
            "pkg/layers.py": "from .sizes import size",
            "pkg/sizes.py": "import json, pathlib\n"
            "size = json.loads((pathlib.Path(__file__).parent / 'size.json').read_text())",
            "pkg/size.json": "41",
            "util.py": "one = 1",
        },
    )
    code = local_code(["import model"], tmp_path / "project")
    copy = tmp_path / "copy"
    for relative, content in code.files.items():
        path = copy / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (tmp_path / "project").rename(tmp_path / "gone")
    done = subprocess.run(
        [sys.executable, "-c", "import model; print(model.value)"],
        env={"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "42\n"
