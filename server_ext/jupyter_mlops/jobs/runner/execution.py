"""Executing the cells of a notebook in a kernel that is being started: one loop, one thread.

The loop waits for the kernel's sockets, its guard, signals and timers, and never for anything
else.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import zmq

from jupyter_mlops.jobs.model import Failure, State
from jupyter_mlops.jobs.order import OutputLimits
from jupyter_mlops.jobs.runner import failures
from jupyter_mlops.jobs.runner.cell_queue import CellQueue
from jupyter_mlops.jobs.runner.cells import CellError, CellRun, CellStatus
from jupyter_mlops.jobs.runner.journal import Journal
from jupyter_mlops.jobs.runner.kernel_client import KernelClient
from jupyter_mlops.jobs.runner.kernel_process import KernelProcess
from jupyter_mlops.jobs.runner.kernel_wire import Message, WireError
from jupyter_mlops.jobs.runner.memory import MemoryWatch
from jupyter_mlops.jobs.runner.recorder import Recorder
from jupyter_mlops.jobs.runner.stopping import Reason, Stopper
from jupyter_mlops.jobs.runner.timers import Timers

#: Messages that are taken in before timers and other sockets have their turn.
_MESSAGES_A_TURN = 1000
#: Seconds of silence after a kernel's death until what it had sent is taken to be complete, where
#: its sockets don't end with it.
_LAST_WORDS = 0.5
#: Seconds that a kernel has for its exit handlers when everything is done.
SHUTDOWN_PATIENCE = 5.0
#: Seconds until descendants that the guard kills have to be gone.
_GONE_PATIENCE = 10.0
#: Seconds until the first look at the kernel's memory.
_MEMORY_SOON = 0.3
#: Seconds between questions to a kernel that doesn't say by itself that it publishes.
_ASK_AGAIN = 0.02


class Phase(Enum):
    """How far an execution is."""

    STARTING = 0
    RUNNING = 1
    #: Every cell has ended; the kernel may still be there.
    SETTLED = 2


@dataclass(slots=True)
class Plan:
    """What to execute, and how. Times are seconds, sizes bytes."""

    notebook: dict[str, Any]
    runs: list[CellRun]
    kernel_name: str
    limits: OutputLimits = field(default_factory=OutputLimits)
    #: Left for the whole attempt.
    timeout: float | None = None
    #: What the timeout was called when it was set.
    timeout_said: float = 0.0
    #: For each cell.
    cell_timeout: float | None = None
    start_timeout: float = 60.0
    quiet_after: float = 600.0
    interrupt_grace: float = 5.0
    interrupt_by_message: bool = False
    memory_limit: int | None = None


@dataclass(slots=True)
class Outcome:
    """How the cells ended."""

    state: State
    failure: Failure | None = None


class Execution:
    """One notebook in one kernel."""

    def __init__(
        self,
        plan: Plan,
        process: KernelProcess,
        client: KernelClient,
        journal: Journal,
        timers: Timers,
        raw_log_tail: Callable[[], str],
    ) -> None:
        self._plan = plan
        self._process = process
        self._client = client
        self._journal = journal
        self._timers = timers
        self._raw_log_tail = raw_log_tail
        self._recorder = Recorder(plan.notebook, plan.limits, journal)
        self._cells = CellQueue(plan.runs, client, self._recorder, journal, timers)
        self._cells.on_begin = self._cell_begun
        interrupt = self._interrupt_message if plan.interrupt_by_message else None
        self._stopper = Stopper(process, timers, plan.interrupt_grace, interrupt)
        self._phase = Phase.STARTING
        self._heard_something = False
        self._answered = False
        self._lost = False
        self._quiet = plan.quiet_after
        self._memory: MemoryWatch | None = None
        self._outcome: Outcome | None = None
        self._prepared: Callable[[], None] = lambda: None
        self._turn: Callable[[], None] = lambda: None
        self._callbacks: dict[int, Callable[[], None]] = {}
        self._poller = zmq.Poller()
        for channel in (client.iopub, client.shell, client.monitor):
            self._poller.register(channel, zmq.POLLIN)
        self._process_descriptor = process.fileno()
        self._poller.register(self._process_descriptor, zmq.POLLIN)

    # ------------------------------------------------------------ for the owner

    @property
    def peak_memory(self) -> int | None:
        """The most memory that the kernel and its descendants used together (bytes)."""
        return self._memory.peak if self._memory is not None and self._memory.peak else None

    def watch(self, descriptor: int, callback: Callable[[], None]) -> None:
        """Call back when `descriptor` is readable."""
        self._callbacks[descriptor] = callback
        self._poller.register(descriptor, zmq.POLLIN)

    def cancel(self) -> None:
        """A person wants it to end."""
        self._stop(Reason.CANCELLED)

    def run(self, prepared: Callable[[], None], turn: Callable[[], None]) -> Outcome:
        """Execute every cell; `prepared` is called when the kernel is ready, `turn` every turn.

        The kernel may still be there afterwards: `begin_close` and `close` end it.
        """
        self._prepared, self._turn = prepared, turn
        plan, timers = self._plan, self._timers
        timers.after("start", plan.start_timeout, self._start_timed_out)
        timers.after("parent", min(10.0, plan.start_timeout / 2), self._patience_over)
        if plan.timeout is not None:
            timers.after("timeout", max(0.0, plan.timeout), self._timed_out)
        self._ask_for_info()
        while self._phase is not Phase.SETTLED:
            self._loop_once()
        for name in ("start", "ask", "parent", "timeout", "quiet"):
            timers.cancel(name)
        self._stopper.relax()
        if self._outcome is None:
            self._outcome = self._judge()
        if self._memory is not None and self._process.exit is None:
            self._memory.finish()
        self._recorder.finish()
        return self._outcome

    def begin_close(self) -> None:
        """Ask the kernel to shut down; its exit handlers run while its owner does other things."""
        if self._process.exit is not None:
            self._process.let_go()
        elif self._stopper.reason in (None, Reason.CANCELLED, Reason.TIMEOUT):
            self._client.send_control("shutdown_request", {"restart": False})
            self._timers.after("shutdown", SHUTDOWN_PATIENCE, self._process.kill)
        else:
            self._process.kill()

    def close(self) -> None:
        """Wait until the kernel and everything that it started is gone, killing what stays."""
        self._timers.after("gone", SHUTDOWN_PATIENCE + _GONE_PATIENCE, self._process.give_up)
        while not self._process.gone or self._timers.is_set("silence"):
            self._loop_once()
        for name in ("shutdown", "gone", "silence", "memory", "memory soon"):
            self._timers.cancel(name)
        self._recorder.finish()

    # ------------------------------------------------------------ the loop

    def _loop_once(self) -> None:
        wait = self._timers.wait()
        ready = self._poller.poll(None if wait is None else int(wait * 1000) + 1)
        for found, _ in ready:
            if found is self._client.iopub:
                self._take(self._client.iopub, self._heard)
            elif found is self._client.shell:
                self._take(self._client.shell, self._replied)
            elif found is self._client.monitor:
                self._lost = self._client.lost() or self._lost
                self._hear_last_words()
            elif found == self._process_descriptor:
                self._process_news()
            else:
                self._callbacks[int(found)]()
        self._timers.run()
        if self._phase is Phase.RUNNING and self._cells.finished:
            self._settle()
        self._turn()

    def _take(
        self,
        channel: zmq.Socket[bytes],
        take: Callable[[Message], None],
        most: int = _MESSAGES_A_TURN,
    ) -> None:
        for message in self._client.received(channel, most):
            try:
                take(message)
            except WireError as error:
                self._journal.note(
                    f"A message of the kernel ({message.kind}) is left out: {error}."
                )

    def _heard(self, message: Message) -> None:
        if not self._heard_something:
            self._heard_something = True
            self._maybe_ready()
        if self._timers.is_set("silence"):
            self._timers.after("silence", _LAST_WORDS, self._kernel_ended)
        self._cells.heard(message)

    def _replied(self, message: Message) -> None:
        if message.kind == "kernel_info_reply" and not self._answered:
            self._answered = True
            if language := message.content.get("language_info"):
                self._plan.notebook["metadata"]["language_info"] = language
            self._maybe_ready()
        elif message.kind == "kernel_info_reply":
            self._maybe_ready()
        else:
            self._cells.replied(message)

    def _process_news(self) -> None:
        self._poller.unregister(self._process_descriptor)
        known, ended = self._process.pid, self._process.exit
        try:
            self._process.read()
        except OSError as error:
            self._fail_to_start(error.strerror or str(error))
            return
        if not self._process.gone:
            self._process_descriptor = self._process.fileno()
            self._poller.register(self._process_descriptor, zmq.POLLIN)
        if known is None and self._process.pid is not None:
            self._timers.cancel("parent")
            self._watch_memory(self._process.pid)
            self._maybe_ready()
        if ended is None and self._process.exit is not None:
            self._timers.after("silence", _LAST_WORDS, self._kernel_ended)
            self._hear_last_words()

    def _hear_last_words(self) -> None:
        """When it has ended and nothing more can come: take in what has come."""
        if not self._lost or self._process.exit is None or not self._timers.is_set("silence"):
            return
        self._take(self._client.shell, self._replied, sys.maxsize)
        self._take(self._client.iopub, self._heard, sys.maxsize)
        self._timers.cancel("silence")
        self._kernel_ended()

    def _watch_memory(self, pid: int) -> None:
        process = self._process
        self._memory = watch = MemoryWatch(
            pid, process.guard_pid, self._plan.memory_limit, forked=process.start.warm
        )

        def sample() -> None:
            if self._process.exit is not None:
                return
            if watch.sample() and self._phase is Phase.RUNNING:
                self._stopper.kill(Reason.OUT_OF_MEMORY)

        self._timers.every("memory", watch.interval, sample)
        self._timers.after("memory soon", _MEMORY_SOON, sample)

    # ------------------------------------------------------------ starting

    def _ask_for_info(self) -> None:
        self._client.send("kernel_info_request", {})

    def _maybe_ready(self) -> None:
        if not self._answered or self._process.pid is None or self._phase is not Phase.STARTING:
            return
        if not self._heard_something:
            # It answers, but its publications don't reach us yet: ask until one does.
            self._timers.after("ask", _ASK_AGAIN, self._ask_for_info)
            return
        self._timers.cancel("start")
        self._timers.cancel("ask")
        self._phase = Phase.RUNNING
        self._cells.last_output = time.monotonic()
        self._timers.after("quiet", self._quiet, self._been_quiet)
        self._prepared()
        self._cells.feed()

    def _patience_over(self) -> None:
        """The warm parent has had long enough to answer."""
        if self._process.pid is None and self._process.is_asking:
            self._poller.unregister(self._process_descriptor)
            try:
                self._process.start_anew("the warm parent doesn't answer")
            except OSError as error:
                self._fail_to_start(error.strerror or str(error))
                return
            self._process_descriptor = self._process.fileno()
            self._poller.register(self._process_descriptor, zmq.POLLIN)

    def _start_timed_out(self) -> None:
        name, patience = self._plan.kernel_name, self._plan.start_timeout
        failure = failures.kernel_start_timeout(name, patience, self._raw_log_tail())
        self._outcome = Outcome(State.FAILED, failure)
        self._stopper.kill(Reason.START_TIMEOUT)
        self._settle()

    def _fail_to_start(self, why: str) -> None:
        failure = failures.kernel_start_failed(self._plan.kernel_name, why, self._raw_log_tail())
        self._outcome = Outcome(State.FAILED, failure)
        self._settle()

    # ------------------------------------------------------------ running

    def _cell_begun(self, run: CellRun) -> None:
        del run
        if (limit := self._plan.cell_timeout) is not None:
            self._plan.timeout_said = limit
            self._timers.after("timeout", limit, self._timed_out)
        if self._stopper.reason is not None:
            # It was on its way to the kernel when the one before was interrupted.
            self._stopper.interrupt()

    def _been_quiet(self) -> None:
        silent = time.monotonic() - self._cells.last_output
        current = self._cells.current
        if silent >= self._quiet and current is not None:
            self._journal.note(
                f"No output for {self._quiet:.0f} s; cell {current.number} is still running."
            )
            self._quiet *= 2
        elif silent < self._plan.quiet_after:
            self._quiet = self._plan.quiet_after
        self._timers.after("quiet", max(0.1, self._quiet - silent), self._been_quiet)

    # ------------------------------------------------------------ ends

    def _timed_out(self) -> None:
        self._stop(Reason.TIMEOUT)

    def _stop(self, reason: Reason) -> None:
        if self._phase is Phase.RUNNING:
            if self._stopper.begin(reason):
                self._cells.stopped = True
                if reason is Reason.CANCELLED:
                    self._cells.unfinished = CellStatus.CANCELLED
        elif self._phase is Phase.STARTING:
            self._stopper.kill(reason)
            self._settle()
        else:
            self._process.kill()

    def _interrupt_message(self) -> None:
        self._client.send_control("interrupt_request", {})

    def _kernel_ended(self) -> None:
        if self._phase is Phase.STARTING and self._stopper.reason is None:
            self._fail_to_start(self._process.error or str(self._process.exit))
        elif self._phase is Phase.RUNNING:
            self._settle()

    def _settle(self) -> None:
        if self._phase is Phase.SETTLED:
            return
        died = self._phase is Phase.RUNNING and self._process.exit is not None
        running = self._cells.current
        self._phase = Phase.SETTLED
        self._cells.settle(died=died)
        by_itself = self._outcome is None and self._stopper.reason is None
        if by_itself and died and (running is not None or self._cells.failed is None):
            self._outcome = self._judge_death(running)

    def _judge_death(self, running: CellRun | None) -> Outcome:
        ended = self._process.exit
        assert ended is not None
        if running is None and ended.status == 0 and self._cells.asked_exit:
            return Outcome(State.SUCCEEDED)
        peak = self.peak_memory or 0
        if ended.status == -9 and self._memory is not None and self._memory.system_killed():
            return Outcome(State.FAILED, failures.out_of_memory(running, peak, None))
        limit, tail = self._plan.memory_limit, self._raw_log_tail()
        return Outcome(State.FAILED, failures.kernel_died(running, ended, peak, limit, tail))

    def _judge(self) -> Outcome:
        """How it ended, when every cell is settled and the kernel didn't die by itself."""
        plan, failed = self._plan, self._cells.failed
        peak = self.peak_memory or 0
        match self._stopper.reason:
            case Reason.CANCELLED:
                return Outcome(State.CANCELLED)
            case Reason.TIMEOUT:
                return Outcome(State.FAILED, failures.timeout(failed, plan.timeout_said))
            case Reason.OUT_OF_MEMORY:
                failure = failures.out_of_memory(failed, peak, plan.memory_limit)
                return Outcome(State.FAILED, failure)
        if failed is None or failed.left_cleanly:
            return Outcome(State.SUCCEEDED)
        error = failed.error or failed.reply_error or CellError("Error", "", [])
        if plan.memory_limit is not None and error.ename in ("MemoryError", "_ArrayMemoryError"):
            if self._memory is not None:
                self._memory.finish()
            peak = self.peak_memory or 0
            failure = failures.out_of_memory(failed, peak, plan.memory_limit, error)
            return Outcome(State.FAILED, failure)
        return Outcome(State.FAILED, failures.cell_failed(failed, error))
