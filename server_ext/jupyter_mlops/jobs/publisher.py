"""What clients see of jobs: the store's view with what is known beyond it, told as it changes."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable

from jupyter_mlops.jobs.entry import Entry
from jupyter_mlops.jobs.hub import Hub, HubEvent
from jupyter_mlops.jobs.model import Job
from jupyter_mlops.jobs.store_rows import StoredJob

#: Seconds between two events about the progress of one job.
PROGRESS_EVERY = 0.25
#: For so many jobs it is remembered which version was told last.
_REMEMBERED = 20_000


class Publisher:
    """Tells the hub, each time under a sequence number of its own.

    The number of a durable change won't do: events about progress that were told before it may
    have greater ones.
    """

    def __init__(self, hub: Hub, next_seq: Callable[[], int]) -> None:
        self._hub = hub
        self._next_seq = next_seq
        self._versions: OrderedDict[str, int] = OrderedDict()

    def view(self, stored: StoredJob, entry: Entry | None) -> Job:
        """The job as it is now."""
        job = stored.job
        told = self._versions.get(job.id, 0)
        changes: dict[str, object] = {"version": max(job.version, told)}
        if entry is not None:
            changes |= entry.overlay(job)
        return job.model_copy(update=changes)

    def publish(self, stored: StoredJob, entry: Entry | None) -> None:
        """Tell it now."""
        if entry is not None:
            self.forget_pending(entry)
            entry.published_at = asyncio.get_running_loop().time()
        seq = self._next_seq()
        self._versions[stored.job.id] = seq
        self._versions.move_to_end(stored.job.id)
        if len(self._versions) > _REMEMBERED:
            self._versions.popitem(last=False)
        self._hub.publish(HubEvent(seq, stored.job.id, self.view(stored, entry)))

    def publish_soon(self, entry: Entry) -> None:
        """Tell it when its turn comes; until then, what is new joins in."""
        if entry.timer is None and not entry.state.terminal:
            loop = asyncio.get_running_loop()
            due = max(loop.time(), entry.published_at + PROGRESS_EVERY)
            entry.timer = loop.call_at(due, self._due, entry)

    def deleted(self, job_id: str) -> None:
        """Tell that the job is gone."""
        self._versions.pop(job_id, None)
        self._hub.publish(HubEvent(self._next_seq(), job_id, None))

    def forget_pending(self, entry: Entry) -> None:
        """Don't tell what was to be told soon."""
        if entry.timer is not None:
            entry.timer.cancel()
            entry.timer = None

    def _due(self, entry: Entry) -> None:
        entry.timer = None
        if not entry.state.terminal:
            self.publish(entry.stored, entry)
