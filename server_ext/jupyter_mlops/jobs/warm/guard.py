"""Parent of one kernel: when the kernel ends, or whoever asked for it, nothing of it is left.

    guard.py --log FILE -- ARGV…

Says on standard output, a JSON object a line: `{"pid", "start_time", "guard_pid"}`, then
`{"exited": status}` (as `Popen.returncode`) when every descendant is gone; `{"error": text}` when
there is nothing to start. The end of standard input kills everything at once.

On Linux it is a subreaper: a descendant that made a session of its own, or whose parent died, is
its child in the end. Elsewhere the kernel's process group is killed. Run by path in any Python
(`-I -S`): standard library only.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import os
import select
import signal
import sys
import time

_PR_SET_CHILD_SUBREAPER = 36


def become_subreaper() -> bool:
    """Whether orphans among our descendants become our children from now on (prctl(2))."""
    if not sys.platform.startswith("linux"):
        return False
    return int(ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)) == 0


def start_time(pid: int) -> int:
    """As `jupyter_mlops.jobs.identity.start_time`, which can't be imported here; 0 when gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            stat = file.read()
    except OSError:
        return 0
    return int(stat[stat.rfind(b")") + 2 :].split()[19])


def children(pid: int) -> list[int]:
    """The children of a process that has one thread, zombies too."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children", "rb") as file:
            return [int(child) for child in file.read().split()]
    except OSError:
        pass  # a system without it: look at every process
    found = []
    for name in os.listdir("/proc") if os.path.isdir("/proc/self") else ():
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:
                    stat = file.read()
            except OSError:
                continue
            if int(stat[stat.rfind(b")") + 2 :].split()[1]) == pid:
                found.append(int(name))
    return found


def sweep(kernel: int) -> int | None:
    """Kill and reap until no child is left; the kernel's status if it was reaped here.

    Each kill turns grandchildren into children, so it is done again until there are none.
    """
    status = None
    while True:
        for pid in children(os.getpid()):
            _kill(pid)
        _kill_group(kernel)
        try:
            pid, raw = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return status
        if pid == kernel:
            status = os.waitstatus_to_exitcode(raw)
        elif pid == 0:
            time.sleep(0.002)


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _kill_group(pgid: int) -> None:
    # macOS says EPERM of a group of zombies.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pgid, signal.SIGKILL)


def say(message: dict[str, object]) -> None:
    """One line; nobody may be listening any more."""
    try:
        os.write(1, json.dumps(message).encode() + b"\n")
    except OSError as error:
        if error.errno != errno.EPIPE:
            raise


def start(argv: list[str], log: str) -> int:
    """Fork and exec the kernel in a process group of its own; its pid.

    Raises:
        OSError: it can't be executed.
    """
    broken, report = os.pipe()
    os.set_inheritable(report, False)
    pid = os.fork()
    if pid == 0:
        try:
            os.close(broken)
            os.setpgid(0, 0)
            output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            nothing = os.open(os.devnull, os.O_RDONLY)
            os.dup2(nothing, 0)
            os.dup2(output, 1)
            os.dup2(output, 2)
            for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGPIPE):
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_SETMASK, set())
            os.execvp(argv[0], argv)  # noqa: S606 - what a kernelspec is for
        except OSError as error:
            os.write(report, str(error.errno or errno.EIO).encode())
        finally:
            os._exit(127)
    os.close(report)
    with os.fdopen(broken, "rb") as pipe:
        failed = pipe.read()
    if failed:
        os.waitpid(pid, 0)
        code = int(failed)
        raise OSError(code, os.strerror(code), argv[0])
    return pid


def watch(kernel: int, requests: int, woken: int) -> int | None:
    """Wait for the kernel's end or for the end of `requests`; the status, if it was reaped."""
    while True:
        readable, _, _ = select.select([requests, woken], [], [])
        if woken in readable:
            os.read(woken, 512)
            while True:
                try:
                    pid, raw = os.waitpid(-1, os.WNOHANG)
                except ChildProcessError:
                    return None
                if pid == 0:
                    break
                if pid == kernel:
                    return os.waitstatus_to_exitcode(raw)
        if requests in readable and not os.read(requests, 512):
            return None


def main(argv: list[str]) -> int:
    """Guard one kernel."""
    if len(argv) < 4 or argv[0] != "--log" or argv[2] != "--":
        say({"error": "usage: guard.py --log FILE -- ARGV…"})
        return 2
    # The runner is signalled by group; whether the kernel ends is decided by the pipe alone.
    os.setsid()
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    become_subreaper()
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    try:
        kernel = start(argv[3:], argv[1])
    except OSError as error:
        say({"error": f"{error.filename}: {error.strerror}"})
        return 1
    say({"pid": kernel, "start_time": start_time(kernel), "guard_pid": os.getpid()})
    status = watch(kernel, 0, woken)
    swept = sweep(kernel)
    say({"exited": status if status is not None else swept})
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
