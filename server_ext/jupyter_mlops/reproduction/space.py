"""What reproductions need on the disk: rebuilt environments and copies of data. How much, and less
of it.

A run that has lost copies that it needed is told so: its tags say whether it can be reproduced
without them.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Collection
from typing import Protocol

from pydantic import Field

from jupyter_mlops.errors import MlopsError, NotFound
from jupyter_mlops.jobs.background import Background
from jupyter_mlops.jobs.model import Model
from jupyter_mlops.reproduction import rebuilt
from jupyter_mlops.reproduction.missing import lacks_now
from jupyter_mlops.reproduction.model import CannotReproduce
from jupyter_mlops.reproduction.rebuilding import Rebuilding
from jupyter_mlops.reproduction.recorded_run import recorded_run
from jupyter_mlops.tracking import kept_for
from jupyter_mlops.tracking.kept_data import KeptData, copies, is_there
from jupyter_mlops.tracking.kept_for import KeptFor
from jupyter_mlops.tracking.service import TrackingService

log = logging.getLogger(__name__)

#: Tags of a run whose copies have gone; the first one is also set when it is recorded.
REPRODUCIBLE_TAG, LOST_TAG = "mlops.reproducible", "mlops.copies_lost"
#: Seconds until runs are told again that could not be.
_AGAIN = 60.0
_NAMED = 5


class Kind(Model):
    """One kind of what takes space."""

    count: int
    size: int = Field(description="Bytes on the disk.")
    limit: int = Field(description="Bytes; above it some of them go.")


class Space(Model):
    """What takes space in the data directory."""

    environments: Kind = Field(description="Rebuilt ones.")
    copies: Kind = Field(description="Of data that runs have read.")


class CleaningOrder(Model):
    """The body of `POST /space/clean`."""

    environments: bool = Field(True, description="Remove rebuilt environments.")
    copies: bool = Field(True, description="Remove copies of data that no run needs.")
    needed_copies: bool = Field(
        False, description="Those as well that runs need: they can't be reproduced from them then."
    )
    unused_for: float = Field(
        0, ge=0, allow_inf_nan=False, description="Only what nobody has used for so long (seconds)."
    )
    pretend: bool = Field(False, description="Only say what would go.")


class Removed(Model):
    """How much of one kind was removed."""

    count: int
    size: int


class Cleaned(Model):
    """What was removed, or would be, and what is left."""

    environments: Removed
    copies: Removed
    left: Space


class Jobs(Protocol):
    """What is asked of the dispatcher."""

    async def kernels_in_use(self) -> set[str]:
        """Kernels of jobs that have not ended."""


class Cleaning:
    """Belongs to the daemon's event loop."""

    def __init__(
        self, jobs: Jobs, tracking: TrackingService, rebuilding: Rebuilding, limit: int
    ) -> None:
        """`limit`: bytes of all rebuilt environments."""
        self._jobs = jobs
        self._tracking = tracking
        self._kept = tracking.kept or KeptData(0, 0)
        self._rebuilding = rebuilding
        self._limit = limit
        self._background = Background()
        self._wake = asyncio.Event()

    async def start(self) -> None:
        """Tell runs that have lost copies, now and whenever some go."""
        loop = asyncio.get_running_loop()

        def dropped() -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._wake.set)

        self._kept.listen(dropped)
        self._wake.set()
        self._background.spawn(self._tell(), "lost copies")

    async def stop(self) -> None:
        """Stop; the next daemon goes on."""
        self._kept.listen(lambda: None)
        await self._background.stop()

    async def space(self) -> Space:
        """How much there is."""
        return await asyncio.to_thread(self._space)

    async def clean(self, order: CleaningOrder) -> Cleaned:
        """Remove what isn't in use."""
        since = time.time() - order.unused_for
        environments: list[rebuilt.Rebuilt] = []
        if order.environments:
            needed = await self._jobs.kernels_in_use()
            environments = await self._rebuilding.drop(needed, since, pretend=order.pretend)
        gone: list[int] = []
        if order.copies or order.needed_copies:
            if not order.needed_copies:
                await self._forget_deleted()
            dropped = await asyncio.to_thread(
                self._kept.drop,
                needed_too=order.needed_copies,
                unused_since=since,
                pretend=order.pretend,
            )
            gone = [one.size for one in dropped]
        return Cleaned(
            environments=Removed(
                count=len(environments), size=sum(one.size for one in environments)
            ),
            copies=Removed(count=len(gone), size=sum(gone)),
            left=await self.space(),
        )

    def _space(self) -> Space:
        environments, kept = rebuilt.environments(), copies()
        return Space(
            environments=Kind(
                count=len(environments),
                size=sum(one.size for one in environments),
                limit=self._limit,
            ),
            copies=Kind(
                count=len(kept), size=sum(one.size for one in kept), limit=self._kept.total
            ),
        )

    async def _forget_deleted(self) -> None:
        """A run that isn't there any more needs nothing."""
        for one in await asyncio.to_thread(kept_for.all_runs):
            try:
                await self._tracking.reader.detail(one.run_id, summary=False)
            except NotFound:
                await asyncio.to_thread(kept_for.note, one.run_id, {})

    # --- runs that have lost copies ---

    async def _tell(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            marked_at = await asyncio.to_thread(kept_for.marked_at)
            if marked_at is None:
                continue
            try:
                for one in await asyncio.to_thread(_losers):
                    await self._tell_one(one)
            except MlopsError as error:
                log.warning("runs can't be told yet that copies have gone: %s", error.detail)
                await asyncio.sleep(_AGAIN)
                self._wake.set()
            else:
                if not await asyncio.to_thread(self._kept.all_told, marked_at):
                    self._wake.set()  # more have gone meanwhile

    async def _tell_one(self, one: KeptFor) -> None:
        left = {digest: path for digest, path in one.copies.items() if is_there(digest)}
        lost = [path for digest, path in one.copies.items() if digest not in left]
        reader = self._tracking.reader
        try:
            detail = await reader.detail(one.run_id, summary=False)
            try:
                run = await recorded_run(reader, one.run_id)
                exactly = not await asyncio.to_thread(lacks_now, run)
            except CannotReproduce:
                exactly = False
            tags = {LOST_TAG: _listed(lost), REPRODUCIBLE_TAG: "yes" if exactly else "no"}
            await self._tracking.tag_run(detail, tags)
        except NotFound:
            left = {}  # it was deleted: it needs none
        await asyncio.to_thread(kept_for.note, one.run_id, left)


def _losers() -> list[KeptFor]:
    return [one for one in kept_for.all_runs() if not all(map(is_there, one.copies))]


def _listed(names: Collection[str]) -> str:
    shown = ", ".join(list(names)[:_NAMED])
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return (shown + more)[:5000]
