"""What an execution tells while it runs."""

from __future__ import annotations

from typing import Any, Protocol

from jupyter_mlops.jobs.runner.cells import CellRun, CellStatus


class Journal(Protocol):
    """Whoever keeps what happens. Called from the execution's loop; must not wait for anybody."""

    def cell_started(self, run: CellRun) -> None:
        """The kernel has begun with a cell."""

    def cell_finished(self, run: CellRun, status: CellStatus, duration: float) -> None:
        """A cell has ended; its metadata and outputs are in the notebook."""

    def stream(self, index: int, name: str, text: str) -> None:
        """Cell `index` printed `text`, and it was kept."""

    def output(self, index: int, output: dict[str, Any], display_id: str | None) -> None:
        """Cell `index` showed something, or raised."""

    def clear(self, index: int, *, wait: bool) -> None:
        """The outputs of cell `index` are gone, or will be with its next one (`wait`)."""

    def update_display(
        self, display_id: str, data: dict[str, Any], metadata: dict[str, Any]
    ) -> None:
        """What was shown under `display_id` is now this, in whichever cells."""

    def changed(self, index: int) -> None:
        """Cell `index` of the notebook isn't what it was."""

    def note(self, text: str) -> None:
        """Something that a person should know."""
