"""Imported modules that belong to no installation: local code, editable packages."""

from __future__ import annotations

import itertools
import os
import sys

#: Modules that are told.
MOST = 500
#: Looks at the modules while other threads import.
_TRIES = 10
_LIBRARY = os.path.dirname(os.__file__)
_INSTALLED = tuple(os.sep + name + os.sep for name in ("site-packages", "dist-packages"))
#: Of this product; `__main__` is the notebook.
_OURS = ("_mlops", "jupyter_mlops", "__main__", "__mp_main__")


class LooseModules:
    """Finds them among what is imported, top-level ones only."""

    def __init__(self) -> None:
        self._known: list[str] = []
        #: The last one that was imported when `know` looked.
        self._last: str | None = None

    def know(self) -> None:
        """For a process that forks kernels: what is imported by now isn't looked at in each.

        Looking at a module counts a reference, and in a fork each such write copies a page.
        """
        self._known = self._since(None)
        self._last = next((one for one in _imported_after(None) if not one.startswith(_OURS)), None)

    def files(self) -> list[str]:
        """Their files, sorted."""
        return sorted({*self._known, *self._since(self._last)})[:MOST]

    def _since(self, last: str | None) -> list[str]:
        installed = tuple({os.path.join(at, "") for at in (sys.prefix, sys.base_prefix, _LIBRARY)})
        found: list[str] = []
        for name in _imported_after(last):
            if "." in name or name.startswith(_OURS):
                continue
            file = getattr(sys.modules.get(name), "__file__", None)
            if not isinstance(file, str) or not os.path.isabs(file) or file.startswith(installed):
                continue
            if any(folder in file for folder in _INSTALLED):
                continue
            found.append(file)
        return found


def _imported_after(last: str | None) -> list[str]:
    """Names of modules, newest first, until `last` (None: all)."""
    for _ in range(_TRIES):
        try:
            return list(itertools.takewhile(lambda one: one != last, reversed(sys.modules)))
        except RuntimeError:  # another thread has imported something meanwhile
            continue
    # Names at once, though each counts a reference.
    return list(itertools.takewhile(lambda one: one != last, reversed(list(sys.modules))))


#: This process's.
loose_modules = LooseModules()
