"""Clocks and statistics."""

from __future__ import annotations

import contextlib
import math
import random
import statistics
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil

#: Fewer readings than this are not called a median.
READINGS = 9


@dataclass
class Readings:
    """Seconds of one contender."""

    name: str
    seconds: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """Seconds."""
        return statistics.median(self.seconds)

    @property
    def spread(self) -> str:
        """The smallest and the largest, in ms."""
        return f"{min(self.seconds) * 1000:,.0f}–{max(self.seconds) * 1000:,.0f}"


def interleaved(
    contenders: dict[str, Callable[[], float]], readings: int = READINGS
) -> dict[str, Readings]:
    """Each contender once a round, in another order each time, so that load hits all alike.

    A first round warms disks and caches and is not counted.
    """
    found = {name: Readings(name) for name in contenders}
    for run in range(readings + 1):
        order = list(contenders)
        random.shuffle(order)
        for name in order:
            seconds = contenders[name]()
            if run > 0:
                found[name].seconds.append(seconds)
    return found


def command(argv: list[str], until: Path | None = None, **options: object) -> float:
    """Seconds from starting `argv` until it has ended, or until the file `until` is there."""
    if until is not None:
        until.unlink(missing_ok=True)
    start = time.perf_counter()
    with subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        **options,  # type: ignore[call-overload]
    ) as process:
        saved = None
        while until is not None and saved is None and process.poll() is None:
            if until.exists():
                saved = time.perf_counter()
            else:
                time.sleep(0.001)
        _, errors = process.communicate()
        ended = time.perf_counter()
    if process.returncode:
        raise RuntimeError(f"{argv}: exit {process.returncode}\n{errors.decode()[-2000:]}")
    return (saved or ended) - start


def exponent(sizes: tuple[float, float], seconds: tuple[float, float]) -> float:
    """How time grows with size: 1 is linear, 2 quadratic."""
    return math.log(seconds[1] / seconds[0]) / math.log(sizes[1] / sizes[0])


class Memory:
    """The largest proportional set size of a process and its descendants, in bytes."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self.peak = 0

    def sample(self) -> int:
        """Bytes now; remembered when it is the largest."""
        total = 0
        for process in [self._process, *self._process.children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                full = process.memory_full_info()
                total += getattr(full, "pss", 0) or full.uss
        self.peak = max(self.peak, total)
        return total
