"""Puts what the kernel publishes into the notebook's cells, as a front end would."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jupyter_mlops.jobs.order import OutputLimits
from jupyter_mlops.jobs.runner.cells import CellError, CellRun
from jupyter_mlops.jobs.runner.journal import Journal
from jupyter_mlops.jobs.runner.kernel_wire import Message
from jupyter_mlops.jobs.runner.outputs import Budget, Output, OutputList, megabytes
from jupyter_mlops.jobs.runner.widgets import WidgetStates

_COMMS = frozenset({"comm_open", "comm_msg", "comm_close"})
#: The kinds of message that are output of a cell.
OUTPUTS = frozenset(
    {
        "stream",
        "display_data",
        "execute_result",
        "error",
        "clear_output",
        "update_display_data",
        *_COMMS,
    }
)


class Recorder:
    """Records outputs in cells, within limits."""

    def __init__(self, notebook: dict[str, Any], limits: OutputLimits, journal: Journal) -> None:
        self._notebook = notebook
        self._limits = limits
        self._journal = journal
        self._budget = Budget(limits.total_bytes)
        self._lists: dict[int, OutputList] = {}
        self._numbers: dict[int, int] = {}
        self._displays: dict[str, list[tuple[int, OutputList, Output]]] = {}
        self._widgets = WidgetStates(limits, self._budget)
        self._widgets_full = False
        self._total_said = False

    def record(self, run: CellRun, message: Message) -> None:
        """Take in one of `OUTPUTS` that belongs to `run`."""
        kind = message.kind
        if kind in _COMMS:
            self._comm(message)
            return
        self._numbers[run.index] = run.number
        widget = self._widgets.capturing(message.parent)
        outputs = widget.list if widget is not None else self._list(run.index)
        if widget is not None:
            widget.changed = True
        shown_in = run.index if widget is None else None
        if kind == "stream":
            self._stream(shown_in, outputs, message)
        elif kind == "clear_output":
            self._clear(shown_in, outputs, wait=bool(message.content.get("wait")))
        elif kind == "update_display_data":
            self._update_display(message.content)
        elif kind == "error":
            content = message.content
            run.error = CellError(
                str(content.get("ename", "")),
                str(content.get("evalue", "")),
                [str(line) for line in content.get("traceback") or []],
            )
            self._error(shown_in, outputs, run.error)
        else:
            self._display(shown_in, outputs, message)

    def reply_error(self, run: CellRun, error: CellError) -> None:
        """An error that the kernel only mentions in its reply: the notebook shall show it, too."""
        run.error = error
        self._error(run.index, self._list(run.index), error)

    def close(self, run: CellRun) -> None:
        """The cell has ended: say what was left out of its outputs."""
        outputs = self._lists.get(run.index)
        if outputs is None:
            return
        for name, text in outputs.close():
            self._journal.changed(run.index)
            self._journal.stream(run.index, name, text)

    def sync_widgets(self, send: Callable[[str, dict[str, Any]], object]) -> None:
        """Before another cell: the kernel's Output widgets learn what they show."""
        self._widgets.sync(send)

    def finish(self) -> None:
        """Nothing more will come: settle every list, keep the widgets' state."""
        for index, outputs in self._lists.items():
            for name, text in outputs.close():
                self._journal.changed(index)
                self._journal.stream(index, name, text)
        self.keep_widgets()

    def keep_widgets(self) -> None:
        """Put the widgets' state as it is into the notebook."""
        if (state := self._widgets.metadata()) is not None:
            self._notebook["metadata"]["widgets"] = state

    def _list(self, index: int) -> OutputList:
        found = self._lists.get(index)
        if found is None:
            outputs: list[Output] = self._notebook["cells"][index]["outputs"]
            found = self._lists[index] = OutputList(outputs, self._limits, self._budget)
        return found

    def _stream(self, index: int | None, outputs: OutputList, message: Message) -> None:
        if outputs.overflowing:
            outputs.omit(message.raw_content)
            return
        content = message.content
        name, text = str(content.get("name", "stdout")), str(content.get("text", ""))
        self._before_output(index, outputs)
        kept = outputs.stream(name, text)
        if index is None:
            return
        if kept:
            self._journal.changed(index)
            self._journal.stream(index, name, kept)
        if len(kept) < len(text):
            self._say_capped(index)

    def _display(self, index: int | None, outputs: OutputList, message: Message) -> None:
        content = message.content
        display_id = (content.get("transient") or {}).get("display_id")
        if display_id is not None:
            # As other front ends: showing an id again changes where it was shown before.
            self._update_display(content)
        output: Output = {
            "output_type": message.kind,
            "data": content.get("data") or {},
            "metadata": content.get("metadata") or {},
        }
        if message.kind == "execute_result":
            output["execution_count"] = content.get("execution_count")
        self._before_output(index, outputs)
        known = outputs.overflowing
        kept = outputs.display(output, len(message.raw_content))
        if kept is None:
            if index is not None and not known:
                self._say_capped(index)
            return
        if display_id is not None:
            place = (-1 if index is None else index, outputs, kept)
            self._displays.setdefault(str(display_id), []).append(place)
        if index is not None:
            self._journal.changed(index)
            self._journal.output(index, kept, None if display_id is None else str(display_id))

    def _error(self, index: int | None, outputs: OutputList, error: CellError) -> None:
        self._before_output(index, outputs)
        if outputs.overflowing:
            for name, text in outputs.close():
                if index is not None:
                    self._journal.stream(index, name, text)
        output = outputs.error(error.ename, error.evalue, error.traceback)
        if index is not None:
            self._journal.changed(index)
            self._journal.output(index, output, None)

    def _clear(self, index: int | None, outputs: OutputList, *, wait: bool) -> None:
        outputs.clear(wait=wait)
        if index is not None:
            self._journal.changed(index)
            self._journal.clear(index, wait=wait)

    def _before_output(self, index: int | None, outputs: OutputList) -> None:
        if outputs.before_output() and index is not None:
            self._journal.changed(index)

    def _update_display(self, content: dict[str, Any]) -> None:
        display_id = str((content.get("transient") or {}).get("display_id"))
        places = [
            place
            for place in self._displays.get(display_id, ())
            if any(output is place[2] for output in place[1].outputs)
        ]
        if not places:
            self._displays.pop(display_id, None)
            return
        self._displays[display_id] = places
        data, metadata = content.get("data") or {}, content.get("metadata") or {}
        for index, outputs, output in places:
            outputs.update(output, data, metadata)
            if index >= 0:
                self._journal.changed(index)
        shown = places[-1][2]
        self._journal.update_display(display_id, shown["data"], shown["metadata"])

    def _comm(self, message: Message) -> None:
        kept = self._widgets.handle(
            message.kind, message.content, len(message.raw_content), message.buffers
        )
        if not kept and not self._widgets_full:
            self._widgets_full = True
            self._journal.note(
                "The notebook's widgets are too large to be kept: "
                f"more than {megabytes(self._limits.cell_bytes)}."
            )

    def _say_capped(self, index: int) -> None:
        if self._budget.used >= self._budget.limit:
            if self._total_said:
                return
            self._total_said = True
        self._journal.note(
            f"Cell {self._numbers[index]} has more output than is kept "
            f"({megabytes(self._limits.cell_bytes)} a cell, "
            f"{megabytes(self._limits.total_bytes)} a notebook); the rest is left out."
        )
