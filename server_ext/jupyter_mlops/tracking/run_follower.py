"""Following one run that a kernel logs into: what it writes, whether it lives, how the run ended.

Time is counted in ticks of the daemon's own clock: a machine that slept must not end a run.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import fcntl
import json
import logging
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from jupyter_mlops.errors import Busy, InvalidInput, MlopsError, NotFound, Refused
from jupyter_mlops.jobs.runner import files
from jupyter_mlops.tracking import logbook
from jupyter_mlops.tracking.logbook import Batch
from jupyter_mlops.tracking.run_log import RunDeleted, RunLog, RunOrder, document
from jupyter_mlops.tracking.run_record import RunStatus, milliseconds
from jupyter_mlops.tracking.run_surroundings import RunSurroundings
from jupyter_mlops.tracking.sql import RunPlace
from jupyter_mlops.tracking.tracking_server import CredentialsRefused

log = logging.getLogger(__name__)

ORDER, STATE = "order.json", "state.json"
#: Ticks (of one second) in which a kernel that was given a run has to hold its lease.
GRACE = 30
#: Seconds between two tries to record what can't be recorded now: the first, and the most.
_PAUSE, _PAUSE_MOST = 1.0, 60.0
#: The most where a person has to do something first.
_WAITING_MOST = 3600.0
KILLED = "kernel_died: The kernel ended without ending the run."


@dataclass(slots=True)
class _State:
    """How far the records are recorded."""

    offset: int = 0
    place: RunPlace | None = None
    opened: bool = False
    failed: bool = False
    #: All of it is recorded; what is left is what its surroundings tell.
    ended: bool = False
    #: The kernel's process.
    pid: int | None = None


class RunFollower:
    """Belongs to the event loop; files are read in threads."""

    def __init__(
        self,
        directory: Path,
        order: RunOrder,
        run_log: RunLog,
        surroundings: RunSurroundings | None = None,
    ) -> None:
        """`surroundings` tells of a run of its own what the kernel doesn't log."""
        self.order = order
        self.directory = directory
        self.problem: MlopsError | None = None
        #: Set once the first try to begin the run is over.
        self.tried = asyncio.Event()
        self.ended = asyncio.Event()
        self._log = run_log
        self._surroundings = None if order.of_job else surroundings
        #: Tells of the run's beginning, and of its load.
        self._begun: asyncio.Task[None] | None = None
        self._sampled: asyncio.Task[None] | None = None
        self._state = _State()
        self._poked = asyncio.Event()
        self._poked.set()
        self._ticks = 0
        self._age = 0
        self._pause = _PAUSE
        self._paused = False
        self._timer: asyncio.TimerHandle | None = None
        self._asked = 0
        self._settled = 0
        self._rested = asyncio.Condition()

    @property
    def place(self) -> RunPlace | None:
        """Where the run is; None while it isn't there."""
        return self._state.place

    def poke(self) -> None:
        """There may be more to read."""
        self._asked += 1
        self._poked.set()

    def tick(self) -> None:
        """A second of the daemon's clock has passed."""
        self._ticks += 1
        self._poked.set()

    def renew(self) -> None:
        """One more process is about to hold the lease."""
        self._age = 0
        self._state.opened = False

    async def settle(self, patience: float) -> bool:
        """Return once all that stands in the file by now is recorded; False: not within `patience`
        seconds, or it can't be done now.
        """
        self.poke()
        asked = self._asked
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience), self._rested:
                await self._rested.wait_for(
                    lambda: self._settled >= asked or self.problem is not None
                )
        return self._settled >= asked

    async def follow(self) -> None:
        """Return when the run has ended and all of it is recorded."""
        await asyncio.to_thread(self._load)
        try:
            while not await self._round():
                await self._poked.wait()
        finally:
            self.tried.set()
            for task in (self._begun, self._sampled):
                if task is not None:
                    task.cancel()
        self.ended.set()
        await self._rest(self._asked)

    async def _round(self) -> bool:
        self._poked.clear()
        asked, ticks = self._asked, self._ticks
        self._ticks = 0
        self._age += min(ticks, 1)
        if self._paused:
            return False
        try:
            done = await self._advance(asked, look=ticks > 0)
        except Exception as error:  # whatever it is: a run must not stay open for ever
            if not isinstance(error, (MlopsError, OSError)):
                log.exception("run %s can't be recorded", self.order.id)
            self._explain(error)
            await self._rest(self._settled)
            return False
        finally:
            self.tried.set()
        self.problem, self._pause = None, _PAUSE
        await self._rest(asked)
        return done

    async def _rest(self, settled: int) -> None:
        async with self._rested:
            self._settled = max(self._settled, settled)
            self._rested.notify_all()

    async def _advance(self, asked: int, *, look: bool) -> bool:
        """Record what there is; whether the run has ended."""
        # First: a kernel that is gone has written everything that it will ever write.
        free = look and await asyncio.to_thread(_is_free, self.directory)
        state = self._state
        if state.place is None:
            state.place = await self._log.begin(self.order)
            await asyncio.to_thread(self._save)
        if state.ended:
            return await self._finish(state.place, asked)
        self._accompany(state.place)
        while True:
            batch, end = await asyncio.to_thread(logbook.read, self.directory, state.offset)
            await self._write(state.place, batch)
            if end == state.offset:
                break
            state.offset = end
            state.opened |= batch.opened is not None
            state.pid = batch.opened or state.pid
            state.failed |= batch.status is RunStatus.FAILED
            state.ended = batch.ended and not self.order.of_job
            await asyncio.to_thread(self._save)
            if state.ended:
                return await self._finish(state.place, asked)
        if not free or not (state.opened or self._age >= GRACE):
            return False
        await self._write(state.place, await asyncio.to_thread(self._last))
        log.info("run %s: its kernel is gone", self.order.id)
        state.ended = True
        await asyncio.to_thread(self._save)
        return await self._finish(state.place, asked)

    def _accompany(self, place: RunPlace) -> None:
        if self._surroundings is None or self._begun is not None:
            return
        told = self.order, place, self.directory
        self._begun = asyncio.create_task(self._surroundings.begun(*told))
        self._sampled = asyncio.create_task(
            self._surroundings.sample(*told, lambda: self._state.pid)
        )

    async def _write(self, place: RunPlace, batch: Batch) -> None:
        if not batch.empty:
            await self._log.write(self.order, place, self.directory, batch)

    def _last(self) -> Batch:
        """What is to be recorded of a run whose kernel is gone without a word."""
        ended = self.order.started
        with contextlib.suppress(OSError):
            # Not now: the daemon may have been away for days.
            written = (self.directory / logbook.RECORDS).stat().st_mtime
            ended = max(ended, milliseconds(written))
        if self.order.of_job:
            return Batch()
        if self._state.failed:
            return Batch(status=RunStatus.FAILED, at=ended, ended=True)
        tags = {"mlops.failure": KILLED}
        return Batch(tags=tags, status=RunStatus.KILLED, at=ended, ended=True)

    async def _finish(self, place: RunPlace, asked: int) -> bool:
        # Whoever waits for what was logged need not wait for what follows.
        await self._rest(asked)
        if self._sampled is not None:
            self._sampled.cancel()
        if self._surroundings is not None:
            try:
                if self._begun is not None:
                    await self._begun
            except Exception:  # as below: it would be the same the next time
                log.exception("run %s: its beginning can't be recorded", self.order.id)
            try:
                await self._surroundings.ended(self.order, place, self.directory)
            except (MlopsError, OSError):
                raise
            except Exception:  # the run is recorded: it must not be tried again for ever
                log.exception("run %s: its surroundings can't be recorded", self.order.id)
        await asyncio.to_thread(shutil.rmtree, self.directory, ignore_errors=True)
        return True

    def _explain(self, error: Exception) -> None:
        problem = (
            error
            if isinstance(error, MlopsError)
            else Busy(f"What was logged can't be recorded: {type(error).__name__}: {error}.")
        )
        if self.problem is None or self.problem.detail != problem.detail:
            log.warning("run %s: %s It is tried again.", self.order.id, problem.detail)
        self.problem = problem
        self._paused = True
        self._timer = asyncio.get_running_loop().call_later(self._pause, self._again)
        self._pause = min(self._pause * 2, _WAITING_MOST if self._waits_long else _PAUSE_MOST)

    def _again(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._paused = False
        self._ticks += 1
        self._poked.set()

    @property
    def waits(self) -> bool:
        """Whether nothing can be done until a person restores what they deleted, renews their
        credentials, or mends the settings.
        """
        return isinstance(self.problem, (RunDeleted, Refused, NotFound, InvalidInput))

    @property
    def _waits_long(self) -> bool:
        # New credentials may come at any moment, and trying the old ones asks nobody.
        return self.waits and not isinstance(self.problem, CredentialsRefused)

    def try_again(self) -> None:
        """A person asks: what it waits for may be there."""
        if self._paused and self.waits:
            self._pause, self.problem = _PAUSE, None
            self._again()

    # --- files ---

    def _load(self) -> None:
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            found = json.loads((self.directory / STATE).read_bytes())
            place = found["place"]
            self._state = _State(
                int(found["offset"]),
                None if place is None else RunPlace(**place),
                bool(found["opened"]),
                bool(found["failed"]),
                bool(found.get("ended")),
                found.get("pid"),
            )

    def _save(self) -> None:
        # Not durable: what is read again is recorded once all the same.
        data = json.dumps(dataclasses.asdict(self._state)).encode()
        files.replace(self.directory / STATE, [data], durable=False)


def prepare(directory: Path, order: RunOrder) -> None:
    """Make a run's directory; durable when it returns. Blocking.

    Raises:
        OSError: it can't be made.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    (directory / logbook.ARTIFACTS).mkdir(mode=0o700, exist_ok=True)
    for name in (logbook.LEASE, logbook.RECORDS):
        (directory / name).touch(mode=0o600)
    files.replace(directory / ORDER, [json.dumps(document(order)).encode()])


def order_in(directory: Path) -> RunOrder | None:
    """The run whose directory this is; None: it was never ready."""
    try:
        return RunOrder(**json.loads((directory / ORDER).read_bytes()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        log.warning("%s is left alone: %s", directory, error)
        return None


def _is_free(directory: Path) -> bool:
    """Whether no process holds the lease."""
    try:
        descriptor = os.open(directory / logbook.LEASE, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True
