"""A session's executions as a notebook that does them again, in their order. Pure."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from jupyter_mlops.converters.history import source_hash

#: Tag of a cell whose error doesn't stop the notebook.
_MAY_FAIL = "raises-exception"


class NotReplayable(Exception):
    """What ran can't be told from what was kept; the text says why, for a person."""


def replay_of(
    notebook: Mapping[str, Any],
    executions: Sequence[Mapping[str, Any]],
    sources: Mapping[str, str],
) -> dict[str, Any]:
    """The notebook (nbformat 4) with one cell for each execution, in their order.

    An execution that had failed may fail again: the person went on, too.

    Args:
        notebook: the document as it was kept.
        executions: `hash` and `ok` of each, in their order.
        sources: by their hashes, besides those of the notebook's cells.

    Raises:
        NotReplayable: the source of one isn't known.
    """
    if not executions:
        raise NotReplayable("no execution of a cell was recorded")
    known = {source_hash(source): source for source in sources.values()}
    for cell in notebook.get("cells", ()):
        if cell.get("cell_type") == "code":
            source = _text(cell.get("source", ""))
            known[source_hash(source)] = source
    cells: list[dict[str, Any]] = []
    for number, one in enumerate(executions):
        found = known.get(str(one["hash"]))
        if found is None:
            raise NotReplayable(f"the source of [{one.get('count')}] is not known")
        failed = not one.get("ok", True) and not one.get("running")
        cells.append(
            {
                "id": f"run-{number}",
                "cell_type": "code",
                "metadata": {"tags": [_MAY_FAIL]} if failed else {},
                "source": found,
                "outputs": [],
                "execution_count": None,
            }
        )
    return {**copy.deepcopy(dict(notebook)), "nbformat": 4, "nbformat_minor": 5, "cells": cells}


def _text(source: str | list[str]) -> str:
    return source if isinstance(source, str) else "".join(source)
