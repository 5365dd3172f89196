"""Points of a metric: few enough to be drawn, with nothing lost that would be seen."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mlops import paths
from jupyter_mlops.errors import NotFound
from jupyter_mlops.tracking import metric_series, run_query
from jupyter_mlops.tracking.metric_series import Axis, Window, series, thin

from .mlops_logged import reading

_START = 1_700_000_000_000


@contextmanager
def points_in(
    run_id: str, points: Iterable[tuple[float, int, int]], key: str = "loss"
) -> Iterator[sqlite3.Connection]:
    """A connection to the store once a run has these points: (value, ms after its start, step)."""
    writer = sqlite3.connect(paths.mlflow_dir() / "mlflow.db", timeout=30)
    with writer:
        writer.executemany(
            "INSERT INTO metrics (key, value, timestamp, step, is_nan, run_uuid)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (
                (key, 0.0 if math.isnan(y) else y, _START + ms, step, math.isnan(y), run_id)
                for y, ms, step in points
            ),
        )
    writer.close()
    with reading() as db:
        yield db


def test_few_points_are_all_there(logged: list[str]) -> None:
    """What can be drawn as it is comes as it is, in order, on every axis."""
    points = [(float(n % 5), n * 250, n) for n in range(100)]
    with points_in(logged[0], points) as db:
        found = series(db, logged[0], "loss", Window())
        assert found.x == [float(n) for n in range(100)]
        assert found.y == [float(n % 5) for n in range(100)]
        assert (found.total, found.nan, found.exact) == (100, 0, True)
        time = series(db, logged[0], "loss", Window(Axis.TIME))
        assert time.x[:2] == [_START / 1000, _START / 1000 + 0.25]
        assert time.step == list(range(100))
        relative = series(db, logged[0], "loss", Window(Axis.RELATIVE))
        assert relative.x[-1] == pytest.approx(24.75)
        nothing = series(db, logged[0], "other", Window())
        assert (nothing.x, nothing.total, nothing.min) == ([], 0, None)
        with pytest.raises(NotFound):
            series(db, "0" * 32, "loss", Window())


@pytest.mark.parametrize("axis", list(Axis))
def test_a_spike_among_many_is_kept(logged: list[str], axis: Axis) -> None:
    """Of 60,000 points a twentieth of a percent stays, with both extremes and both ends."""
    count = 60_000
    values = [math.sin(n / 3000) for n in range(count)]
    values[31_337], values[44_444] = 99.0, -99.0
    rows = [(y, n * 10, n) for n, y in enumerate(values)]
    with points_in(logged[0], rows) as db:
        found = series(db, logged[0], "loss", Window(axis, points=400))
        assert len(found.x) <= 402
        assert found.x == sorted(found.x)
        assert {31_337, 44_444, 0, count - 1} <= set(found.step)
        assert (found.max, found.min, found.total) == (99.0, -99.0, count)
        assert all(found.y[i] == values[step] for i, step in enumerate(found.step))
        # Zooming in shows what was left out, down to every single point.
        scale, zero = {
            Axis.STEP: (1, 0),
            Axis.TIME: (0.01, _START / 1000),
            Axis.RELATIVE: (0.01, 0),
        }[axis]
        window = Window(axis, zero + 30_000 * scale, zero + 30_199 * scale, 400)
        close = series(db, logged[0], "loss", window)
        assert close.step == list(range(30_000, 30_200))
        middle = Window(axis, zero + 30_000 * scale, zero + 50_000 * scale, 400)
        wider = series(db, logged[0], "loss", middle)
        assert {31_337, 44_444} <= set(wider.step)
        assert len([s for s in wider.step if 30_000 <= s <= 50_000]) == len(wider.step) > 200


def test_a_million_points(logged: list[str]) -> None:
    """A million points are told in less than 200 KB at the finest, others' points don't matter."""
    rows = ((math.exp(-n / 2e5) + (n % 7) * 1e-3, n * 10, n) for n in range(1_000_000))
    with points_in(logged[0], rows) as db:
        found = series(db, logged[0], "loss", Window(points=metric_series.POINTS_MOST))
        assert found.total == 1_000_000
        assert metric_series.POINTS_MOST / 2 < len(found.x) <= metric_series.POINTS_MOST + 2
        assert len(found.model_dump_json()) < 200_000


def test_values_that_json_has_no_number_for(logged: list[str]) -> None:
    """NaN is told by its place, infinities by name; neither is lost among many points."""
    few = [(1.0, 0, 0), (math.nan, 10, 1), (1.7976931348623157e308, 20, 2)]
    with points_in(logged[0], few) as db:
        found = series(db, logged[0], "loss", Window())
        assert (found.x, found.y) == ([0.0, 2.0], [1.0, "Infinity"])
        assert (found.nan, found.nan_x, found.total) == (1, [1.0], 3)
    many = [(math.nan if n % 1000 == 0 else -float(n), n, n) for n in range(30_000)]
    with points_in(logged[1], many) as db:
        found = series(db, logged[1], "loss", Window(points=200))
        assert (found.nan, found.total) == (30, 30_000)
        assert found.nan_x == [float(n) for n in range(0, 30_000, 1000)]
        assert found.max == -1.0
    with points_in(logged[2], [(math.nan, n, n) for n in range(30_000)]) as db:
        found = series(db, logged[2], "loss", Window(points=200))
        assert (found.x, found.nan, found.min) == ([], 30_000, None)


def test_steps_that_tell_nothing_apart(logged: list[str]) -> None:
    """Points logged without a step all have step 0: over the time they are drawn none the less."""
    with points_in(logged[0], [(float(n % 100), n * 5, 0) for n in range(20_000)]) as db:
        over_time = series(db, logged[0], "loss", Window(Axis.TIME, points=200))
        assert len(over_time.x) > 150
        over_steps = series(db, logged[0], "loss", Window(points=200))
        assert set(over_steps.x) == {0.0}
        assert (over_steps.min, over_steps.max) == (0.0, 99.0)


def test_extreme_steps(logged: list[str]) -> None:
    """Steps as far apart as 64 bits let them be do no harm."""
    far = 2**63
    rows = [(float(n), n, -far + n * (far // 4000)) for n in range(7999)]
    rows.append((7999.0, 7999, far - 1))
    with points_in(logged[0], rows) as db:
        for axis in (Axis.STEP, Axis.TIME):
            found = series(db, logged[0], "loss", Window(axis, points=200))
            assert (found.min, found.max) == (0.0, 7999.0)
            assert len(found.x) <= 202


def test_summaries(logged: list[str]) -> None:
    """Least, greatest and count of every metric, of as many as are wanted."""
    with points_in(logged[0], [(float(n), n, n) for n in range(10)], "acc") as db:
        listed = run_query.detail(db, logged[0]).metrics
        told = metric_series.summaries(db, logged[0], listed, 1)
        assert [(one.key, one.min, one.max, one.points) for one in told] == [
            ("acc", 0.0, 9.0, 11),
            ("val/loss", None, None, None),
        ]


@given(
    st.lists(
        st.tuples(st.integers(0, 10**6), st.floats(-1e9, 1e9), st.integers(0, 100)),
        max_size=300,
        unique_by=lambda point: point[0],
    ),
    st.integers(2, 50),
)
def test_thinned_points(points: list[tuple[int, float, int]], most: int) -> None:
    """Whatever the points: no more than wanted, in order, none invented, extremes and ends kept."""
    points.sort()
    kept = thin(points, most)
    assert set(kept) <= set(points)
    assert kept == sorted(kept)
    assert len(kept) <= max(most, 2) + 2
    if points:
        assert kept[0] == points[0]
        assert kept[-1] == points[-1]
        values = [y for _, y, _ in points]
        assert {min(values), max(values)} <= {y for _, y, _ in kept}
