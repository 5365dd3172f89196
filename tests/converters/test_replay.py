"""A session's executions as a notebook."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_mlops.converters.history import source_hash
from jupyter_mlops.converters.replay import NotReplayable, replay_of

NOTEBOOK = {
    "nbformat": 4,
    "nbformat_minor": 4,
    "metadata": {"kernelspec": {"name": "python3"}},
    "cells": [
        {"cell_type": "markdown", "metadata": {}, "source": "x"},
        {"cell_type": "code", "metadata": {}, "source": ["a = 1\n", "b = 2"], "outputs": [1]},
        {"cell_type": "code", "metadata": {}, "source": "c = 3"},
    ],
}


def ran(source: str, **more: Any) -> dict[str, Any]:
    """An execution."""
    return {"hash": source_hash(source), "count": 1, "ok": True, **more}


def test_each_execution_is_a_cell_in_its_order() -> None:
    """Twice where it ran twice; sources that stand in no cell are taken from what was kept."""
    gone = "d = 4"
    executions = [ran("c = 3"), ran("a = 1\nb = 2"), ran(gone), ran("c = 3")]
    made = replay_of(NOTEBOOK, executions, {source_hash(gone): gone})
    assert [cell["source"] for cell in made["cells"]] == ["c = 3", "a = 1\nb = 2", gone, "c = 3"]
    assert len({cell["id"] for cell in made["cells"]}) == 4
    assert made["metadata"] == NOTEBOOK["metadata"]
    assert NOTEBOOK["cells"][1]["outputs"] == [1]  # type: ignore[index]


def test_what_failed_may_fail_again() -> None:
    """But not a cell that was still running when this was told."""
    cells = [ran("c = 3", ok=False), ran("c = 3", ok=False, running=True)]
    tags = [cell["metadata"].get("tags") for cell in replay_of(NOTEBOOK, cells, {})["cells"]]
    assert tags == [["raises-exception"], None]


def test_a_source_that_is_not_known_is_told() -> None:
    """A hash that lies about its source doesn't help."""
    with pytest.raises(NotReplayable, match="not known"):
        replay_of(NOTEBOOK, [ran("other")], {source_hash("other"): "something else"})
    with pytest.raises(NotReplayable, match="no execution"):
        replay_of(NOTEBOOK, [], {})
