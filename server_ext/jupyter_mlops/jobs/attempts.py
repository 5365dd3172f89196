"""The life of one attempt: begun in the store, started, followed, recorded as it ended.

What was decided is in the store before it is done, so a daemon that is killed at any point leaves
attempts that the next one can take up or end truthfully.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from jupyter_mlops import paths
from jupyter_mlops.errors import Busy, MlopsError, StoreFull, StoreUnusable
from jupyter_mlops.jobs import attempt_log, job_files, kernelspecs, store_reader
from jupyter_mlops.jobs.attempt_log import Digest, ExitRecord
from jupyter_mlops.jobs.attempt_order import BUNDLE, make_order, write_order
from jupyter_mlops.jobs.background import Background
from jupyter_mlops.jobs.bundle import LINKS
from jupyter_mlops.jobs.capacity import Amount
from jupyter_mlops.jobs.entry import Entry
from jupyter_mlops.jobs.feed import Feed
from jupyter_mlops.jobs.launcher import Launched, Launcher
from jupyter_mlops.jobs.model import Failure, State, WarmDetails
from jupyter_mlops.jobs.order import AttemptOrder
from jupyter_mlops.jobs.publisher import Publisher
from jupyter_mlops.jobs.recording import Recorder
from jupyter_mlops.jobs.snapshot import make_links
from jupyter_mlops.jobs.state import Begin, Ended, Event, Prepared, StartAttempt
from jupyter_mlops.jobs.store import LastSeen, Store
from jupyter_mlops.jobs.store_rows import StoredJob
from jupyter_mlops.jobs.watcher import Watcher, interrupted
from jupyter_mlops.settings import Settings

T = TypeVar("T")
log = logging.getLogger(__name__)

#: Seconds that a runner which said how it ended may still take to be gone.
_FAREWELL = 10.0
#: Seconds to wait for attempts that are just being launched when the daemon leaves.
_LAUNCH_PATIENCE = 5.0


class Attempts:
    """Leads attempts from begin to end; belongs to the event loop."""

    def __init__(
        self,
        store: Store,
        launcher: Launcher,
        recorder: Recorder,
        settings: Settings,
        publisher: Publisher,
        environment: Mapping[str, str],
        gpu_names: tuple[str, ...],
    ) -> None:
        self.launcher = launcher
        self.recorder = recorder
        self._store = store
        self._settings = settings.attempts
        self._publisher = publisher
        self._environment = environment
        self._gpu_names = gpu_names
        self._background = Background()
        self._launching: set[asyncio.Task[Any]] = set()
        self._farewells: dict[str, asyncio.Task[None]] = {}
        # Threads of our own: the loop's may be busy with something slow.
        self._threads = ThreadPoolExecutor(8, thread_name_prefix="attempts")

    async def close(self) -> None:
        """Stop following; runners go on."""
        if self._launching:
            # Between "starting" and the runner's life nobody could tell what became of it.
            await asyncio.wait(self._launching, timeout=_LAUNCH_PATIENCE)
        await self._background.stop()
        await self.launcher.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def begin(self, entry: Entry, done: Callable[[], None]) -> None:
        """Start the job's next attempt on what is set aside for it in `entry`.

        Calls `done` when that is free again.
        """
        self._lead(entry, self._run(entry, done), done)

    def take_up(self, entry: Entry, done: Callable[[], None]) -> None:
        """Go on with an attempt that a previous daemon began."""
        entry.held = Amount.of(entry.stored.job.spec.resources)
        entry.gpus = entry.stored.gpus
        self._lead(entry, self._adopt(entry, done), done)

    def stop_runner(self, entry: Entry) -> None:
        """End the attempt's runner in the background, if it is launched already."""
        if entry.launched is not None and entry.stopping is None:
            entry.stopping = self._background.spawn(entry.launched.stop())

    async def gone(self, job_id: str) -> None:
        """Return when no runner of the job's last attempt is left."""
        farewell = self._farewells.get(job_id)
        if farewell is not None:
            await asyncio.wait([farewell])

    # --- begin ---

    def _lead(
        self, entry: Entry, life: Coroutine[Any, Any, None], done: Callable[[], None]
    ) -> None:
        entry.digest, entry.feed, entry.led = Digest(), Feed(), True
        self._background.spawn(self._guarded(entry, life, done))

    async def _guarded(
        self, entry: Entry, life: Coroutine[Any, Any, None], done: Callable[[], None]
    ) -> None:
        number = entry.stored.record.attempt
        try:
            await life
        except Exception as error:  # whatever it is, the job must not be left without an owner
            log.exception("job %s: its attempt can't be led", entry.id)
            if entry.stored.record.attempt > number:
                number += 1
            if number:
                await self._end(entry, number, _failed(error))
        finally:
            entry.held, entry.gpus, entry.led = None, (), False
            entry.launched = entry.watcher = entry.stopping = None
            if entry.feed is not None:
                entry.feed.end()
                entry.feed = None
            done()

    async def _run(self, entry: Entry, done: Callable[[], None]) -> None:
        number = entry.stored.record.attempt + 1
        launching = asyncio.current_task()
        assert launching is not None
        self._launching.add(launching)
        try:
            launched = await self._launch(entry, number)
        finally:
            self._launching.discard(launching)
        if launched is not None:
            await self._watch(entry, number, launched, done)

    async def _launch(self, entry: Entry, number: int) -> Launched | None:
        # What can be made ready without anybody noticing is made while the disk works.
        preparing = asyncio.create_task(self._prepare(entry.stored, number, entry.gpus))
        try:
            applied = await self._store.apply(entry.id, Begin(number, time.time(), entry.gpus))
        except MlopsError as error:
            await asyncio.wait([preparing])
            log.warning("job %s can't begin: %s", entry.id, error)
            entry.ready_at = asyncio.get_running_loop().time() + 1.0
            entry.waiting_for = f"the store: {error.detail}"
            self._publisher.publish_soon(entry)
            return None
        await asyncio.wait([preparing])
        if not any(isinstance(i, StartAttempt) for i in applied.instructions):
            return None  # cancelled in the meantime
        try:
            order, environment = preparing.result()
            if entry.stored.record.cancelling:
                await self._end(entry, number, ExitRecord(state=State.CANCELLED))
                return None
            return await self.launcher.launch(order, environment)
        except (MlopsError, OSError) as error:
            log.warning("job %s attempt %d can't start: %s", entry.id, number, error)
            await self._end(entry, number, _failed(error))
            return None

    async def _prepare(
        self, stored: StoredJob, number: int, gpus: tuple[int, ...]
    ) -> tuple[AttemptOrder, dict[str, str]]:
        """The order, written, and the runner's environment."""
        directory = paths.attempt_dir(stored.job.id, number)
        recording = asyncio.create_task(self.recorder.begin(stored.job, number))

        def lay_out(db: sqlite3.Connection) -> tuple[list[str], kernelspecs.KernelSpec]:
            job_files.fresh_directory(directory)
            files = store_reader.lay_out(db, stored.job.id, directory / BUNDLE)
            if LINKS in files:
                make_links(directory / BUNDLE)
            return files, kernelspecs.find(stored.job.kernel.name)

        files, spec = await self._store.read(lay_out)
        environment: dict[str, str] = {}
        if self._gpu_names:
            chosen = (self._gpu_names[gpu] for gpu in gpus)
            environment["CUDA_VISIBLE_DEVICES"] = ",".join(chosen)
        order = make_order(stored, number, directory, files, spec, environment, self._settings)
        run = await recording
        runner_environment = {**self._environment, **run.environment}
        await self.launcher.prepare(
            order, runner_environment, stored.preload, warm=stored.job.spec.warm_start
        )
        await self._in_thread(write_order, order)
        return order, runner_environment

    # --- follow ---

    async def _watch(
        self, entry: Entry, number: int, launched: Launched, done: Callable[[], None]
    ) -> None:
        assert entry.feed is not None
        entry.launched = launched

        def prepared(start: WarmDetails) -> None:
            if entry.state is State.STARTING:
                # In the background: output goes on although the store may be locked.
                event = Prepared(number, time.time(), start)
                entry.recording = self._background.spawn(self._record(entry, event))

        def released() -> None:
            entry.held, entry.gpus = None, ()
            done()

        entry.watcher = Watcher(
            paths.attempt_dir(entry.id, number),
            launched,
            entry.digest,
            entry.feed,
            self._threads,
            prepared=prepared,
            released=released,
            progressed=lambda: self._publisher.publish_soon(entry),
        )
        if entry.stored.record.cancelling:
            self.stop_runner(entry)
        ended = await entry.watcher.watch()
        released()
        self._farewells[entry.id] = farewell = self._background.spawn(_farewell(launched))
        farewell.add_done_callback(lambda task: self._forget_farewell(entry.id, task))
        await self._end(entry, number, ended)

    def _forget_farewell(self, job_id: str, task: asyncio.Task[None]) -> None:
        if self._farewells.get(job_id) is task:
            del self._farewells[job_id]

    async def _adopt(self, entry: Entry, done: Callable[[], None]) -> None:
        number = entry.stored.record.attempt
        directory = paths.attempt_dir(entry.id, number)
        launched = await self.launcher.adopt(directory)
        if launched is not None:
            log.info("job %s attempt %d goes on", entry.id, number)
            await self._watch(entry, number, launched, done)
            return
        ended = await self._in_thread(_read_all, directory, entry.digest)
        log.info("job %s attempt %d has ended meanwhile: %s", entry.id, number, ended.state.value)
        await self._end(entry, number, ended)

    # --- end ---

    async def _end(self, entry: Entry, number: int, ended: ExitRecord) -> None:
        where = entry.stored.output_paths
        notebook, log_text = await self._in_thread(job_files.existing, where.notebook, where.log)
        outputs = entry.stored.job.outputs.model_copy(
            update={"notebook": notebook, "log": log_text}
        )
        if entry.feed is not None:
            entry.feed.end()
        if entry.recording is not None:
            await asyncio.wait([entry.recording])
            entry.recording = None
        event = Ended(
            number, time.time(), ended.state, ended.failure, ended.duration, ended.peak_memory
        )
        seen = LastSeen(entry.digest.progress, entry.digest.last_output, outputs)
        await self._record(entry, event, seen)

    async def _record(self, entry: Entry, event: Event, last: LastSeen | None = None) -> None:
        """Make `event` durable, however long the store can't be written."""
        delay = 0.1
        while True:
            try:
                await self._store.apply(entry.id, event, last)
            except (Busy, StoreFull, StoreUnusable) as error:
                log.warning("job %s: %s not recorded yet: %s", entry.id, event, error)
                await asyncio.sleep(delay)
                delay = min(5.0, 2 * delay)
            else:
                return

    # --- helpers ---

    async def _in_thread(self, function: Callable[..., T], *args: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *args)


async def _farewell(launched: Launched) -> None:
    """A runner that has said how it ended goes by itself; it is made to when it doesn't."""
    deadline = asyncio.get_running_loop().time() + _FAREWELL
    delay = 0.02
    while launched.alive():
        if asyncio.get_running_loop().time() > deadline:
            await launched.kill()
            return
        await asyncio.sleep(delay)
        delay = min(0.5, 2 * delay)


def _read_all(directory: Path, digest: Digest) -> ExitRecord:
    """Everything that a runner which is gone has left."""
    offset = 0
    while chunk := attempt_log.read_lines(attempt_log.events_file(directory), offset):
        digest.take(chunk)
        offset += len(chunk)
    return attempt_log.read_exit(directory) or digest.finished or interrupted()


def _failed(error: Exception) -> ExitRecord:
    """An attempt that could not even be started."""
    if isinstance(error, MlopsError):
        failure = Failure(code=error.stable_code, message=error.detail, hint=error.hint)
    elif isinstance(error, OSError):
        failure = Failure(
            code="disk_full" if error.errno == 28 else "start_failed",
            message=f"The attempt could not be started: {error.strerror or error}.",
            hint="Check the disk and the limits of the machine, then run it again.",
        )
    else:
        failure = Failure(
            code="internal_error",
            message=f"Something went wrong in the daemon ({type(error).__name__}).",
            hint=f"The log tells more: {paths.daemon_log()}. Please report it.",
        )
    return ExitRecord(state=State.FAILED, failure=failure)
