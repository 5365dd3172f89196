"""The machine that runs something: system, processors, memory, GPUs.

pynvml is imported here if it is there; a machine without a driver costs one failed look.
"""

from __future__ import annotations

import os
import platform
import sys
from typing import Any


def machine() -> dict[str, Any]:
    """What it is. Takes milliseconds; it doesn't change while it runs."""
    return {
        "system": platform.platform(),
        "machine": platform.machine(),
        "cpu": _cpu_model(),
        "cpus": os.cpu_count(),
        "memory": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        **_gpus(),
    }


def _cpu_model() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            for line in file:
                name, _, value = line.partition(":")
                if name.strip() in ("model name", "Processor", "cpu model"):
                    return value.strip()
    except OSError:
        pass  # not Linux
    return platform.processor() or platform.machine()


def _gpus() -> dict[str, Any]:
    """`gpus`, `driver` and `cuda` (what the driver supports); nothing where NVML isn't there."""
    try:
        import pynvml
    except ImportError:
        return {"gpus": []}
    try:
        pynvml.nvmlInit()
        try:
            cuda = pynvml.nvmlSystemGetCudaDriverVersion()
            return {
                "gpus": [_gpu(pynvml, index) for index in range(pynvml.nvmlDeviceGetCount())],
                "driver": _text(pynvml.nvmlSystemGetDriverVersion()),
                "cuda": f"{cuda // 1000}.{cuda % 1000 // 10}",
            }
        finally:
            pynvml.nvmlShutdown()
    except pynvml.NVMLError:
        return {"gpus": []}


def _gpu(pynvml: Any, index: int) -> dict[str, Any]:
    try:
        handle = pynvml.nvmlDeviceGetHandleByIndex(index)
        return {
            "name": _text(pynvml.nvmlDeviceGetName(handle)),
            "uuid": _text(pynvml.nvmlDeviceGetUUID(handle)),
            "memory": int(pynvml.nvmlDeviceGetMemoryInfo(handle).total),
        }
    except pynvml.NVMLError as error:
        return {"name": f"GPU {index} doesn't answer: {error}"}


def _text(said: str | bytes) -> str:
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else said


if __name__ == "__main__":
    import json

    sys.stdout.write(json.dumps(machine()))
