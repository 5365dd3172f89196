"""Keeps an attempt in its directory: events, log, the notebook as it grows, the heartbeat."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from jupyter_mlops.jobs.runner.cells import CellRun, CellStatus
from jupyter_mlops.jobs.runner.doorbell import Doorbell
from jupyter_mlops.jobs.runner.eventlog import EventLog
from jupyter_mlops.jobs.runner.files import is_full
from jupyter_mlops.jobs.runner.lease import Lease
from jupyter_mlops.jobs.runner.logfile import LogFile
from jupyter_mlops.jobs.runner.notebook_file import NotebookFile
from jupyter_mlops.jobs.runner.timers import Timers

#: Seconds between two writes of events while much happens; the first of a burst isn't delayed.
FLUSH_INTERVAL = 0.05
HEARTBEAT_INTERVAL = 2.0
#: Seconds between two saves of the running notebook, and at least so many times what one takes.
SAVE_INTERVAL = 2.0
SAVE_BACKOFF = 30.0
_TRY_AGAIN = 5.0
#: The lease is looked at before writing, but not more often than this (seconds).
_LEASE_INTERVAL = 1.0
#: Room that is kept for saying how it ended when the disk is full (bytes).
_RESERVE = 64 * 1024


class AttemptJournal:
    """The `Journal` of an attempt; files as ARCHITECTURE.md promises them."""

    def __init__(
        self,
        directory: Path,
        notebook: dict[str, Any],
        lease: Lease,
        doorbell: Doorbell,
        timers: Timers,
        output_limit: int,
    ) -> None:
        self._notebook = notebook
        self._lease = lease
        self._doorbell = doorbell
        self._timers = timers
        self.events = EventLog(directory / "events.jsonl")
        self.log = LogFile(directory / "log.txt", output_limit)
        self.file = NotebookFile(notebook, directory / "notebook.ipynb")
        self._reserve = directory / "reserve"
        self._keep_reserve()
        self._heartbeat = os.open(
            directory / "heartbeat", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600
        )
        self._beats = 0
        #: Live output is told up to this (bytes); what a loop shows and clears again has no end.
        self._most_told = 2 * output_limit
        self._sparse = False
        self._dirty = False
        self._full = False
        self._next_flush = 0.0
        self._next_save = time.monotonic() + SAVE_INTERVAL
        self._leased_until = 0.0
        self.heartbeat()
        timers.every("heartbeat", HEARTBEAT_INTERVAL, self.heartbeat)

    # ------------------------------------------------------------ Journal

    def cell_started(self, run: CellRun) -> None:
        """See `Journal`."""
        self.events.append("cell_started", index=run.index, source=run.first_line)

    def cell_finished(self, run: CellRun, status: CellStatus, duration: float) -> None:
        """See `Journal`."""
        self.log.settle()
        self.events.append(
            "cell_finished",
            index=run.index,
            status=status.value,
            execution_count=run.execution_count,
            duration=round(duration, 6),
        )

    def stream(self, index: int, name: str, text: str) -> None:
        """See `Journal`."""
        self.log.stream(name, text)
        if self._telling():
            self.events.stream(index, name, text)

    def output(self, index: int, output: dict[str, Any], display_id: str | None) -> None:
        """See `Journal`."""
        self.log.output(output)
        if self._telling():
            told = output if display_id is None else _with_id(output, display_id)
            self.events.append("output", index=index, output=told)

    def clear(self, index: int, *, wait: bool) -> None:
        """See `Journal`."""
        if self._telling():
            self.events.append("clear_output", index=index, wait=wait)

    def update_display(
        self, display_id: str, data: dict[str, Any], metadata: dict[str, Any]
    ) -> None:
        """See `Journal`."""
        if self._telling():
            self.events.append(
                "update_display", display_id=display_id, data=data, metadata=metadata
            )

    def changed(self, index: int) -> None:
        """See `Journal`."""
        self.file.changed(index)
        self._dirty = True

    def note(self, text: str) -> None:
        """See `Journal`."""
        self.log.note(text)
        self.events.append("note", text=text)

    # ------------------------------------------------------------ for the attempt

    def turn(self) -> None:
        """Once a turn of the loop: write and save what is due."""
        now = time.monotonic()
        if self.events.waiting or self.log.waiting:
            if now >= self._next_flush:
                self.flush()
            elif not self._timers.is_set("flush"):
                self._timers.after("flush", self._next_flush - now, self.flush)
        if self._dirty:
            if now >= self._next_save:
                self._save_on_the_way()
            elif not self._timers.is_set("save"):
                self._timers.after("save", self._next_save - now, self._save_on_the_way)

    def flush(self, *, ring: bool = True) -> None:
        """Write events and log now, and ring unless somebody is about to.

        Raises:
            LeaseLost: nothing may be written any more.
        """
        self.check_lease()
        self._next_flush = time.monotonic() + FLUSH_INTERVAL
        try:
            self.log.flush()
            self.events.flush()
        except OSError as error:
            # Kept, and tried again: space may be freed. What counts is said at the end.
            self._next_flush += _TRY_AGAIN
            self._say_full(error)
            return
        if ring:
            self._doorbell.ring()

    def save(self, *, durable: bool = True, settled: bool = True) -> None:
        """Save the notebook as it is now, and say so; see `files.replace`.

        Raises:
            LeaseLost: nothing may be written any more.
            OSError: it can't be written; what was saved before is still there.
        """
        self.check_lease(now=True)
        self.events.settle()
        self._notebook["metadata"].setdefault("mlops", {})["seq"] = self.events.seq
        begun = time.monotonic()
        self.file.save(durable=durable, settled=settled)
        ended = time.monotonic()
        self._dirty = False
        self._next_save = ended + max(SAVE_INTERVAL, SAVE_BACKOFF * (ended - begun))

    def heartbeat(self) -> None:
        """Show that the loop goes round."""
        self.check_lease()
        self.log.tick()
        self._beats += 1
        os.pwrite(self._heartbeat, b"%012d\n" % self._beats, 0)

    def check_lease(self, *, now: bool = False) -> None:
        """Before writing: make sure that the attempt is still ours (`now`: in any case).

        Raises:
            LeaseLost: it isn't.
        """
        time_now = time.monotonic()
        if now or time_now >= self._leased_until:
            self._lease.check()
            self._leased_until = time_now + _LEASE_INTERVAL

    @property
    def dirty(self) -> bool:
        """Whether the notebook has changed since it was saved."""
        return self._dirty

    def free_reserve(self) -> None:
        """Give the room back that was kept for the end."""
        self._reserve.unlink(missing_ok=True)

    def close(self) -> None:
        """Close the files."""
        self.free_reserve()
        self.events.close()
        self.log.close()
        os.close(self._heartbeat)
        self._doorbell.close()

    def _save_on_the_way(self) -> None:
        try:
            self.save()
        except OSError as error:
            self._next_save = time.monotonic() + _TRY_AGAIN
            self._say_full(error)
            return
        self._full = False
        self.events.append("saved")

    def _say_full(self, error: OSError) -> None:
        if not self._full:
            self._full = True
            why = "the disk is full" if is_full(error) else (error.strerror or str(error))
            self.note(f"The job's progress can't be saved now: {why}. It goes on.")

    def _telling(self) -> bool:
        if self.events.written < self._most_told:
            return True
        if not self._sparse:
            self._sparse = True
            self.note(
                "The notebook shows more than can be followed live; from here on it is "
                "brought up to date whenever it is saved."
            )
        return False

    def _keep_reserve(self) -> None:
        descriptor = os.open(self._reserve, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(descriptor, 0, _RESERVE)
            else:
                os.write(descriptor, b"\0" * _RESERVE)
        except OSError as error:
            if not is_full(error):
                raise
        finally:
            os.close(descriptor)


def _with_id(output: dict[str, Any], display_id: str) -> dict[str, Any]:
    return {**output, "transient": {"display_id": display_id}}
