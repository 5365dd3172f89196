"""What the cells of a report show, made anew from where its runs were recorded.

    from jupyter_mlops.magics import report

    report.chart(["0f3c…", "91ab…"], "loss")

A report is read without this; see `converters/report`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from jupyter_mlops.client import Client
from jupyter_mlops.errors import InvalidInput, NotFound

_KINDS = ("params", "metrics", "tags", "ran_on")


class Shown:
    """A table or a chart, in every form that the report has of it."""

    def __init__(self, data: dict[str, Any]) -> None:
        self._data = data

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return self._data

    def __repr__(self) -> str:
        return str(self._data.get("text/plain", ""))


def runs(run_ids: Sequence[str]) -> Shown:
    """What runs are, side by side.

    Raises:
        NotFound: one of them isn't here.
        MlopsError: they can't be read now.
    """
    return _shown(run_ids, ["runs", ""], [])


def table(run_ids: Sequence[str], kind: str) -> Shown:
    """What runs have, differences first: "params", "metrics", "tags" or "ran_on".

    Raises:
        InvalidInput: there is no such kind.
        NotFound: one of the runs isn't here, or none has any.
        MlopsError: they can't be read now.
    """
    if kind not in _KINDS:
        raise InvalidInput(
            f"There is no table of {kind!r:.50}.", hint=f"One of {', '.join(_KINDS)}."
        )
    return _shown(run_ids, ["table", kind], [])


def chart(run_ids: Sequence[str], metric: str) -> Shown:
    """A metric over its steps.

    Raises:
        NotFound: one of the runs isn't here, or none has such a metric.
        MlopsError: they can't be read now.
    """
    return _shown(run_ids, ["chart", metric], [metric])


def _shown(run_ids: Sequence[str], shows: list[str], metrics: list[str]) -> Shown:
    made = json.loads(Client().report(run_ids, metrics=metrics)["notebook"])
    for cell in made["cells"]:
        if cell["metadata"].get("mlops", {}).get("shows") == shows:
            return Shown(cell["outputs"][0]["data"])
    raise NotFound(f"None of these runs has {shows[1] or shows[0]!r:.100}.")
