"""The modules beside a notebook that it imports, directly or through each other.

    local_code(sources, directory)     # LocalCode: files to copy, links to make, warnings

A module is one file; of a package the whole directory is taken, so that relative imports and the
data beside its modules are there. What is too large stays in place: a large data file becomes a
link, and a package whose code alone is over the limit is left out and imported from where it is
(the notebook's directory stays on `sys.path`); either is a warning.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

from jupyter_mlops.converters.imports import Found, found_in
from jupyter_mlops.converters.notebook import shown
from jupyter_mlops.converters.opening import Outside, read_regular

#: All copied files together (bytes), and how many.
MAX_BYTES = 50 * 2**20
MAX_FILES = 5_000
#: Entries of the notebook's directory that are linked for code which looks beside its own file.
MAX_LINKS = 1_000

_CODE = (".py", ".pyi", *EXTENSION_SUFFIXES)
_LEFT_OUT = frozenset({"__pycache__", "node_modules"})


@dataclass(slots=True)
class LocalCode:
    """What a copy of the local modules consists of; paths are relative, with forward slashes."""

    #: Path → content.
    files: dict[str, bytes] = field(default_factory=dict)
    #: Path → absolute path of what stays in place.
    links: dict[str, str] = field(default_factory=dict)
    #: Names of the local modules and packages, copied or not.
    modules: set[str] = field(default_factory=set)
    #: What the copied modules import when they are imported, without local ones.
    imports: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def local_code(sources: Iterable[str], directory: Path, *, root: Path | None = None) -> LocalCode:
    """The code beside a notebook that its cells (`sources`) import, transitively.

    With `root`, nothing whose real path lies outside it is read; it stays in place.
    """
    collector = _Collector(directory, root)
    for source in sources:
        collector.follow(found_in(source), notebook=True)
    collector.run()
    return collector.code


class _Collector:
    def __init__(self, directory: Path, root: Path | None) -> None:
        self.directory = directory
        self.root = root
        self.code = LocalCode()
        self._waiting: list[str] = []
        self._seen: set[str] = set()
        self._bytes = 0
        self._uses_file = False
        self._certain: dict[str, None] = {}

    def follow(self, found: Found, *, notebook: bool = False) -> None:
        """Take note of what a source imports."""
        self._waiting += [name.partition(".")[0] for name in found.anywhere]
        if notebook:
            for name in found.runs:
                self.code.warnings.append(
                    f"%run {shown(name)}: this file is read when the job runs, not now."
                )
            if found.uses_path:
                self.code.warnings.append(
                    "A cell changes sys.path: modules found through it are read when the job runs, "
                    "not now."
                )
        else:
            self._uses_file = self._uses_file or found.uses_file
            self._certain |= dict.fromkeys(found.certain)

    def run(self) -> None:
        """Copy until nothing new is imported."""
        while self._waiting:
            name = self._waiting.pop(0)
            if name not in self._seen:
                self._seen.add(name)
                self._take(name)
        self.code.imports = [
            name for name in self._certain if name.partition(".")[0] not in self.code.modules
        ]
        if self._uses_file and self.code.files:
            self._link_neighbours()

    def _take(self, name: str) -> None:
        """In the order in which Python looks: package, extension module, module, namespace."""
        place = self.directory / name
        if _is_file(place / "__init__.py"):
            self._take_package(name, place)
            return
        for suffix in (*EXTENSION_SUFFIXES, ".py"):
            if _is_file(self.directory / f"{name}{suffix}"):
                self._take_module(name, f"{name}{suffix}")
                return
        if place.is_dir() and _holds_code(place):
            self._take_package(name, place)

    def _take_module(self, name: str, filename: str) -> None:
        self.code.modules.add(name)
        path = self.directory / filename
        try:
            size = path.stat().st_size
            if self._bytes + size > MAX_BYTES:
                self._left_in_place(filename, "it is too large to copy")
                return
            self._add(filename, path)
        except Outside:
            self._left_in_place(filename, "it lies outside the server's root")
        except OSError as error:
            self._left_in_place(filename, f"it can't be read ({error.strerror})")

    def _take_package(self, name: str, place: Path) -> None:
        self.code.modules.add(name)
        walked = _walk(place, name)
        if walked is None:
            self._left_in_place(f"{name}/", f"it has more than {MAX_FILES} files")
            return
        sizes, links = walked
        room = MAX_BYTES - self._bytes
        linked = _largest_data(sizes, room)
        if linked is None:
            self._left_in_place(f"{name}/", f"its code is larger than {MAX_BYTES // 2**20} MB")
            return
        copied: dict[str, bytes] = {}
        try:
            for relative in sizes.keys() - linked:
                copied[relative] = read_regular(
                    self.directory / relative, root=self.root, limit=MAX_BYTES
                )
        except Outside:
            self._left_in_place(f"{name}/", "it lies outside the server's root")
            return
        except OSError as error:
            self._left_in_place(f"{name}/", f"a file can't be read ({error.strerror})")
            return
        for relative in sorted(copied):
            self._keep(relative, copied[relative])
        self.code.links |= links
        for relative in sorted(linked):
            self.code.links[relative] = str(self.directory / relative)
        if linked:
            self.code.warnings.append(
                f"{shown(name)}/: {len(linked)} large data file(s) stay in place; the job reads "
                "them as they are when it runs."
            )

    def _add(self, relative: str, path: Path) -> None:
        self._keep(relative, read_regular(path, root=self.root, limit=MAX_BYTES))

    def _keep(self, relative: str, content: bytes) -> None:
        self.code.files[relative] = content
        self._bytes += len(content)
        if relative.endswith(".py"):
            self.follow(found_in(content.decode("utf-8", "replace")))

    def _left_in_place(self, what: str, why: str) -> None:
        self.code.warnings.append(
            f"{shown(what)} was not copied since {why}; the job imports it as it is when it runs."
        )

    def _link_neighbours(self) -> None:
        """For `Path(__file__).parent / "x.csv"`: what lies beside the modules, in place."""
        copied = {relative.partition("/")[0] for relative in self.code.files}
        names = sorted(
            name
            for name in os.listdir(self.directory)
            if not name.startswith(".") and name not in copied and name not in _LEFT_OUT
        )
        if len(names) > MAX_LINKS:
            self.code.warnings.append(
                f"A module uses __file__, and more than {MAX_LINKS} files lie beside it: those "
                "after the first in the alphabet are not found from there."
            )
        for name in names[:MAX_LINKS]:
            self.code.links[name] = str(self.directory / name)


def _walk(place: Path, name: str) -> tuple[dict[str, int], dict[str, str]] | None:
    """Sizes of the regular files below `place` and links to directories; None for too many."""
    sizes: dict[str, int] = {}
    links: dict[str, str] = {}
    for walked, directories, files in os.walk(place):
        parent = Path(walked)
        relative = (name / parent.relative_to(place)).as_posix()
        for directory in list(directories):
            if directory.startswith(".") or directory in _LEFT_OUT:
                directories.remove(directory)
            elif (parent / directory).is_symlink():
                directories.remove(directory)
                target = os.path.realpath(parent / directory)
                links[f"{relative}/{directory}"] = target
        for filename in files:
            found = _regular(parent / filename)
            if found is not None and not filename.startswith("."):
                sizes[f"{relative}/{filename}"] = found.st_size
        if len(sizes) > MAX_FILES:
            return None
    return sizes, links


def _largest_data(sizes: dict[str, int], room: int) -> set[str] | None:
    """Data files that must stay in place for the rest to fit; None when the code doesn't fit."""
    total = sum(sizes.values())
    linked: set[str] = set()
    data = [path for path in sizes if not path.endswith(_CODE)]
    for path in sorted(data, key=lambda path: (-sizes[path], path)):
        if total <= room:
            break
        linked.add(path)
        total -= sizes[path]
    return linked if total <= room else None


def _holds_code(place: Path, levels: int = 1) -> bool:
    """Whether a directory without `__init__.py` has modules at its top or one level below."""
    try:
        with os.scandir(place) as entries:
            found = list(entries)
    except OSError:
        return False  # nothing that could be imported either
    if any(entry.name.endswith(".py") for entry in found):
        return True
    return levels > 0 and any(
        _holds_code(Path(entry.path), levels - 1) for entry in found if entry.is_dir()
    )


def _is_file(path: Path) -> bool:
    return _regular(path) is not None


def _regular(path: Path) -> os.stat_result | None:
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return found if stat.S_ISREG(found.st_mode) else None
