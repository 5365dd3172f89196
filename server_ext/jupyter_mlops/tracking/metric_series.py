"""Points of a metric, thinned out where they lie: a million of them never leave the database.

The axis is cut into buckets of equal width. Each keeps its least and its greatest point, and the
first and last of all are kept, so that a line through what is left looks as the line through all,
spikes included; a smaller range has narrower buckets, until every point is there. Blocking.
"""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from jupyter_mlops.errors import NotFound
from jupyter_mlops.tracking.run_views import MetricSummary, MetricValue, Series, metric_value

#: Points of one series, and the most that can be asked for.
POINTS = 1000
POINTS_MOST = 4000
#: Most points of all series of one request together.
ALL_POINTS_MOST = 40_000
#: Most places of NaN that are told.
_NAN_MOST = 200
#: Points that a bucket keeps.
_KEPT = 2
#: MLflow's index; without it SQLite would walk through that metric of every run.
_INDEX = "index_metrics_run_uuid_key_step"


class Axis(StrEnum):
    """What points are drawn over."""

    STEP = "step"
    TIME = "time"
    RELATIVE = "relative"


@dataclass(frozen=True, slots=True)
class Window:
    """Which part of a metric is drawn, and how finely; bounds belong to it."""

    axis: Axis = Axis.STEP
    #: Steps; seconds since the epoch or since the run's start.
    start: float | None = None
    end: float | None = None
    points: int = POINTS


#: (x, y, step), x in steps or milliseconds since the epoch
Point = tuple[int, float, int]
_Row = tuple[Any, ...]
#: So many times the wanted points are thinned out here rather than by SQLite.
_SORTED_HERE = 10


def series(db: sqlite3.Connection, run_id: str, key: str, window: Window) -> Series:
    """A metric of a run; without points where it has logged none.

    Raises:
        NotFound: there is no such run.
    """
    row = db.execute("SELECT start_time FROM runs WHERE run_uuid = ?", (run_id,)).fetchone()
    if row is None:
        raise NotFound(f"There is no run {run_id}.", code="run_not_found")
    zero = (row[0] or 0) if window.axis is Axis.RELATIVE else 0
    table = _Points(db, run_id, key, window, zero)
    few = table.few(window.points * _SORTED_HERE)
    if few is not None:
        points, places = few
        kept = thin(points, window.points)
        total = len(points) + len(places)
        return made(run_id, key, kept, (places[:_NAN_MOST], len(places)), total, window, zero)
    points, total, count = table.thinned(window.points)
    nan = (table.nan_places() if count else [], count)
    return made(run_id, key, points, nan, total, window, zero)


def summaries(
    db: sqlite3.Connection, run_id: str, found: Iterable[MetricSummary], most: int
) -> list[MetricSummary]:
    """With least and greatest values and counts, of the first `most` metrics."""
    indexed = index_hint(db)
    told: list[MetricSummary] = []
    for one in found:
        if len(told) >= most:
            told.append(one)
            continue
        least, greatest, count = db.execute(
            "SELECT min(CASE WHEN is_nan THEN NULL ELSE value END),"  # noqa: S608 - ours
            " max(CASE WHEN is_nan THEN NULL ELSE value END), count(*)"
            f" FROM metrics{indexed} WHERE run_uuid = ? AND key = ?",
            (run_id, one.key),
        ).fetchone()
        change = {"min": _maybe(least), "max": _maybe(greatest), "points": count}
        told.append(one.model_copy(update=change))
    return told


def thin(points: list[Point], most: int) -> list[Point]:
    """What is left of points that are in order: see the module. Pure."""
    if len(points) <= most:
        return points
    buckets = max(1, most // _KEPT)
    low, width = points[0][0], points[-1][0] - points[0][0] + 1
    least: dict[int, Point] = {}
    greatest: dict[int, Point] = {}
    for point in points:
        number = (point[0] - low) * buckets // width
        if number not in least or point[1] < least[number][1]:
            least[number] = point
        if number not in greatest or point[1] > greatest[number][1]:
            greatest[number] = point
    return sorted({points[0], points[-1], *least.values(), *greatest.values()})


class _Points:
    """Rows of one metric within a window."""

    def __init__(
        self, db: sqlite3.Connection, run_id: str, key: str, window: Window, zero: int
    ) -> None:
        self._db = db
        self._x = "step" if window.axis is Axis.STEP else "timestamp"
        self._source = f"FROM metrics{index_hint(db)} WHERE run_uuid = ? AND key = ?"
        self._values: list[object] = [run_id, key]
        scale = 1 if window.axis is Axis.STEP else 1000
        for sign, bound in ((">=", window.start), ("<=", window.end)):
            if bound is not None:
                self._source += f" AND {self._x} {sign} ?"
                self._values.append(bound * scale + zero)

    def few(self, most: int) -> tuple[list[Point], list[int]] | None:
        """All points and the places of NaN, when there are no more than `most`."""
        rows = self._ask("SELECT {x}, value, step, is_nan {source} LIMIT ?", most + 1)
        if len(rows) > most:
            return None
        rows.sort()
        return [row[:3] for row in rows if not row[3]], [row[0] for row in rows if row[3]]

    def thinned(self, most: int) -> tuple[list[Point], int, int]:
        """What is left of the points, how many there are, how many of them are NaN."""
        kept: set[Point] = set()
        bounds: list[int] = []
        for way in ("ASC", "DESC"):
            ((x, y, step, is_nan),) = self._ask(
                f"SELECT {{x}}, value, step, is_nan {{source}} ORDER BY {{x}} {way} LIMIT 1"
            )
            bounds.append(x)
            if not is_nan:
                kept.add((x, y, step))
        total = nan = 0
        for extreme in ("min", "max"):
            # SQLite answers the other columns of a least (greatest) value from its own row.
            what = (
                f"SELECT {extreme}(CASE WHEN is_nan THEN NULL ELSE value END), {{x}}, step,"
                " count(*), total(is_nan)"
            )
            rows = self._buckets(what, bounds[0], bounds[1], max(1, most // _KEPT))
            kept.update((x, y, step) for y, x, step, *_ in rows if y is not None)
            total, nan = sum(row[3] for row in rows), int(sum(row[4] for row in rows))
        return sorted(kept), total, nan

    def nan_places(self) -> list[int]:
        """Where some of the points that are NaN are."""
        rows = self._ask("SELECT {x} {source} AND is_nan LIMIT ?", _NAN_MOST)
        return sorted(row[0] for row in rows)

    def _buckets(self, what: str, low: int, high: int, count: int) -> list[_Row]:
        """`what` of each bucket of the axis."""
        width = high - low + 1
        if self._x == "step" and width > count:
            # Each a piece of the index: half of what sorting all by their bucket takes.
            edges = [low + width * number // count for number in range(count + 1)]
            return [
                row
                for start, end in itertools.pairwise(edges)
                for row in self._ask(f"{what} {{source}} AND step BETWEEN ? AND ?", start, end - 1)
                if row[3]
            ]
        # In floating point: a product of two of these numbers need not fit into 64 bits.
        bucket = f"CAST(({{x}} - {low}) * {count / width!r} AS INTEGER)"
        return self._ask(f"{what} {{source}} GROUP BY {bucket}")

    def _ask(self, text: str, *further: object) -> list[_Row]:
        asked = text.format(x=self._x, source=self._source)
        return self._db.execute(asked, [*self._values, *further]).fetchall()


def made(
    run_id: str,
    key: str,
    points: list[Point],
    nan: tuple[list[int], int],
    total: int,
    window: Window,
    zero: int,
) -> Series:
    """A series of points that are in order. Pure.

    Args:
        run_id: whose.
        key: of which metric.
        points: x in steps or milliseconds since the epoch.
        nan: places of points that are NaN, and how many there are.
        total: points there are.
        window: what was asked for.
        zero: the run's start in milliseconds where x is told from there, else 0.
    """
    scale = 1 if window.axis is Axis.STEP else 1000
    finite = [y for _, y, _ in points]
    return Series(
        run_id=run_id,
        key=key,
        x=[(x - zero) / scale for x, _, _ in points],
        y=[metric_value(y) for y in finite],
        step=[step for _, _, step in points],
        total=total,
        nan=nan[1],
        nan_x=[(x - zero) / scale for x in nan[0]],
        exact=True,
        min=_maybe(min(finite, default=None)),
        max=_maybe(max(finite, default=None)),
    )


def _maybe(value: float | None) -> MetricValue | None:
    return None if value is None else metric_value(value)


def index_hint(db: sqlite3.Connection) -> str:
    """What makes SQLite look points up by run and metric, where MLflow's index is there."""
    found = db.execute(
        "SELECT 1 FROM sqlite_master WHERE type = 'index' AND name = ?", (_INDEX,)
    ).fetchone()
    return "" if found is None else f" INDEXED BY {_INDEX}"
