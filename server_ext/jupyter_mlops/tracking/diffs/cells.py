"""Which cell of one notebook is which of another, and which output.

nbdime decides, by its own rules. Importing it takes seconds, and it compares everything with
everything: so what is the same, or a cell of the same id (nbdime's first rule as well), is set
aside before, and it is loaded only where something is left to be judged, in a process of its own
(`worker`). What would still be too much is matched by place.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from jupyter_mlops.tracking.diffs.outputs import output_text

Json = Mapping[str, Any]
Pair = tuple[int, int]

#: Pairs of cells and of outputs that nbdime compares between two that are known.
PAIRS_MOST = 6_000
#: Characters of a source or output that nbdime looks at.
_LOOKED_AT = 1_000


def matched_cells(before: Sequence[Json], after: Sequence[Json]) -> tuple[list[Pair], bool]:
    """Pairs of indexes in their order, and whether none was matched by its place."""
    old, new = [_reduced(cell) for cell in before], [_reduced(cell) for cell in after]
    certain = _certain([_mark(cell) for cell in before], [_mark(cell) for cell in after])
    return _matched(old, new, _with_ids(old, new, certain), "/cells")


def matched_outputs(before: Sequence[Json], after: Sequence[Json]) -> list[Pair]:
    """Pairs of indexes in their order."""
    kinds = [_kind(one) for one in before], [_kind(one) for one in after]
    if kinds[0] == kinds[1]:
        return [(index, index) for index in range(len(before))]
    old, new = [_plain(one) for one in before], [_plain(one) for one in after]
    certain = _certain([str(one) for one in old], [str(one) for one in new])
    pairs, _ = _matched(old, new, certain, "/cells/*/outputs")
    # One picture or table in place of another is the same output changed, whatever is in it.
    return _beside(pairs, kinds[0], kinds[1])


def _judged(old: Sequence[Json], new: Sequence[Json], path: str) -> list[Pair]:
    """What nbdime says."""
    from nbdime.diffing.notebooks import notebook_predicates
    from nbdime.diffing.snakes import compute_snakes_multilevel

    snakes = compute_snakes_multilevel(old, new, notebook_predicates[path])
    return [(i + n, j + n) for i, j, count in snakes for n in range(count)]


def _matched(
    old: Sequence[Json], new: Sequence[Json], certain: Sequence[Pair], path: str
) -> tuple[list[Pair], bool]:
    pairs: list[Pair] = []
    judged = True
    begin_old = begin_new = 0
    for one, other in [*certain, (len(old), len(new))]:
        left, right = old[begin_old:one], new[begin_new:other]
        found: list[Pair] = []
        if len(left) * len(right) > PAIRS_MOST:
            judged = False
            found = _beside([], [_kind(cell) for cell in left], [_kind(cell) for cell in right])
        elif left and right:
            found = _judged(left, right, path)
        pairs += [(begin_old + i, begin_new + j) for i, j in found]
        if one < len(old):
            pairs.append((one, other))
        begin_old, begin_new = one + 1, other + 1
    return pairs, judged


def _certain(old: Sequence[str], new: Sequence[str]) -> list[Pair]:
    """Pairs that are the same: at both ends, and what is there once in each, where in one order."""
    start = 0
    while start < min(len(old), len(new)) and old[start] == new[start]:
        start += 1
    end = 0
    while end < min(len(old), len(new)) - start and old[-1 - end] == new[-1 - end]:
        end += 1
    found = [(n, n) for n in range(start)]
    old_there, new_there = Counter(old), Counter(new)
    place = {mark: n for n, mark in enumerate(new)}
    once = [
        (n, place[mark])
        for n, mark in enumerate(old[: len(old) - end])
        if n >= start
        and old_there[mark] == new_there[mark] == 1
        and start <= place[mark] < len(new) - end
    ]
    found += _rising(once)
    return found + [(len(old) - end + n, len(new) - end + n) for n in range(end)]


def _with_ids(old: Sequence[Json], new: Sequence[Json], certain: Sequence[Pair]) -> list[Pair]:
    """The same pairs, and between them cells of one id and kind."""
    place = {(cell["id"], _kind(cell)): n for n, cell in enumerate(new) if "id" in cell}
    pairs: list[Pair] = []
    begin_old = begin_new = 0
    for one, other in [*certain, (len(old), len(new))]:
        named = []
        for number in range(begin_old, one):
            there = place.get((old[number].get("id"), _kind(old[number])), -1)
            if begin_new <= there < other:
                named.append((number, there))
        pairs += _rising(named)
        if one < len(old):
            pairs.append((one, other))
        begin_old, begin_new = one + 1, other + 1
    return pairs


def _rising(pairs: Sequence[Pair]) -> list[Pair]:
    """The most of them that keep their order in both."""
    ends: list[int] = []
    tops: list[int] = []
    before: list[int] = []
    for number, (_, place) in enumerate(pairs):
        at = bisect_left(ends, place)
        before.append(tops[at - 1] if at else -1)
        if at == len(ends):
            ends.append(place)
            tops.append(number)
        else:
            ends[at], tops[at] = place, number
    found: list[Pair] = []
    number = tops[-1] if tops else -1
    while number >= 0:
        found.append(pairs[number])
        number = before[number]
    return found[::-1]


def _beside(pairs: list[Pair], before: Sequence[Any], after: Sequence[Any]) -> list[Pair]:
    """Between two pairs, what is of one kind and at the same place belongs together as well."""
    found: list[Pair] = []
    begin_old = begin_new = 0
    for one, other in [*pairs, (len(before), len(after))]:
        for i, j in zip(range(begin_old, one), range(begin_new, other), strict=False):
            if before[i] == after[j]:
                found.append((i, j))
        if one < len(before):
            found.append((one, other))
        begin_old, begin_new = one + 1, other + 1
    return found


def _kind(one: Json) -> tuple[Any, ...]:
    if "cell_type" in one:
        return (one["cell_type"],)
    shown = one["output_type"] in ("display_data", "execute_result")
    return ("shown",) if shown else (one["output_type"], one.get("name"))


def _reduced(cell: Json) -> dict[str, Any]:
    """A cell as nbdime judges it: by its id and source; its outputs don't tell which it is."""
    found = {"cell_type": cell["cell_type"], "source": cell["source"][:_LOOKED_AT], "outputs": []}
    return {**found, "id": cell["id"]} if "id" in cell else found


def _mark(cell: Json) -> str:
    """Tells cells apart; of the same source one id is as good as another."""
    text = f"{cell['cell_type']}\0{cell['source']}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _plain(output: Json) -> dict[str, Any]:
    """An output as nbdime judges it: of each kind of content the beginning."""
    match output["output_type"]:
        case "stream":
            return {
                "output_type": "stream",
                "name": output.get("name", ""),
                "text": output_text(output)[:_LOOKED_AT],
            }
        case "error":
            told = {key: str(output.get(key, ""))[:_LOOKED_AT] for key in ("ename", "evalue")}
            return {"output_type": "error", "traceback": [], **told}
        case kind:
            data = output.get("data") or {}
            return {
                "output_type": kind,
                "data": {key: str(value)[:_LOOKED_AT] for key, value in data.items()},
            }
