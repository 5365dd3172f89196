"""The runs that kernels log into: begun, followed to their ends, taken up after a restart."""

from __future__ import annotations

import asyncio
import logging
import re
from pathlib import Path
from typing import Any

from jupyter_mlops import paths
from jupyter_mlops.errors import Busy, NotFound, StoreFull
from jupyter_mlops.jobs.background import Background
from jupyter_mlops.jobs.runner.files import is_full
from jupyter_mlops.tracking import run_follower
from jupyter_mlops.tracking.live_runs import LiveRuns
from jupyter_mlops.tracking.run_follower import RunFollower
from jupyter_mlops.tracking.run_log import RunLog, RunOrder
from jupyter_mlops.tracking.run_surroundings import RunSurroundings

log = logging.getLogger(__name__)

RUN_ID = re.compile(r"[0-9a-f]{32}")
#: Seconds that a kernel waits for its run to be there; it logs into it all the same.
BEGIN_PATIENCE = 2.0
#: Seconds that a job's end waits for what its kernel has logged.
_JOB_PATIENCE = 5.0
_TICK = 1.0


class OpenRuns:
    """Belongs to the daemon's event loop."""

    def __init__(
        self, run_log: RunLog, live: LiveRuns, surroundings: RunSurroundings | None = None
    ) -> None:
        """`surroundings` tells of each run what its kernel doesn't log."""
        self._log = run_log
        self._surroundings = surroundings
        self._live = live
        self._followers: dict[str, RunFollower] = {}
        self._background = Background()

    async def start(self) -> None:
        """Take up the runs that a previous daemon left."""
        for directory, order in await asyncio.to_thread(_left):
            self._follow(directory, order)
        self._background.spawn(self._tick(), "looking after open runs")

    async def stop(self) -> None:
        """Stop; the next daemon goes on."""
        await self._background.stop()
        if self._surroundings is not None:
            self._surroundings.close()
        await self._log.stop()

    async def open(self, order: RunOrder) -> RunFollower:
        """Begin a run, or go on with it; durable when this returns.

        Raises:
            StoreFull, Busy: its directory can't be made; nothing was begun.
        """
        found = self._followers.get(order.id)
        if found is not None:
            found.renew()
            if await self._goes_on(found):
                return found
        directory = paths.run_log_dir(order.id)
        try:
            await asyncio.to_thread(paths.private_dir, paths.logs_dir())
            await asyncio.to_thread(run_follower.prepare, directory, order)
        except OSError as error:
            kind = StoreFull if is_full(error) else Busy
            raise kind(f"The run can't be begun: {error.strerror or error}.") from error
        follower = self._follow(directory, order)
        await asyncio.wait([asyncio.ensure_future(follower.tried.wait())], timeout=BEGIN_PATIENCE)
        return follower

    def get(self, run_id: str) -> RunFollower:
        """The run.

        Raises:
            NotFound: no kernel logs into such a run any more.
        """
        found = self._followers.get(run_id)
        if found is None:
            raise NotFound("No kernel logs into this run.", hint="All of it is in MLflow.")
        return found

    def ring(self, run_id: str) -> None:
        """A kernel's doorbell."""
        if (found := self._followers.get(run_id)) is not None:
            found.poke()

    async def settle_job(self, job_id: str) -> None:
        """Have recorded what a job's kernel has logged, if that can be done in seconds."""
        for one in list(self._followers.values()):
            if one.order.job_id == job_id and one.place is not None:
                await one.settle(_JOB_PATIENCE)

    @property
    def busy(self) -> bool:
        """Whether a run is open, or has something left that can be recorded."""
        return any(not one.waits for one in self._followers.values())

    def status(self) -> dict[str, Any]:
        """Counts, for `GET /status`."""
        followers = self._followers.values()
        problems = [one.problem for one in followers if one.problem is not None]
        return {
            "open": len(followers),
            "waiting": len(problems),
            "detail": problems[0].detail if problems else "",
        }

    async def _goes_on(self, follower: RunFollower) -> bool:
        """False once it has ended: it was about to when somebody asked for it."""
        ended = asyncio.ensure_future(follower.ended.wait())
        settled = asyncio.ensure_future(follower.settle(BEGIN_PATIENCE))
        await asyncio.wait([ended, settled], return_when=asyncio.FIRST_COMPLETED)
        settled.cancel()
        ended.cancel()
        return not follower.ended.is_set()

    def _follow(self, directory: Path, order: RunOrder) -> RunFollower:
        follower = RunFollower(directory, order, self._log, self._surroundings)
        self._followers[order.id] = follower
        if not order.of_job:
            self._live.interactive.add(order.id)
        self._background.spawn(self._to_its_end(follower), f"run {order.id}")
        return follower

    async def _to_its_end(self, follower: RunFollower) -> None:
        try:
            await follower.follow()
        finally:
            run_id = follower.order.id
            if self._followers.get(run_id) is follower:
                del self._followers[run_id]
                self._live.interactive.discard(run_id)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(_TICK)
            for one in self._followers.values():
                one.tick()


def _left() -> list[tuple[Path, RunOrder]]:
    """What lies there from before. Blocking."""
    try:
        found = sorted(paths.logs_dir().iterdir())
    except FileNotFoundError:
        return []
    named = [one for one in found if RUN_ID.fullmatch(one.name) and not one.is_symlink()]
    orders = [(one, run_follower.order_in(one)) for one in named]
    return [
        (directory, order)
        for directory, order in orders
        if order is not None and order.id == directory.name
    ]
