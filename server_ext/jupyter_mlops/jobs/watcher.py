"""Watching one attempt: what it writes, whether its runner lives, how it ended.

Time is counted in ticks of the daemon's own clock, never in differences of wall time: a machine
that slept, a clock that was set or a daemon that was stopped for a minute must not end a job.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from jupyter_mlops.jobs import attempt_log
from jupyter_mlops.jobs.attempt_log import CHUNK, Digest, ExitRecord
from jupyter_mlops.jobs.feed import Feed
from jupyter_mlops.jobs.launcher import Launched
from jupyter_mlops.jobs.model import Failure, State, WarmDetails

T = TypeVar("T")
log = logging.getLogger(__name__)

#: Ticks (of one second) with an unchanged heartbeat after which a runner is given up.
PATIENCE = 45


@dataclass(slots=True)
class _Look:
    """What one look at the directory found."""

    chunk: bytes
    log: int
    alive: bool = True
    heartbeat: bytes | None = None
    #: Whether the heartbeat could be looked at.
    heard: bool = False
    exit: ExitRecord | None = None


class Watcher:
    """Follows an attempt to its end. Belongs to the event loop; files are read in `threads`."""

    def __init__(
        self,
        directory: Path,
        launched: Launched,
        digest: Digest,
        feed: Feed,
        threads: Executor,
        *,
        prepared: Callable[[WarmDetails], None],
        released: Callable[[], None],
        progressed: Callable[[], None],
    ) -> None:
        self._directory = directory
        self._launched = launched
        self._digest = digest
        self._feed = feed
        self._threads = threads
        self._prepared = prepared
        self._released: Callable[[], None] | None = released
        self._progressed = progressed
        self._poked = asyncio.Event()
        self._poked.set()
        self._ticks = 0
        self._silent = 0
        self._heartbeat: bytes | None = None

    def poke(self) -> None:
        """The doorbell rang."""
        self._poked.set()

    def tick(self) -> None:
        """A second of the daemon's clock has passed."""
        self._ticks += 1
        self._poked.set()

    async def watch(self) -> ExitRecord:
        """Return how the attempt ended."""
        announced = False
        while True:
            await self._poked.wait()
            self._poked.clear()
            ticks, self._ticks = self._ticks, 0
            found = await self._in_thread(self._look, ticks > 0)
            if found.chunk or found.log != self._feed.log:
                if len(found.chunk) >= CHUNK // 2:
                    self._poked.set()
                self._feed.advance(found.chunk, found.log)
                self._progressed()
            if self._digest.prepared is not None and not announced:
                announced = True
                self._prepared(self._digest.prepared)
            if self._digest.released and self._released is not None:
                self._released()
                self._released = None
            ended = self._digest.finished or found.exit
            if ended is None and not found.alive:
                ended = await self._died()
            if ended is None and found.heard:
                ended = await self._check_heartbeat(found.heartbeat)
            if ended is not None:
                if self._digest.finished is None:  # nothing follows that line
                    await self._drain()
                return ended

    def _look(self, full: bool) -> _Look:  # noqa: FBT001 - run_in_executor takes no keywords
        # In this order: a runner that is gone has written everything that it will ever write.
        alive = self._launched.alive() if full else True
        found = _Look(
            attempt_log.read_lines(attempt_log.events_file(self._directory), self._feed.events),
            attempt_log.size_of(attempt_log.log_file(self._directory)),
            alive,
        )
        self._digest.take(found.chunk)
        if full:
            # What can't be read says nothing of the runner.
            with contextlib.suppress(OSError):
                found.heartbeat = attempt_log.read_heartbeat(self._directory)
                found.heard = True
            if not found.chunk:
                found.exit = attempt_log.read_exit(self._directory)
            else:
                found.alive = True  # look again before judging: there is more to read
        return found

    async def _check_heartbeat(self, heartbeat: bytes | None) -> ExitRecord | None:
        if heartbeat != self._heartbeat:
            self._heartbeat, self._silent = heartbeat, 0
            return None
        # One look counts once, however many ticks piled up while the daemon itself was stopped.
        self._silent += 1
        if self._silent < PATIENCE:
            return None
        log.warning("%s: no heartbeat for %d ticks, ending its runner", self._directory, PATIENCE)
        await self._launched.kill()
        return ExitRecord(
            state=State.FAILED,
            failure=Failure(
                code="runner_lost",
                message=f"The runner gave no sign of life for {PATIENCE} s and was ended.",
                hint="The machine may have been out of memory or its disk stuck. "
                "Run it again; `retries` does so by itself.",
            ),
        )

    async def _died(self) -> ExitRecord:
        # The kernel and its descendants must not outlive a runner, whatever killed it.
        await self._launched.kill()
        said = await self._in_thread(attempt_log.read_exit, self._directory)
        return said or died()

    async def _drain(self) -> None:
        """Read what is left, so that followers get the end."""
        while True:
            found = await self._in_thread(self._look, False)
            if not found.chunk and found.log == self._feed.log:
                return
            self._feed.advance(found.chunk, found.log)

    async def _in_thread(self, function: Callable[..., T], *args: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *args)


def died() -> ExitRecord:
    """How an attempt ended whose runner is gone without a word."""
    return ExitRecord(
        state=State.FAILED,
        failure=Failure(
            code="runner_died",
            message="The process that ran the notebook was killed.",
            hint="The system may have run out of memory (see `dmesg`). What was done until then "
            "is in the executed notebook. Run it again; `retries` does so by itself.",
        ),
    )


def interrupted() -> ExitRecord:
    """How an attempt ended that nobody ran when the daemon came back."""
    return ExitRecord(
        state=State.FAILED,
        failure=Failure(
            code="interrupted",
            message="The machine or the daemon stopped while the job was running.",
            hint="Run it again; `retries` does so by itself.",
        ),
    )
