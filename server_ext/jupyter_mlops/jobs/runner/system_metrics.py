"""What a run's own processes use, sampled every few seconds and written to `system.jsonl`.

Metrics are called as MLflow calls its own (`system/…`). Processor, memory and disk traffic are
those of the kernel and everything that it started; network traffic and free space can't be told
by process and are the machine's. GPUs are those that the run may see.

Linux tells all of it in /proc; elsewhere psutil does, without disk traffic.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from jupyter_mlops.jobs.runner.gpus import Gpus
from jupyter_mlops.jobs.runner.memory import descendants, resident_size
from jupyter_mlops.jobs.runner.timers import Timers

FILE = "system.jsonl"
#: Seconds until the first sample: a shorter run has none, and pays nothing.
FIRST = 2.0
#: A long run is sampled more rarely: so many samples at most for twice the time each time.
_SAMPLES = 500
_RARELY = 60.0
_MEGA = 10**6
_TICKS = os.sysconf("SC_CLK_TCK")


class Load:
    """What some processes, the machine and its GPUs are doing; asked again and again."""

    def __init__(
        self, cwd: str, environment: Mapping[str, str], already: Sequence[int] = ()
    ) -> None:
        """From now on.

        Args:
            cwd: a directory on the disk whose free space counts.
            environment: the kernel's, which says what GPUs it sees.
            already: processes that have been there for long: what they did before doesn't count.
        """
        self._cwd = cwd
        self._environment = environment
        self._gpus: Gpus | None = None
        self._before = time.monotonic(), sum(map(processor_time, already))
        self._disk = _traffic(already)
        self._network: tuple[int, int] | None = None

    def sample(self, processes: list[int]) -> dict[str, float]:
        """The present load by the names of its metrics; the first call takes longer."""
        if self._gpus is None:
            self._gpus = Gpus(self._environment)
        metrics = {
            **self._of_processes(processes),
            **self._of_machine(),
            **self._gpus.sample(processes),
        }
        return {f"system/{name}": round(value, 3) for name, value in metrics.items()}

    def close(self) -> None:
        """Let NVML go."""
        if self._gpus is not None:
            self._gpus.close()
            self._gpus = None

    def _of_processes(self, processes: list[int]) -> dict[str, float]:
        memory = sum(map(resident_size, processes))
        found = {"system_memory_usage_megabytes": memory / _MEGA}
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        found["system_memory_usage_percentage"] = 100 * memory / total
        now, used = time.monotonic(), sum(map(processor_time, processes))
        passed = now - self._before[0]
        share = max(0.0, used - self._before[1]) / passed if passed > 0 else 0.0
        found["cpu_utilization_percentage"] = min(100.0, 100 * share / (os.cpu_count() or 1))
        self._before = now, used
        if sys.platform == "linux":
            read, written = _traffic(processes)
            found["disk_read_megabytes"] = max(0, read - self._disk[0]) / _MEGA
            found["disk_write_megabytes"] = max(0, written - self._disk[1]) / _MEGA
        return found

    def _of_machine(self) -> dict[str, float]:
        found: dict[str, float] = {}
        network = network_traffic()
        if network is not None:
            before = self._network = self._network or network
            found["network_receive_megabytes"] = (network[0] - before[0]) / _MEGA
            found["network_transmit_megabytes"] = (network[1] - before[1]) / _MEGA
        with contextlib.suppress(OSError):  # the directory was removed
            disk = shutil.disk_usage(self._cwd)
            found["disk_usage_megabytes"] = disk.used / _MEGA
            found["disk_available_megabytes"] = disk.free / _MEGA
            found["disk_usage_percentage"] = 100 * disk.used / max(1, disk.total)
        return found


class Samples:
    """The file with a run's samples; one that is there is gone on with."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._step = _lines(file)

    def add(self, metrics: Mapping[str, float]) -> None:
        """One more sample, of now."""
        line = {"timestamp": int(time.time() * 1000), "step": self._step, "metrics": metrics}
        self._step += 1
        # A full disk has worse to tell than a sample.
        with contextlib.suppress(OSError), open(self._file, "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


class SystemMetrics:
    """Samples as long as its timers run."""

    def __init__(
        self,
        directory: Path,
        timers: Timers,
        interval: float,
        cwd: str,
        environment: Mapping[str, str],
    ) -> None:
        """`environment`: the kernel's, which says what GPUs it sees."""
        self._samples = Samples(directory / FILE)
        self._timers = timers
        self._interval = interval
        self._cwd = cwd
        self._environment = environment
        self._load: Load | None = None
        self._began = 0.0

    def begin(self, processes: Callable[[], list[int]]) -> None:
        """From now on; `processes` gives those of the run."""
        self._began = time.monotonic()
        self._load = Load(self._cwd, self._environment)
        self._timers.after("system metrics", FIRST, lambda: self._sample(processes))

    def end(self) -> None:
        """No more."""
        self._timers.cancel("system metrics")
        if self._load is not None:
            self._load.close()

    def _sample(self, processes: Callable[[], list[int]]) -> None:
        assert self._load is not None
        wait = pause(self._interval, time.monotonic() - self._began)
        self._timers.after("system metrics", wait, lambda: self._sample(processes))
        self._samples.add(self._load.sample(processes()))


def pause(interval: float, elapsed: float) -> float:
    """Seconds until the next sample of a run that goes on for `elapsed` seconds: `interval`, more
    for a long one.
    """
    return min(max(interval, elapsed / _SAMPLES), max(_RARELY, interval))


def _lines(file: Path) -> int:
    try:
        with open(file, "rb") as opened:
            return sum(1 for _ in opened)
    except OSError:
        return 0


def _traffic(processes: Sequence[int]) -> tuple[int, int]:
    found = [disk_traffic(pid) for pid in processes] if sys.platform == "linux" else []
    return sum(read for read, _ in found), sum(written for _, written in found)


def processes_of(kernel: int, guard: int | None) -> list[int]:
    """The kernel and everything that it started."""
    found = descendants(guard if guard is not None else kernel)
    return found if kernel in found else [*found, kernel]


def processor_time(pid: int) -> float:
    """Seconds that a process and its children that have ended have computed; 0 when it is gone."""
    if sys.platform != "linux":
        import psutil

        try:
            times = psutil.Process(pid).cpu_times()
        except psutil.Error:
            return 0.0
        return float(times.user + times.system)
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            # Behind the name, which may hold anything: state is the first, utime the twelfth.
            fields = file.read().rpartition(b")")[2].split()
        return sum(map(int, fields[11:15])) / _TICKS
    except (OSError, ValueError):
        return 0.0


def disk_traffic(pid: int) -> tuple[int, int]:
    """Bytes that a process has read from disks and written to them."""
    found = {b"read_bytes": 0, b"write_bytes": 0}
    try:
        with open(f"/proc/{pid}/io", "rb") as file:
            for line in file:
                name, _, value = line.partition(b":")
                if name in found:
                    found[name] = int(value)
    except (OSError, ValueError):
        return 0, 0  # gone, or another user's
    return found[b"read_bytes"], found[b"write_bytes"]


def network_traffic() -> tuple[int, int] | None:
    """Bytes that the machine has received and sent, without loopback; None where nobody tells."""
    if sys.platform != "linux":
        import psutil

        counters = psutil.net_io_counters(pernic=True)
        listed = [one for name, one in counters.items() if not name.startswith("lo")]
        return sum(one.bytes_recv for one in listed), sum(one.bytes_sent for one in listed)
    received = sent = 0
    try:
        with open("/proc/net/dev", "rb") as file:
            for line in file.readlines()[2:]:
                name, _, values = line.partition(b":")
                fields = values.split()
                if name.strip() != b"lo":
                    received += int(fields[0])
                    sent += int(fields[8])
    except (OSError, ValueError, IndexError):
        return None
    return received, sent
