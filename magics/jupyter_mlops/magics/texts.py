"""Parameters and tags on their way to MLflow, which holds text."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from jupyter_mlops.errors import InvalidInput
from jupyter_mlops.naming import problem_of_name


def texts(
    values: Mapping[Any, Any], kind: str, most: int, told: set[str] | None = None
) -> dict[str, str]:
    """As MLflow has them, cut where they are too long.

    Args:
        values: by their names.
        kind: "params" or "tags", for messages.
        most: characters that MLflow takes.
        told: kinds that were cut before; each is told once.

    Raises:
        InvalidInput: names every name that MLflow doesn't take.
    """
    problems = [
        {"where": f"{kind}.{name!s:.100}", "message": problem}
        for name in values
        if (problem := problem_of_name(name))
    ]
    if problems:
        raise InvalidInput(f"MLflow doesn't take these {kind}.", problems=problems)
    found = {}
    for name, value in values.items():
        text = str(value).encode("utf-8", "backslashreplace").decode()
        if len(text) > most:
            if told is not None and kind not in told:
                told.add(kind)
                sys.stderr.write(
                    f"mlops: {name} has {len(text):,} characters; MLflow keeps {most:,} of them.\n"
                )
            text = text[:most]
        found[name] = text
    return found
