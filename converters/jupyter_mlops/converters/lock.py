"""Installed packages as a requirements file that `uv pip install -r` and pip can install; and such
a file read again. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.!+_-]*")
#: Addresses from which another machine can install.
_ELSEWHERE = ("https://", "http://", "git+https://", "git+http://", "git+ssh://")
_PYTHON = re.compile(r"# Python (\d+\.\d+\.\d+\S*) \((\w+)\)")
_PINNED = re.compile(rf"({_NAME.pattern})==({_VERSION.pattern})")
_AT = re.compile(rf"({_NAME.pattern}) @ (\S+)")
_LEFT_OUT = re.compile(rf"# not installable elsewhere: ({_NAME.pattern})==({_VERSION.pattern}), .*")
#: Lines of a lock, and characters of a line, that are read.
_LINES_MOST, _LINE_MOST = 20_000, 4_000


@dataclass(frozen=True, slots=True)
class Requirement:
    """A package that a lock names: by its version, or by the address that it came from."""

    name: str
    version: str = ""
    address: str = ""

    @property
    def line(self) -> str:
        """As it stands in a requirements file."""
        return f"{self.name} @ {self.address}" if self.address else f"{self.name}=={self.version}"

    @property
    def key(self) -> str:
        """Its name as indexes compare names."""
        return normal_name(self.name)


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock as it was read."""

    #: Version and implementation of the interpreter; empty where it doesn't say.
    python: str
    implementation: str
    requirements: tuple[Requirement, ...]
    #: Packages that came from a path of their machine.
    left_out: tuple[Requirement, ...]


def read_lock(text: str) -> Lock:
    """A file that `lock_text` wrote. Nothing but what that writes is understood.

    Raises:
        ValueError: a line is something else (an option, a path, an include); the message has it.
    """
    lines = text.splitlines()
    if len(lines) > _LINES_MOST:
        raise ValueError(f"it has more than {_LINES_MOST} lines")
    python = implementation = ""
    wanted: list[Requirement] = []
    left_out: list[Requirement] = []
    for number, line in enumerate(lines):
        if number == 0 and (found := _PYTHON.fullmatch(line)):
            python, implementation = found.groups()
        elif found := _PINNED.fullmatch(line[:_LINE_MOST]):
            wanted.append(Requirement(found[1], version=found[2]))
        elif (found := _AT.fullmatch(line[:_LINE_MOST])) and _is_elsewhere(found[2]):
            wanted.append(Requirement(found[1], address=found[2]))
        elif found := _LEFT_OUT.fullmatch(line[:_LINE_MOST]):
            left_out.append(Requirement(found[1], version=found[2]))
        elif line.strip() and not line.startswith("# not installable: "):
            raise ValueError(f"line {number + 1} is no package: {_plain(line)[:120]}")
    return Lock(python, implementation, tuple(wanted), tuple(left_out))


def normal_name(name: str) -> str:
    """A package's name as indexes compare names (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _is_elsewhere(address: str) -> bool:
    return address.startswith(_ELSEWHERE) and not re.search(r"[\s;\\]|#(?!subdirectory=)", address)


def lock_text(packages: Iterable[Mapping[str, Any]], python: str = "") -> str:
    """One line a package: `name==version`, or `name @ url` for one that didn't come from an index.

    A package from a folder or file of its machine can't be installed elsewhere: it is a comment
    that says so. `packages` are those of `facts.packages.installed`; `python` is named on top.
    """
    lines = [f"# Python {python}"] if python else []
    lines += filter(None, (_line(one) for one in packages))
    return "".join(f"{line}\n" for line in lines)


def is_local(package: Mapping[str, Any]) -> bool:
    """Whether a package came from a folder or file of its machine, or nobody knows from where."""
    return "url" in package and _address(package) is None


def _line(package: Mapping[str, Any]) -> str:
    name, version = str(package.get("name") or ""), str(package.get("version") or "")
    if not _NAME.fullmatch(name) or not _VERSION.fullmatch(version):
        return f"# not installable: {_plain(name)} {_plain(version)}"
    if "url" not in package:
        return f"{name}=={version}"
    address = _address(package)
    if address is not None:
        return f"{name} @ {address}"
    how = "editable, from" if package.get("editable") else "from"
    return f"# not installable elsewhere: {name}=={version}, {how} {_plain(str(package['url']))}"


def _address(package: Mapping[str, Any]) -> str | None:
    url = str(package.get("url", ""))
    if package.get("editable"):
        return None
    if "vcs" in package:
        url = f"{package['vcs']}+{url}@{package.get('commit', '')}"
    if not url.startswith(_ELSEWHERE) or re.search(r"[\s#]", url):
        return None
    if subdirectory := package.get("subdirectory"):
        url += f"#subdirectory={subdirectory}"
    return url


def _plain(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)
