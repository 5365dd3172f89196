"""Samples of a run's load on their way into the run while it goes on."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

from jupyter_mlops.tracking.run_facts import RunFacts, Sample, parsed_samples
from jupyter_mlops.tracking.sql import RunPlace

Record = Callable[[RunPlace, RunFacts], Awaitable[None]]
#: Bytes that are read at a time.
_CHUNK = 2**20


class LiveSamples:
    """Of one run; all are recorded once more when it has ended, whatever becomes of this."""

    def __init__(self, file: Path, record: Record) -> None:
        """`file` is appended to, line by line."""
        self._file = file
        self._record = record
        self._offset = 0

    async def bring(self, place: RunPlace) -> None:
        """Record what is new.

        Raises:
            MlopsError: it can't be recorded now; the next call tries again.
        """
        while True:
            samples, end = await asyncio.to_thread(_read, self._file, self._offset)
            if samples:
                await self._record(place, RunFacts(samples=samples))
            if end == self._offset:
                return
            self._offset = end


def _read(file: Path, offset: int) -> tuple[list[Sample], int]:
    """Whole lines from `offset` on, and where they end."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return [], offset  # a short run has none
    with open(descriptor, "rb") as opened:
        opened.seek(offset)
        data = opened.read(_CHUNK)
    end = data.rfind(b"\n") + 1
    return parsed_samples(data[:end].splitlines()), offset + end
