"""The owner of the queue: decides what runs next, on what it may run, and what is stopped.

Everything here belongs to the event loop. Jobs come in as changes that the store has made durable,
so there is one way in: at submit, at a retry, after a restart.
"""

from __future__ import annotations

import asyncio
import bisect
import logging
import time
from collections.abc import Mapping
from typing import Any

from jupyter_mlops import paths
from jupyter_mlops.errors import Conflict
from jupyter_mlops.jobs import job_files
from jupyter_mlops.jobs.attempts import Attempts
from jupyter_mlops.jobs.background import Background
from jupyter_mlops.jobs.capacity import Amount, gpu_names, total
from jupyter_mlops.jobs.entry import Entry
from jupyter_mlops.jobs.feed import Feed
from jupyter_mlops.jobs.hub import Hub
from jupyter_mlops.jobs.launcher import Launcher
from jupyter_mlops.jobs.model import Job, State
from jupyter_mlops.jobs.publisher import Publisher
from jupyter_mlops.jobs.recording import Recorder
from jupyter_mlops.jobs.state import BACKOFF_MOST, Cancel, StopAttempt
from jupyter_mlops.jobs.store import Store
from jupyter_mlops.jobs.store_rows import NewJob, StoredJob
from jupyter_mlops.jobs.store_writer import Change
from jupyter_mlops.settings import Settings

log = logging.getLogger(__name__)


class Dispatcher:
    """Made by the daemon; `start` takes up what a previous one left."""

    def __init__(
        self,
        store: Store,
        hub: Hub,
        launcher: Launcher,
        recorder: Recorder,
        settings: Settings,
        capacity: Amount,
        environment: Mapping[str, str],
    ) -> None:
        self.capacity = capacity
        #: That of the daemon as it was started; every runner gets it.
        self.environment = environment
        self.recorder = recorder
        self._store = store
        self._publisher = Publisher(hub, store.next_seq)
        names = gpu_names(environment, capacity.gpus)
        self._attempts = Attempts(
            store, launcher, recorder, settings, self._publisher, environment, names
        )
        self._entries: dict[str, Entry] = {}
        self._queue: list[tuple[float, str]] = []
        self._wake = asyncio.Event()
        self._background = Background()
        self._alarm: asyncio.TimerHandle | None = None

    # --- life ---

    async def start(self) -> None:
        """Take up every job that has not ended, then begin to dispatch."""
        self._store.listen(self._on_change)
        for stored in await self._store.alive():
            entry = self._add(stored)
            if entry.state is not State.QUEUED:
                self._attempts.take_up(entry, self._wake.set)
        await self._sweep()
        self._background.spawn(self._dispatch(), "the queue")
        self._background.spawn(self._tick(), "the clock of attempts")
        self._wake.set()

    async def stop(self) -> None:
        """Stop dispatching and following; runners go on."""
        await self._background.stop()
        await self._attempts.close()

    def release_followers(self) -> None:
        """Let everybody who waits for something look around: the daemon is leaving."""
        for entry in self._entries.values():
            entry.wake()
            if entry.feed is not None:
                entry.feed.wake()

    @property
    def busy(self) -> bool:
        """Whether any job has not ended."""
        return bool(self._entries)

    def use(self) -> Amount:
        """What the attempts under way take."""
        return total(entry.held for entry in self._entries.values() if entry.held is not None)

    def warm_status(self) -> dict[str, Any]:
        """About the warm parents."""
        return self._attempts.launcher.status()

    # --- what clients ask for ---

    async def submit(self, new: NewJob, files: Mapping[str, bytes]) -> tuple[Job, bool]:
        """Insert a job; see `Store.submit`."""
        stored, created = await self._store.submit(new, files)
        return self.view(stored), created

    async def cancel(self, job_id: str) -> Job:
        """Cancel a job: one that waits at once, one that runs in the background.

        Raises:
            NotFound: there is none with this id.
            Conflict: it has ended otherwise.
        """
        applied = await self._store.apply(job_id, Cancel(time.time()))
        state = applied.stored.record.state
        if state in {State.SUCCEEDED, State.FAILED}:
            raise Conflict(
                f"Job {job_id} has already {state.value}.",
                hint="There is nothing left to cancel.",
                code="already_ended",
            )
        return self.view(applied.stored)

    async def delete(self, job_id: str) -> None:
        """Delete a job that has ended, and its directory; what it wrote for the person stays.

        Raises:
            NotFound: there is none with this id.
            Conflict: it has not ended.
        """
        await self._store.delete(job_id)
        await self.recorder.forget(job_id)
        await self._attempts.gone(job_id)
        await asyncio.to_thread(job_files.remove_tree, paths.job_dir(job_id))

    async def get(self, job_id: str) -> Job:
        """The job as it is now.

        Raises:
            NotFound: there is none with this id.
        """
        return self.view(await self._store.get(job_id))

    def view(self, stored: StoredJob) -> Job:
        """The job with what is known beyond the store."""
        return self._publisher.view(stored, self._entries.get(stored.job.id))

    def current(self) -> list[Job]:
        """Every job that has not ended, as it is now."""
        return [self.view(entry.stored) for entry in self._entries.values()]

    def feed(self, job_id: str, attempt: int) -> Feed | None:
        """The feed of an attempt that is under way; None when it isn't."""
        entry = self._entries.get(job_id)
        if entry is None or entry.stored.record.attempt != attempt:
            return None
        return entry.feed

    def has_yet_to_see(self, job_id: str, attempt: int) -> bool:
        """Whether an attempt, which the store may have already, is still to come here."""
        entry = self._entries.get(job_id)
        return entry is not None and entry.stored.record.attempt < attempt

    async def changed(self, job_id: str) -> None:
        """Return at the next durable change of a job; at once when it has ended."""
        entry = self._entries.get(job_id)
        if entry is not None:
            await entry.changed()

    def ring(self, job_id: str, attempt: int) -> None:
        """A runner's doorbell."""
        entry = self._entries.get(job_id)
        if entry is None or entry.watcher is None:
            return
        if entry.stored.record.attempt == attempt:
            entry.watcher.poke()

    # --- changes, as the store tells them ---

    def _on_change(self, change: Change) -> None:
        if change.job is None:
            self._publisher.deleted(change.job_id)
            return
        entry = self._entries.get(change.job_id)
        if entry is not None:
            self._update(entry, change)
        elif change.job.record.state.terminal:
            self._publisher.publish(change.job, None)
        else:
            entry = self._add(change.job)
            self._publisher.publish(entry.stored, entry)
            self._wake.set()
        if change.track:
            self.recorder.changed(change.job_id, ended=change.job.record.state.terminal)

    def _update(self, entry: Entry, change: Change) -> None:
        assert change.job is not None
        before, entry.stored = entry.state, change.job
        if entry.state is State.QUEUED and before is not State.QUEUED:
            entry.feed = None
            self._wait_for_retry(entry)
            bisect.insort(self._queue, entry.order)
        elif entry.state is not State.QUEUED and before is State.QUEUED:
            self._unqueue(entry)
        if any(isinstance(one, StopAttempt) for one in change.instructions):
            self._attempts.stop_runner(entry)
        if entry.state.terminal:
            del self._entries[entry.id]
        self._publisher.publish(entry.stored, entry)
        entry.wake()
        self._wake.set()

    def _add(self, stored: StoredJob) -> Entry:
        entry = self._entries[stored.job.id] = Entry(stored)
        if entry.state is State.QUEUED:
            bisect.insort(self._queue, entry.order)
            if stored.record.not_before is not None:
                self._wait_for_retry(entry)
        return entry

    def _unqueue(self, entry: Entry) -> None:
        index = bisect.bisect_left(self._queue, entry.order)
        if index < len(self._queue) and self._queue[index] == entry.order:
            del self._queue[index]

    def _wait_for_retry(self, entry: Entry) -> None:
        # The wait runs on the loop's clock: a wall clock that is set back must not prolong it.
        not_before = entry.stored.record.not_before or 0.0
        delay = min(BACKOFF_MOST, max(0.0, not_before - time.time()))
        entry.ready_at = asyncio.get_running_loop().time() + delay
        entry.waiting_for = f"its retry: attempt {entry.stored.record.attempt} failed"

    # --- the queue ---

    async def _dispatch(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            self._start_what_fits()

    def _start_what_fits(self) -> None:
        loop = asyncio.get_running_loop()
        now, soonest = loop.time(), float("inf")
        free = self.capacity - self.use()
        for _, job_id in self._queue.copy():
            entry = self._entries[job_id]
            if entry.led:
                continue  # being begun, or its last attempt is just being recorded
            if entry.ready_at > now:
                soonest = min(soonest, entry.ready_at)
                continue
            wanted = Amount.of(entry.stored.job.spec.resources)
            lacking = free.lacks(wanted)
            # What an earlier job waits for is set aside for it, so that smaller ones behind it
            # can use what is left but never keep it waiting for ever.
            free -= wanted
            if lacking:
                self._wait(entry, " and ".join(lacking))
                if free.cpus <= 0:
                    break
                continue
            entry.waiting_for = ""
            entry.held = wanted
            entry.gpus = self._free_gpus(wanted.gpus)
            self._attempts.begin(entry, self._wake.set)
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = loop.call_at(soonest, self._wake.set) if soonest < float("inf") else None

    def _wait(self, entry: Entry, reason: str) -> None:
        if entry.waiting_for != reason:
            entry.waiting_for = reason
            self._publisher.publish_soon(entry)

    def _free_gpus(self, wanted: int) -> tuple[int, ...]:
        taken = {gpu for entry in self._entries.values() for gpu in entry.gpus}
        return tuple(gpu for gpu in range(self.capacity.gpus) if gpu not in taken)[:wanted]

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            for entry in self._entries.values():
                if entry.watcher is not None:
                    entry.watcher.tick()

    async def _sweep(self) -> None:
        """Remove directories of deleted jobs that a crash left behind."""
        root = paths.data_dir() / "jobs"
        for job_id in await self._store.was_deleted(await asyncio.to_thread(job_files.names, root)):
            await asyncio.to_thread(job_files.remove_tree, root / job_id)
