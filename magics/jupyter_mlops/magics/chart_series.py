"""Points of a run as far as a chart in a cell needs them: bounded, extremes kept. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

#: Points of a metric that are kept: twice as many at most.
KEPT = 600
#: Metrics that are kept.
METRICS_MOST = 48

Point = tuple[int, float]
_PHASE = re.compile(r"(?:train|training|val|valid|validation|test|eval)[_\-. ]", re.IGNORECASE)


class Series:
    """One metric; points come in any order of steps, and are kept in it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.points: list[Point] = []
        #: Of all, kept or not.
        self.count = 0
        self.last: float = math.nan
        self.least: Point | None = None
        self.most: Point | None = None

    def add(self, step: int, value: float) -> None:
        """One more point."""
        self.count += 1
        self.last = value
        if math.isfinite(value):
            point = (step, value)
            if self.least is None or value < self.least[1]:
                self.least = point
            if self.most is None or value > self.most[1]:
                self.most = point
        self.points.append((step, value))
        if len(self.points) >= 2 * KEPT:
            self.points.sort(key=lambda one: one[0])
            self.points = thinned(self.points, KEPT)

    def drawn(self, most: int) -> list[Point]:
        """At most so many points, by their steps; those that can't be drawn are NaN."""
        return thinned(sorted(self.points, key=lambda one: one[0]), most)


@dataclass(frozen=True, slots=True)
class Panel:
    """Metrics that are drawn together."""

    title: str
    series: tuple[Series, ...]


class Points:
    """All metrics of a run."""

    def __init__(self) -> None:
        self.series: dict[str, Series] = {}
        #: Metrics that aren't kept.
        self.more: set[str] = set()

    def add(self, points: Iterable[tuple[str, float, int, int]]) -> None:
        """Points as records have them: name, value, time, step."""
        for name, value, _, step in points:
            found = self.series.get(name)
            if found is None:
                if len(self.series) >= METRICS_MOST:
                    if len(self.more) < 10 * METRICS_MOST:
                        self.more.add(name)
                    continue
                found = self.series[name] = Series(name)
            found.add(step, float(value))

    @property
    def panels(self) -> list[Panel]:
        """What is drawn: `loss` and `val/loss` are one panel. Metrics of one point are none."""
        found: dict[str, list[Series]] = {}
        for one in list(self.series.values()):
            if one.count > 1 and one.least is not None:
                found.setdefault(_kind(one.name), []).append(one)
        return [Panel(title, tuple(series)) for title, series in found.items()]


def thinned(points: Sequence[Point], most: int) -> list[Point]:
    """At most `most` points (an even number from 4 on): of each piece the lowest and the highest,
    in their order; the first and the last stay.
    """
    if len(points) <= most:
        return list(points)
    pieces = max(1, most // 2 - 1)
    inner = points[1:-1]
    made = [points[0]]
    for piece in range(pieces):
        some = inner[piece * len(inner) // pieces : (piece + 1) * len(inner) // pieces]
        finite = [at for at, (_, value) in enumerate(some) if math.isfinite(value)]
        if not finite:
            made += some[:1]
            continue
        low = min(finite, key=lambda at: some[at][1])
        high = max(finite, key=lambda at: some[at][1])
        made += [some[at] for at in sorted({low, high})]
    return [*made, points[-1]]


def _kind(name: str) -> str:
    """What a metric measures, without the part of the data that it was measured on."""
    last = name.rpartition("/")[2]
    return _PHASE.sub("", last, count=1) or name
