"""How a notebook's cells relate to what was executed: edited since, out of order, never run.

Pure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class CellHistory:
    """One code cell of a notebook, and its executions."""

    id: str | None
    #: Among the code cells, from 0.
    index: int
    #: SHA-256 of its source as it stands in the notebook.
    hash: str
    #: Execution count of its last execution; None: it never ran in this session.
    count: int | None
    runs: int
    #: What ran last was another source than what stands there.
    edited: bool
    #: A cell further up ran after it.
    out_of_order: bool


@dataclass(frozen=True, slots=True)
class History:
    """A notebook's cells in their order."""

    cells: tuple[CellHistory, ...]
    #: Executions of what stands in the notebook no more (deleted cells, injected ones).
    elsewhere: int

    @property
    def edited(self) -> list[int]:
        """Indices of cells that were edited after they ran."""
        return [cell.index for cell in self.cells if cell.edited]

    @property
    def out_of_order(self) -> list[int]:
        """Indices of cells that ran before one further up did."""
        return [cell.index for cell in self.cells if cell.out_of_order]

    def to_json(self) -> dict[str, Any]:
        """As it is recorded."""
        cells = [
            {name: getattr(cell, name) for name in CellHistory.__slots__} for cell in self.cells
        ]
        return {"cells": cells, "elsewhere": self.elsewhere}


def source_hash(source: str) -> str:
    """SHA-256 of a cell's source; the same as the kernel's (`facts.watch.source_hash`)."""
    return hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()


def history_of(notebook: Mapping[str, Any], executed: Sequence[Mapping[str, Any]]) -> History:
    """Match a notebook's code cells (nbformat 4) with a session's executions.

    Args:
        notebook: its document, as saved or as it ran.
        executed: `id` (None where the front end doesn't say), `hash` and `count` of each execution,
            in their order; those of one session.
    """
    cells = [cell for cell in notebook.get("cells", ()) if cell.get("cell_type") == "code"]
    hashes = [source_hash(_text(cell.get("source", ""))) for cell in cells]
    found = places_of(cells, executed)
    latest = [executed[places[-1]] if places else None for places in found]
    counts = [None if one is None else int(one["count"] or 0) for one in latest]
    made: list[CellHistory] = []
    highest = 0
    for index, (cell, digest) in enumerate(zip(cells, hashes, strict=True)):
        last, count = latest[index], counts[index]
        made.append(
            CellHistory(
                id=cell.get("id"),
                index=index,
                hash=digest,
                count=count,
                runs=len(found[index]),
                edited=last is not None and last["hash"] != digest,
                out_of_order=count is not None and count < highest,
            )
        )
        highest = max(highest, count or 0)
    used = {place for places in found for place in places}
    return History(tuple(made), len(executed) - len(used))


def places_of(
    cells: Sequence[Mapping[str, Any]], executed: Sequence[Mapping[str, Any]]
) -> list[list[int]]:
    """For each code cell the places in `executed` that are its own: by id, else by source, else by
    the execution count that the notebook shows.
    """
    hashes = [source_hash(_text(cell.get("source", ""))) for cell in cells]
    found: list[list[int]] = [[] for _ in cells]
    by_id = {cell["id"]: at for at, cell in enumerate(cells) if cell.get("id")}
    left: list[int] = []
    for place, one in enumerate(executed):
        at = by_id.get(one["id"]) if one.get("id") else None
        if at is not None:
            found[at].append(place)
        elif not one.get("id"):
            left.append(place)
    # The same source may stand in several cells: the one that a count says, else one after the
    # other.
    shown = {cell.get("execution_count"): at for at, cell in enumerate(cells)}
    shown.pop(None, None)
    alike: dict[str, list[int]] = {}
    for at, digest in enumerate(hashes):
        alike.setdefault(digest, []).append(at)
    turns = dict.fromkeys(alike, 0)
    for place in left:
        one = executed[place]
        candidates = alike.get(one["hash"], [])
        by_count = shown.get(one["count"])
        if by_count is not None and (by_count in candidates or not candidates):
            found[by_count].append(place)
        elif candidates:
            turn = turns[one["hash"]]
            found[candidates[turn % len(candidates)]].append(place)
            turns[one["hash"]] = turn + 1
    return found


def _text(source: str | list[str]) -> str:
    return source if isinstance(source, str) else "".join(source)
