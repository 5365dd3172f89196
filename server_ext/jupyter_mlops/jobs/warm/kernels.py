"""Kernels forked from a warm parent, each below a guard; one is prepared while nothing is asked.

A kernel that is prepared (see `prepared`) has been forked before its notebook was known; it is
given to one notebook, never to a second.

Standard library and ipykernel only, Python 3.9 or newer.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from . import child, guard, prepared
from .preloading import Preloaded

#: Kernels that ended before anybody asked for them, after which none is prepared any more.
_FAILURES = 3


class Kernels:
    """In the parent. `batch_kernel`: the module; `own`: what our modules are called."""

    def __init__(
        self, batch_kernel: Any, preloaded: Preloaded, inheritance: child.Inheritance, own: str
    ) -> None:
        self._batch_kernel = batch_kernel
        self._preloaded = preloaded
        self._inheritance = inheritance
        self._own = own
        self._ahead = prepared.PreparedKernel.ahead(batch_kernel)
        self._waiting: tuple[int, socket.socket] | None = None
        self._failures = 0
        self.handed_out = 0

    @property
    def wants_one(self) -> bool:
        """Whether `prepare` has something to do."""
        return self._waiting is None and self._failures < _FAILURES

    def prepare(self) -> None:
        """Fork a kernel for whoever comes next."""
        ours, theirs = socket.socketpair()
        pid = fork(lambda: self._guard_prepared(theirs))
        theirs.close()
        self._waiting = (pid, ours)

    def ended(self, pid: int) -> None:
        """A child has ended."""
        if self._waiting is not None and self._waiting[0] == pid:
            self._waiting[1].close()
            self._waiting = None
            self._failures += 1

    def hand_out(self, connection: socket.socket, line: bytes, request: dict[str, Any]) -> None:
        """A kernel for this request: its guard speaks to `connection` from now on."""
        self.handed_out += 1
        if self._waiting is not None and prepared.PreparedKernel.fits(request["argv"]):
            _, hand = self._waiting
            self._waiting = None
            with hand, contextlib.suppress(OSError):  # it has just died
                sent = socket.send_fds(hand, [line[:1]], [connection.fileno()])
                hand.sendall(line[sent:] + b"\n")
                self._failures = 0
                return
        fork(lambda: self._guard(connection, request))

    # In the guard.

    def _guard(self, connection: socket.socket, request: dict[str, Any]) -> int:
        woken = _become_guard(connection)
        child.output_to(request["log"])
        kernel = os.fork()
        if kernel == 0:
            self._become(request)
        return self._watch(kernel, connection, woken)

    def _guard_prepared(self, hand: socket.socket) -> int:
        woken = _become_guard(hand)
        reading, writing = os.pipe()
        kernel = os.fork()
        if kernel == 0:
            self._wait_and_become(reading)
        os.close(reading)
        received = _receive(hand, woken, kernel)
        if received is None:
            guard.sweep(kernel)
            return 0
        connection, line = received
        child.output_to(json.loads(line)["log"])
        with contextlib.suppress(BrokenPipeError), open(writing, "wb") as pipe:
            pipe.write(line)
        return self._watch(kernel, connection, woken)

    def _watch(self, kernel: int, connection: socket.socket, woken: int) -> int:
        say(
            connection,
            {
                "pid": kernel,
                "start_time": guard.start_time(kernel),
                "guard_pid": os.getpid(),
                "preloaded": self._preloaded.names,
                "left_out": self._preloaded.left_out,
            },
        )
        status = guard.watch(kernel, connection.fileno(), woken)
        swept = guard.sweep(kernel)
        say(connection, {"exited": status if status is not None else swept})
        return 0

    # In the kernel.

    @contextlib.contextmanager
    def _kernel_process(self) -> Iterator[None]:
        """A process group of its own, from which nothing returns."""
        try:
            os.setpgid(0, 0)
            yield
        except BaseException:  # noqa: BLE001 - as in `fork`
            self._batch_kernel.speak_plainly()
            sys.__excepthook__(*sys.exc_info())
        finally:
            os._exit(1)

    def _become(self, request: dict[str, Any]) -> None:
        with self._kernel_process():
            child.fresh_process()
            if prepared.PreparedKernel.fits(request["argv"]):
                kernel = self._open()
                self._launch(kernel, request)
            prepared.forget()
            self._inheritance.hand_on(request["cwd"], request["env"])
            child.forget_modules(self._own)
            self._batch_kernel.launch(request["argv"])

    def _wait_and_become(self, requests: int) -> None:
        with self._kernel_process():
            child.fresh_process(keep=(requests,))
            kernel = self._open()
            with open(requests, "rb") as pipe:
                line = pipe.read()
            if not line:
                os._exit(0)  # nobody has come, and the parent has gone
            request = json.loads(line)
            kernel.output_to(request["log"])
            self._launch(kernel, request)

    def _open(self) -> prepared.PreparedKernel:
        kernel = self._ahead or prepared.PreparedKernel(self._batch_kernel)
        kernel.open()
        return kernel

    def _launch(self, kernel: prepared.PreparedKernel, request: dict[str, Any]) -> NoReturn:
        child.forget_modules(self._own)
        kernel.launch(
            request["argv"],
            lambda: self._inheritance.hand_on(request["cwd"], request["env"]),
        )


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


def say(connection: socket.socket, message: dict[str, Any]) -> None:
    """One line; the other side may have gone."""
    try:
        connection.sendall(json.dumps(message).encode() + b"\n")
    except OSError:
        return


def _become_guard(kept: socket.socket) -> int:
    """A session of its own, deaf to signals; a descriptor that is readable when a child ended."""
    os.setsid()
    child.no_input()
    child.fresh_process(keep=(kept.fileno(),))
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    guard.become_subreaper()
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    return woken


def _receive(hand: socket.socket, woken: int, kernel: int) -> tuple[socket.socket, bytes] | None:
    """The connection and the request; None when the parent or the kernel ended before."""
    connection: socket.socket | None = None
    line = b""
    while not line.endswith(b"\n"):
        waiting: list[Any] = [hand, woken]
        readable, _, _ = select.select(waiting, [], [])
        if woken in readable:
            os.read(woken, 512)
            if os.waitid(os.P_PID, kernel, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
                return None
        if hand in readable:
            piece, descriptors, _, _ = socket.recv_fds(hand, 65_536, 1)
            if not piece:
                return None
            if descriptors:
                connection = socket.socket(fileno=descriptors[0])
            line += piece
    hand.close()
    return None if connection is None else (connection, line)
