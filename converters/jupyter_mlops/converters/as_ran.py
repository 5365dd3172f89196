"""A notebook as it ran: its file as it was saved last, and what ran since. Pure.

An interactive session runs cells that are saved minutes later, if at all. What was saved before a
cell ran is older than what ran: the cell has the source that ran. What was saved after it is newer:
it stays, and `history` says that the cell was edited.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from jupyter_mlops.converters.history import places_of, source_hash
from jupyter_mlops.converters.notebook import Notebook


def as_ran(
    notebook: Notebook,
    saved_at: float,
    executed: Sequence[Mapping[str, Any]],
    sources: Mapping[str, str],
) -> Notebook:
    """A copy with the sources that ran after it was saved. Cells that it has not are put behind all
    that ran before them: nobody can tell better, and it says of none that it ran out of order.

    Args:
        notebook: as it was saved last; empty where it never was.
        saved_at: when (epoch seconds).
        executed: as `history.history_of` takes them, each with `t`, when it had run (None: before
            anybody looked, or it runs right now, which `running` says).
        sources: by their hashes.
    """
    made = copy.deepcopy(notebook)
    laid = _Laid(made.cells)
    code = [cell for cell in made.cells if cell["cell_type"] == "code"]
    of_cell = places_of(code, executed)
    place_of = {place: cell for cell, places in zip(code, of_cell, strict=True) for place in places}
    for place, one in enumerate(executed):
        cell = place_of.get(place)
        source = sources.get(str(one["hash"]))
        if source is not None and _since(one, saved_at):
            if cell is None:
                cell = laid.known(one) or laid.added(one, source)
            laid.put(cell, str(one["hash"]), source)
        if cell is not None:
            laid.ran(cell)
    made.cells[:] = laid.in_order()
    return made


class _Laid:
    """Cells in their order, to which others are added; found again without looking at all."""

    def __init__(self, cells: Sequence[dict[str, Any]]) -> None:
        self._cells = list(cells)
        #: Behind which cell of the notebook it lies, as which of those that were added there.
        self._at: dict[int, tuple[int, int]] = {id(one): (at, 0) for at, one in enumerate(cells)}
        #: Behind it goes what is added.
        self._last = (len(cells) - 1, 0)
        self._some_ran = False
        self._hashes: dict[int, str] = {}
        self._by_id: dict[str, dict[str, Any]] = {}
        self._by_hash: dict[str, list[dict[str, Any]]] = {}
        for one in cells:
            if one["cell_type"] == "code":
                self._know(one, source_hash(one["source"]))

    def known(self, one: Mapping[str, Any]) -> dict[str, Any] | None:
        """The cell, where it was added for an execution before."""
        if identity := one.get("id"):
            return self._by_id.get(str(identity))
        alike = self._by_hash.get(str(one["hash"]))
        return min(alike, key=lambda cell: self._at[id(cell)]) if alike else None

    def added(self, one: Mapping[str, Any], source: str) -> dict[str, Any]:
        """A new cell, behind all that ran before."""
        cell: dict[str, Any] = {
            "cell_type": "code",
            "metadata": {},
            "outputs": [],
            "execution_count": None,
            "source": source,
        }
        if identity := one.get("id"):
            cell["id"] = str(identity)
        self._cells.append(cell)
        behind, added = self._last
        self._at[id(cell)] = behind, added + 1
        self._know(cell, str(one["hash"]))
        return cell

    def put(self, cell: dict[str, Any], digest: str, source: str) -> None:
        """A cell has this source."""
        before = self._hashes[id(cell)]
        if before == digest:
            return
        self._by_hash[before] = [one for one in self._by_hash[before] if one is not cell]
        cell["source"] = source
        self._know(cell, digest)

    def ran(self, cell: dict[str, Any]) -> None:
        """What is added later ran after it."""
        at = self._at[id(cell)]
        self._last = max(self._last, at) if self._some_ran else at
        self._some_ran = True

    def in_order(self) -> list[dict[str, Any]]:
        """All of them."""
        return sorted(self._cells, key=lambda cell: self._at[id(cell)])

    def _know(self, cell: dict[str, Any], digest: str) -> None:
        self._hashes[id(cell)] = digest
        self._by_hash.setdefault(digest, []).append(cell)
        if identity := cell.get("id"):
            self._by_id.setdefault(str(identity), cell)


def _since(one: Mapping[str, Any], saved_at: float) -> bool:
    at = one.get("t")
    return bool(one.get("running")) or (at is not None and float(at) > saved_at)
