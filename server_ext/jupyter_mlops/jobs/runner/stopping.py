"""Ending a kernel that should not go on: interrupt, terminate, kill, with patience in between."""

from __future__ import annotations

import signal
from collections.abc import Callable
from enum import StrEnum

from jupyter_mlops.jobs.runner.kernel_process import KernelProcess
from jupyter_mlops.jobs.runner.timers import Timers


class Reason(StrEnum):
    """Why an execution is being ended."""

    CANCELLED = "cancelled"
    TIMEOUT = "timeout"
    OUT_OF_MEMORY = "out_of_memory"
    START_TIMEOUT = "start_timeout"


class Stopper:
    """Once begun, a kernel is gone after at most twice the grace."""

    def __init__(
        self,
        process: KernelProcess,
        timers: Timers,
        grace: float,
        by_message: Callable[[], object] | None,
    ) -> None:
        """`by_message` sends the interrupt where the kernelspec wants a message."""
        self._process = process
        self._timers = timers
        self._grace = grace
        self._by_message = by_message
        self.reason: Reason | None = None

    def begin(self, reason: Reason) -> bool:
        """Interrupt, and escalate until the execution has ended; False when already begun."""
        if self.reason is not None:
            return False
        self.reason = reason
        self.interrupt()
        self._timers.after("terminate", self._grace, self._terminate)
        return True

    def kill(self, reason: Reason) -> None:
        """End the kernel at once."""
        if self.reason is None:
            self.reason = reason
        self._process.kill()

    def interrupt(self) -> None:
        """Interrupt the cell that runs."""
        if self._by_message is not None:
            self._by_message()
        else:
            self._process.send_signal(signal.SIGINT)

    def relax(self) -> None:
        """The cells have ended: no need to escalate."""
        self._timers.cancel("terminate")
        self._timers.cancel("kill")

    def _terminate(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        # A kernel that was stopped (SIGSTOP, a debugger) hears it only when it goes on.
        self._process.send_signal(signal.SIGCONT)
        self._timers.after("kill", self._grace, self._process.kill)
