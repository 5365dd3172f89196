"""What becomes of the cells: which run, where each is, and what the notebook says about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

Cell = dict[str, Any]


class CellStatus(StrEnum):
    """Where a cell is, as `metadata.mlops.status` says it."""

    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    NOT_RUN = "not_run"
    #: Empty, or tagged `skip-execution`.
    SKIPPED = "skipped"


#: papermill's word for each; its own engine calls cells completed that never ran.
_PAPERMILL = {
    CellStatus.WAITING: "pending",
    CellStatus.RUNNING: "running",
    CellStatus.SUCCEEDED: "completed",
    CellStatus.FAILED: "failed",
    CellStatus.CANCELLED: "failed",
    CellStatus.NOT_RUN: "pending",
    CellStatus.SKIPPED: "completed",
}


@dataclass(slots=True)
class CellError:
    """The exception that a cell ended with."""

    ename: str
    evalue: str
    traceback: list[str]

    @property
    def is_clean_exit(self) -> bool:
        """`sys.exit()` and `sys.exit(0)`: the notebook ends here, and well."""
        return self.ename == "SystemExit" and self.evalue in ("", "0", "None")


@dataclass(slots=True)
class CellRun:
    """One code cell to execute."""

    #: Where it stands in the executed notebook, from 0.
    index: int
    #: How people count it: among the code cells to run, from 1, as progress does.
    number: int
    cell: Cell
    source: str
    #: Tagged `raises-exception`: its error doesn't stop the notebook.
    may_fail: bool
    msg_id: str = ""
    #: Monotonic; None until the kernel has begun with it.
    started: float | None = None
    started_at: float = 0.0
    execution_count: int | None = None
    #: The status of the kernel's reply.
    reply: str = ""
    #: The exception that it published.
    error: CellError | None = None
    #: The exception that the reply speaks of.
    reply_error: CellError | None = None
    idle: bool = False
    #: Whether it asked the kernel to leave (`exit()`).
    asked_exit: bool = False

    @property
    def succeeded(self) -> bool:
        """Whether the kernel's answer lets the notebook go on."""
        return self.reply == "ok" or (self.reply == "error" and self.may_fail)

    @property
    def left_cleanly(self) -> bool:
        """Whether it ended the notebook on purpose."""
        error = self.error or self.reply_error
        return error is not None and error.is_clean_exit

    @property
    def first_line(self) -> str:
        """The first line that says something, for people."""
        return next((line.strip() for line in self.source.split("\n") if line.strip()), "")[:200]


def prepare(notebook: dict[str, Any]) -> list[CellRun]:
    """Clear what an earlier run left in `notebook`; return the cells to run, in order."""
    notebook["metadata"].pop("widgets", None)
    runs: list[CellRun] = []
    for index, cell in enumerate(notebook["cells"]):
        if cell["cell_type"] != "code":
            continue
        cell["execution_count"] = None
        cell["outputs"] = []
        source = cell["source"]
        text = source if isinstance(source, str) else "".join(source)
        tags = cell["metadata"].get("tags") or []
        if not text.strip() or "skip-execution" in tags:
            mark(cell, CellStatus.SKIPPED)
            continue
        mark(cell, CellStatus.WAITING)
        may_fail = "raises-exception" in tags
        runs.append(CellRun(index, len(runs) + 1, cell, text, may_fail))
    return runs


def mark(
    cell: Cell,
    status: CellStatus,
    started_at: float | None = None,
    duration: float | None = None,
) -> None:
    """Write into the cell's metadata where it is, for us and for those who read papermill's."""
    told: dict[str, Any] = {"status": status.value}
    if started_at is not None:
        told["started_at"] = round(started_at, 6)
    if duration is not None:
        told["duration"] = round(duration, 6)
    ran = started_at is not None
    ended = started_at + duration if started_at is not None and duration is not None else None
    metadata = cell["metadata"]
    metadata["mlops"] = told
    metadata["papermill"] = {
        "duration": round(duration, 6) if duration is not None else None,
        "end_time": iso(ended),
        "exception": status in (CellStatus.FAILED, CellStatus.CANCELLED) if ran else None,
        "start_time": iso(started_at),
        "status": _PAPERMILL[status],
    }


def iso(epoch: float | None) -> str | None:
    """A time as papermill writes it."""
    return None if epoch is None else datetime.fromtimestamp(epoch, UTC).isoformat()
