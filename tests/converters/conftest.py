"""Notebooks to convert."""

from __future__ import annotations

from typing import Any, Protocol

import pytest


class MakeNotebook(Protocol):
    """Makes the document of a notebook from the sources of its code cells."""

    def __call__(self, *sources: str, parameters: str | None = None) -> dict[str, Any]:
        """Make one."""


def document(*sources: str, parameters: str | None = None) -> dict[str, Any]:
    """A notebook for Python; with `parameters`, its first cell is tagged so."""
    cells = [cell(source) for source in sources]
    if parameters is not None:
        cells.insert(0, cell(parameters, tags=["parameters"]))
    for index, one in enumerate(cells):
        one["id"] = f"cell-{index}"
    return {
        "cells": cells,
        "metadata": {
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
            "language_info": {"name": "python", "version": "3.11.7"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def cell(source: str, kind: str = "code", tags: list[str] | None = None) -> dict[str, Any]:
    """One cell of nbformat 4.5."""
    made: dict[str, Any] = {
        "cell_type": kind,
        "id": "one",
        "metadata": {"tags": tags} if tags else {},
        "source": source,
    }
    if kind == "code":
        made |= {"outputs": [], "execution_count": None}
    return made


@pytest.fixture
def notebook_of() -> MakeNotebook:
    """Makes notebooks."""
    return document
