"""What the executions of a session say about the cells of its notebook."""

from __future__ import annotations

from typing import Any

from jupyter_mlops.converters.history import History, history_of, source_hash
from jupyter_mlops.facts import watch


def notebook(*sources: str, counts: tuple[int | None, ...] = ()) -> dict[str, Any]:
    """Code cells, with a text before them."""
    shown = counts or (None,) * len(sources)
    cells = [
        {"cell_type": "code", "id": f"c{at}", "source": source, "execution_count": count}
        for at, (source, count) in enumerate(zip(sources, shown, strict=True))
    ]
    return {"cells": [{"cell_type": "markdown", "id": "m", "source": "a = 1"}, *cells]}


def ran(*executions: tuple[str | None, str]) -> list[dict[str, Any]]:
    """Executions (id, source), counted from 1."""
    return [
        {"id": cell, "hash": source_hash(source), "count": count}
        for count, (cell, source) in enumerate(executions, 1)
    ]


def told(found: History) -> list[tuple[int | None, int, bool, bool]]:
    """Count, runs, edited, out of order."""
    return [(cell.count, cell.runs, cell.edited, cell.out_of_order) for cell in found.cells]


def test_a_notebook_run_from_top_to_bottom_is_in_order() -> None:
    """By ids or without them."""
    document = notebook("a = 1", "b = 2")
    for executed in (ran(("c0", "a = 1"), ("c1", "b = 2")), ran((None, "a = 1"), (None, "b = 2"))):
        found = history_of(document, executed)
        assert told(found) == [(1, 1, False, False), (2, 1, False, False)]
        assert found.elsewhere == 0


def test_a_cell_edited_after_it_ran_is_told() -> None:
    """By its id, or by the count that the notebook still shows; not when it ran again since."""
    document = notebook("a = 2", counts=(1,))
    assert history_of(document, ran(("c0", "a = 1"))).edited == [0]
    assert history_of(document, ran((None, "a = 1"))).edited == [0]
    assert history_of(document, ran(("c0", "a = 1"), ("c0", "a = 2"))).edited == []


def test_a_cell_that_ran_before_one_above_it_is_out_of_order() -> None:
    """The last execution of each counts."""
    document = notebook("a = 1", "b = 2", "c = 3")
    executed = ran(("c0", "a = 1"), ("c1", "b = 2"), ("c2", "c = 3"), ("c0", "a = 1"))
    found = history_of(document, executed)
    assert found.out_of_order == [1, 2]
    assert found.cells[0].runs == 2
    again = [*executed, *({**one, "count": 5 + n} for n, one in enumerate(executed[1:3]))]
    assert history_of(document, again).out_of_order == []


def test_a_cell_that_never_ran_has_no_count() -> None:
    """It is neither edited nor out of order."""
    found = history_of(notebook("a = 1", "b = 2", "c = 3"), ran(("c0", "a = 1"), ("c2", "c = 3")))
    assert told(found)[1] == (None, 0, False, False)
    assert found.out_of_order == []


def test_what_stands_there_no_more_is_counted() -> None:
    """Deleted cells, and those that a job injects."""
    found = history_of(notebook("a = 1"), ran((None, "x = 5"), ("gone", "y"), (None, "a = 1")))
    assert (told(found), found.elsewhere) == ([(3, 1, False, False)], 2)


def test_cells_with_the_same_source_are_taken_in_turn() -> None:
    """Without ids nothing else tells them apart."""
    found = history_of(notebook("x += 1", "x += 1"), ran((None, "x += 1"), (None, "x += 1")))
    assert [cell.count for cell in found.cells] == [1, 2]


def test_lines_and_joined_sources_are_the_same_cell() -> None:
    """Saved notebooks have lists of lines."""
    document = {"cells": [{"cell_type": "code", "source": ["a = 1\n", "b = 2"]}]}
    found = history_of(document, ran((None, "a = 1\nb = 2")))
    assert told(found) == [(1, 1, False, False)]


def test_the_kernel_computes_the_same_hash() -> None:
    """It can't import this module."""
    for source in ("", "é = 1\n", "\ud800"):
        assert watch.source_hash(source) == source_hash(source)
