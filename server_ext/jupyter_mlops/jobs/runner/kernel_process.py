"""The kernel's process: forked from a warm parent, or started below a guard of its own.

Either way there is one connection that speaks JSON lines (ARCHITECTURE.md, "Warm start protocol"):
the kernel's pid comes first, how it ended last, and letting go of the connection kills the kernel
and everything that it started.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_mlops.jobs.identity import start_time
from jupyter_mlops.jobs.model import WarmDetails
from jupyter_mlops.jobs.order import KernelOrder

GUARD = Path(__file__).parent.parent / "warm" / "guard.py"
BATCH_KERNEL = Path(__file__).parent / "batch_kernel.py"
#: Seconds that a warm parent may take to answer; it forks, which takes milliseconds.
_PARENT_PATIENCE = 10.0
_LAUNCHERS = ("ipykernel_launcher", "ipykernel")
#: Python's options whose value is a word of its own.
_OPTIONS_WITH_VALUES = ("-X", "-W")


@dataclass(frozen=True, slots=True)
class KernelExit:
    """The kernel has ended."""

    #: As `subprocess.Popen.returncode`; None when nobody can tell any more.
    status: int | None

    def __str__(self) -> str:
        if self.status is None:
            return "its guard was killed"
        if self.status < 0:
            try:
                return f"killed by {signal.Signals(-self.status).name}"
            except ValueError:
                return f"killed by signal {-self.status}"
        return f"it exited with status {self.status}"


@dataclass(slots=True)
class KernelCommand:
    """What is to be started."""

    argv: list[str]
    cwd: str
    env: dict[str, str]
    log: Path
    #: Arguments of `ipykernel_launcher`, where it is one: then a warm parent can fork it.
    batch: list[str] | None = field(default=None)

    @classmethod
    def of(
        cls, kernel: KernelOrder, connection_file: Path, cwd: str, env: dict[str, str], log: Path
    ) -> KernelCommand:
        """The command of a kernelspec; ipykernel's becomes our batch kernel.

        Other kernels that are a Python module run below it, too, so that none drops output.
        """
        argv = [word.replace("{connection_file}", str(connection_file)) for word in kernel.argv]
        place = _module(argv)
        if place is None:
            return cls(argv, cwd, env, log)
        rest = argv[place + 2 :]
        if is_ipykernel(argv):
            return cls([*argv[:place], str(BATCH_KERNEL), *rest], cwd, env, log, rest)
        module = ["--module", argv[place + 1]]
        return cls([*argv[:place], str(BATCH_KERNEL), *module, *rest], cwd, env, log)


def is_python(argv: list[str]) -> bool:
    """Whether a kernelspec starts a Python."""
    return os.path.basename(argv[0]).startswith(("python", "pypy"))


def is_ipykernel(argv: list[str]) -> bool:
    """Whether a kernelspec starts ipykernel, in whose place our batch kernel is started."""
    place = _module(argv)
    return place is not None and argv[place + 1] in _LAUNCHERS


def _module(argv: list[str]) -> int | None:
    """Where in `argv` ``-m`` stands; None when it doesn't start a Python module."""
    if not is_python(argv):
        return None
    place = 1
    while place + 1 < len(argv):
        if argv[place] == "-m":
            return place
        if not argv[place].startswith("-") or argv[place] == "-c":
            return None
        place += 2 if argv[place] in _OPTIONS_WITH_VALUES else 1
    return None


class KernelProcess:
    """A kernel being started, running or gone."""

    def __init__(self, command: KernelCommand, parent: str | None, cold_reason: str) -> None:
        self._command = command
        self._buffer = b""
        self._socket: socket.socket | None = None
        self._guard: subprocess.Popen[bytes] | None = None
        self.start = WarmDetails(reason=cold_reason)
        self.pid: int | None = None
        self.started: int | None = None
        self.guard_pid: int | None = None
        self.exit: KernelExit | None = None
        self._gone = False
        if parent is None or command.batch is None:
            if not self.start.reason and command.batch is None:
                self.start.reason = "only ipykernel can be forked"
            self._spawn()
        else:
            self._ask(parent)

    @property
    def gone(self) -> bool:
        """Whether the guard has let go: nothing of the kernel is left."""
        return self._gone

    def fileno(self) -> int:
        """Readable when there is news."""
        if self._socket is not None:
            return self._socket.fileno()
        assert self._guard is not None
        assert self._guard.stdout is not None
        return self._guard.stdout.fileno()

    def read(self) -> None:
        """Take in what the parent or guard said. May change `fileno()` (a cold start after all).

        Raises:
            OSError: the guard can't be started.
        """
        try:
            data = os.read(self.fileno(), 65_536)
        except BlockingIOError:
            return
        except ConnectionError:
            data = b""
        if not data:
            self._closed()
            return
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            if line.strip():
                self._heard(json.loads(line))

    def send_signal(self, number: signal.Signals) -> None:
        """Signal the kernel's process group (its subprocesses get it, too, as in a terminal)."""
        if self.pid is None or self.exit is not None or self.started is None:
            return
        if start_time(self.pid) != self.started:
            return
        try:
            if os.getpgid(self.pid) == self.pid:
                os.killpg(self.pid, number)
            else:
                os.kill(self.pid, number)
        except ProcessLookupError:
            return

    def kill(self) -> None:
        """End the kernel and everything that it started; `gone` follows."""
        self.send_signal(signal.SIGKILL)
        self.let_go()

    def let_go(self) -> None:
        """Close our side; the other side kills what is left, then closes its own."""
        try:
            if self._socket is not None:
                self._socket.shutdown(socket.SHUT_WR)
            elif self._guard is not None and self._guard.stdin is not None:
                self._guard.stdin.close()
        except OSError:
            return  # the other side was faster

    def give_up(self) -> None:
        """The guard doesn't come to an end; it holds nothing that we need."""
        self.kill()
        self._gone = True

    def close(self) -> None:
        """Give back what we hold."""
        if self._socket is not None:
            self._socket.close()
        if self._guard is not None:
            for stream in (self._guard.stdin, self._guard.stdout):
                if stream is not None:
                    stream.close()
            try:
                self._guard.wait(5)
            except subprocess.TimeoutExpired:
                self._guard.kill()
                self._guard.wait()

    def _ask(self, parent: str) -> None:
        command = self._command
        request = {
            "op": "kernel",
            "argv": command.batch,
            "cwd": command.cwd,
            "env": command.env,
            "log": str(command.log),
        }
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(_PARENT_PATIENCE)
        try:
            connection.connect(parent)
            connection.sendall(json.dumps(request).encode() + b"\n")
        except OSError as error:
            connection.close()
            self.start_anew(f"the warm parent doesn't answer ({error.strerror or error})")
            return
        connection.settimeout(0)
        self._socket = connection

    @property
    def is_asking(self) -> bool:
        """Whether a warm parent was asked and hasn't answered."""
        return self._socket is not None and self.pid is None

    def start_anew(self, reason: str) -> None:
        """Start as usual, since the warm parent can't help. Changes `fileno()`.

        Raises:
            OSError: the guard can't be started.
        """
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self._buffer = b""
        self.start = WarmDetails(reason=reason)
        self._spawn()

    def _spawn(self) -> None:
        command = self._command
        guard = [sys.executable, "-I", "-S", str(GUARD), "--log", str(command.log), "--"]
        try:
            self._guard = subprocess.Popen(
                [*guard, *command.argv],
                cwd=command.cwd,
                env=command.env,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
        except OSError:
            self._gone = True
            self.exit = KernelExit(None)
            raise

    def _heard(self, message: dict[str, Any]) -> None:
        if "stale" in message and self._socket is not None:
            self.start_anew(str(message["stale"]))
        elif "exited" in message:
            status = message["exited"]
            self.exit = KernelExit(status if isinstance(status, int) else None)
        elif "pid" in message:
            self.pid = int(message["pid"])
            self.started = int(message["start_time"])
            self.guard_pid = message.get("guard_pid")
            if self._socket is not None:
                self.start = WarmDetails(
                    warm=True,
                    preloaded=list(message.get("preloaded", ())),
                    left_out=dict(message.get("left_out", {})),
                )
        elif "error" in message:
            self.error = str(message["error"])

    def _closed(self) -> None:
        if self._socket is not None and self.pid is None:
            self.start_anew("the warm parent went away")
            return
        self._gone = True
        if self.exit is None:
            self.exit = KernelExit(None)

    #: What the guard says when there is nothing to start.
    error: str = ""


def environment(
    base: dict[str, str], kernel: KernelOrder, added: dict[str, str], code_dir: str | None
) -> dict[str, str]:
    """The kernel's whole environment."""
    env = {k: v for k, v in base.items() if k not in NOT_PASSED_ON}
    env |= kernel.env
    env |= added
    if code_dir is not None:
        env["MLOPS_CODE_DIR"] = code_dir
        if not is_ipykernel(kernel.argv):
            # The batch kernel does it later: a module of the person's must not take the place of
            # one of the standard library's while the kernel starts.
            before = env.get("PYTHONPATH")
            env["PYTHONPATH"] = code_dir + (os.pathsep + before if before else "")
    return env


#: They speak of the process that started us: a kernel that believed them would watch that one.
NOT_PASSED_ON = frozenset(
    {"JPY_PARENT_PID", "JPY_INTERRUPT_EVENT", "JPY_SESSION_NAME", "PYTEST_CURRENT_TEST"}
)
