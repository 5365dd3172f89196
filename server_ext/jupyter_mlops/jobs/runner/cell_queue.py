"""The cells of an execution: which one the kernel has, and what it says about it.

One cell at a time: the next is sent when the kernel has answered for the one before. Sending ahead
would save a tenth of a millisecond a cell, and cost the truth: of a kernel that is killed one could
not tell which of the cells in its hands it had reached.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from jupyter_mlops.jobs.runner.cells import CellError, CellRun, CellStatus, mark
from jupyter_mlops.jobs.runner.journal import Journal
from jupyter_mlops.jobs.runner.kernel_client import KernelClient
from jupyter_mlops.jobs.runner.kernel_wire import Message
from jupyter_mlops.jobs.runner.recorder import OUTPUTS, Recorder
from jupyter_mlops.jobs.runner.timers import Timers

#: Seconds between a kernel's saying that it is idle and its answer.
_REPLY_PATIENCE = 10.0


class CellQueue:
    """Sends cells, takes in what comes back, and says what became of each."""

    def __init__(
        self,
        runs: list[CellRun],
        client: KernelClient,
        recorder: Recorder,
        journal: Journal,
        timers: Timers,
    ) -> None:
        self._waiting = list(reversed(runs))
        self._client = client
        self._recorder = recorder
        self._journal = journal
        self._timers = timers
        self._by_id: dict[str, CellRun] = {}
        #: Sent and not ended: the one that the kernel has, and perhaps one that it has answered
        #: for, whose last publications are still on the way.
        self._open: list[CellRun] = []
        # What an Output widget shows is known when the cell's last publication is, and the kernel's
        # half shall know it before the next cell.
        self._wait_for_idle = any("widgets" in run.source for run in runs)
        #: Nothing more is sent.
        self.stopped = False
        #: What an unfinished cell is called when its kernel has gone.
        self.unfinished = CellStatus.FAILED
        #: Called with each cell that begins.
        self.on_begin: Callable[[CellRun], None] = lambda _: None
        self.failed: CellRun | None = None
        self.last: CellRun | None = None
        self.last_output = time.monotonic()

    @property
    def current(self) -> CellRun | None:
        """The cell that the kernel is at."""
        return next((run for run in self._open if not run.reply), None)

    @property
    def finished(self) -> bool:
        """Whether nothing is on the way and nothing more will be sent."""
        return not self._open and (self.stopped or not self._waiting)

    @property
    def asked_exit(self) -> bool:
        """Whether the last cell asked the kernel to leave (`exit()`)."""
        return self.last is not None and self.last.asked_exit

    def feed(self) -> None:
        """Send the next cell, where it is its turn."""
        if self.stopped or not self._waiting or self.current is not None:
            return
        if self._open and self._wait_for_idle:
            return
        run = self._waiting.pop()
        self._recorder.sync_widgets(self._client.send)
        run.msg_id = self._client.execute(run.source, stop_on_error=not run.may_fail)
        self._by_id[run.msg_id] = run
        self._open.append(run)

    def heard(self, message: Message) -> None:
        """The kernel has published something."""
        run = self._by_id.get(message.parent)
        kind = message.kind
        if kind in OUTPUTS:
            self.last_output = time.monotonic()
            # Threads and exit handlers print when no cell runs: that belongs to the last one.
            run = run or self.current or self.last
            if run is not None:
                self._begin(run)
                self._recorder.record(run, message)
        elif run is None:
            return
        elif kind == "execute_input":
            run.execution_count = message.content.get("execution_count")
            self._begin(run)
        elif kind == "status" and message.content.get("execution_state") == "idle":
            run.idle = True
            if run.reply:
                self._end(run)
            else:
                self._timers.after("reply", _REPLY_PATIENCE, self._no_reply)

    def replied(self, message: Message) -> None:
        """The kernel has answered on its shell channel."""
        run = self._by_id.get(message.parent)
        if run is None or message.kind != "execute_reply" or run.reply:
            return
        content = message.content
        run.reply = str(content.get("status") or "ok")
        if (count := content.get("execution_count")) is not None:
            run.execution_count = run.execution_count or count
        run.asked_exit = any(
            payload.get("source") == "ask_exit" for payload in content.get("payload") or ()
        )
        if run.reply != "ok":
            lines = [str(line) for line in content.get("traceback") or []]
            run.reply_error = CellError(
                str(content.get("ename", "")), str(content.get("evalue", "")), lines
            )
        if not run.succeeded:
            self.failed = self.failed or run
            self.stopped = True
        elif run.asked_exit:
            self.stopped = True
        if run.idle:
            self._end(run)
        else:
            self.feed()

    def settle(self, *, died: bool) -> None:
        """No cell will run any more: say of each what became of it.

        `died`: the kernel is gone, and the cell that it had been sent went with it.
        """
        self.stopped = True
        for run in list(self._open):
            if run.reply:
                self._end(run)
                continue
            if died:
                self._begin(run)
            if run.started is not None:
                self.failed = self.failed or run
            self._finish(run, self.unfinished if run.started is not None else CellStatus.NOT_RUN)
        self._open.clear()
        while self._waiting:
            self._finish(self._waiting.pop(), CellStatus.NOT_RUN)
        self._timers.cancel("reply")

    def _begin(self, run: CellRun) -> None:
        if run.started is not None:
            return
        for earlier in self._open[: self._open.index(run)] if run in self._open else ():
            # The kernel publishes in order: nothing more comes of that one.
            self._end(earlier)
        run.started, run.started_at = time.monotonic(), time.time()
        mark(run.cell, CellStatus.RUNNING, run.started_at)
        self._journal.changed(run.index)
        self._journal.cell_started(run)
        self.on_begin(run)

    def _end(self, run: CellRun) -> None:
        if run not in self._open:
            return
        self._begin(run)
        self._open.remove(run)
        self.last = run
        if run.error is None and run.reply_error is not None:
            self._recorder.reply_error(run, run.reply_error)
        ended_well = run.succeeded or run.left_cleanly
        self._finish(run, CellStatus.SUCCEEDED if ended_well else self.unfinished)
        self.feed()

    def _finish(self, run: CellRun, status: CellStatus) -> None:
        duration = time.monotonic() - run.started if run.started is not None else None
        self._recorder.close(run)
        run.cell["execution_count"] = run.execution_count
        mark(run.cell, status, run.started_at if run.started is not None else None, duration)
        self._journal.changed(run.index)
        self._journal.cell_finished(run, status, duration or 0.0)

    def _no_reply(self) -> None:
        """The kernel is idle, but never answered: it met an error of its own."""
        run = self.current
        if run is not None and run.idle:
            run.reply = "error"
            run.reply_error = CellError(
                "KernelError", "the kernel has ended the cell without an answer", []
            )
            self.failed = self.failed or run
            self.stopped = True
            self._end(run)
