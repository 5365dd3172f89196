"""Installed packages as a requirements file."""

from __future__ import annotations

import pytest

from jupyter_mlops.converters.lock import is_local, lock_text, read_lock


def test_a_package_of_an_index_is_pinned() -> None:
    """Local version parts and epochs included."""
    text = lock_text(
        [{"name": "numpy", "version": "2.1.0"}, {"name": "torch", "version": "1!2.5+cu121"}],
        "3.11.7",
    )
    assert text == "# Python 3.11.7\nnumpy==2.1.0\ntorch==1!2.5+cu121\n"


def test_a_package_of_an_address_is_taken_from_there() -> None:
    """At its commit, where it is a repository; in its folder, where it is one of several."""
    git = {
        "name": "tools",
        "version": "1",
        "url": "https://example.org/tools.git",
        "vcs": "git",
        "commit": "c0ffee",
    }
    wheel = {"name": "w", "version": "2", "url": "https://example.org/w-2-py3-none-any.whl"}
    assert lock_text([git, git | {"subdirectory": "py"}, wheel]).splitlines() == [
        "tools @ git+https://example.org/tools.git@c0ffee",
        "tools @ git+https://example.org/tools.git@c0ffee#subdirectory=py",
        "w @ https://example.org/w-2-py3-none-any.whl",
    ]
    assert not is_local(git)


def test_a_package_of_this_machine_is_a_comment() -> None:
    """Nobody else could install it; that it was there is said."""
    editable = {"name": "mine", "version": "0.1", "url": "file:///home/me/mine", "editable": True}
    local = {"name": "w", "version": "2", "url": "file:///tmp/w.whl"}
    text = lock_text([editable, local])
    assert all(line.startswith("#") for line in text.splitlines())
    assert "mine==0.1, editable, from file:///home/me/mine" in text
    assert is_local(editable)
    assert is_local(local)


def test_nothing_odd_becomes_an_instruction() -> None:
    """Names, versions and addresses are written by whoever made the package."""
    odd = [
        {"name": "a\n--index-url=http://evil", "version": "1"},
        {"name": "b", "version": "1\nevil"},
        {"name": "c", "version": "1", "url": "https://example.org/c#\n-r evil"},
        {"name": "d", "version": None},
    ]
    assert all(line.startswith("# ") for line in lock_text(odd).splitlines())
    assert len(lock_text(odd).splitlines()) == 4


def test_a_lock_is_read_as_it_was_written() -> None:
    """Versions, addresses, and what came from a path."""
    packages = [
        {"name": "numpy", "version": "2.1.0"},
        {"name": "Odd.Name_x", "version": "1.0+local"},
        {"name": "git", "version": "1", "url": "https://e.org/g", "vcs": "git", "commit": "a" * 40,
         "subdirectory": "sub"},
        {"name": "mine", "version": "2", "url": "file:///home/me/mine", "editable": True},
        {"name": "bad name", "version": "1"},
    ]  # fmt: skip
    lock = read_lock(lock_text(packages, "3.11.7 (CPython)"))
    assert (lock.python, lock.implementation) == ("3.11.7", "CPython")
    assert [one.line for one in lock.requirements] == [
        "numpy==2.1.0",
        "Odd.Name_x==1.0+local",
        f"git @ git+https://e.org/g@{'a' * 40}#subdirectory=sub",
    ]
    assert [one.line for one in lock.left_out] == ["mine==2"]
    assert lock.requirements[1].key == "odd-name-x"


@pytest.mark.parametrize(
    "line",
    [
        "--index-url https://evil.example.org/simple",
        "-e /home/me/evil",
        "-r other.txt",
        "-c constraints.txt",
        "/home/me/evil.whl",
        "./evil",
        "numpy @ file:///home/me/evil.whl",
        "numpy @ https://e.org/a.whl --hash=sha256:00",
        "numpy @ git+file:///evil",
        "numpy @ git+ext::sh -c evil",
        "numpy>=1",
        "numpy==1 ; python_version > '3'",
        "numpy==1 --no-binary=:all:",
        "numpy==1 # comment",
        "numpy",
        "numpy==$(evil)",
        "numpy==1\\",
        " numpy==1",
        "https://e.org/evil.whl",
        "evil @ https://e.org/x\\y",
    ],
)
def test_hostile_lines_are_refused(line: str) -> None:
    """Nothing but what we write is understood: no option, no path, no include, no marker."""
    with pytest.raises(ValueError, match="line 2 is no package"):
        read_lock(f"numpy==1\n{line}\n")
