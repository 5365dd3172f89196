"""Seeds that a notebook sets, and whether it drew numbers that nothing had seeded.

What can be seen is seen: calls of the functions below, and whether the global generators have moved
since. A seed given to an estimator (`random_state=0`) can't be. What libraries draw for themselves
while they are imported (examples for a docstring, a first id) isn't the notebook's.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from .loading import First, Then, replace

#: Module → functions that seed something.
SEEDERS = {
    "random": ("seed",),
    "numpy.random": ("seed", "default_rng"),
    "torch": ("manual_seed",),
    "tensorflow": ("random.set_seed",),
}
#: Modules that draw from a global generator when they are imported → which.
DRAWING = {"rich.style": "random"}
#: Different calls that are kept.
MOST = 50
_TEXT_MOST = 100
#: Whoever seeds these seeds the notebook.
_GLOBAL = frozenset(
    f"{module}.{one}" for module, those in SEEDERS.items() for one in those if one != "default_rng"
)
_INSTALLED = tuple(os.sep + name + os.sep for name in ("site-packages", "dist-packages"))


class Seeds:
    """`calls` is what was seen: function and seed (None: the system's own entropy)."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self._seen: set[tuple[str, Any]] = set()
        self._states: dict[str, Any] = {}
        #: As `_states`, when a module of `DRAWING` was about to be imported.
        self._before: dict[str, Any] = {}

    def wanted(self) -> dict[str, Then]:
        """What is to happen when a module is there."""
        drawn: dict[str, Then] = {name: functools.partial(self._drew, name) for name in DRAWING}
        return drawn | {name: functools.partial(self._watch, name) for name in SEEDERS}

    def first(self) -> dict[str, First]:
        """What is to happen before a module is imported."""
        return {name: functools.partial(self._draws, name) for name in DRAWING}

    def begin(self) -> None:
        """What was seeded before is not the notebook's."""
        self.calls.clear()
        self._seen.clear()
        self._states = {name: _state(name) for name in self._states}

    def drawn(self) -> list[str]:
        """Global generators that have moved although nothing seeded them."""
        # Copies: a thread may ask while the notebook goes on.
        seeded = {call["function"] for call in list(self.calls) if call["seed"] is not None}
        return [
            name
            for name, before in list(self._states.items())
            if f"{name}.seed" not in seeded and before is not None and _state(name) != before
        ]

    def _watch(self, name: str, module: Any) -> None:
        for function in SEEDERS[name]:
            replace(module, function, functools.partial(self._seeing, f"{name}.{function}"))
        if name in _STATES:
            self._states[name] = _state(name)

    def _draws(self, module: str) -> None:
        self._before[module] = _state(DRAWING[module])

    def _drew(self, module: str, _module: Any) -> None:
        generator = DRAWING[module]
        if module in self._before and self._states.get(generator) == self._before.pop(module):
            self._states[generator] = _state(generator)

    def _seeing(self, function: str, usual: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(usual)
        def seed(*args: Any, **given: Any) -> Any:
            self._note(function, args[0] if args else given.get("seed", given.get("a")))
            return usual(*args, **given)

        # Found again under this name by whoever pickles it.
        seed.__module__, _, seed.__qualname__ = function.rpartition(".")
        return seed

    def _note(self, function: str, given: Any) -> None:
        if hasattr(given, "bit_generator") or hasattr(given, "random_raw"):
            return  # a generator that is there already, handed through
        seed = _plain(given)
        if len(self.calls) >= MOST or (function, seed) in self._seen:
            return
        if function in _GLOBAL or not _importing():
            self._seen.add((function, seed))
            self.calls.append({"function": function, "seed": seed})


def _importing() -> bool:
    """Whether this is called by an installed module that is being imported."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - the way to look at the stack
    while frame is not None and frame.f_code.co_name != "<module>":
        frame = frame.f_back
    if frame is None or frame.f_globals.get("__name__") == "__main__":
        return False
    return any(folder in frame.f_code.co_filename for folder in _INSTALLED)


def _plain(given: Any) -> Any:
    """A seed as JSON can hold it."""
    given = getattr(given, "entropy", given)  # numpy's SeedSequence
    if given is None or isinstance(given, (bool, int, float)):
        return given
    if type(given).__module__ == "numpy" and not getattr(given, "shape", (0,)):
        return int(given)
    return str(given)[:_TEXT_MOST]


def _of_random() -> Any:
    return sys.modules["random"].getstate()


def _of_numpy() -> Any:
    state = sys.modules["numpy.random"].get_state()
    return state[1].tobytes(), state[2:]


_STATES: dict[str, Callable[[], Any]] = {"random": _of_random, "numpy.random": _of_numpy}


def _state(name: str) -> Any:
    """Where a global generator stands; None where it doesn't say so in the way we know."""
    try:
        return _STATES[name]()
    except (AttributeError, IndexError, KeyError, TypeError):
        return None
