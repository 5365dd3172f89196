"""A metric at a glance: some of its points, for many runs at once, at a cost that is bounded.

Of a metric with few points the extremes are kept, as in a chart. Of one with many, points at even
distances are looked up through the index: a million cost no more than a thousand, and a spike
between two of them isn't seen. Blocking; inside one view of the store.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from pydantic import Field

from jupyter_mlops.jobs.model import Model
from jupyter_mlops.tracking import metric_series
from jupyter_mlops.tracking.metric_series import Axis, Point, Window
from jupyter_mlops.tracking.run_views import MetricValue, Series, metric_value

#: Points of one line, and the bounds of what can be asked for.
POINTS, POINTS_FEWEST, POINTS_MOST = 32, 8, 100
#: Most lines of one request.
LINES_MOST = 1000
#: So many times the wanted points are read all.
_READ_ALL = 8


class Sparkline(Model):
    """Points of one metric of one run; both lists are equally long, NaN is left out."""

    run_id: str
    key: str
    x: list[float] = Field(description="Steps; seconds where all points have the same step.")
    y: list[MetricValue]


class SparklineList(Model):
    """Lines; none where a run has no point of a metric."""

    sparklines: list[Sparkline]


def sparklines(
    db: sqlite3.Connection, run_ids: Sequence[str], keys: Sequence[str], most: int
) -> list[Sparkline]:
    """A line for each run and metric that has points."""
    hint = metric_series.index_hint(db)
    found = (_line(db, hint, run_id, key, most) for run_id in run_ids for key in keys)
    return [line for line in found if line is not None]


def of_series(series: Sequence[Series]) -> list[Sparkline]:
    """Lines of points that were thinned out elsewhere. Pure."""
    return [Sparkline(run_id=one.run_id, key=one.key, x=one.x, y=one.y) for one in series if one.x]


def _line(db: sqlite3.Connection, hint: str, run_id: str, key: str, most: int) -> Sparkline | None:
    # The index is in the order of run, key and step.
    source = f"FROM metrics{hint} WHERE run_uuid = ? AND key = ?"
    rows = db.execute(
        f"SELECT step, timestamp, value, is_nan {source} LIMIT ?",
        (run_id, key, most * _READ_ALL + 1),
    ).fetchall()
    if not rows:
        return None
    if len(rows) <= most * _READ_ALL:
        steps = {row[0] for row in rows}
        scale, column = (1, 0) if len(steps) > 1 else (1000, 1)
        points = sorted((row[column], row[2], row[0]) for row in rows if not row[3])
        return _made(run_id, key, metric_series.thin(points, most), scale)
    bounds = [
        db.execute(
            f"SELECT step {source} ORDER BY step {way} LIMIT 1",
            (run_id, key),
        ).fetchone()[0]
        for way in ("ASC", "DESC")
    ]
    low, high = bounds
    if low == high:
        # Nothing but times tells these points apart, and no index has them.
        series = metric_series.series(db, run_id, key, Window(Axis.TIME, points=most))
        return next(iter(of_series([series])), None)
    points = []
    last: int | None = None
    for number in range(most):
        wanted = low + (high - low) * number // (most - 1)
        if last is not None and wanted <= last:
            continue
        step, value, is_nan = db.execute(
            f"SELECT step, value, is_nan {source} AND step >= ? ORDER BY step LIMIT 1",
            (run_id, key, wanted),
        ).fetchone()
        last = step
        if not is_nan:
            points.append((step, value, step))
    return _made(run_id, key, points, 1)


def _made(run_id: str, key: str, points: Sequence[Point], scale: int) -> Sparkline | None:
    if not points:
        return None
    return Sparkline(
        run_id=run_id,
        key=key,
        x=[x / scale for x, _, _ in points],
        y=[metric_value(y) for _, y, _ in points],
    )
