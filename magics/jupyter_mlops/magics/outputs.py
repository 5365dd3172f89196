"""A job's outputs, shown again in this cell as what they are: streams, displays, errors."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from jupyter_mlops.cli.console import clean

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_mlops.magics.session import Session

#: Means something to the kernel that made it, and that is gone.
_FOREIGN = "application/vnd.jupyter.widget-view+json"


class Outputs:
    """Follows the events of a job's attempt."""

    def __init__(
        self,
        session: Session,
        job_id: str,
        *,
        aside: Callable[[], None],
        again: Callable[[], None],
    ) -> None:
        """Outputs of a job.

        Args:
            session: where they are shown.
            job_id: whose they are.
            aside: called before something is printed.
            again: called when the cell was cleared: shows what has to stay.
        """
        self._session = session
        self._prefix = f"{job_id}-"
        self._aside = aside
        self._again = again
        self._clear_first = False

    def take(self, event: dict[str, Any]) -> None:
        """Show what an event of the attempt says."""
        kind = event.get("type")
        if kind == "stream":
            self._print(str(event.get("name")), str(event.get("text", "")))
        elif kind == "output":
            self._output(event.get("output") or {})
        elif kind == "update_display":
            self._display(event, str(event.get("display_id", "")), update=True)
        elif kind == "note":
            self._print("stderr", f"[mlops] {clean(event.get('text', ''))}\n")
        elif kind == "clear_output":
            self._clear(wait=bool(event.get("wait")))
        elif kind == "attempt" and event.get("number") != 1:
            # Who followed the job while it was queued is told of its first attempt too.
            self._clear(wait=True)
            self._print("stderr", f"[mlops] attempt {event.get('number')}\n")

    def _print(self, name: str, text: str) -> None:
        self._before()
        stream = sys.stderr if name == "stderr" else sys.stdout
        # On a terminal, what a notebook prints could move the cursor or change the title.
        stream.write(text if self._session.kernel is not None else clean(text))
        stream.flush()

    def _output(self, output: dict[str, Any]) -> None:
        if output.get("output_type") == "error":
            self._before()
            lines = [str(line) for line in output.get("traceback") or []]
            if self._session.kernel is None:
                lines = [clean(line) for line in lines]
            kind = type(str(output.get("ename") or "Error"), (Exception,), {})
            value = kind(str(output.get("evalue", "")))
            self._session.shell._showtraceback(kind, value, lines or [f"{value}"])  # noqa: SLF001
            return
        transient = output.get("transient") or {}
        self._display(output, str(transient.get("display_id") or ""), update=False)

    def _display(self, output: dict[str, Any], display_id: str, *, update: bool) -> None:
        data = {
            kind: "".join(value) if isinstance(value, list) and _is_text(kind) else value
            for kind, value in (output.get("data") or {}).items()
            if kind != _FOREIGN
        }
        if not data:
            return
        if not update:
            self._before()
        self._session.shell.display_pub.publish(
            data=data,
            metadata=output.get("metadata") or {},
            transient={"display_id": self._prefix + display_id} if display_id else {},
            update=update,
        )

    def _before(self) -> None:
        self._aside()
        if self._clear_first:
            self._clear_first = False
            self._session.shell.display_pub.clear_output(wait=True)
            self._again()

    def _clear(self, *, wait: bool) -> None:
        if self._session.kernel is None:
            return  # a terminal keeps what was printed
        if wait:
            self._clear_first = True
            return
        self._clear_first = False
        self._session.shell.display_pub.clear_output(wait=False)
        self._again()


def _is_text(kind: str) -> bool:
    return not (kind == "application/json" or kind.endswith("+json"))
