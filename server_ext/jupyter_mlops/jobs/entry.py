"""What the dispatcher keeps in memory of a job that has not ended."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from jupyter_mlops.jobs.attempt_log import Digest
from jupyter_mlops.jobs.capacity import Amount
from jupyter_mlops.jobs.feed import Feed
from jupyter_mlops.jobs.launcher import Launched
from jupyter_mlops.jobs.model import Job, State
from jupyter_mlops.jobs.news import News
from jupyter_mlops.jobs.store_rows import StoredJob
from jupyter_mlops.jobs.watcher import Watcher

ITS_TURN = "its turn: other jobs are before it"


@dataclass(slots=True, eq=False)
class Entry:
    """One job on its way. Belongs to the event loop."""

    stored: StoredJob
    waiting_for: str = ITS_TURN
    #: Time of the loop's clock before which it is not started.
    ready_at: float = 0.0
    #: What its attempt takes of the capacity; None while none is under way.
    held: Amount | None = None
    gpus: tuple[int, ...] = ()
    #: Whether an attempt has an owner still, be it only to record how it ended.
    led: bool = False
    digest: Digest = field(default_factory=Digest)
    feed: Feed | None = None
    launched: Launched | None = None
    watcher: Watcher | None = None
    #: The attempt's start on its way into the store.
    recording: asyncio.Task[None] | None = None
    #: The runner's end, when somebody cancelled.
    stopping: asyncio.Task[None] | None = None
    #: An event about progress that waits for its turn, and when the last one was told.
    timer: asyncio.TimerHandle | None = None
    published_at: float = float("-inf")
    _news: News = field(default_factory=News)

    @property
    def id(self) -> str:
        """The job's id."""
        return self.stored.job.id

    @property
    def state(self) -> State:
        """The job's durable state."""
        return self.stored.record.state

    @property
    def order(self) -> tuple[float, str]:
        """Its place in the queue: first come, first served; a retry keeps its place."""
        return (self.stored.job.created_at, self.stored.job.id)

    def overlay(self, job: Job) -> dict[str, object]:
        """What is known of `job` (this one, as somebody read it) beyond the store."""
        if job.state is State.QUEUED:
            return {"waiting_for": self.waiting_for}
        if job.state.terminal:
            return {}
        return {
            "progress": self.digest.progress.model_copy(),
            "last_output": self.digest.last_output,
        }

    async def changed(self) -> None:
        """Return at the job's next durable change."""
        await self._news.wait()

    def wake(self) -> None:
        """Let those who wait for a change look."""
        self._news.tell()
