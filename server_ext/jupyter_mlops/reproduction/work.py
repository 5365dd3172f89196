"""One reproduction under way, what it asks of others, and how patiently."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol, TypeVar

from jupyter_mlops.errors import MlopsError
from jupyter_mlops.jobs.model import Job, JobSpec
from jupyter_mlops.reproduction.model import (
    CannotReproduce,
    Reproduction,
    Stage,
    StageName,
    StageState,
)

T = TypeVar("T")

#: Seconds for which a tracking server that is away is asked again.
_PATIENCE = 60.0


class Jobs(Protocol):
    """What is asked of the dispatcher and the store."""

    async def submit(self, spec: JobSpec, key: str) -> Job:
        """A job; the same key never makes a second one."""

    async def of_key(self, key: str) -> str | None:
        """The job that a key has made."""

    async def get(self, job_id: str) -> Job:
        """The job as it is now."""

    async def changed(self, job_id: str) -> None:
        """Return at its next change."""

    async def cancel(self, job_id: str) -> None:
        """Ask for its end."""

    async def kernels_in_use(self) -> set[str]:
        """Kernels of jobs that have not ended."""


class Work:
    """One reproduction that is under way."""

    def __init__(
        self, record: Reproduction, save: Callable[[Reproduction], Awaitable[None]]
    ) -> None:
        self.record = record
        self._save = save

    async def save(self) -> None:
        """What was reached is durable when this returns."""
        await self._save(self.record)

    @contextlib.asynccontextmanager
    async def stage(self, name: StageName) -> AsyncIterator[Stage]:
        """Work on a stage; what goes wrong in it is said of it."""
        stage = self.record.stage(name)
        stage.state, stage.started_at, stage.ended_at = StageState.WORKING, time.time(), None
        stage.detail = ""
        await self.save()
        try:
            yield stage
        except BaseException as error:
            stage.state, stage.ended_at = StageState.FAILED, time.time()
            if isinstance(error, CannotReproduce):
                stage.detail = str(error)
            raise
        stage.state, stage.ended_at = StageState.DONE, time.time()
        await self.save()


async def patiently(ask: Callable[[], Awaitable[T]]) -> T:
    """An answer of a tracking server, which may be away for a while.

    Raises:
        MlopsError: it stays away.
    """
    deadline = time.monotonic() + _PATIENCE
    delay = 0.5
    while True:
        try:
            return await ask()
        except MlopsError as error:
            if error.http_status < 500 or time.monotonic() + delay > deadline:
                raise
        await asyncio.sleep(delay)
        delay = min(8.0, 2 * delay)
