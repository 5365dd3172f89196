"""Two runs compared: data that was read, metrics, their series, predictions, what cells showed."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jupyter_mlops.converters.tolerance import (
    MetricDifference,
    Points,
    Tolerance,
    as_float,
    metric_differences,
    prediction_difference,
    series_difference,
)
from jupyter_mlops.errors import NotFound
from jupyter_mlops.reproduction.model import CannotReproduce, ReproductionDifference
from jupyter_mlops.reproduction.recorded_run import RecordedRun, read_artifact
from jupyter_mlops.tracking.metric_series import Window
from jupyter_mlops.tracking.run_reader import RunReader
from jupyter_mlops.tracking.run_record import ARTIFACT_DIRECTORY
from jupyter_mlops.tracking.run_views import RunDetail, Series

#: The machine's, not the notebook's.
_NOT_COMPARED = "system/"
#: Metrics whose whole series are compared, so many at a time, and points of each that are.
_SERIES_MOST, _SERIES_AT_ONCE, _POINTS = 200, 20, 4000
#: Differences that are told one by one.
TOLD_MOST = 100
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{6,}")


@dataclass(slots=True)
class Compared:
    """What was compared, and what came out otherwise."""

    what: list[str] = field(default_factory=list)
    differences: list[ReproductionDifference] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    #: Whether every number is the same to the last bit.
    identical: bool = True

    def add(self, found: MetricDifference) -> None:
        """A metric that isn't as it was."""
        self.differences.append(
            ReproductionDifference(
                what=found.key,
                before=_value(found.before),
                now=_value(found.now),
                step=found.step,
                text=found.text,
            )
        )


def check_data(before: RecordedRun, now: RecordedRun, workspace: str) -> list[str]:
    """Whether the new run has read what the first one had; returns what else is worth knowing.

    Files were compared before it ran, but a notebook may name them by absolute paths, which lead
    to what lies there now.

    Raises:
        CannotReproduce: a file had another content.
    """
    if before.datasets and now.facts.get("datasets") is None:
        raise CannotReproduce("what it read this time was not recorded: attempts.facts.datasets")
    known = {str(one["path"]): one.get("sha256") for one in before.datasets}
    inside = os.path.join(os.path.realpath(workspace), "")
    other: list[str] = []
    for one in now.datasets:
        path = os.path.realpath(str(one.get("path")))
        path = "/" + path[len(inside) :] if path.startswith(inside) else str(one.get("path"))
        if path not in known:
            other.append(path)
        elif one.get("sha256") != known[path]:
            raise CannotReproduce(f"data was read that has another content than then: {path}")
    return [f"it read what the first run had not: {', '.join(other[:5])}"] if other else []


async def compare_metrics(
    reader: RunReader,
    before: RunDetail,
    now: RunDetail,
    tolerance: Tolerance,
    compared: Compared,
    *,
    series: bool,
) -> None:
    """Last values of every metric; every point with `series`, or where these are the same to the
    last bit: such a run is deterministic, whatever was seeded.
    """
    if before.cut or now.cut:
        compared.notes.append("there are more metrics than can be compared: the first ones were")
    first, second = _last(before), _last(now)
    differing = metric_differences(first, second, tolerance)
    for difference in differing:
        compared.add(difference)
    keys = [key for key in first if key not in tolerance.ignored]
    if not keys and not differing:
        return
    compared.what.append(f"{len(keys)} metric{'' if len(keys) == 1 else 's'}")
    compared.identical &= all(key in second and _same(first[key], second[key]) for key in keys)
    if not (series or compared.identical):
        compared.notes.append("of metrics only the last values were compared: nothing seeded them")
        return
    away = {one.key for one in differing}
    left = [key for key in keys if key not in away]
    if len(left) > _SERIES_MOST:
        compared.notes.append(f"points of the first {_SERIES_MOST} metrics were compared")
    window = Window(points=_POINTS)
    for start in range(0, min(len(left), _SERIES_MOST), _SERIES_AT_ONCE):
        asked = left[start : start + _SERIES_AT_ONCE]
        found = await reader.series([before.run.id, now.run.id], asked, window)
        told = {(one.run_id, one.key): _points(one) for one in found}
        for key in asked:
            one, other = told[before.run.id, key], told[now.run.id, key]
            elsewhere = series_difference(key, one, other, tolerance)
            if elsewhere is not None:
                compared.add(elsewhere)
            compared.identical &= list(one.values) == list(other.values)


def compare_predictions(
    before: Mapping[str, Mapping[str, Any]],
    now: Mapping[str, Mapping[str, Any]],
    tolerance: Tolerance,
    compared: Compared,
) -> None:
    """Of every model that the first run has logged."""
    count = 0
    for name, told in before.items():
        what = f"predictions of {name}"
        again = now.get(name)
        if again is None:
            text = f"model {name}: missing"
            compared.differences.append(
                ReproductionDifference(what=what, before=None, now=None, text=text)
            )
            continue
        if "values" not in told:
            if told.get("failed"):
                raise CannotReproduce(f"the model {name} of the first run: {told.get('note')}")
            compared.notes.append(f"the model {name} was not compared: {told.get('note')}")
            continue
        if "values" not in again:
            text = f"model {name}: it does not predict: {again.get('note')}"
            compared.differences.append(
                ReproductionDifference(what=what, before=None, now=None, text=text)
            )
            continue
        count += 1
        found = prediction_difference(told["values"], again["values"], tolerance)
        if found.different or found.shape:
            text = f"predictions of {name}: {found.text}"
            compared.differences.append(
                ReproductionDifference(what=what, before=None, now=None, text=text)
            )
        compared.identical &= told["values"] == again["values"]
        compared.notes.append(f"the model {name} was asked {told.get('inputs')}")
    if count:
        compared.what.append(f"the predictions of {count} model{'' if count == 1 else 's'}")
    if not before:
        compared.notes.append("the run has logged no model")


def compare_errors(before: RecordedRun, now: RecordedRun, compared: Compared) -> None:
    """What cells raised. The last error of a run that failed is its result; others a person, or the
    notebook itself, has passed over: they are only told.
    """
    first, second = _errors(before.facts), _errors(now.facts)
    ended_by = max(first, default=0) if before.failed else 0
    for number in sorted(first.keys() | second.keys()):
        was, is_now = first.get(number), second.get(number)
        # Of an error in a cell that the run has ended in, the class isn't known.
        same = was == is_now or (was is not None and is_now is not None and not (was and is_now))
        if same and number == ended_by:
            compared.what.append(f"the {was or is_now or 'error'} of cell {number}")
        if same:
            continue
        text = f"cell {number} raised {_raised(is_now)}, was {_raised(was)}"
        if before.failed and number >= ended_by:
            compared.differences.append(
                ReproductionDifference(what=f"cell {number}", before=None, now=None, text=text)
            )
        else:
            compared.notes.append(text)


def _raised(error: str | None) -> str:
    return "nothing" if error is None else error or "an error"


def _errors(facts: Mapping[str, Any]) -> dict[int, str]:
    """Number of an execution → the class of what it raised."""
    found: dict[int, str] = {}
    listed = facts.get("errors")
    if listed is None and (failure := facts.get("failure")):
        # Of another kernel only the one is known that it failed of.
        listed = [{"number": (failure.get("cell_index") or 0) + 1, "error": failure.get("ename")}]
    for one in listed or ():
        with contextlib.suppress(KeyError, TypeError, ValueError):
            found[int(one["number"])] = str(one.get("error") or "")
    return found


async def compare_outputs(
    reader: RunReader, before: str, now: str, workspace: str, compared: Compared
) -> None:
    """What the cells of two jobs' notebooks printed, where there is nothing else to compare."""
    first, second = await _shown(reader, before, ""), await _shown(reader, now, workspace)
    if first is None or second is None or not any(first):
        return
    compared.what.append("what its cells printed")
    for number in range(max(len(first), len(second))):
        one = first[number] if number < len(first) else ""
        other = second[number] if number < len(second) else ""
        if one != other:
            text = f"cell {number + 1} printed {_cut(other)}, was {_cut(one)}"
            compared.differences.append(
                ReproductionDifference(what=f"cell {number + 1}", before=None, now=None, text=text)
            )


async def _shown(reader: RunReader, run_id: str, workspace: str) -> list[str] | None:
    """The text of each code cell's outputs; None where there is no executed notebook."""
    with contextlib.suppress(NotFound, ValueError, KeyError, TypeError, RecursionError):
        listed = await reader.artifacts(run_id, ARTIFACT_DIRECTORY)
        names = [one.path for one in listed.artifacts if one.path.endswith(".ipynb")]
        if not names:
            return None
        document = json.loads(await read_artifact(reader, run_id, names[0]))
        cells = [cell for cell in document["cells"] if cell["cell_type"] == "code"]
        return [_text_of(cell.get("outputs", ()), workspace) for cell in cells]
    return None


def _text_of(outputs: Sequence[Mapping[str, Any]], workspace: str) -> str:
    parts: list[str] = []
    for one in outputs:
        text: Any = ""
        if one.get("output_type") == "stream" and one.get("name") == "stdout":
            text = one.get("text", "")
        elif one.get("output_type") in ("execute_result", "display_data"):
            text = one.get("data", {}).get("text/plain", "")
        parts.append("".join(text))
    said = _ADDRESS.sub("0x…", "".join(parts))
    return said.replace(workspace, "") if workspace else said


def _last(detail: RunDetail) -> dict[str, float | str]:
    return {one.key: one.last for one in detail.metrics if not one.key.startswith(_NOT_COMPARED)}


def _points(series: Series) -> Points:
    return Points(series.step, series.y, series.total)


def _same(one: float | str, other: float | str) -> bool:
    first, second = as_float(one), as_float(other)
    return first == second or (first != first and second != second)  # noqa: PLR0124 - NaN


def _value(value: float | str | None) -> Any:
    return value


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return repr(line if len(line) <= 60 else line[:59] + "…")
