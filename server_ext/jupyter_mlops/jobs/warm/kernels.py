"""Kernels of a warm parent: it keeps guards, each of which forks one kernel after the other.

A guard that is free serves the next request; while nothing is asked there is one, and its kernel
has begun (see `prepared`). In a burst one begins with each request, for the next: it does so while
those at work wait for the disk. Each kernel is given to one notebook, never to a second.

Standard library and ipykernel only, Python 3.9 or newer.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import time
from collections.abc import Callable
from typing import Any

from . import child, prepared
from .kernel_guard import PREPARE, KernelGuard
from .preloading import Preloaded

#: Kernels that ended before anybody asked for them, after which none is prepared any more.
_FAILURES = 3
#: Seconds between two requests of a burst, in which the next is expected at once.
_BURST = 0.2


class Kernels:
    """In the parent. `batch_kernel`: the module; `own`: what names of our modules begin with."""

    def __init__(
        self, batch_kernel: Any, preloaded: Preloaded, inheritance: child.Inheritance, own: str
    ) -> None:
        self._batch_kernel = batch_kernel
        self._preloaded = preloaded
        self._inheritance = inheritance
        self._ahead = prepared.PreparedKernel.ahead(batch_kernel)
        self._own = child.modules_of(own)
        batch_kernel.facts.loose_modules.know()
        self._guards: set[socket.socket] = set()
        self._free: list[socket.socket] = []
        #: The free guard whose kernel has begun.
        self._begun: socket.socket | None = None
        self._failures = 0
        self.handed_out = 0
        self._asked = float("-inf")

    @property
    def guards(self) -> set[socket.socket]:
        """Readable when `heard` has something to do."""
        return self._guards

    @property
    def free(self) -> int:
        """Guards that wait for a request."""
        return len(self._free)

    @property
    def prepared(self) -> bool:
        """Whether a kernel has begun, or none is to begin any more."""
        return self._begun is not None or self._failures >= _FAILURES

    @property
    def restless(self) -> bool:
        """Whether `rest` has something to do."""
        return not self.prepared or any(hand is not self._begun for hand in self._free)

    def rest(self) -> None:
        """Nothing was asked for a while: a kernel begins for whoever comes next, and no other
        guard is kept.
        """
        hand = self._begun if self.prepared else self._begin()
        for other in self._free:
            if other is not hand:
                self._drop(other)
        self._free[:] = [hand] if hand is not None else []

    def _begin(self) -> socket.socket:
        hand = self._any_guard()
        self._begun = hand
        with contextlib.suppress(OSError):  # it has just died: `heard` is told
            hand.sendall(PREPARE)
        return hand

    def heard(self, hand: socket.socket) -> None:
        """A guard is free again, or has gone."""
        if hand not in self._guards:
            return
        try:
            said = hand.recv(64)
        except ConnectionError:
            said = b""
        if said:
            self._free.append(hand)
            return
        if hand is self._begun:
            self._begun = None
            self._failures += 1
        if hand in self._free:
            self._free.remove(hand)
        self._drop(hand)

    def hand_out(self, connection: socket.socket, line: bytes) -> None:
        """A kernel for this request: its guard speaks to `connection` from now on."""
        self.handed_out += 1
        while True:
            hand = self._begun or self._any_guard()
            began = hand is self._begun
            if began:
                self._free.remove(hand)
                self._begun = None
            try:
                sent = socket.send_fds(hand, [line[:1]], [connection.fileno()])
                hand.sendall(line[sent:] + b"\n")
            except OSError:  # it has just died
                self._drop(hand)
                continue
            if began:
                self._failures = 0
            break
        now = time.monotonic()
        if now - self._asked < _BURST and not self.prepared:
            self._free.append(self._begin())
        self._asked = now

    def _any_guard(self) -> socket.socket:
        return self._free.pop() if self._free else self._new_guard()

    def _new_guard(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        fork(lambda: self._guard(theirs))
        theirs.close()
        self._guards.add(ours)
        return ours

    def _guard(self, hand: socket.socket) -> int:
        guard = KernelGuard(
            hand, self._batch_kernel, self._ahead, self._preloaded, self._inheritance, self._own
        )
        return guard.serve()

    def _drop(self, hand: socket.socket) -> None:
        self._guards.discard(hand)
        hand.close()


def fork(become: Callable[[], int]) -> int:
    """Fork a process that is `become` and nothing else; its pid."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        status = become()
    except BaseException:  # noqa: BLE001 - a forked process never returns into the loop
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(status)
