"""SIGTERM and SIGINT as something that a loop can wait for."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any, Self


class Wake:
    """Turns SIGTERM and SIGINT into a cancellation, in the loop instead of in a handler."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)
        self._wanted = False
        self._cancel: Callable[[], None] | None = None
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        self._old_descriptor = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            self._before[number] = signal.signal(number, self._caught)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._old_descriptor)
        os.close(self._read)
        os.close(self._write)

    @property
    def wanted(self) -> bool:
        """Whether somebody wants us to end."""
        return self._wanted

    def attach(
        self, watch: Callable[[int, Callable[[], None]], None], cancel: Callable[[], None]
    ) -> None:
        """From now on, and if it was asked for before: `cancel`.

        `watch(descriptor, callback)` makes a loop call back when the descriptor is readable.
        """
        self._cancel = cancel
        watch(self._read, self._woken)
        if self._wanted:
            cancel()

    def _caught(self, *_: object) -> None:
        self._wanted = True

    def _woken(self) -> None:
        try:
            while os.read(self._read, 512):
                pass
        except BlockingIOError:
            pass  # all of it was read
        if self._wanted and self._cancel is not None:
            self._cancel()
