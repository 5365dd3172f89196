"""A warm parent: imports once, then forks a process for each request.

    parent.py --listen SOCKET --role kernel --batch-kernel FILE [--preload a,b.c]
    parent.py --listen SOCKET --role runner

Runs by path in the *kernelspec's* interpreter, so it needs the standard library and ipykernel only
(the runner role runs in the daemon's). Single-threaded: forking a process with threads copies
locks that nobody will ever open. Ends when its standard input ends, which is when the daemon has
gone; what it forked goes on.

Requests and answers are JSON lines, one connection a request; ARCHITECTURE.md has the protocol.

Why modules are tried in a child before they are imported here: one that starts a thread, opens a
device or keeps a connection at its import can't be shared by a fork. A library that ends its
threads before a fork (OpenBLAS does) may stay: threads are counted after forking once. Only
installed modules are preloaded: a module beside the notebook, or an editable install, changes
while we live, so each job imports it afresh.
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
import sysconfig
import threading
import time
from collections.abc import Callable
from typing import Any, NoReturn

if __name__ == "__main__":
    # Our own directory must not shadow anybody's modules.
    sys.path[:] = [p for p in sys.path if p != os.path.dirname(os.path.abspath(__file__))]

#: Seconds that one import may take while it is tried.
PROBE_TIMEOUT = 60.0
#: Longest request, in bytes: an environment and a few paths.
REQUEST_MAX = 4 * 2**20
#: jemalloc (pyarrow has it, and pandas has pyarrow) locks itself before a fork, and the child does
#: without its background thread: `background_thread_postfork_child` in its background_thread.c.
FORK_AWARE_THREADS = frozenset({"jemalloc_bg_thd"})
_HERE = os.path.dirname(os.path.abspath(__file__))


def load(name: str, path: str) -> Any:
    """A module from a file, without a place on sys.path."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


guard = load("_mlops_guard", os.path.join(_HERE, "guard.py"))


# ---- what may be preloaded --------------------------------------------------------------------


def installed_folders() -> tuple[str, ...]:
    """Where packages that don't change by themselves lie."""
    paths = sysconfig.get_paths()
    return tuple(
        {os.path.realpath(paths[key]) + os.sep for key in ("stdlib", "purelib", "platlib")}
    )


def unfit(name: str) -> str:
    """Why a module is not even tried; "" when it may be."""
    top = name.partition(".")[0]
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError, AttributeError) as error:
        return f"can't be found: {error}"
    if spec is None:
        return "is not installed in this environment"
    if spec.origin in ("built-in", "frozen"):
        return ""
    places = list(spec.submodule_search_locations or ()) or [spec.origin or ""]
    folders = installed_folders()
    if not all(os.path.realpath(place).startswith(folders) for place in places):
        return "is not an installed package, so it may change"
    return ""


def probe(names: list[str]) -> str:
    """Import in a child and look at what that leaves behind; why they are unsafe, or ""."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        try:
            verdict = _try_imports(names, keep=writing)
        except BaseException as error:  # noqa: BLE001 - whatever a library does, it is a verdict
            verdict = f"can't be imported: {type(error).__name__}: {error}"
        os.write(writing, verdict.encode("utf-8", "replace")[:4000])
        os._exit(0)
    os.close(writing)
    said, deadline = b"", time.monotonic() + PROBE_TIMEOUT
    while True:
        ready, _, _ = select.select([reading], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            os.kill(pid, signal.SIGKILL)
            said = f"took more than {PROBE_TIMEOUT:.0f} s to import".encode()
            break
        piece = os.read(reading, 4096)
        if not piece:
            break
        said += piece
    os.close(reading)
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status) and not said:
        return f"ended the process by signal {os.WTERMSIG(status)} when it was imported"
    return said.decode("utf-8", "replace")


def _try_imports(names: list[str], keep: int) -> str:
    _silence()
    before = _descriptors() | {keep}
    for name in names:
        importlib.import_module(name)
    others = [t.name for t in threading.enumerate() if t is not threading.main_thread()]
    if others:
        return f"starts the thread {others[0]}"
    # A library with handlers for fork has ended its threads by now.
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    deadline = time.monotonic() + 0.5
    while threads := other_threads():
        if time.monotonic() > deadline:
            return f"keeps the thread {threads[0]} running"
        time.sleep(0.01)
    for descriptor in sorted(_descriptors() - before):
        try:
            target = os.readlink(f"/proc/self/fd/{descriptor}")
        except OSError:
            continue
        return f"keeps {target} open"
    return ""


def other_threads() -> list[str]:
    """Names of native threads but the main one and those that know about forks."""
    found = []
    for task in os.listdir("/proc/self/task") if os.path.isdir("/proc/self/task") else ():
        try:
            with open(f"/proc/self/task/{task}/comm") as file:
                name = file.read().strip()
        except OSError:
            continue
        if int(task) != os.getpid() and name not in FORK_AWARE_THREADS:
            found.append(name)
    return found


def _silence() -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    os.close(nothing)


def _descriptors() -> set[int]:
    found = set()
    for name in os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else ():
        try:
            os.fstat(int(name))
        except OSError:
            continue  # the one that the listing itself had
        found.add(int(name))
    return found


def preload(names: list[str]) -> tuple[list[str], dict[str, str]]:
    """Import what can be; (imported, {left out: why})."""
    left_out = {name: why for name in names if (why := unfit(name))}
    wanted = [name for name in names if name not in left_out]
    if wanted and probe(wanted):
        # Something among them: each by itself says which.
        safe: list[str] = []
        for name in wanted:
            if why := probe([*safe, name]):
                left_out[name] = why
            else:
                safe.append(name)
        wanted = safe
    for name in wanted:
        importlib.import_module(name)
    return wanted, left_out


# ---- what has changed since -------------------------------------------------------------------


class Files:
    """The files behind the loaded modules, and the folders that packages are installed into."""

    def __init__(self) -> None:
        paths = {os.path.abspath(__file__)}
        for module in list(sys.modules.values()):
            path = getattr(module, "__file__", None)
            if isinstance(path, str):
                paths.add(path)
        for folder in {sysconfig.get_paths()[key] for key in ("purelib", "platlib")}:
            paths.add(folder)
            if os.path.isdir(folder):
                paths.update(
                    os.path.join(folder, name)
                    for name in os.listdir(folder)
                    if name.endswith(".pth")
                )
        self._seen = {path: _stamp(path) for path in paths}

    def changed(self) -> str:
        """The first path that isn't as it was, or ""."""
        for path, stamp in self._seen.items():
            if _stamp(path) != stamp:
                return path
        return ""


def _stamp(path: str) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size, found.st_ino)


# ---- children ---------------------------------------------------------------------------------


def fresh_process(keep: tuple[int, ...] = ()) -> None:
    """What a child must not have of its parent: signals, descriptors, the state of generators."""
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, set())
    low = 3
    for descriptor in sorted(keep):
        os.closerange(low, descriptor)
        low = descriptor + 1
    os.closerange(low, max(_descriptors() | {low}) + 1)


def new_seeds() -> None:
    """Every job draws its own random numbers, as in a fresh process."""
    if "random" in sys.modules:
        sys.modules["random"].seed()
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed()


def new_environment(env: dict[str, str], inherited_path: list[str]) -> None:
    """Make `env` the whole environment; its PYTHONPATH counts as at an interpreter's start."""
    os.environ.clear()
    os.environ.update(env)
    if hasattr(time, "tzset"):
        time.tzset()
    added = [os.path.abspath(p) for p in env.get("PYTHONPATH", "").split(os.pathsep) if p]
    rest = [p for p in sys.path if p not in inherited_path and p not in added]
    sys.path[:] = [*added, *rest]
    importlib.invalidate_caches()


def output_to(path: str) -> None:
    """Standard input from nowhere, output and errors to a file."""
    output = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for descriptor, replaced in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(descriptor, replaced)
    os.close(output)
    os.close(nothing)


class Parent:
    """Listens, forks, reaps."""

    def __init__(self, listener: socket.socket, role: str, batch_kernel: Any) -> None:
        self._listener = listener
        self._role = role
        self._batch_kernel = batch_kernel
        self._connections: dict[socket.socket, bytes] = {}
        self._inherited_path = [
            os.path.abspath(p) for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p
        ]
        self.preloaded: list[str] = []
        self.left_out: dict[str, str] = {}
        self._forks = 0
        self._files: Files | None = None

    def ready(self) -> None:
        """Everything is imported: remember the files, and leave nothing for children to collect."""
        self._files = Files()
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
            readable, _, _ = select.select(waiting, [], [])
            for one in readable:
                if one == 0:
                    if not os.read(0, 512):
                        return
                elif one == woken:
                    os.read(woken, 512)
                    self._reap()
                elif one is self._listener:
                    self._accept()
                else:
                    self._receive(one)

    def _reap(self) -> None:
        while True:
            try:
                pid, _ = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return

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
                self._answer(connection, json.loads(data.partition(b"\n")[0]))

    def _drop(self, connection: socket.socket) -> None:
        del self._connections[connection]
        connection.close()

    def _answer(self, connection: socket.socket, request: dict[str, Any]) -> None:
        op = request.get("op")
        if op == "state":
            say(connection, self._state())
        elif op == "quit":
            say(connection, {})
            raise SystemExit(0)
        elif changed := self._changed():
            say(connection, {"stale": f"{changed} has changed"})
        elif op == "kernel" and self._role == "kernel":
            self._fork(lambda: self._become_guard(connection, request))
        elif op == "run" and self._role == "runner":
            self._fork_runner(connection, request)
        else:
            say(connection, {"stale": f"can't do {op!r}"})

    def _changed(self) -> str:
        return self._files.changed() if self._files is not None else ""

    def _state(self) -> dict[str, Any]:
        rss = 0
        if os.path.exists("/proc/self/statm"):
            with open("/proc/self/statm") as file:
                rss = int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        return {
            "preloaded": self.preloaded,
            "left_out": self.left_out,
            "forks": self._forks,
            "rss": rss,
        }

    def _fork(self, child: Callable[[], int]) -> int:
        self._forks += 1
        pid = os.fork()
        if pid:
            return pid
        status = 1
        try:
            status = child()
        except BaseException:  # noqa: BLE001 - a forked process never returns into the loop
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(status)

    # A kernel below its guard.

    def _become_guard(self, connection: socket.socket, request: dict[str, Any]) -> int:
        os.setsid()
        fresh_process(keep=(connection.fileno(),))
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGPIPE):
            signal.signal(number, signal.SIG_IGN)
        guard.become_subreaper()
        output_to(request["log"])
        woken, wake = os.pipe()
        os.set_blocking(wake, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        kernel = os.fork()
        if kernel == 0:
            self._become_kernel(request)
        say(
            connection,
            {
                "pid": kernel,
                "start_time": guard.start_time(kernel),
                "guard_pid": os.getpid(),
                "preloaded": self.preloaded,
                "left_out": self.left_out,
            },
        )
        status = guard.watch(kernel, connection.fileno(), woken)
        swept = guard.sweep(kernel)
        say(connection, {"exited": status if status is not None else swept})
        return 0

    def _become_kernel(self, request: dict[str, Any]) -> NoReturn:
        try:
            os.setpgid(0, 0)
            fresh_process()
            os.chdir(request["cwd"])
            new_environment(request["env"], self._inherited_path)
            new_seeds()
            self._batch_kernel.launch(request["argv"])
        except BaseException:  # noqa: BLE001 - as above
            sys.__excepthook__(*sys.exc_info())
        finally:
            os._exit(1)

    # A runner, nobody's child but ours to reap.

    def _fork_runner(self, connection: socket.socket, request: dict[str, Any]) -> None:
        pid = self._fork(lambda: self._become_runner(request))
        say(connection, {"pid": pid, "start_time": guard.start_time(pid)})

    def _become_runner(self, request: dict[str, Any]) -> int:
        os.setsid()
        fresh_process()
        output_to(os.path.join(request["attempt_dir"], "runner.log"))
        os.chdir("/")
        new_environment(request["env"], self._inherited_path)
        new_seeds()
        from jupyter_mlops.jobs.runner.main import run_attempt

        status = run_attempt(request["attempt_dir"])
        sys.stderr.flush()
        return status


def peer_uid(connection: socket.socket) -> int | None:
    """The user at the other end; None where the system doesn't tell (the folder's mode does)."""
    if not hasattr(socket, "SO_PEERCRED"):
        return None
    found = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    uid: int = struct.unpack("3i", found)[1]
    return uid


def say(connection: socket.socket, message: dict[str, Any]) -> None:
    """One line; the other side may have gone."""
    try:
        connection.sendall(json.dumps(message).encode() + b"\n")
    except OSError:
        return


def options(argv: list[str]) -> dict[str, str]:
    """`--name value` pairs."""
    return {name[2:]: value for name, value in zip(argv[::2], argv[1::2], strict=True)}


def main(argv: list[str]) -> None:
    """Import, listen, serve."""
    given = options(argv)
    role = given["role"]
    batch_kernel = None
    if role == "runner":
        import jupyter_mlops.jobs.runner.preload  # noqa: F401
    else:
        batch_kernel = load("_mlops_batch_kernel", given["batch-kernel"])
        batch_kernel._application()  # noqa: SLF001 - imports what a kernel needs
    listener = socket.socket(socket.AF_UNIX)
    parent = Parent(listener, role, batch_kernel)
    names = [name for name in given.get("preload", "").split(",") if name]
    parent.preloaded, parent.left_out = preload(names)
    if len(threading.enumerate()) != 1:
        raise SystemExit("a thread was started while importing")
    parent.ready()
    # Bound last: whoever can connect is served at once, and what changes from now on is seen.
    before = os.umask(0o177)
    try:
        listener.bind(given["listen"])
    finally:
        os.umask(before)
    listener.listen(64)
    listener.setblocking(False)
    try:
        parent.serve()
    finally:
        if os.getpid() == OWN_PID:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(given["listen"])


OWN_PID = os.getpid()

if __name__ == "__main__":
    main(sys.argv[1:])
