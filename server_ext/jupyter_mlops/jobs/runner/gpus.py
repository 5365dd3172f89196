"""The load of the GPUs that a run may see, by NVML. Where it isn't there, nothing is loaded."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Collection, Mapping
from typing import Any

_MEGA = 10**6
_LIBRARY = "libnvidia-ml.so.1"


class Gpus:
    """Open until `close`."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        """`CUDA_VISIBLE_DEVICES` of `environment` says which; all of them without it."""
        self._nvml: Any = _nvml()
        self._handles: dict[int, Any] = {}
        if self._nvml is None:
            return
        try:
            count = self._nvml.nvmlDeviceGetCount()
        except self._nvml.NVMLError:
            return
        wanted = environment.get("CUDA_VISIBLE_DEVICES")
        for index in range(count):
            handle = self._ask(self._nvml.nvmlDeviceGetHandleByIndex, index)
            if handle is not None and self._visible(index, handle, wanted):
                self._handles[index] = handle

    def sample(self, processes: Collection[int]) -> dict[str, float]:
        """Each GPU's load, and the memory on it that `processes` hold; what it can't tell is not
        there.
        """
        found: dict[str, float] = {}
        for index, handle in self._handles.items():
            nvml, name = self._nvml, f"gpu_{index}"
            rates = self._ask(nvml.nvmlDeviceGetUtilizationRates, handle)
            if rates is not None:
                found[f"{name}_utilization_percentage"] = rates.gpu
            memory = self._ask(nvml.nvmlDeviceGetMemoryInfo, handle)
            if memory is not None:
                found[f"{name}_memory_usage_megabytes"] = memory.used / _MEGA
                found[f"{name}_memory_usage_percentage"] = 100 * memory.used / memory.total
            power = self._ask(nvml.nvmlDeviceGetPowerUsage, handle)
            if power is not None:
                found[f"{name}_power_usage_watts"] = power / 1000
                limit = self._ask(nvml.nvmlDeviceGetEnforcedPowerLimit, handle)
                if limit:
                    found[f"{name}_power_usage_percentage"] = 100 * power / limit
            heat = self._ask(nvml.nvmlDeviceGetTemperature, handle, nvml.NVML_TEMPERATURE_GPU)
            if heat is not None:
                found[f"{name}_temperature_celsius"] = heat
            users = self._ask(nvml.nvmlDeviceGetComputeRunningProcesses, handle)
            if users is not None:
                own = [one.usedGpuMemory or 0 for one in users if one.pid in processes]
                found[f"{name}_process_memory_megabytes"] = sum(own) / _MEGA
        return found

    def close(self) -> None:
        """Let NVML go."""
        self._handles.clear()
        if self._nvml is not None:
            self._ask(self._nvml.nvmlShutdown)
            self._nvml = None

    def _visible(self, index: int, handle: Any, wanted: str | None) -> bool:
        if wanted is None:
            return True
        named = [word.strip() for word in wanted.split(",")]
        uuid = self._ask(self._nvml.nvmlDeviceGetUUID, handle)
        uuid = uuid.decode() if isinstance(uuid, bytes) else uuid
        return str(index) in named or (bool(uuid) and uuid in named)

    def _ask(self, question: Callable[..., Any], *about: Any) -> Any:
        """NVML's answer; None where this device can't give one, or has fallen off the bus."""
        try:
            return question(*about)
        except self._nvml.NVMLError:
            return None


def _nvml() -> Any:
    """NVML, open; None where it can't be."""
    try:
        # Loading the binding costs much more than seeing that there is nothing to bind.
        ctypes.CDLL(_LIBRARY)
        import pynvml
    except (OSError, ImportError):
        return None
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return None
    return pynvml
