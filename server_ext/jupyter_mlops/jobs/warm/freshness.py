"""Whether what a warm parent has imported is still what is on the disk.

Standard library only, Python 3.9 or newer.
"""

from __future__ import annotations

import os
import site
import sys
import sysconfig
import time

#: Seconds for which a look holds: with many jobs a second it would take a tenth of their time.
_MOMENT = 0.1


class Files:
    """The files behind the loaded modules, and the folders that packages are installed into.

    Made before the imports begin: what changes while they run has changed.
    """

    def __init__(self) -> None:
        self._since = _now()
        self._seen: dict[str, tuple[int, int, int] | None] = {}
        self._changed = ""
        self._looked_at = float("-inf")
        for folder in package_folders():
            self.add(folder)
            for name in os.listdir(folder) if os.path.isdir(folder) else ():
                if name.endswith(".pth"):
                    self.add(os.path.join(folder, name))

    def add_loaded(self) -> None:
        """Everything that has been imported by now."""
        paths = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
        for path in paths:
            if isinstance(path, str) and path not in self._seen:
                self.add(path)
                if self._since and _changed_at(path) > self._since:
                    # Written after we began: it may not be what was imported.
                    self._changed = self._changed or path

    def changed(self) -> str:
        """The first path that isn't as it was, or ""; a look holds for a moment."""
        now = time.monotonic()
        if self._changed or now - self._looked_at < _MOMENT:
            return self._changed
        self._looked_at = now
        for path, stamp in self._seen.items():
            if _stamp(path) != stamp:
                self._changed = path
                break
        return self._changed

    def add(self, path: str) -> None:
        """A file, there or not, that nothing imported shows."""
        self._seen[path] = _stamp(path)


def package_folders() -> set[str]:
    """Where packages are installed to in this interpreter."""
    paths = sysconfig.get_paths()
    folders = {paths["purelib"], paths["platlib"]}
    # A virtualenv of old replaced the `site` module by one without these.
    if hasattr(site, "getsitepackages"):
        folders.update(site.getsitepackages())
    if getattr(site, "ENABLE_USER_SITE", False):
        folders.add(site.getusersitepackages())
    return folders


def installed_folders() -> tuple[str, ...]:
    """Where modules lie that don't change by themselves."""
    folders = package_folders() | {sysconfig.get_paths()["stdlib"], os.path.dirname(os.__file__)}
    return tuple(sorted(os.path.realpath(folder) + os.sep for folder in folders))


def _stamp(path: str) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    # Not the time of change: another link to the same file changes it, as installers make them.
    return (found.st_ino, found.st_size, found.st_mtime_ns)


def _changed_at(path: str) -> int:
    """Unlike the time of modification, no installer sets it."""
    try:
        return os.stat(path).st_ctime_ns
    except OSError:
        return 0


def _now() -> int:
    """The time that files get when they change: the kernel's, whatever the clock is set to."""
    if not hasattr(os, "memfd_create"):
        return 0
    descriptor = os.memfd_create("now")
    try:
        return os.fstat(descriptor).st_ctime_ns
    finally:
        os.close(descriptor)
