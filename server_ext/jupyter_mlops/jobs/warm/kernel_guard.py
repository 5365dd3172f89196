"""The guard of a warm parent's kernels: forks one, sees it and its descendants end, is free again.

What a guard promises is in `guard`. Here it serves one request after the other, since forking a
process as large as a warm parent, and ending it, is much of what a short job costs. It does nothing
but this, so what it forks is what the parent would have forked.

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
from collections.abc import Iterator
from typing import Any, NoReturn

from . import child, guard
from .preloading import Preloaded
from .prepared import PreparedKernel, forget

#: Asks for a kernel that begins before its notebook is known.
PREPARE = b"\n"
#: Says that the guard is free again.
READY = b"."


class KernelGuard:
    """Made in a process of its own; `hand` is the socket to the parent.

    It brings `PREPARE`, and requests: one line each, with the connection of whoever asks.
    """

    def __init__(
        self,
        hand: socket.socket,
        batch_kernel: Any,
        ahead: PreparedKernel | None,
        preloaded: Preloaded,
        inheritance: child.Inheritance,
        own: list[str],
    ) -> None:
        self._hand = hand
        self._batch_kernel = batch_kernel
        self._ahead = ahead
        self._preloaded = preloaded
        self._inheritance = inheritance
        self._own = own
        self._begun: tuple[int, int] | None = None
        self._received = b""
        self._woken = self._become()

    def serve(self) -> int:
        """Until the parent has gone, or a kernel has ended that nobody had asked for."""
        while (request := self._next()) is not None:
            connection, line = request
            with connection:
                self._serve(connection, line)
            try:
                self._hand.sendall(READY)
            except OSError:
                break
        self._end_begun()
        return 0

    def _become(self) -> int:
        """A session of its own, deaf to signals; what is readable when a child has ended."""
        os.setsid()
        child.no_input()
        child.fresh_process(keep=(self._hand.fileno(),))
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        guard.become_subreaper()
        woken, wake = os.pipe()
        os.set_blocking(woken, False)
        os.set_blocking(wake, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        return woken

    def _next(self) -> tuple[socket.socket, bytes] | None:
        """The next request and its connection; None when there will be none."""
        connection: socket.socket | None = None
        while True:
            line, ended, rest = self._received.partition(b"\n")
            if ended:
                self._received = rest
                if line and connection is not None:
                    return connection, line
                self._prepare()
                continue
            waiting: list[Any] = [self._hand, self._woken]
            readable, _, _ = select.select(waiting, [], [])
            if self._woken in readable:
                os.read(self._woken, 512)
                if self._begun is not None and _has_ended(self._begun[0]):
                    return None
            if self._hand in readable:
                piece, descriptors, _, _ = socket.recv_fds(self._hand, 65_536, 1)
                if not piece:
                    return None
                if descriptors:
                    connection = socket.socket(fileno=descriptors[0])
                self._received += piece

    def _prepare(self) -> None:
        reading, writing = os.pipe()
        kernel = os.fork()
        if kernel == 0:
            self._wait_and_be_kernel(reading)
        os.close(reading)
        self._begun = (kernel, writing)

    def _end_begun(self) -> None:
        if self._begun is not None:
            kernel, writing = self._begun
            self._begun = None
            os.close(writing)
            guard.sweep(kernel)

    def _serve(self, connection: socket.socket, line: bytes) -> None:
        request = json.loads(line)
        if not PreparedKernel.fits(request["argv"]):
            self._end_begun()
        if self._begun is not None:
            kernel, writing = self._begun
            self._begun = None
            with contextlib.suppress(BrokenPipeError), open(writing, "wb") as pipe:
                pipe.write(line)
        else:
            kernel = os.fork()
            if kernel == 0:
                self._be_kernel(request)
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
        status = guard.watch(kernel, connection.fileno(), self._woken)
        swept = guard.sweep(kernel)
        say(connection, {"exited": status if status is not None else swept})

    # In the kernel.

    @contextlib.contextmanager
    def _kernel_process(self) -> Iterator[None]:
        """A process group of its own, from which nothing returns."""
        try:
            os.setpgid(0, 0)
            yield
        except BaseException:  # noqa: BLE001 - as in `kernels.fork`
            self._batch_kernel.speak_plainly()
            sys.__excepthook__(*sys.exc_info())
        finally:
            os._exit(1)

    def _be_kernel(self, request: dict[str, Any]) -> None:
        with self._kernel_process():
            child.fresh_process()
            child.output_to(request["log"])
            if PreparedKernel.fits(request["argv"]):
                self._launch(self._open(), request)
            forget()
            self._inheritance.hand_on(request["cwd"], request["env"])
            child.forget_modules(self._own)
            self._batch_kernel.launch(request["argv"])

    def _wait_and_be_kernel(self, requests: int) -> None:
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

    def _open(self) -> PreparedKernel:
        kernel = self._ahead or PreparedKernel(self._batch_kernel)
        kernel.open()
        return kernel

    def _launch(self, kernel: PreparedKernel, request: dict[str, Any]) -> NoReturn:
        child.forget_modules(self._own)
        kernel.launch(
            request["argv"],
            lambda: self._inheritance.hand_on(request["cwd"], request["env"]),
        )


def say(connection: socket.socket, message: dict[str, Any]) -> None:
    """One line; the other side may have gone."""
    try:
        connection.sendall(json.dumps(message).encode() + b"\n")
    except OSError:
        return


def _has_ended(pid: int) -> bool:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
