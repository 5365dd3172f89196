"""Modules, seen at the moment when they are there."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

Then = Callable[[Any], None]
First = Callable[[], None]


class WhenLoaded:
    """Calls back with each of some modules: now where it is loaded, else once it has been imported.

    Nothing is imported for it. Callbacks must not raise: the person's import would fail.
    """

    def __init__(
        self, wanted: Mapping[str, Then], first: Mapping[str, First] | None = None
    ) -> None:
        """`first` is called before one of the modules is imported."""
        self._wanted = dict(wanted)
        self._first = dict(first or {})
        #: Names that are being looked for.
        self._sought: set[str] = set()

    def install(self) -> None:
        """From now on."""
        for name in list(self._wanted):
            module = sys.modules.get(name)
            if module is not None:
                self._wanted.pop(name)(module)
        if self._wanted:
            sys.meta_path.insert(0, self)

    def remove(self) -> None:
        """No more."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """As the finders behind this one find it."""
        # The finders behind may come by here again.
        if name not in self._wanted or name in self._sought:
            return None
        self._sought.add(name)
        try:
            for finder in sys.meta_path:
                find = None if finder is self else getattr(finder, "find_spec", None)
                spec = None if find is None else find(name, path, target)
                if spec is not None:
                    # Whoever only asks whether it is there doesn't load it.
                    self._attend(name, spec.loader)
                    return spec
        finally:
            self._sought.discard(name)
        return None

    def _attend(self, name: str, loader: Any) -> None:
        usual = getattr(loader, "exec_module", None)
        if usual is None:
            return

        def exec_module(module: Any) -> None:
            if (first := self._first.get(name)) is not None:
                first()
            usual(module)
            if (then := self._wanted.pop(name, None)) is not None:
                then(module)

        try:
            loader.exec_module = exec_module
        except AttributeError:  # built in, or with slots: such a module is not seen
            return


def replace(module: Any, dotted: str, made: Callable[[Any], Any]) -> None:
    """Put `made(what is there)` in the place of `module`'s attribute; nothing where it has none."""
    *within, name = dotted.split(".")
    owner = module
    for part in within:
        owner = getattr(owner, part, None)
    usual = getattr(owner, name, None)
    if usual is None:
        return
    try:
        setattr(owner, name, made(usual))
    except (AttributeError, TypeError):  # compiled, or a lazy module: it is not seen
        return
