"""What is to be synced, one job at a time each, several jobs at once, failures ever more rarely."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable

from jupyter_mlops.errors import MlopsError
from jupyter_mlops.jobs.background import Background

log = logging.getLogger(__name__)

_FIRST_WAIT, _LONGEST_WAIT = 0.5, 300.0


class Schedule:
    """Calls `work` with the id of each job that was added. Belongs to the event loop."""

    def __init__(self, work: Callable[[str], Awaitable[None]], *, at_once: int) -> None:
        self._work = work
        self._at_once = at_once
        self._due: dict[str, float] = {}
        self._failures: dict[str, int] = {}
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._locks: dict[str, tuple[asyncio.Lock, int]] = {}
        self._wake = asyncio.Event()
        self._background = Background()

    def __len__(self) -> int:
        return len(self._due.keys() | self._under_way.keys())

    def add(self, job_id: str, delay: float = 0.0) -> None:
        """Have the job done in `delay` seconds at the latest. One that keeps failing still waits
        its time.
        """
        due = asyncio.get_running_loop().time() + delay
        if job_id in self._failures and job_id in self._due:
            return
        self._due[job_id] = min(due, self._due.get(job_id, due))
        self._wake.set()

    def settled(self, job_id: str) -> None:
        """The job needs no later look; one that is due by now stays."""
        if self._due.get(job_id, 0.0) > asyncio.get_running_loop().time():
            del self._due[job_id]

    @contextlib.asynccontextmanager
    async def lock(self, job_id: str) -> AsyncIterator[None]:
        """Keep everybody else from this job's run."""
        lock, users = self._locks.get(job_id, (asyncio.Lock(), 0))
        self._locks[job_id] = (lock, users + 1)
        try:
            async with lock:
                yield
        finally:
            lock, users = self._locks[job_id]
            if users == 1:
                del self._locks[job_id]
            else:
                self._locks[job_id] = (lock, users - 1)

    def start(self) -> None:
        """Begin to work."""
        self._background.spawn(self._loop(), "sync runs")

    async def stop(self) -> None:
        """Stop; what is under way is left where it is."""
        await self._background.stop()

    async def _loop(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            now = loop.time()
            ready = sorted(
                (due, job_id)
                for job_id, due in self._due.items()
                if due <= now and job_id not in self._under_way
            )
            for _, job_id in ready[: max(0, self._at_once - len(self._under_way))]:
                del self._due[job_id]
                self._under_way[job_id] = self._background.spawn(self._one(job_id))
            self._wake.clear()
            waiting = [due for job_id, due in self._due.items() if job_id not in self._under_way]
            full = len(self._under_way) >= self._at_once
            patience = None if full or not waiting else max(0.0, min(waiting) - loop.time())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    await self._wake.wait()

    async def _one(self, job_id: str) -> None:
        try:
            async with self.lock(job_id):
                await self._work(job_id)
            self._failures.pop(job_id, None)
        except Exception as error:  # the loop goes on with other jobs, this one comes again
            failures = self._failures[job_id] = self._failures.get(job_id, 0) + 1
            wait = min(_LONGEST_WAIT, _FIRST_WAIT * 2.0 ** min(failures - 1, 20))
            wait *= random.uniform(0.8, 1.2)  # noqa: S311 - spreads the attempts, keeps no secret
            if isinstance(error, MlopsError):
                log.warning("job %s: its run waits %.0f s: %s", job_id, wait, error.detail)
            else:
                log.exception("job %s: its run can't be synced; again in %.0f s", job_id, wait)
            self._due[job_id] = asyncio.get_running_loop().time() + wait
        finally:
            self._under_way.pop(job_id, None)
            self._wake.set()
