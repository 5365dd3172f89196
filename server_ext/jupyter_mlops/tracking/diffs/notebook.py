"""Where two notebooks differ. Needs nbdime where cells are not the same: see `cells`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from jupyter_mlops.tracking.diffs.cells import matched_cells, matched_outputs
from jupyter_mlops.tracking.diffs.outputs import differs, left_out, output_diff
from jupyter_mlops.tracking.diffs.text import Budget, one_sided, text_diff
from jupyter_mlops.tracking.diffs.views import CellDiff, NotebookDiff, NotebookSide, OutputDiff

Json = Mapping[str, Any]

#: Different every time that a notebook is run or looked at.
_VOLATILE = frozenset(
    {"ExecuteTime", "collapsed", "execution", "mlops", "papermill", "scrolled", "trusted",
     "vscode", "widgets"}
)  # fmt: skip
#: Cells and outputs that are told.
CELLS_MOST, OUTPUTS_MOST = 2_000, 200
#: Characters that all of it may have, as it is told.
_BUDGET = 8 * 2**20
_FIRST_LINE_MOST = 200


def notebook_diff(
    before: Json | None, after: Json | None, *, paths: tuple[str, str] = ("", "")
) -> NotebookDiff:
    """Two notebooks cell by cell.

    Args:
        before: of nbformat 4, with whole texts (`converters.notebook.read_notebook`); None when
            there is none.
        after: likewise.
        paths: what they are called.
    """
    sides = (before, after)
    both = [_side(one, path) for one, path in zip(sides, paths, strict=True)]
    nothing = NotebookDiff(
        before=both[0], after=both[1], cells=[], equal=0, changes=0, outputs_compared=False
    )
    if before is None or after is None:
        return nothing
    outputs = all(side is not None and side.executed for side in both)
    pairs, judged = matched_cells(before["cells"], after["cells"])
    notes = [] if judged else ["So many cells differ that they were matched by their place."]
    told = _Told(before["cells"], after["cells"], outputs=outputs)
    begin = (0, 0)
    for one, other in [*pairs, (len(before["cells"]), len(after["cells"]))]:
        for index in range(begin[0], one):
            told.removed(index)
        for index in range(begin[1], other):
            told.added(index)
        if one < len(before["cells"]):
            told.both(one, other)
        begin = one + 1, other + 1
    metadata = _metadata(before.get("metadata", {}), after.get("metadata", {}))
    count = told.count + (metadata is not None)
    return nothing.model_copy(
        update={
            "cells": told.cells,
            "metadata": metadata,
            "equal": told.equal,
            "changes": count,
            "outputs_compared": outputs,
            "notes": [*notes, *told.notes],
        }
    )


class _Told:
    """Cells that differ, within limits."""

    def __init__(self, before: Sequence[Json], after: Sequence[Json], *, outputs: bool) -> None:
        self._before, self._after, self._outputs = before, after, outputs
        self.cells: list[CellDiff] = []
        self.equal = 0
        self.count = 0
        self._budget = Budget(_BUDGET)
        self._cut = False

    @property
    def notes(self) -> list[str]:
        """What was left out."""
        found = []
        if self.count > len(self.cells):
            found.append(f"Only the first {len(self.cells):,} cells that differ are told.")
        if self._cut:
            found.append("Outputs are left out: there are too many, or they are too large.")
        if self._budget.spent:
            found.append("Not all is told: there is too much.")
        return found

    def removed(self, index: int) -> None:
        """A cell that only the first has."""
        cell = self._before[index]
        source = one_sided(cell["source"], "-")
        outputs = self._output_diffs(cell.get("outputs") or (), ())
        self._add(CellDiff(
            change="removed", kind=cell["cell_type"], before=index, source=source,
            outputs=outputs, first_line=_first_line(cell),
        ))  # fmt: skip

    def added(self, index: int) -> None:
        """A cell that only the second has."""
        cell = self._after[index]
        source = one_sided(cell["source"], "+")
        outputs = self._output_diffs((), cell.get("outputs") or ())
        self._add(CellDiff(
            change="added", kind=cell["cell_type"], after=index, source=source,
            outputs=outputs, first_line=_first_line(cell),
        ))  # fmt: skip

    def both(self, one: int, other: int) -> None:
        """A cell that both have."""
        old, new = self._before[one], self._after[other]
        source = text_diff(old["source"], new["source"])
        outputs = self._output_diffs(old.get("outputs") or (), new.get("outputs") or ())
        metadata = _metadata(old.get("metadata", {}), new.get("metadata", {}))
        if source is None and not outputs and metadata is None:
            self.equal += 1
            return
        self._add(CellDiff(
            change="changed", kind=new["cell_type"], before=one, after=other, source=source,
            outputs=outputs, metadata=metadata, first_line=_first_line(new),
        ))  # fmt: skip

    def _add(self, cell: CellDiff) -> None:
        self.count += 1
        if len(self.cells) < CELLS_MOST:
            kept = {"source": self._budget.kept(cell.source)}
            self.cells.append(cell.model_copy(update=kept))

    def _output_diffs(self, old: Sequence[Json], new: Sequence[Json]) -> list[OutputDiff]:
        if not self._outputs:
            return []
        found: list[OutputDiff] = []
        for left, right in _sides(old, new):
            if (differing := self._output(left, right, len(found))) is not None:
                found.append(differing)
            if len(found) > OUTPUTS_MOST:
                break
        return found

    def _output(self, old: Json | None, new: Json | None, told: int) -> OutputDiff | None:
        if not differs(old, new):
            return None
        if not self._budget.spent and told < OUTPUTS_MOST:
            found = output_diff(old, new)
            shown = (one for one in (found.before, found.after) if one is not None)
            self._budget.left -= sum(len(one.data) for one in shown)
            found = found.model_copy(update={"text": self._budget.kept(found.text)})
            if not self._budget.spent:
                return found
        self._cut = True
        return left_out(old, new)


def _sides(old: Sequence[Json], new: Sequence[Json]) -> Iterator[tuple[Json | None, Json | None]]:
    """Outputs that belong together, in their order; None where only one side has it."""
    begin = (0, 0)
    for one, other in [*matched_outputs(old, new), (len(old), len(new))]:
        yield from ((old[index], None) for index in range(begin[0], one))
        yield from ((None, new[index]) for index in range(begin[1], other))
        if one < len(old):
            yield old[one], new[other]
        begin = one + 1, other + 1


def _side(notebook: Json | None, path: str) -> NotebookSide | None:
    if notebook is None:
        return None
    cells = notebook["cells"]
    executed = any(cell.get("outputs") or cell.get("execution_count") for cell in cells)
    return NotebookSide(path=path, cells=len(cells), executed=executed)


def _metadata(before: Any, after: Any) -> Any:
    return text_diff(_plain(before), _plain(after))


def _plain(metadata: Any) -> str:
    kept = {key: value for key, value in metadata.items() if key not in _VOLATILE}
    return json.dumps(kept, indent=1, sort_keys=True, ensure_ascii=False) if kept else ""


def _first_line(cell: Json) -> str:
    lines = (line.strip() for line in cell["source"].split("\n"))
    return next((line for line in lines if line), "")[:_FIRST_LINE_MOST]
