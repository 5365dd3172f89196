"""Files that a notebook reads: its data.

Whatever Python opens passes an audit hook; what libraries open by themselves is seen in readers.py.
A file counts when it lies in one of the folders given and is neither code nor made by the run
itself. Its size and time are those of the first opening. What worker processes read is not seen.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Sequence
from typing import Any

#: Files that are told one by one; more are counted.
MOST = 10_000
#: Names that are remembered as opened before; the files of others are looked at each time.
_SEEN_MOST = 100_000
#: Files made by the run that are remembered; what it makes beyond and reads again counts as data.
_MADE_MOST = 200_000
_CODE = (
    *(".py", ".pyc", ".pyi", ".pyx", ".ipynb", ".so", ".dylib", ".pth", ".egg-link"),
    *(".dist-info", ".tmp"),
)
_NOT_DATA = tuple(os.sep + name + os.sep for name in ("site-packages", "dist-packages"))
_SYSTEM = ("/proc/", "/sys/", "/dev/")
_WRITING = os.O_WRONLY | os.O_RDWR
_MAKING = os.O_CREAT | os.O_TRUNC


class Reading:
    """`files`: path → what was seen of it. The hook stays for the process's life, once made."""

    def __init__(self, folders: Sequence[str], without: Sequence[str]) -> None:
        """`folders` hold data, but not what lies in `without`."""
        self._folders = tuple(_folder(one) for one in folders)
        self._without = tuple(_folder(one) for one in without if one) + _SYSTEM
        self.files: dict[str, dict[str, Any]] = {}
        #: Found in excess of `MOST`, at the least.
        self.more = 0
        self.active = False
        #: A thread of our own, whose reading is not the notebook's.
        self.ours: int | None = None
        self._made: set[str] = set()
        self._seen: set[Any] = set()

    def install(self) -> None:
        """From now on. It can't be undone; `active` says whether it does anything."""
        self.active = True
        seen = self._seen

        def hook(event: str, args: tuple[Any, ...]) -> None:
            # Every event of the process comes by here: nothing may be slow, nothing may raise.
            if event == "open":
                if self.active and args[0] not in seen:
                    self._opened(args)
            elif event == "os.chdir":
                seen.clear()

        def careful(event: str, args: tuple[Any, ...]) -> None:
            try:
                hook(event, args)
            except (TypeError, ValueError, LookupError, OSError, AttributeError):
                return  # an unusual event: what is opened is the person's affair, not ours

        sys.addaudithook(careful)

    def opened(self, path: str, *, writing: bool = False) -> bool:
        """A file is opened to be read, or made; whether that is all there is to know of it."""
        if not self.active or path.endswith(_CODE) or threading.get_ident() == self.ours:
            return False
        try:
            whole = os.path.abspath(path)
            if not self._holds(whole):
                real = os.path.realpath(whole)
                if real == whole or not self._holds(real):
                    return True
            if writing:
                if whole not in self.files and len(self._made) < _MADE_MOST:
                    self._made.add(whole)
                return True
            if whole in self.files or whole in self._made:
                return True
            found = os.stat(whole)
        except (OSError, ValueError):
            return False  # it isn't there, which its opener will say; it may be later
        if found.st_mode & 0o170000 != 0o100000:
            return True
        if len(self.files) >= MOST:
            # Not those that may have been counted before.
            self.more += len(self._seen) < _SEEN_MOST
            return True
        self.files[whole] = {
            "path": whole,
            "size": found.st_size,
            "mtime_ns": found.st_mtime_ns,
            "inode": found.st_ino,
        }
        return True

    def _opened(self, args: tuple[Any, ...]) -> None:
        path, flags = args[0], args[2]
        if getattr(path, "of_mlops", False):
            return  # copied by us, not read by the notebook (magics/attachments.py)
        if isinstance(path, bytes):
            path = os.fsdecode(path)
        elif not isinstance(path, str):
            if not isinstance(path, os.PathLike):
                return  # a descriptor: whoever opened that has come by
            path = os.fspath(path)
        if not isinstance(flags, int):
            flags = 0
        making = bool(flags & _MAKING) or flags & _WRITING == os.O_WRONLY
        settled = self.opened(path, writing=making)
        if settled and not making and len(self._seen) < _SEEN_MOST:
            self._seen.add(args[0])

    def look_in(self, folders: Sequence[str]) -> None:
        """These folders hold data, too, from now on."""
        self._folders += tuple(f for one in folders if (f := _folder(one)) not in self._folders)
        self._seen.clear()

    def _holds(self, path: str) -> bool:
        if path.startswith(self._without) or any(name in path for name in _NOT_DATA):
            return False
        # Hidden files and folders are some program's, not data.
        return any(path.startswith(f) and "/." not in path[len(f) - 1 :] for f in self._folders)


def _folder(path: str) -> str:
    return os.path.join(os.path.realpath(path), "")
