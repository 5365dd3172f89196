"""Whether numbers of a repeated run are those of the first one, within a tolerance. Pure."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Number = float | str
#: Unless somebody says otherwise: above what other processors and threads make of the same sums.
USUAL = 1e-6
_WORDS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far a value may be away: `t + t * |value before|`."""

    usual: float = USUAL
    #: For metrics of these names instead.
    of: Mapping[str, float] = field(default_factory=dict)
    #: Metrics that aren't compared.
    ignored: Collection[str] = ()

    def allows(self, key: str, before: Number, now: Number) -> bool:
        """Whether the two count as the same; NaN is NaN, infinity that of its sign."""
        first, second = as_float(before), as_float(now)
        if math.isnan(first) or math.isnan(second):
            return math.isnan(first) and math.isnan(second)
        if math.isinf(first) or math.isinf(second):
            return first == second
        allowed = self.of.get(key, self.usual)
        return abs(second - first) <= allowed + allowed * abs(first)


@dataclass(frozen=True, slots=True)
class MetricDifference:
    """A metric that isn't as it was; None: there was, or is, none."""

    key: str
    before: Number | None
    now: Number | None
    #: Of a series whose last value is the same: where it first differs.
    step: int | None = None

    @property
    def text(self) -> str:
        """As a person reads it."""
        where = "" if self.step is None else f" at step {self.step}"
        if self.now is None:
            return f"{self.key}{where}: missing, was {shown(self.before)}"
        if self.before is None:
            return f"{self.key}{where}: {shown(self.now)}, there was none"
        now, before = told_apart(self.now, self.before)
        return f"{self.key}{where}: {now}, was {before}"


@dataclass(frozen=True, slots=True)
class Points:
    """A metric's points in their order."""

    steps: Sequence[int]
    values: Sequence[Number]
    #: Points there are; more than are told, where they were thinned out.
    total: int


def metric_differences(
    before: Mapping[str, Number], now: Mapping[str, Number], tolerance: Tolerance
) -> list[MetricDifference]:
    """Metrics whose last values differ, and those that only one run has."""
    found: list[MetricDifference] = []
    for key in sorted(before.keys() | now.keys()):
        if key in tolerance.ignored:
            continue
        first, second = before.get(key), now.get(key)
        if first is None or second is None or not tolerance.allows(key, first, second):
            found.append(MetricDifference(key, first, second))
    return found


def series_difference(
    key: str, before: Points, now: Points, tolerance: Tolerance
) -> MetricDifference | None:
    """Where two series of a metric first differ; None where they don't."""
    for index, (step, value) in enumerate(zip(before.steps, before.values, strict=True)):
        if index >= len(now.values) or now.steps[index] != step:
            return MetricDifference(key, value, None, step)
        if not tolerance.allows(key, value, now.values[index]):
            return MetricDifference(key, value, now.values[index], step)
    if now.total != before.total or len(now.values) > len(before.values):
        # Thinned out alike, and yet there are more or fewer of them.
        step = now.steps[-1] if now.steps else 0
        return MetricDifference(f"number of points of {key}", before.total, now.total, step)
    return None


@dataclass(slots=True)
class PredictionDifference:
    """How far apart the predictions of two models are."""

    values: int = 0
    different: int = 0
    #: The largest distance of two numbers; None: what differs aren't numbers.
    largest: float | None = None
    #: They haven't even the same shape.
    shape: bool = False

    @property
    def text(self) -> str:
        """As a person reads it."""
        if self.shape:
            return "they have another shape"
        said = f"{self.different} of {self.values} values differ"
        return said if self.largest is None else f"{said}, by {self.largest:.3g} at most"


def prediction_difference(
    before: Any, now: Any, tolerance: Tolerance, found: PredictionDifference | None = None
) -> PredictionDifference:
    """Compare predictions as JSON has them: lists of lists, objects, numbers, texts."""
    found = PredictionDifference() if found is None else found
    if isinstance(before, list) and isinstance(now, list):
        if len(before) != len(now):
            found.shape = True
            return found
        for one, other in zip(before, now, strict=True):
            prediction_difference(one, other, tolerance, found)
    elif isinstance(before, dict) and isinstance(now, dict):
        if before.keys() != now.keys():
            found.shape = True
            return found
        for key, value in before.items():
            prediction_difference(value, now[key], tolerance, found)
    else:
        found.values += 1
        if _is_number(before) and _is_number(now):
            if not tolerance.allows("", before, now):
                found.different += 1
                found.largest = max(found.largest or 0.0, abs(float(now) - float(before)))
        elif before != now:
            found.different += 1
    return found


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def as_float(value: Number) -> float:
    """A metric's value; JSON has words for some."""
    return _WORDS.get(value, math.nan) if isinstance(value, str) else float(value)


def shown(value: Number | None, digits: int = 6) -> str:
    """A value for people."""
    return value if isinstance(value, str) else f"{value:.{digits}g}"


def told_apart(one: Number, other: Number) -> tuple[str, str]:
    """Both values, with as many digits as it takes to see that they differ."""
    for digits in (4, 6, 9, 12, 17):
        first, second = shown(one, digits), shown(other, digits)
        if first != second:
            return first, second
    return shown(one, 17), shown(other, 17)
