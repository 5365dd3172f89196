"""The owner of the queue: decides what runs next, starts it, follows it, and records how it ended.

Everything here belongs to the event loop. What was decided is in the store before it is done, so a
daemon that is killed at any point leaves jobs that the next one can take up or end truthfully.
"""

from __future__ import annotations

import asyncio
import bisect
import contextlib
import logging
import os
import shutil
import time
from collections import OrderedDict
from collections.abc import Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from jupyter_mlops import paths
from jupyter_mlops.errors import Busy, Conflict, MlopsError, NotFound, StoreFull, StoreUnusable
from jupyter_mlops.jobs import kernelspecs
from jupyter_mlops.jobs.attempt_log import Digest, ExitRecord, read_exit
from jupyter_mlops.jobs.attempt_order import BUNDLE, make_order, write_order
from jupyter_mlops.jobs.bundle import LINKS
from jupyter_mlops.jobs.capacity import Amount, total
from jupyter_mlops.jobs.entry import ITS_TURN, Entry
from jupyter_mlops.jobs.feed import Feed
from jupyter_mlops.jobs.hub import Hub, HubEvent
from jupyter_mlops.jobs.launcher import Launched, Launcher
from jupyter_mlops.jobs.model import Failure, Job, State, WarmDetails
from jupyter_mlops.jobs.order import AttemptOrder
from jupyter_mlops.jobs.recording import Recorder
from jupyter_mlops.jobs.snapshot import make_links
from jupyter_mlops.jobs.state import Begin, Cancel, Ended, Event, Prepared, StartAttempt
from jupyter_mlops.jobs.store import Applied, LastSeen, Store
from jupyter_mlops.jobs.store_rows import NewJob, StoredJob
from jupyter_mlops.jobs.store_writer import Change
from jupyter_mlops.jobs.watcher import Watcher, interrupted
from jupyter_mlops.settings import Settings

log = logging.getLogger(__name__)

#: Seconds between two events about the progress of one job.
PROGRESS_EVERY = 0.25
#: Versions that were given out are remembered for so many jobs.
_VERSIONS = 20_000
_LAUNCH_PATIENCE = 5.0


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
        gpu_names: tuple[str, ...] = (),
    ) -> None:
        self.store = store
        self.hub = hub
        self.launcher = launcher
        self.recorder = recorder
        self.settings = settings
        self.capacity = capacity
        self._gpu_names = gpu_names or tuple(str(i) for i in range(capacity.gpus))
        self._entries: dict[str, Entry] = {}
        self._queue: list[tuple[float, str]] = []
        self._versions: OrderedDict[str, int] = OrderedDict()
        self._wake = asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._launching: set[asyncio.Task[Any]] = set()
        self._stopping = False
        self._alarm: asyncio.TimerHandle | None = None
        #: Reading of attempts' files; the loop's own threads may be busy with something slow.
        self.threads = ThreadPoolExecutor(8, thread_name_prefix="files")

    # --- life ---

    async def start(self) -> None:
        """Take up every job that has not ended, then begin to dispatch."""
        self.store.listen(self._on_change)
        for stored in await self.store.alive():
            entry = self._add(stored)
            if stored.record.state is not State.QUEUED:
                self._begin_task(entry, self._adopt(entry))
        await self._sweep()
        self._spawn(self._dispatch())
        self._spawn(self._tick())
        self._wake.set()

    async def stop(self) -> None:
        """Stop dispatching and following; runners go on."""
        self._stopping = True
        if self._launching:
            # Between "starting" and the runner's life nobody could tell what became of it.
            await asyncio.wait(self._launching, timeout=_LAUNCH_PATIENCE)
        tasks = {*self._tasks}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.launcher.close()
        self.threads.shutdown(wait=False, cancel_futures=True)

    @property
    def busy(self) -> bool:
        """Whether any job has not ended."""
        return bool(self._entries)

    def use(self) -> Amount:
        """What the attempts under way take."""
        return total(entry.held for entry in self._entries.values() if entry.held is not None)

    # --- what clients ask for ---

    async def submit(self, new: NewJob, files: Mapping[str, bytes]) -> tuple[Job, bool]:
        """Insert a job; see `Store.submit`."""
        stored, created = await self.store.submit(new, files)
        return self.view(stored), created

    async def cancel(self, job_id: str) -> Job:
        """Cancel a job: one that waits at once, one that runs in the background.

        Raises:
            NotFound: there is none with this id.
            Conflict: it has ended otherwise.
        """
        applied = await self.store.apply(job_id, Cancel(time.time()))
        state = applied.stored.record.state
        if state in (State.SUCCEEDED, State.FAILED):
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
        await self.store.delete(job_id)
        await self.recorder.forget(job_id)
        await self._in_thread(remove_tree, paths.job_dir(job_id))

    async def get(self, job_id: str) -> Job:
        """The job as it is now.

        Raises:
            NotFound: there is none with this id.
        """
        return self.view(await self.store.get(job_id))

    def view(self, stored: StoredJob) -> Job:
        """The job with what is known beyond the store."""
        job = stored.job
        changes: dict[str, object] = {
            "version": max(job.version, self._versions.get(job.id, 0)),
        }
        entry = self._entries.get(job.id)
        if entry is not None:
            changes |= entry.overlay(job)
        return job.model_copy(update=changes)

    def current(self) -> list[Job]:
        """Every job that has not ended, as it is now."""
        return [self.view(entry.stored) for entry in self._entries.values()]

    def feed(self, job_id: str, attempt: int) -> Feed | None:
        """The feed of an attempt that is under way; None when it isn't."""
        entry = self._entries.get(job_id)
        if entry is None or entry.feed is None or entry.stored.record.attempt != attempt:
            return None
        return entry.feed

    async def changed(self, job_id: str) -> None:
        """Return at the next durable change of a job; at once when it has ended."""
        entry = self._entries.get(job_id)
        if entry is not None:
            await entry.changed()

    def ring(self, job_id: str, attempt: int) -> None:
        """A runner's doorbell."""
        entry = self._entries.get(job_id)
        if entry is not None and entry.watcher is not None:
            if entry.stored.record.attempt == attempt:
                entry.watcher.poke()

    # --- changes, as the store tells them ---

    def _on_change(self, change: Change) -> None:
        entry = self._entries.get(change.job_id)
        if change.job is None:
            self._versions.pop(change.job_id, None)
            self.hub.publish(HubEvent(self.store.next_seq(), change.job_id, None))
            return
        if entry is None:
            if change.job.record.state.terminal:
                self._publish_job(change.job)
            else:
                entry = self._add(change.job)
                self._publish(entry)
                self._wake.set()
        else:
            self._update(entry, change)
        if change.track:
            self.recorder.changed(change.job_id)

    def _update(self, entry: Entry, change: Change) -> None:
        assert change.job is not None
        before, entry.stored = entry.state, change.job
        state = entry.state
        if state is State.QUEUED and before is not State.QUEUED:
            self._wait_for_retry(entry)
        elif state is not State.QUEUED and before is State.QUEUED:
            self._unqueue(entry)
        if entry.stored.record.cancelling and entry.stopping is None:
            self._stop_runner(entry)
        self._publish(entry)
        if state.terminal:
            del self._entries[entry.id]
            if entry.timer is not None:
                entry.timer.cancel()
        entry.wake()
        self._wake.set()

    def _add(self, stored: StoredJob) -> Entry:
        entry = self._entries[stored.job.id] = Entry(stored)
        if stored.record.state is State.QUEUED:
            bisect.insort(self._queue, entry.order)
            if stored.record.not_before is not None:
                self._wait_for_retry(entry, queued=True)
        return entry

    def _unqueue(self, entry: Entry) -> None:
        index = bisect.bisect_left(self._queue, entry.order)
        if index < len(self._queue) and self._queue[index] == entry.order:
            del self._queue[index]

    def _wait_for_retry(self, entry: Entry, *, queued: bool = False) -> None:
        # The wait runs on the loop's clock: a wall clock that is set back must not prolong it.
        not_before = entry.stored.record.not_before or 0.0
        delay = min(60.0, max(0.0, not_before - time.time()))
        entry.ready_at = asyncio.get_running_loop().time() + delay
        entry.waiting_for = f"its retry after attempt {entry.stored.record.attempt} failed"
        if not queued:
            bisect.insort(self._queue, entry.order)

    # --- events for clients ---

    def _publish(self, entry: Entry) -> None:
        if entry.timer is not None:
            entry.timer.cancel()
            entry.timer = None
        entry.published_at = asyncio.get_running_loop().time()
        self._publish_job(entry.stored)

    def _publish_job(self, stored: StoredJob) -> None:
        seq = self.store.next_seq()
        self._versions[stored.job.id] = seq
        self._versions.move_to_end(stored.job.id)
        if len(self._versions) > _VERSIONS:
            self._versions.popitem(last=False)
        self.hub.publish(HubEvent(seq, stored.job.id, self.view(stored)))

    def _publish_soon(self, entry: Entry) -> None:
        if entry.timer is None and entry.id in self._entries:
            loop = asyncio.get_running_loop()
            due = max(loop.time(), entry.published_at + PROGRESS_EVERY)
            entry.timer = loop.call_at(due, self._publish_due, entry)

    def _publish_due(self, entry: Entry) -> None:
        entry.timer = None
        if self._entries.get(entry.id) is entry:
            self._publish(entry)

    # --- the queue ---

    async def _dispatch(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            if not self._stopping:
                self._start_what_fits()

    def _start_what_fits(self) -> None:
        now = asyncio.get_running_loop().time()
        free = self.capacity - self.use()
        soonest = float("inf")
        for _, job_id in list(self._queue):
            entry = self._entries[job_id]
            if entry.held is not None:
                continue  # being begun
            if entry.ready_at > now:
                soonest = min(soonest, entry.ready_at)
                continue
            wanted = Amount.of(entry.stored.job.spec.resources)
            lacking = free.lacks(wanted)
            # What an earlier job waits for is set aside for it, so that smaller ones behind it
            # can use what is left but never keep it waiting for ever.
            free = free - wanted
            if lacking:
                self._wait(entry, f"{' and '.join(lacking)}")
                if free.cpus < 1e-9:
                    break
                continue
            self._wait(entry, "")
            entry.held = wanted
            entry.gpus = self._free_gpus(wanted.gpus)
            self._begin_task(entry, self._run(entry))
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if soonest < float("inf"):
            self._alarm = asyncio.get_running_loop().call_at(soonest, self._wake.set)

    def _wait(self, entry: Entry, reason: str) -> None:
        if entry.waiting_for != reason:
            entry.waiting_for = reason
            if reason:
                self._publish_soon(entry)

    def _free_gpus(self, wanted: int) -> tuple[int, ...]:
        taken = {gpu for entry in self._entries.values() for gpu in entry.gpus}
        return tuple(gpu for gpu in range(self.capacity.gpus) if gpu not in taken)[:wanted]

    # --- one attempt ---

    def _begin_task(self, entry: Entry, life: Coroutine[Any, Any, None]) -> None:
        entry.task = self._spawn(self._guarded(entry, life))

    async def _guarded(self, entry: Entry, life: Coroutine[Any, Any, None]) -> None:
        try:
            await life
        finally:
            entry.held, entry.gpus = None, ()
            entry.launched = entry.watcher = None
            if entry.feed is not None:
                entry.feed.end()
                entry.feed = None
            self._wake.set()

    async def _run(self, entry: Entry) -> None:
        number = entry.stored.record.attempt + 1
        entry.digest, entry.feed = Digest(), Feed()
        launch = asyncio.current_task()
        assert launch is not None
        self._launching.add(launch)
        try:
            launched = await self._launch(entry, number)
        finally:
            self._launching.discard(launch)
        if launched is not None:
            await self._watch(entry, number, launched)

    async def _launch(self, entry: Entry, number: int) -> Launched | None:
        directory = paths.attempt_dir(entry.id, number)
        prepared = asyncio.create_task(self._prepare(entry.stored, number, directory, entry.gpus))
        try:
            applied = await self.store.apply(entry.id, Begin(number, time.time(), entry.gpus))
        except MlopsError as error:
            await asyncio.wait([prepared])
            log.warning("job %s can't begin: %s", entry.id, error)
            entry.ready_at = asyncio.get_running_loop().time() + 1.0
            self._wait(entry, f"the store: {error.detail}")
            return None
        await asyncio.wait([prepared])
        if not any(isinstance(i, StartAttempt) for i in applied.instructions):
            return None  # cancelled in the meantime
        try:
            order, environment = prepared.result()
            if entry.stored.record.cancelling:
                await self._end(entry, number, ExitRecord(state=State.CANCELLED))
                return None
            return await self.launcher.launch(order, environment)
        except (MlopsError, OSError) as error:
            log.warning("job %s attempt %d can't start: %s", entry.id, number, error)
            await self._end(entry, number, _start_failed(error))
            return None

    async def _prepare(
        self, stored: StoredJob, number: int, directory: Path, gpus: tuple[int, ...]
    ) -> tuple[AttemptOrder, dict[str, str]]:
        """The order, written, and the runner's environment."""
        beginning = asyncio.create_task(self.recorder.begin(stored.job, number))
        await self._in_thread(_fresh_directory, directory)
        files = await self.store.lay_out(stored.job.id, directory / BUNDLE)
        if LINKS in files:
            await self._in_thread(make_links, directory / BUNDLE)
        spec = await self._in_thread(kernelspecs.find, stored.job.kernel.name)
        environment: dict[str, str] = {}
        if self.capacity.gpus:
            names = ",".join(self._gpu_names[gpu] for gpu in gpus)
            environment["CUDA_VISIBLE_DEVICES"] = names
        order = make_order(
            stored, number, directory, files, spec, environment, self.settings.attempts
        )
        await self.launcher.prepare(order, stored.preload, stored.job.spec.warm_start)
        await self._in_thread(write_order, order)
        run = await beginning
        return order, {**os.environ, **run.environment}

    async def _watch(self, entry: Entry, number: int, launched: Launched) -> None:
        assert entry.feed is not None

        async def prepared(start: WarmDetails) -> None:
            if entry.state is State.STARTING:
                await self._record(entry, Prepared(number, time.time(), start))

        entry.launched = launched
        entry.watcher = Watcher(
            paths.attempt_dir(entry.id, number),
            launched,
            entry.digest,
            entry.feed,
            self.threads,
            prepared=prepared,
            progressed=lambda: self._publish_soon(entry),
        )
        if entry.stored.record.cancelling and entry.stopping is None:
            self._stop_runner(entry)
        await self._end(entry, number, await entry.watcher.watch())

    async def _end(self, entry: Entry, number: int, ended: ExitRecord) -> None:
        outputs = entry.stored.job.outputs
        where = entry.stored.output_paths
        written = await self._in_thread(_existing, where.notebook, where.log)
        last = LastSeen(
            entry.digest.progress,
            entry.digest.last_output,
            outputs.model_copy(update={"notebook": written[0], "log": written[1]}),
        )
        event = Ended(
            number, time.time(), ended.state, ended.failure, ended.duration, ended.peak_memory
        )
        if entry.stopping is not None:
            entry.stopping.cancel()
            entry.stopping = None
        if entry.feed is not None:
            entry.feed.end()
        await self._record(entry, event, last)

    async def _record(self, entry: Entry, event: Event, last: LastSeen | None = None) -> None:
        """Make `event` durable, however long the store can't be written."""
        delay = 0.1
        while True:
            try:
                await self.store.apply(entry.id, event, last)
            except (Busy, StoreFull, StoreUnusable) as error:
                log.warning("job %s: %s not recorded yet: %s", entry.id, event, error)
                await asyncio.sleep(delay)
                delay = min(5.0, 2 * delay)
            else:
                return

    def _stop_runner(self, entry: Entry) -> None:
        if entry.launched is not None:
            entry.stopping = self._spawn(entry.launched.stop())

    # --- after a restart ---

    async def _adopt(self, entry: Entry) -> None:
        number = entry.stored.record.attempt
        entry.held = Amount.of(entry.stored.job.spec.resources)
        entry.gpus = entry.stored.gpus
        entry.digest, entry.feed = Digest(), Feed()
        directory = paths.attempt_dir(entry.id, number)
        launched = await self.launcher.adopt(directory)
        if launched is not None:
            log.info("job %s attempt %d goes on", entry.id, number)
            await self._watch(entry, number, launched)
            return
        ended = await self._in_thread(read_exit, directory) or interrupted()
        log.info("job %s attempt %d has ended meanwhile: %s", entry.id, number, ended.state)
        await self._in_thread(_read_all, directory, entry.digest)
        await self._end(entry, number, ended)

    async def _sweep(self) -> None:
        """Remove directories of deleted jobs that a crash left behind."""
        root = paths.data_dir() / "jobs"
        names = await self._in_thread(_names, root)
        for job_id in await self.store.was_deleted(names):
            await self._in_thread(remove_tree, root / job_id)

    # --- helpers ---

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            for entry in self._entries.values():
                if entry.watcher is not None:
                    entry.watcher.tick()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a task of the dispatcher failed", exc_info=error)

    async def _in_thread(self, function: Any, *args: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self.threads, function, *args)


# --- files, in threads ------------------------------------------------------------------------------


def remove_tree(directory: Path) -> None:
    """Remove a directory, never what links in it point to; a link in its place is only unlinked."""
    if directory.is_symlink():
        directory.unlink()
        return
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(directory)


def _fresh_directory(directory: Path) -> None:
    """The attempt's directory, 0700; one that a begin without effect left behind is removed."""
    paths.private_dir(directory.parent.parent)
    if directory.exists():
        remove_tree(directory)
    paths.private_dir(directory)


def _existing(*candidates: str) -> list[str | None]:
    return [path if os.path.isfile(path) else None for path in candidates]


def _names(directory: Path) -> list[str]:
    try:
        return [entry.name for entry in os.scandir(directory)]
    except FileNotFoundError:
        return []


def _read_all(directory: Path, digest: Digest) -> None:
    from jupyter_mlops.jobs.attempt_log import events_file, read_lines

    offset = 0
    while chunk := read_lines(events_file(directory), offset):
        digest.take(chunk)
        offset += len(chunk)


def _start_failed(error: MlopsError | OSError) -> ExitRecord:
    if isinstance(error, OSError):
        failure = Failure(
            code="start_failed",
            message=f"The attempt could not be started: {error.strerror or error}.",
            hint="Check the disk and the limits of the machine, then run it again.",
        )
    else:
        failure = Failure(code=error.stable_code, message=error.detail, hint=error.hint)
    return ExitRecord(state=State.FAILED, failure=failure)
