"""A single cell as a notebook of its own: what `%%mlops run` submits.

notebook_of_cell(source, kernel="python3", imports=["import numpy as np"])
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

#: Tag of the cell that repeats imports of the session it comes from, and of the cell itself.
IMPORTS_TAG = "mlops-imports"
CELL_TAG = "mlops-cell"


def notebook_of_cell(
    source: str,
    *,
    kernel: str = "python3",
    display_name: str = "",
    language: str = "python",
    imports: Sequence[str] = (),
) -> dict[str, Any]:
    """A notebook (nbformat 4.5) whose last cell is `source`.

    Args:
        source: the cell's code, without the `%%mlops` line.
        kernel: name of the kernelspec of the session that the cell comes from.
        display_name: what that kernel is called; its name when left out.
        language: the language of the kernel.
        imports: statements to run before, so that names like `np` mean what they mean there.

    The same cell gives the same document.
    """
    cells = [_code(statement, IMPORTS_TAG) for statement in ("\n".join(imports),) if statement]
    cells.append(_code(source, CELL_TAG))
    return {
        "cells": cells,
        "metadata": {
            "kernelspec": {
                "name": kernel,
                "display_name": display_name or kernel,
                "language": language,
            },
            "language_info": {"name": language},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def _code(source: str, tag: str) -> dict[str, Any]:
    digest = hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return {
        "cell_type": "code",
        "execution_count": None,
        "id": f"{tag.removeprefix('mlops-')}-{digest}",
        "metadata": {"tags": [tag]},
        "outputs": [],
        "source": source,
    }
