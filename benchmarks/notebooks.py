"""The notebooks that are measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def write(path: Path, sources: list[str]) -> Path:
    """A Python notebook of these cells; the first is tagged `parameters`."""
    cells: list[dict[str, Any]] = [
        {
            "cell_type": "code",
            "id": f"cell-{index}",
            "metadata": {"tags": ["parameters"]} if index == 0 else {},
            "execution_count": None,
            "outputs": [],
            "source": source,
        }
        for index, source in enumerate(sources)
    ]
    notebook = {
        "cells": cells,
        "metadata": {
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    path.write_text(json.dumps(notebook))
    return path


def three_cells(folder: Path) -> Path:
    """Next to nothing: what is left is the cost of running a notebook at all."""
    return write(folder / "three.ipynb", ["x = 1", "y = x + 1\nprint(y)", "y * 2"])


def imports(folder: Path) -> Path:
    """What every second notebook of a data scientist imports."""
    return write(
        folder / "imports.ipynb",
        [
            "x = 1",
            "import pandas as pd\nimport sklearn.ensemble\nprint(pd.DataFrame({'a': [x]}))",
            "sklearn.ensemble.RandomForestClassifier",
        ],
    )


def many_cells(folder: Path, count: int) -> Path:
    """`count` cells that print a line each."""
    return write(
        folder / f"cells-{count}.ipynb",
        ["x = 1", *(f"print({index} + x)" for index in range(count - 1))],
    )


def much_output(folder: Path, megabytes: int) -> Path:
    """One cell that prints so many megabytes, 200 bytes a line."""
    lines = megabytes * 5000
    return write(
        folder / f"output-{megabytes}.ipynb",
        ["x = 1", f"for i in range({lines}):\n    print('x' * 199)"],
    )
