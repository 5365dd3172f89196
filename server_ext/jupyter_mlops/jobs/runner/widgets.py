"""The state of ipywidgets, so that they still show what they showed when the notebook is opened.

Nobody is at a screen to move them; but what a progress bar reached, and what was printed `with
Output():`, belongs to the result.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from typing import Any

from jupyter_mlops.jobs.order import OutputLimits
from jupyter_mlops.jobs.runner.outputs import Budget, OutputList

_STATE = "application/vnd.jupyter.widget-state+json"
_OUTPUT_MODULE, _OUTPUT_MODEL = "@jupyter-widgets/output", "OutputModel"


class OutputWidget:
    """A front end's half of an Output widget: takes what is printed while it captures."""

    def __init__(self, comm_id: str, limits: OutputLimits, budget: Budget) -> None:
        self.comm_id = comm_id
        self.list = OutputList([], limits, budget)
        self.capturing = ""
        #: Whether the kernel's half doesn't know the outputs yet.
        self.changed = False


class WidgetStates:
    """What every widget's model says."""

    def __init__(self, limits: OutputLimits, budget: Budget) -> None:
        self._limits = limits
        self._budget = budget
        self._states: dict[str, dict[str, Any]] = {}
        self._buffers: dict[str, dict[tuple[str, ...], dict[str, Any]]] = {}
        self._outputs: dict[str, OutputWidget] = {}
        self._capturing: dict[str, list[OutputWidget]] = {}
        self._size = 0

    def handle(
        self, kind: str, content: dict[str, Any], size: int, buffers: Sequence[bytes]
    ) -> bool:
        """Take a comm message in; False when there is no room for it."""
        comm_id, data = str(content.get("comm_id", "")), content.get("data") or {}
        state = data.get("state")
        if not isinstance(state, dict):
            return True
        if kind == "comm_open":
            self._size += size
        if self._size > self._limits.cell_bytes:
            return False
        self._states.setdefault(comm_id, {}).update(state)
        paths = data.get("buffer_paths") or []
        for path, buffer in zip(paths, buffers, strict=False):
            self._buffers.setdefault(comm_id, {})[tuple(map(str, path))] = {
                "data": base64.b64encode(buffer).decode(),
                "encoding": "base64",
                "path": path,
            }
        if kind == "comm_open" and (
            state.get("_model_module") == _OUTPUT_MODULE
            and state.get("_model_name") == _OUTPUT_MODEL
        ):
            self._outputs[comm_id] = OutputWidget(comm_id, self._limits, self._budget)
        if "msg_id" in state and comm_id in self._outputs:
            self._capture(self._outputs[comm_id], str(state["msg_id"] or ""))
        return True

    def capturing(self, parent: str) -> OutputWidget | None:
        """The widget that takes what the request `parent` shows; None: its cell does."""
        stack = self._capturing.get(parent)
        return stack[-1] if stack else None

    def sync(self, send: Callable[[str, dict[str, Any]], object]) -> None:
        """Tell the kernel's halves what their Output widgets show: `send(kind, content)`."""
        for widget in self._outputs.values():
            if widget.changed:
                widget.changed = False
                widget.list.settle()
                state = {"outputs": widget.list.outputs}
                data = {"method": "update", "state": state, "buffer_paths": []}
                send("comm_msg", {"comm_id": widget.comm_id, "data": data})

    def metadata(self) -> dict[str, Any] | None:
        """The notebook's `metadata.widgets`; None when there are no widgets."""
        models: dict[str, dict[str, Any]] = {}
        for comm_id, state in self._states.items():
            if "_model_name" not in state:
                continue
            if widget := self._outputs.get(comm_id):
                widget.list.settle()
                state["outputs"] = widget.list.outputs
                state["msg_id"] = ""
            models[comm_id] = {
                "model_name": state.get("_model_name"),
                "model_module": state.get("_model_module"),
                "model_module_version": state.get("_model_module_version"),
                "state": state,
            }
            if buffers := self._buffers.get(comm_id):
                models[comm_id]["buffers"] = list(buffers.values())
        if not models:
            return None
        return {_STATE: {"state": models, "version_major": 2, "version_minor": 0}}

    def _capture(self, widget: OutputWidget, parent: str) -> None:
        if widget.capturing and widget in self._capturing.get(widget.capturing, ()):
            self._capturing[widget.capturing].remove(widget)
        widget.capturing = parent
        if parent:
            self._capturing.setdefault(parent, []).append(widget)
