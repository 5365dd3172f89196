"""Errors in a notebook: a line or two in the cell, and the cells after it don't run."""

from __future__ import annotations

from typing import Any, ClassVar

from jupyter_mlops.cli.errors import parts_of
from jupyter_mlops.errors import MlopsError
from jupyter_mlops.magics.console import spoken


class JobFailed(MlopsError):
    """The job that a cell waited for didn't succeed."""

    code: ClassVar[str] = "job_failed"
    title: ClassVar[str] = "Job"


class CellFailed(MlopsError):
    """The cell that was tracked raised; what it raised has been shown."""

    code: ClassVar[str] = "cell_failed"
    title: ClassVar[str] = "Run"


class Detached(KeyboardInterrupt):
    """The person interrupted the cell; the job goes on."""

    def __init__(self, text: str) -> None:
        super().__init__(text.partition("\n")[0])
        self._text = text

    def _render_traceback_(self) -> list[str]:
        return [self._text]


def lines_of(error: MlopsError) -> list[str]:
    """What is shown of an error."""
    title, detail, notes = parts_of(error)
    return [spoken(line) for line in (f"{title}: {detail}", *notes)]


def as_told(error: MlopsError) -> MlopsError:
    """The same error, shown without a traceback (IPython asks an exception how)."""
    rendered = lines_of(error)
    told: Any = error
    told._render_traceback_ = lambda: rendered
    return error
