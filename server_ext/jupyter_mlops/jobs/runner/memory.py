"""How much memory a kernel and everything that it started use, and when that is too much.

What is counted is the proportional set size: a kernel forked from a warm parent shares most of its
pages with it, and so do the workers that it forks; resident size would count them again and again.
PSS is dear to read (the system walks the page tables), resident size is cheap and never below it,
so PSS is read only where resident size says that it could matter. What a forked kernel takes that
has ended before the first look is told from what is cheap: what it has grown beyond the guard that
forked it, and the pages that it has written.

There is no resource limit (`RLIMIT_DATA`, `RLIMIT_AS`) as well: those count address space, of which
a sound program may reserve many times what it uses (thread stacks, arenas, CUDA), and count it for
each process by itself.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")
#: Seconds between two looks: with a limit, without one.
INTERVAL_LIMITED = 0.1
INTERVAL = 1.0
#: Resident size has to grow by this before PSS is read again for the peak.
_GROWTH, _GROWTH_BYTES = 1.05, 8 * 2**20


class MemoryWatch:
    """The memory of the descendants of `root` (and of `root` itself unless it is only a guard)."""

    def __init__(
        self, kernel: int, guard: int | None, limit: int | None, *, forked: bool = False
    ) -> None:
        """`forked`: the kernel is a fork of its guard."""
        self._kernel = kernel
        self._guard = guard
        self._forked = forked
        self._limit = limit
        self._measured_at = 0
        self._last = 0
        self.peak = 0
        self._kills = _oom_kills()

    @property
    def interval(self) -> float:
        """Seconds between two samples."""
        return INTERVAL if self._limit is None else INTERVAL_LIMITED

    def sample(self) -> bool:
        """Look once; whether the limit is exceeded."""
        processes = self._processes()
        resident = sum(map(resident_size, processes))
        grown = resident > self._measured_at * _GROWTH + _GROWTH_BYTES
        near = self._limit is not None and resident > self._limit
        if grown or (near and resident != self._last):
            self._measure(processes, resident)
        self._last = resident
        return self._limit is not None and near and self._used > self._limit

    def finish(self) -> None:
        """Before the kernel goes: what its high-water mark says that no sample saw."""
        processes = self._processes()
        if self._forked and not self._measured_at and processes == [self._kernel]:
            self.peak = self._taken()
            return
        resident = sum(map(resident_size, processes))
        self._measure(processes, resident)
        high = _status_bytes(self._kernel, b"VmHWM:")
        own = resident_size(self._kernel)
        shared = max(0, own - proportional_size(self._kernel)) if high > own else 0
        self.peak = max(self.peak, high - shared if high > own else 0)

    def system_killed(self) -> bool:
        """Whether the system has killed something for want of memory since we began to look."""
        return _oom_kills() > self._kills

    def _taken(self) -> int:
        """Bytes; at most those of the guard too many."""
        assert self._guard is not None
        shared = resident_size(self._guard)
        grown = max(0, _status_bytes(self._kernel, b"VmHWM:") - shared)
        return grown + min(shared, _minor_faults(self._kernel) * _PAGE)

    def _measure(self, processes: list[int], resident: int) -> None:
        self._measured_at = resident
        self._used = sum(map(proportional_size, processes))
        self.peak = max(self.peak, self._used)

    def _processes(self) -> list[int]:
        found = descendants(self._guard if self._guard is not None else self._kernel)
        if self._kernel not in found:
            found.append(self._kernel)
        return found

    _used = 0


def descendants(root: int) -> list[int]:
    """Every process below `root`, without it."""
    if sys.platform != "linux":
        import psutil

        try:
            return [child.pid for child in psutil.Process(root).children(recursive=True)]
        except psutil.Error:
            return []
    found: list[int] = []
    waiting = [root]
    while waiting:
        parent = waiting.pop()
        for child in _children(parent):
            found.append(child)
            waiting.append(child)
    return found


def _children(pid: int) -> list[int]:
    found: list[int] = []
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return found
    for thread in threads:
        try:
            with open(f"/proc/{pid}/task/{thread}/children", "rb") as file:
                found += map(int, file.read().split())
        except OSError:
            continue  # the thread has ended since
    return found


def resident_size(pid: int) -> int:
    """Resident bytes of a process; 0 when it is gone."""
    if sys.platform != "linux":
        import psutil

        try:
            return int(psutil.Process(pid).memory_info().rss)
        except psutil.Error:
            return 0
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:
            return int(file.read().split()[1]) * _PAGE
    except (OSError, IndexError):
        return 0


def proportional_size(pid: int) -> int:
    """Bytes of a process, shared pages divided among those who share them."""
    if sys.platform == "linux":
        try:
            with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
                for line in file:
                    if line.startswith(b"Pss:"):
                        return int(line.split()[1]) * 1024
        except OSError:
            pass  # another user's, gone, or a kernel without it: resident size has to do
    return resident_size(pid)


def _status_bytes(pid: int, field: bytes) -> int:
    try:
        for line in Path(f"/proc/{pid}/status").read_bytes().splitlines():
            if line.startswith(field):
                return int(line.split()[1]) * 1024
    except OSError:
        pass  # gone, or not Linux: samples have to do
    return 0


def _minor_faults(pid: int) -> int:
    """Pages that a process was given, or a copy of, since it was forked; 0 when it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return 0
    return int(stat[stat.rfind(b")") + 2 :].split()[7])


def _oom_kills() -> int:
    try:
        with open("/proc/vmstat", "rb") as file:
            for line in file:
                if line.startswith(b"oom_kill "):
                    return int(line.split()[1])
    except OSError:
        pass  # not Linux
    return 0
