"""A warm parent: imports once, then forks a process for each request.

    parent.py --listen SOCKET --role kernel --batch-kernel FILE [--preload a,b.c]
    parent.py --listen SOCKET --role runner

Runs by path in the *kernelspec's* interpreter, so it and the modules beside it that it uses need
the standard library and ipykernel only (the runner role runs in the daemon's). Single-threaded:
forking a process with threads copies locks that nobody will ever open. Ends when its standard
input ends, which is when the daemon has gone; what it forked goes on.

Requests and answers are JSON lines, one connection a request; ARCHITECTURE.md has the protocol.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import importlib.util
import json
import os
import select
import signal
import socket
import struct
import sys
import threading
import types
from typing import TYPE_CHECKING, Any

_HERE = os.path.dirname(os.path.abspath(__file__))
if __name__ == "__main__":
    # Our own directory must not shadow anybody's modules.
    sys.path[:] = [p for p in sys.path if p != _HERE]

#: What our own modules are called here.
_PACKAGE = "_mlops_warm"
if TYPE_CHECKING:
    from . import child, freshness, guard, kernel_guard, kernels, preloading, prepared, standin
else:
    # Found by their place: in the kernelspec's interpreter there is no package around them.
    sys.modules[_PACKAGE] = types.ModuleType(_PACKAGE)
    sys.modules[_PACKAGE].__path__ = [_HERE]
    child, freshness, guard, kernel_guard, kernels, preloading, prepared, standin = (
        importlib.import_module(f"{_PACKAGE}.{name}")
        for name in (
            "child",
            "freshness",
            "guard",
            "kernel_guard",
            "kernels",
            "preloading",
            "prepared",
            "standin",
        )
    )

#: Longest request, in bytes: an environment and a few paths.
REQUEST_MAX = 4 * 2**20
#: Seconds without a request before a kernel is prepared: it would take time from a job at work.
_QUIET = 0.2


class Parent:
    """Listens, forks, reaps. Made when everything is imported."""

    def __init__(
        self,
        listener: socket.socket,
        files: freshness.Files,
        preloaded: preloading.Preloaded,
        batch_kernel: Any = None,
    ) -> None:
        self._listener = listener
        self._connections: dict[socket.socket, bytes] = {}
        self._preloaded = preloaded
        self._runners = 0
        self._files = files
        files.add_loaded()
        self._inheritance = child.Inheritance(preloaded.env, preloaded.generators)
        self._kernels: kernels.Kernels | None = None
        if batch_kernel is not None:
            self._kernels = kernels.Kernels(batch_kernel, preloaded, self._inheritance, _PACKAGE)
        # Children have nothing of ours to collect.
        gc.collect()
        gc.freeze()

    def serve(self) -> None:
        """Until standard input ends."""
        woken, wake = os.pipe()
        os.set_blocking(woken, False)
        os.set_blocking(wake, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        while True:
            waiting: list[Any] = [0, woken, self._listener, *self._connections]
            waiting += self._kernels.guards if self._kernels is not None else ()
            restless = self._kernels is not None and self._kernels.restless
            readable, _, _ = select.select(waiting, [], [], _QUIET if restless else None)
            if not readable and self._kernels is not None:
                self._kernels.rest()
            for one in readable:
                if one == 0:
                    if not os.read(0, 512):
                        return
                elif one == woken:
                    os.read(woken, 512)
                    self._reap()
                elif one is self._listener:
                    self._accept()
                elif one in self._connections:
                    self._receive(one)
                elif self._kernels is not None:
                    self._kernels.heard(one)

    def _reap(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except (BlockingIOError, ConnectionError):
            return
        if peer_uid(connection) not in (None, os.getuid()):
            connection.close()
            return
        connection.setblocking(False)
        self._connections[connection] = b""

    def _receive(self, connection: socket.socket) -> None:
        try:
            piece = connection.recv(65_536)
        except BlockingIOError:
            return
        except ConnectionError:
            piece = b""
        data = self._connections[connection] + piece
        if not piece or len(data) > REQUEST_MAX:
            self._drop(connection)
        elif b"\n" not in data:
            self._connections[connection] = data
        else:
            del self._connections[connection]
            connection.setblocking(True)
            with connection:
                self._answer(connection, data.partition(b"\n")[0])

    def _drop(self, connection: socket.socket) -> None:
        del self._connections[connection]
        connection.close()

    def _answer(self, connection: socket.socket, line: bytes) -> None:
        request = json.loads(line)
        op = request.get("op")
        if op == "state":
            kernel_guard.say(connection, self._state())
        elif op == "quit":
            kernel_guard.say(connection, {})
            raise SystemExit(0)
        elif changed := self._files.changed():
            kernel_guard.say(connection, {"stale": f"{changed} has changed"})
            # Of no use to anybody any more: the daemon boots another one.
            raise SystemExit(0)
        elif op == "kernel" and self._kernels is not None:
            self._kernels.hand_out(connection, line)
        elif op == "run" and self._kernels is None:
            self._fork_runner(connection, request)
        else:
            kernel_guard.say(connection, {"stale": f"can't do {op!r}"})

    def _state(self) -> dict[str, Any]:
        rss = 0
        if os.path.exists("/proc/self/statm"):
            with open("/proc/self/statm") as file:
                rss = int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        return {
            "preloaded": self._preloaded.names,
            "left_out": self._preloaded.left_out,
            "forks": self._runners if self._kernels is None else self._kernels.handed_out,
            "prepared": self._kernels is not None and self._kernels.prepared,
            "free": self._kernels.free if self._kernels is not None else 0,
            "rss": rss,
        }

    # A runner, nobody's child but ours to reap.

    def _fork_runner(self, connection: socket.socket, request: dict[str, Any]) -> None:
        self._runners += 1
        kernels.fork(lambda: self._be_runner(connection, request))

    def _be_runner(self, connection: socket.socket, request: dict[str, Any]) -> int:
        """Carry out one attempt after the other, as long as whoever asked has more of them."""
        os.setsid()
        child.no_input()
        child.fresh_process(keep=(connection.fileno(),))
        from jupyter_mlops.jobs.runner import main as runner

        me = {"pid": os.getpid(), "start_time": guard.start_time(os.getpid())}
        requests = connection.makefile("rb")
        while True:
            kernel_guard.say(connection, me)
            child.output_to(os.path.join(request["attempt_dir"], "runner.log"))
            self._inheritance.hand_on("/", request["env"])
            status = runner.run_attempt(request["attempt_dir"])
            sys.stderr.flush()
            if not runner.may_go_on(status):
                return status
            # What was meant for this attempt and comes late is meant for nobody.
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            kernel_guard.say(connection, {"done": status})
            if not (line := requests.readline()):
                return status
            request = json.loads(line)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


def peer_uid(connection: socket.socket) -> int | None:
    """The user at the other end; None where the system doesn't tell (the folder's mode does)."""
    if not hasattr(socket, "SO_PEERCRED"):
        return None
    found = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    uid: int = struct.unpack("3i", found)[1]
    return uid


def load(name: str, path: str) -> Any:
    """A module from a file, without a place on sys.path."""
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no module")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def options(argv: list[str]) -> dict[str, str]:
    """`--name value` pairs."""
    return {argv[at][2:]: argv[at + 1] for at in range(0, len(argv) - 1, 2)}


def main(argv: list[str]) -> None:
    """Import, listen, serve."""
    given = options(argv)
    files = freshness.Files()
    batch_kernel = None
    arguments: list[str] = []
    if given["role"] == "runner":
        import jupyter_mlops.jobs.runner.preload  # noqa: F401
    else:
        batch_kernel = load("_mlops_batch_kernel", given["batch-kernel"])
        batch_kernel._application()  # noqa: SLF001 - imports what a kernel needs
        standin.kernel_environment()
        for path in prepared.configuration():
            files.add(path)
        arguments = [batch_kernel._launcher_path(), "-f", "kernel.json"]  # noqa: SLF001 - ours
    preloaded = preloading.Preloaded(arguments)
    for name in filter(None, given.get("preload", "").split(",")):
        try:
            preloaded.add(name)
        except preloading.Abandoned:
            return
    if len(threading.enumerate()) != 1:
        raise SystemExit("a thread was started while importing")
    listener = socket.socket(socket.AF_UNIX)
    parent = Parent(listener, files, preloaded, batch_kernel)
    # Last, and under its name only when it listens: whoever finds the socket is served.
    unnamed = f"{given['listen']}-"
    before = os.umask(0o177)
    try:
        listener.bind(unnamed)
    finally:
        os.umask(before)
    listener.listen(64)
    listener.setblocking(False)
    os.rename(unnamed, given["listen"])
    own_pid = os.getpid()
    try:
        parent.serve()
    finally:
        if os.getpid() == own_pid:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(given["listen"])


if __name__ == "__main__":
    main(sys.argv[1:])
