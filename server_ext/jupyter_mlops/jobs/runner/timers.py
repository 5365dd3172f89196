"""What is due when, in a loop that waits for other things."""

from __future__ import annotations

import time
from collections.abc import Callable

Callback = Callable[[], None]


class Timers:
    """A handful of named deadlines, on the monotonic clock."""

    def __init__(self) -> None:
        self._due: dict[str, tuple[float, float | None, Callback]] = {}

    def after(self, name: str, delay: float, callback: Callback) -> None:
        """Call once in `delay` seconds; replaces what `name` was set to."""
        self._due[name] = (time.monotonic() + delay, None, callback)

    def every(self, name: str, interval: float, callback: Callback) -> None:
        """Call every `interval` seconds from then on."""
        self._due[name] = (time.monotonic() + interval, interval, callback)

    def cancel(self, name: str) -> None:
        """Forget `name`; it need not be set."""
        self._due.pop(name, None)

    def is_set(self, name: str) -> bool:
        """Whether `name` is waiting."""
        return name in self._due

    def wait(self) -> float | None:
        """Seconds until the next is due (0: now); None when nothing is set."""
        if not self._due:
            return None
        first = min(deadline for deadline, _, _ in self._due.values())
        return max(0.0, first - time.monotonic())

    def run(self) -> None:
        """Call what is due."""
        now = time.monotonic()
        for name, (deadline, interval, callback) in list(self._due.items()):
            if deadline > now or self._due.get(name, (None,))[0] != deadline:
                continue
            if interval is None:
                del self._due[name]
            else:
                self._due[name] = (now + interval, interval, callback)
            callback()
