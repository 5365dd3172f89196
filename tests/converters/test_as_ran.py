"""A notebook's file and what ran since: what the run was made of."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_mlops.converters import as_ran as module
from jupyter_mlops.converters.as_ran import as_ran
from jupyter_mlops.converters.history import history_of, source_hash
from jupyter_mlops.converters.notebook import Notebook

SAVED = 1000.0


def notebook(*sources: str) -> Notebook:
    """With ids `c0`, `c1`, …, and a text before them."""
    cells: list[dict[str, Any]] = [{"cell_type": "markdown", "metadata": {}, "source": "# Title"}]
    cells += [
        {
            "cell_type": "code", "id": f"c{at}", "metadata": {}, "outputs": [],
            "execution_count": None, "source": source,
        }
        for at, source in enumerate(sources)
    ]  # fmt: skip
    return Notebook({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


def ran(
    *executions: tuple[str | None, str, float | None],
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Executions (id, source, time) in their order, and their sources."""
    executed = [
        {"id": identity, "hash": source_hash(source), "count": at + 1, "t": at_time}
        for at, (identity, source, at_time) in enumerate(executions)
    ]
    return executed, {source_hash(source): source for _, source, _ in executions}


def code(made: Notebook) -> list[str]:
    """Sources of its code cells."""
    return [cell["source"] for cell in made.cells if cell["cell_type"] == "code"]


def test_what_ran_after_the_save_is_newer() -> None:
    """It is what stood there; the document that was given stays as it is."""
    saved = notebook("a = 1", "b = 1")
    executed, sources = ran(("c0", "a = 1", 1001), ("c1", "b = 2", 1002))
    made = as_ran(saved, SAVED, executed, sources)
    assert code(made) == ["a = 1", "b = 2"]
    assert code(saved) == ["a = 1", "b = 1"]
    assert history_of(made, executed).edited == []


def test_what_was_saved_after_it_ran_is_an_edit() -> None:
    """So is what nobody knows the time of."""
    executed, sources = ran(("c0", "a = 0", 999), ("c1", "b = 0", None))
    made = as_ran(notebook("a = 1", "b = 1"), SAVED, executed, sources)
    assert code(made) == ["a = 1", "b = 1"]
    assert history_of(made, executed).edited == [0, 1]


def test_cells_that_were_not_saved_yet_stand_where_they_ran() -> None:
    """Each once, however often it ran; with the last source."""
    executed, sources = ran(
        ("c0", "a = 1", 1001), ("new", "x = 1", 1002), ("c1", "b = 1", 1003),
        ("new", "x = 2", 1004),
    )  # fmt: skip
    made = as_ran(notebook("a = 1", "b = 1"), SAVED, executed, sources)
    assert code(made) == ["a = 1", "x = 2", "b = 1"]
    assert history_of(made, executed).elsewhere == 0
    deleted, its = ran(("gone", "x = 1", 900))
    assert code(as_ran(notebook("a = 1"), SAVED, deleted, its)) == ["a = 1"]


def test_a_notebook_that_was_never_saved() -> None:
    """Is what ran, without ids as well; the cell that still runs is in it."""
    executed, sources = ran((None, "a = 1", 1.0), (None, "b = 1", 2.0), (None, "a = 1", 3.0))
    executed.append({"id": None, "hash": source_hash("end()"), "count": 4, "running": True})
    sources[source_hash("end()")] = "end()"
    empty = Notebook({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    assert code(as_ran(empty, 0.0, executed, sources)) == ["a = 1", "b = 1", "end()"]


def test_a_source_that_is_not_known_changes_nothing() -> None:
    """Only its hash is there: what was saved stays, and the history says so."""
    executed, _ = ran(("c0", "a = 2", 1001))
    made = as_ran(notebook("a = 1"), SAVED, executed, {})
    assert code(made) == ["a = 1"]
    assert history_of(made, executed).edited == [0]


@pytest.mark.parametrize("identity", [None, "n"])
def test_a_long_session_costs_no_more_a_cell(
    monkeypatch: pytest.MonkeyPatch, identity: str | None
) -> None:
    """Of a notebook that was never saved: no cell is looked at again for each other one."""
    hashed = []

    def counted(source: str) -> str:
        hashed.append(source)
        return source_hash(source)

    monkeypatch.setattr(module, "source_hash", counted)
    executed, sources = ran(
        *((identity and f"{identity}{at}", f"x = {at}", 1001.0 + at) for at in range(400))
    )
    made = as_ran(notebook(), SAVED, executed, sources)
    assert code(made) == [f"x = {at}" for at in range(400)]
    assert len(hashed) <= 400
