"""What is recorded of the runs of kernels beside what they log: facts, and the load while they go
on. Nothing here holds up what is logged.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path

from jupyter_mlops.errors import MlopsError
from jupyter_mlops.jobs.order import FactsWanted
from jupyter_mlops.jobs.runner.memory import resident_size
from jupyter_mlops.jobs.runner.system_metrics import (
    FILE,
    FIRST,
    Load,
    Samples,
    pause,
    processes_of,
)
from jupyter_mlops.tracking.kept_data import KeptData
from jupyter_mlops.tracking.live_samples import LiveSamples, Record
from jupyter_mlops.tracking.run_log import RunOrder
from jupyter_mlops.tracking.session_facts import SessionFacts, told_by
from jupyter_mlops.tracking.sql import RunPlace

log = logging.getLogger(__name__)


class RunSurroundings:
    """Of all runs that kernels log into. Belongs to the event loop."""

    def __init__(self, record: Record, wanted: FactsWanted, kept: KeptData | None = None) -> None:
        """`record` puts facts into a run; `kept` keeps copies of what it read."""
        self._record = record
        self._wanted = wanted
        self._facts = SessionFacts(wanted.hash_limit, kept)

    def close(self) -> None:
        """Wait for nothing more."""
        self._facts.close()

    async def begun(self, order: RunOrder, place: RunPlace, directory: Path) -> None:
        """Record what is known of a run that has begun; what can't be recorded now comes at its
        end.
        """
        try:
            await self._record(place, await self._facts.begun(order, directory))
        except (MlopsError, OSError) as error:
            log.warning("run %s: its code can't be recorded yet: %s", order.id, error)

    async def ended(self, order: RunOrder, place: RunPlace, directory: Path) -> None:
        """Record all that is known of a run that has ended.

        Raises:
            MlopsError, OSError: not now.
        """
        facts = await self._facts.ended(order, directory)
        await self._record(place, facts)
        await self._facts.recorded(place.run_id, facts)

    async def sample(
        self, order: RunOrder, place: RunPlace, directory: Path, kernel: Callable[[], int | None]
    ) -> None:
        """Record the load of a run's processes until this is cancelled.

        `kernel` gives the process that logs, as soon as it is known.
        """
        if not self._wanted.system_metrics:
            return
        while (pid := kernel()) is None:  # noqa: ASYNC110 - a look a second costs nothing
            await asyncio.sleep(1.0)
        began = time.monotonic()
        seen = LiveSamples(directory / FILE, self._record)
        # The kernel may be older than the run.
        already = await asyncio.to_thread(processes_of, pid, None)
        told = await asyncio.to_thread(told_by, directory)
        environment = dict(os.environ) if told is None else told.variables
        load = Load(order.cwd or "/", environment, already)
        samples = await asyncio.to_thread(Samples, directory / FILE)
        try:
            await asyncio.sleep(FIRST)
            while True:
                await asyncio.to_thread(_add, samples, load, kernel() or pid)
                with contextlib.suppress(MlopsError):  # it comes later, at the run's end at last
                    await seen.bring(place)
                await asyncio.sleep(pause(self._wanted.system_interval, time.monotonic() - began))
        finally:
            load.close()


def _add(samples: Samples, load: Load, kernel: int) -> None:
    if resident_size(kernel):  # else it is gone, and the run about to end
        samples.add(load.sample(processes_of(kernel, None)))
