"""What this machine can run at once, and which queued job is next."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from jupyter_mlops.errors import InvalidInput
from jupyter_mlops.jobs.model import Resources
from jupyter_mlops.settings import CapacitySettings


@dataclass(frozen=True, slots=True)
class Amount:
    """CPUs, bytes of memory and a number of GPUs."""

    cpus: float = 0.0
    memory: int = 0
    gpus: int = 0

    @staticmethod
    def of(resources: Resources) -> Amount:
        """What an attempt with these resources takes; without a memory limit it counts as none."""
        return Amount(resources.cpus, resources.memory or 0, resources.gpus)

    def __add__(self, other: Amount) -> Amount:
        return Amount(self.cpus + other.cpus, self.memory + other.memory, self.gpus + other.gpus)

    def __sub__(self, other: Amount) -> Amount:
        return Amount(self.cpus - other.cpus, self.memory - other.memory, self.gpus - other.gpus)

    def lacks(self, wanted: Amount) -> list[str]:
        """Of what there is too little for `wanted`, in words; empty when it fits."""
        found = []
        if wanted.cpus > self.cpus + 1e-9:
            found.append(f"{_count(wanted.cpus, 'CPU')} ({_number(max(0.0, self.cpus))} free)")
        if wanted.memory and wanted.memory > self.memory:
            found.append(f"{_size(wanted.memory)} memory ({_size(max(0, self.memory))} free)")
        if wanted.gpus and wanted.gpus > self.gpus:
            found.append(f"{_count(wanted.gpus, 'GPU')} ({max(0, self.gpus)} free)")
        return found


def total(amounts: Iterable[Amount]) -> Amount:
    """The sum."""
    return sum(amounts, Amount())


def gpu_names(environment: Mapping[str, str], count: int) -> tuple[str, ...]:
    """What each GPU is called in CUDA_VISIBLE_DEVICES, by our own index."""
    given = environment.get("CUDA_VISIBLE_DEVICES", "")
    names = tuple(name.strip() for name in given.split(",") if name.strip())
    return names[:count] if len(names) >= count else tuple(map(str, range(count)))


def refuse_impossible(capacity: Amount, wanted: Amount) -> None:
    """Raise InvalidInput (`unschedulable`) when `wanted` can never fit, with every reason."""
    problems = []
    if wanted.cpus > capacity.cpus + 1e-9:
        problems.append(("cpus", f"{_number(wanted.cpus)} CPUs of {_number(capacity.cpus)}"))
    if wanted.memory > capacity.memory:
        problems.append(("memory", f"{_size(wanted.memory)} of {_size(capacity.memory)} memory"))
    if wanted.gpus > capacity.gpus:
        problems.append(("gpus", f"{wanted.gpus} GPUs of {capacity.gpus}"))
    if problems:
        raise InvalidInput(
            "This machine can never run it: " + ", ".join(text for _, text in problems) + ".",
            hint="Ask for less. `jupyter mlops daemon status` shows what there is.",
            problems=[
                {"where": f"spec.resources.{field}", "message": f"asks for {text}"}
                for field, text in problems
            ],
            code="unschedulable",
        )


# --- measuring ------------------------------------------------------------------------------------


def measure(settings: CapacitySettings) -> Amount:
    """What there is here, but for what the settings say otherwise."""
    return Amount(
        cpus=settings.cpus if settings.cpus is not None else _cpus(),
        memory=settings.memory if settings.memory is not None else _memory(),
        gpus=settings.gpus if settings.gpus is not None else _gpus(),
    )


def _cpus() -> float:
    if hasattr(os, "sched_getaffinity"):
        usable = float(len(os.sched_getaffinity(0)))
    else:
        usable = float(os.cpu_count() or 1)
    quota = _cgroup_cpus()
    # Less than one CPU would refuse every job that asks for the default.
    return max(1.0, min(usable, quota)) if quota else usable


def _cgroup_cpus() -> float | None:
    for directory in _cgroups("cpu"):
        with contextlib.suppress(OSError, ValueError):
            quota, period = (directory / "cpu.max").read_text().split()
            if quota != "max":
                return float(quota) / float(period)
        with contextlib.suppress(OSError, ValueError):
            microseconds = int((directory / "cpu.cfs_quota_us").read_text())
            if microseconds > 0:
                return microseconds / int((directory / "cpu.cfs_period_us").read_text())
    return None


def _memory() -> int:
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limits = [physical]
    for directory in _cgroups("memory"):
        for name in ("memory.max", "memory.limit_in_bytes"):
            with contextlib.suppress(OSError, ValueError):
                limits.append(int((directory / name).read_text()))
    return min(limits)


def _cgroups(controller: str) -> list[Path]:
    """Directories of our control groups that may hold this controller's limits (v2 and v1)."""
    found: list[Path] = []
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            _, names, path = line.split(":", 2)
            if names == "":
                root = Path("/sys/fs/cgroup")
            elif controller in names.split(","):
                root = Path("/sys/fs/cgroup") / names
            else:
                continue
            own = root / path.lstrip("/")
            found += [own, *[parent for parent in own.parents if parent.is_relative_to(root)]]
    return found


def _gpus() -> int:
    """GPUs that NVML knows; none where it can't be loaded, whatever the reason."""
    try:
        import pynvml
    except ImportError:
        return 0
    try:
        pynvml.nvmlInit()
        try:
            return int(pynvml.nvmlDeviceGetCount())
        finally:
            pynvml.nvmlShutdown()
    except pynvml.NVMLError:
        return 0


def _count(value: float, noun: str) -> str:
    return f"{_number(value)} {noun}{'' if value == 1 else 's'}"


def _number(value: float) -> str:
    return f"{value:g}"


def _size(value: int) -> str:
    if value <= 0:
        return "0 MB"
    exponent = min(3, max(2, int(math.log(value, 1024))))
    return f"{value / 1024**exponent:.3g} {['B', 'kB', 'MB', 'GB'][exponent]}"
