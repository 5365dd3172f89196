"""Executing the cells of a notebook in a kernel that is being started: one loop, one thread.

The loop waits for the kernel's sockets, its guard, signals and timers, and never for anything
else. It ends when the kernel has gone.
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
from jupyter_mlops.jobs.runner.batch_kernel import FEATURE
from jupyter_mlops.jobs.runner.cells import CellError, CellRun, CellStatus, mark
from jupyter_mlops.jobs.runner.journal import Journal
from jupyter_mlops.jobs.runner.kernel_client import KernelClient
from jupyter_mlops.jobs.runner.kernel_process import KernelProcess
from jupyter_mlops.jobs.runner.kernel_wire import Message, WireError
from jupyter_mlops.jobs.runner.memory import MemoryWatch
from jupyter_mlops.jobs.runner.recorder import OUTPUTS, Recorder
from jupyter_mlops.jobs.runner.stopping import Reason, Stopper
from jupyter_mlops.jobs.runner.timers import Timers

#: Cells that the kernel has been sent and hasn't finished, where it is safe to send ahead.
WINDOW = 32
#: Messages that are taken in before timers and other sockets have their turn.
_MESSAGES_A_TURN = 1000
#: Seconds of silence after a kernel's death until what it had sent is taken to be complete, where
#: its sockets don't end with it.
_LAST_WORDS = 0.5
#: Seconds that a kernel has for its exit handlers when everything is done.
SHUTDOWN_PATIENCE = 5.0
#: Seconds until descendants that the guard kills have to be gone.
_GONE_PATIENCE = 10.0
#: Seconds between a kernel's saying that it is idle and its answer.
_REPLY_PATIENCE = 10.0
#: Seconds until the first look at the kernel's memory.
MEMORY_SOON = 0.3
#: Seconds between questions to a kernel that doesn't say by itself that it publishes.
_ASK_AGAIN = 0.02


class Phase(Enum):
    """How far an execution is."""

    STARTING = 0
    RUNNING = 1
    #: Every cell has ended; the kernel is there to be shut down.
    SETTLED = 2
    CLOSING = 3
    GONE = 4


@dataclass(slots=True)
class Plan:
    """What to execute, and how."""

    notebook: dict[str, Any]
    runs: list[CellRun]
    kernel_name: str
    limits: OutputLimits = field(default_factory=OutputLimits)
    #: Seconds left for the whole attempt.
    timeout: float | None = None
    #: What the timeout was called when it was set.
    timeout_said: float = 0.0
    #: Seconds for each cell.
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
        self._by_id: dict[str, CellRun] = {}
        self._flying: list[CellRun] = []
        self._next = 0
        self._window = 1
        self._phase = Phase.STARTING
        self._heard_iopub = False
        self._asked: set[str] = set()
        self._features: list[str] | None = None
        self._failed: CellRun | None = None
        self._current: CellRun | None = None
        self._last_run: CellRun | None = None
        self._last_output = time.monotonic()
        self._quiet = plan.quiet_after
        self._memory: MemoryWatch | None = None
        self._outcome: Outcome | None = None
        self._on_prepared: Callable[[], None] = lambda: None
        self._turn: Callable[[], None] = lambda: None
        interrupt = self._interrupt_message if plan.interrupt_by_message else None
        self._stopper = Stopper(process, timers, plan.interrupt_grace, interrupt)
        self._poller = zmq.Poller()
        self._lost = False
        for channel in (client.iopub, client.shell, client.monitor):
            self._poller.register(channel, zmq.POLLIN)
        self._process_fd = process.fileno()
        self._poller.register(self._process_fd, zmq.POLLIN)
        self._others: dict[int, Callable[[], None]] = {}

    # ------------------------------------------------------------ for the owner

    @property
    def peak_memory(self) -> int | None:
        """The most memory that the kernel and its descendants used together (bytes)."""
        return self._memory.peak if self._memory is not None and self._memory.peak else None

    @property
    def reason(self) -> Reason | None:
        """Why it is being ended, if it is."""
        return self._stopper.reason

    def watch(self, descriptor: int, callback: Callable[[], None]) -> None:
        """Call back when `descriptor` is readable."""
        self._others[descriptor] = callback
        self._poller.register(descriptor, zmq.POLLIN)

    def cancel(self) -> None:
        """A person wants it to end."""
        self._stop(Reason.CANCELLED)

    def run(self, prepared: Callable[[], None], turn: Callable[[], None]) -> Outcome:
        """Execute every cell; `prepared` is called when the kernel is ready, `turn` every turn.

        The kernel is still there afterwards where it didn't die: see `close`.
        """
        self._on_prepared, self._turn = prepared, turn
        plan, timers = self._plan, self._timers
        timers.after("start", plan.start_timeout, self._start_timed_out)
        timers.after("parent", min(10.0, plan.start_timeout / 2), self._process.patience_over)
        if plan.timeout is not None:
            timers.after("timeout", max(0.0, plan.timeout), lambda: self._stop(Reason.TIMEOUT))
        self._ask_for_info()
        while self._phase in (Phase.STARTING, Phase.RUNNING):
            self._loop_once()
        for name in ("start", "parent", "timeout", "quiet"):
            timers.cancel(name)
        self._stopper.relax()
        if self._outcome is None:
            self._outcome = self._judge()
        if self._memory is not None and self._process.exit is None:
            self._memory.finish()
        self._recorder.finish()
        return self._outcome

    def close(self) -> None:
        """Shut the kernel down: exit handlers run, then everything that it started is killed."""
        self._phase = Phase.CLOSING
        if self._process.exit is not None:
            self._process.let_go()
        elif self._stopper.reason in (None, Reason.CANCELLED, Reason.TIMEOUT):
            self._client.send_control("shutdown_request", {"restart": False})
            self._timers.after("shutdown", SHUTDOWN_PATIENCE, self._process.kill)
        else:
            self._process.kill()
        self._timers.after("gone", SHUTDOWN_PATIENCE + _GONE_PATIENCE, self._give_up)
        while self._phase is not Phase.GONE:
            if self._process.gone and not self._timers.is_set("silence"):
                self._phase = Phase.GONE
                break
            self._loop_once()
        for name in ("shutdown", "gone", "silence", "memory", "memory soon", "reply"):
            self._timers.cancel(name)
        self._recorder.finish()

    def abandon(self) -> None:
        """Kill everything and care for nothing."""
        self._process.kill()
        self._process.close()

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
            elif found == self._process_fd:
                self._process_news()
            else:
                self._others[int(found)]()
        self._timers.run()
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
                self._journal.note(f"A message of the kernel ({message.kind}) is left out: {error}.")

    def _process_news(self) -> None:
        self._poller.unregister(self._process_fd)
        known, ended = self._process.pid, self._process.exit
        try:
            self._process.read()
        except OSError as error:
            self._fail_to_start(error.strerror or str(error))
            return
        self._process_fd = self._process.fileno()
        if not self._process.gone:
            self._poller.register(self._process_fd, zmq.POLLIN)
        if known is None and self._process.pid is not None:
            self._timers.cancel("parent")
            self._watch_memory(self._process.pid)
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
        self._memory = watch = MemoryWatch(pid, self._process.guard_pid, self._plan.memory_limit)

        def sample() -> None:
            if self._process.exit is not None:
                return
            if watch.sample() and self._phase is Phase.RUNNING:
                self._stopper.kill(Reason.OUT_OF_MEMORY)

        self._timers.every("memory", watch.interval, sample)
        self._timers.after("memory soon", MEMORY_SOON, sample)

    # ------------------------------------------------------------ starting

    def _ask_for_info(self) -> None:
        self._asked.add(self._client.send("kernel_info_request", {}))

    def _maybe_ready(self) -> None:
        if self._features is None:
            return
        if not self._heard_iopub:
            # It answers, but its publications don't reach us yet: ask until one does.
            self._timers.after("ask", _ASK_AGAIN, self._ask_for_info)
            return
        if self._process.pid is None:
            return
        self._timers.cancel("start")
        self._timers.cancel("ask")
        self._phase = Phase.RUNNING
        widgets = any("widgets" in run.source for run in self._plan.runs)
        # An Output widget's kernel half must learn what it shows before the next cell runs.
        self._window = WINDOW if FEATURE in self._features and not widgets else 1
        self._last_output = time.monotonic()
        self._timers.after("quiet", self._quiet, self._been_quiet)
        self._on_prepared()
        self._feed()

    def _start_timed_out(self) -> None:
        self._stopper.reason = self._stopper.reason or Reason.START_TIMEOUT
        self._outcome = Outcome(
            State.FAILED,
            failures.kernel_start_timeout(
                self._plan.kernel_name, self._plan.start_timeout, self._raw_log_tail()
            ),
        )
        self._process.kill()
        self._settle()

    def _fail_to_start(self, why: str) -> None:
        self._outcome = Outcome(
            State.FAILED,
            failures.kernel_start_failed(self._plan.kernel_name, why, self._raw_log_tail()),
        )
        self._settle()

    # ------------------------------------------------------------ messages

    def _heard(self, message: Message) -> None:
        if not self._heard_iopub:
            self._heard_iopub = True
            self._maybe_ready()
        if self._timers.is_set("silence"):
            self._timers.after("silence", _LAST_WORDS, self._kernel_ended)
        run = self._by_id.get(message.parent)
        kind = message.kind
        if kind in OUTPUTS:
            self._last_output = time.monotonic()
            # Threads and exit handlers print when no cell runs: that belongs to the last one.
            run = run or self._current or self._last_run
            if run is None:
                return
            if run.started is None:
                self._begin(run)
            self._recorder.record(run, message)
        elif run is None:
            return
        elif kind == "execute_input":
            run.execution_count = message.content.get("execution_count")
            self._begin(run)
        elif kind == "status" and message.content.get("execution_state") == "idle":
            run.idle = True
            if run.done:
                self._end(run)
            else:
                self._timers.after("reply", _REPLY_PATIENCE, self._no_reply)

    def _replied(self, message: Message) -> None:
        if message.kind == "kernel_info_reply":
            if message.parent in self._asked and self._phase is Phase.STARTING:
                content = message.content
                self._features = list(content.get("supported_features") or [])
                if language := content.get("language_info"):
                    self._plan.notebook["metadata"]["language_info"] = language
                self._maybe_ready()
            return
        run = self._by_id.get(message.parent)
        if run is None or message.kind != "execute_reply" or run.reply:
            return
        content = message.content
        run.reply = str(content.get("status") or "ok")
        if run.reply != "aborted" and run.started is None:
            self._begin(run)
        if (count := content.get("execution_count")) is not None:
            run.execution_count = run.execution_count or count
        run.asked_exit = any(
            payload.get("source") == "ask_exit" for payload in content.get("payload") or ()
        )
        if run.reply == "error":
            if run.error is None:
                lines = [str(line) for line in content.get("traceback") or []]
                error = CellError(
                    str(content.get("ename", "")), str(content.get("evalue", "")), lines
                )
                self._recorder.reply_error(run, error)
            if not run.may_fail and self._failed is None:
                self._failed = run
        if run.done:
            self._end(run)

    def _no_reply(self) -> None:
        """The kernel is idle, but never answered: it met an error of its own."""
        for run in [run for run in self._flying if run.idle and not run.reply]:
            error = CellError(
                "KernelError", "the kernel has ended the cell without an answer", []
            )
            self._recorder.reply_error(run, error)
            run.reply = "error"
            self._failed = self._failed or run
            self._end(run)

    # ------------------------------------------------------------ cells

    def _feed(self) -> None:
        runs = self._plan.runs
        while (
            len(self._flying) < self._window
            and self._next < len(runs)
            and self._failed is None
            and self._stopper.reason is None
            and not self._asked_exit
        ):
            run = runs[self._next]
            self._recorder.sync_widgets(self._client.send)
            run.msg_id = self._client.execute(run.source, stop_on_error=not run.may_fail)
            self._by_id[run.msg_id] = run
            self._flying.append(run)
            self._next += 1
        if not self._flying and self._phase is Phase.RUNNING:
            self._settle()

    def _begin(self, run: CellRun) -> None:
        if run.started is not None or self._phase is not Phase.RUNNING:
            return
        if self._flying and self._flying[0] is not run:
            # The reply to the one before has come as well: that one ends first.
            self._take(self._client.shell, self._replied)
            if run.started is not None:
                return
        run.started, run.started_at = time.monotonic(), time.time()
        self._current = run
        mark(run.cell, CellStatus.RUNNING, run.started_at)
        self._journal.changed(run.index)
        self._journal.cell_started(run)
        if (limit := self._plan.cell_timeout) is not None:
            self._plan.timeout_said = limit
            self._timers.after("timeout", limit, lambda: self._stop(Reason.TIMEOUT))
        if self._stopper.reason is not None:
            # It was sent ahead, and the interrupt hit the one before, or the pause between them.
            self._stopper.interrupt()

    def _end(self, run: CellRun) -> None:
        if run not in self._flying:
            return
        self._flying.remove(run)
        if run.reply == "aborted":
            self._finish(run, CellStatus.NOT_RUN)
        else:
            self._last_run = run
            succeeded = run.reply == "ok" or run.may_fail or self._left_cleanly(run)
            status = CellStatus.SUCCEEDED if succeeded else self._unfinished_status()
            self._finish(run, status)
        self._feed()

    def _finish(self, run: CellRun, status: CellStatus) -> None:
        duration = time.monotonic() - run.started if run.started is not None else None
        self._recorder.close(run)
        run.cell["execution_count"] = run.execution_count
        started_at = run.started_at if run.started is not None else None
        mark(run.cell, status, started_at, duration)
        if self._current is run:
            self._current = None
        self._journal.changed(run.index)
        self._journal.cell_finished(run, status, duration or 0.0)

    @property
    def _asked_exit(self) -> bool:
        return self._last_run is not None and self._last_run.asked_exit

    def _left_cleanly(self, run: CellRun) -> bool:
        return run.error is not None and run.error.is_clean_exit

    def _unfinished_status(self) -> CellStatus:
        cancelled = self._stopper.reason is Reason.CANCELLED
        return CellStatus.CANCELLED if cancelled else CellStatus.FAILED

    def _settle(self) -> None:
        """No cell will run any more: say of each what became of it."""
        if self._phase not in (Phase.STARTING, Phase.RUNNING):
            return
        for run in [*self._flying, *self._plan.runs[self._next :]]:
            begun = run.started is not None
            self._finish(run, self._unfinished_status() if begun else CellStatus.NOT_RUN)
            if begun:
                self._failed = self._failed or run
        self._flying.clear()
        self._next = len(self._plan.runs)
        self._phase = Phase.SETTLED

    # ------------------------------------------------------------ ends

    def _stop(self, reason: Reason) -> None:
        if self._phase is Phase.RUNNING:
            self._stopper.begin(reason)
            if not self._flying:
                self._settle()
        elif self._phase is Phase.STARTING:
            self._stopper.kill(reason)
            self._settle()
        else:
            self._process.kill()

    def _interrupt_message(self) -> None:
        self._client.send_control("interrupt_request", {})

    def _kernel_ended(self) -> None:
        if self._phase is Phase.STARTING and self._stopper.reason is None:
            why = self._process.error or str(self._process.exit)
            self._fail_to_start(why)
        elif self._phase is Phase.RUNNING:
            if self._current is None and self._flying and not self._asked_exit:
                # Its beginning was still in the kernel's hands when it died.
                self._begin(self._flying[0])
            if self._outcome is None and self._stopper.reason is None:
                self._outcome = self._judge_death()
            self._settle()

    def _give_up(self) -> None:
        """The guard doesn't come to an end: it holds nothing that we need."""
        self._process.kill()
        self._phase = Phase.GONE

    def _judge_death(self) -> Outcome:
        ended, running = self._process.exit, self._current
        assert ended is not None
        if running is None and ended.status == 0 and self._asked_exit:
            return Outcome(State.SUCCEEDED)
        peak = self.peak_memory or 0
        if ended.status == -9 and self._memory is not None and self._memory.system_killed():
            return Outcome(State.FAILED, failures.out_of_memory(running, peak, None))
        tail = self._raw_log_tail()
        limit = self._plan.memory_limit
        return Outcome(State.FAILED, failures.kernel_died(running, ended, peak, limit, tail))

    def _judge(self) -> Outcome:
        """How it ended, when every cell is settled."""
        plan, failed = self._plan, self._failed
        match self._stopper.reason:
            case Reason.CANCELLED:
                return Outcome(State.CANCELLED)
            case Reason.TIMEOUT:
                return Outcome(State.FAILED, failures.timeout(failed, plan.timeout_said))
            case Reason.OUT_OF_MEMORY:
                peak = self.peak_memory or 0
                return Outcome(
                    State.FAILED, failures.out_of_memory(failed, peak, plan.memory_limit)
                )
        if failed is None or self._left_cleanly(failed):
            return Outcome(State.SUCCEEDED)
        error = failed.error or CellError("Error", "", [])
        if plan.memory_limit is not None and error.ename in ("MemoryError", "_ArrayMemoryError"):
            if self._memory is not None:
                self._memory.sample()
            peak = self.peak_memory or 0
            return Outcome(
                State.FAILED, failures.out_of_memory(failed, peak, plan.memory_limit, error)
            )
        return Outcome(State.FAILED, failures.cell_failed(failed, error))

    def _been_quiet(self) -> None:
        silent = time.monotonic() - self._last_output
        if silent >= self._quiet and self._current is not None:
            self._journal.note(
                f"No output for {self._quiet:.0f} s; cell {self._current.index} is still running."
            )
            self._quiet *= 2
        elif silent < self._plan.quiet_after:
            self._quiet = self._plan.quiet_after
        self._timers.after("quiet", max(0.1, self._quiet - silent), self._been_quiet)
