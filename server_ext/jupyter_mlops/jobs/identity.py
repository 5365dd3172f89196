"""Who a process is: pids are used again, a pid together with its start time is not.

Standard library only, but for psutil on systems without /proc.
"""

from __future__ import annotations

import os
import sys
from functools import cache
from pathlib import Path


def start_time(pid: int) -> int | None:
    """When `pid` started, in a unit of the system's own (Linux: clock ticks since boot, field 22 of
    /proc/<pid>/stat); None when there is no such process, it is a zombie, or nothing can be told.
    """
    try:
        return _look(pid)
    except OSError:
        return None


def _look(pid: int) -> int | None:
    """See `start_time`.

    Raises:
        OSError: there is no such process, or it can't be looked at.
    """
    if sys.platform != "linux":
        return _start_time_elsewhere(pid)
    stat = Path(f"/proc/{pid}/stat").read_bytes()
    fields = stat[stat.rfind(b")") + 2 :].split()
    return None if fields[0] in (b"Z", b"X") else int(fields[19])


def _start_time_elsewhere(pid: int) -> int | None:
    import psutil

    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return int(process.create_time() * 1_000_000)
    except psutil.Error:
        return None


@cache
def boot_id() -> str:
    """This boot of this machine: start times of another boot say nothing. "" where unknown."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def is_alive(pid: int, started: int, boot: str = "") -> bool:
    """Whether the very process with that start time still runs."""
    if boot and boot != boot_id():
        return False
    if pid <= 0:
        return False
    try:
        return _look(pid) == started
    except (FileNotFoundError, ProcessLookupError):
        return False
    except OSError:
        # No descriptor is left, say. Better a stranger taken for it than it taken for dead.
        return _exists(pid)


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # another user's
    return True


def describe() -> dict[str, int | str | None]:
    """`runner.json` of the calling process."""
    return {"pid": os.getpid(), "start_time": start_time(os.getpid()), "boot_id": boot_id()}
