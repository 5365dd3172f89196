"""Charts of metrics in a cell: what they show of which points, as what."""

from __future__ import annotations

import base64
import csv
import io
import math
import re
import xml.etree.ElementTree as ET

import pytest

from jupyter_mlops.magics import chart
from jupyter_mlops.magics.chart_series import KEPT, METRICS_MOST, Points, thinned


def points(**metrics: list[float]) -> Points:
    """Of these values, at steps from 0 on."""
    made = Points()
    for name, values in metrics.items():
        made.add((name, value, 0, step) for step, value in enumerate(values))
    return made


def lines(drawing: str) -> list[str]:
    """The lines of an SVG that can be parsed."""
    found = ET.fromstring(drawing).iter("{http://www.w3.org/2000/svg}polyline")
    return [one.attrib["points"] for one in found]


def test_a_million_points_are_few_and_keep_their_extremes() -> None:
    """However long it goes on; the least, the most and the last are there."""
    values = [math.sin(i / 1000) for i in range(200_000)]
    values[77_777], values[123_456] = 50.0, -60.0
    made = points(loss=values)
    (series,) = made.series.values()
    assert len(series.points) <= 2 * KEPT
    assert series.count == 200_000
    drawn = series.drawn(chart.LIVE)
    assert len(drawn) <= chart.LIVE
    assert {(77_777, 50.0), (123_456, -60.0), (199_999, values[-1])} <= set(drawn)
    assert drawn == sorted(drawn)


@pytest.mark.parametrize("most", [4, 5, 24, 160])
def test_thinned_keeps_first_and_last(most: int) -> None:
    """In their order, and no more than was asked for; NaN is no extreme."""
    some = [(i, math.nan if i % 3 == 0 else float(-i)) for i in range(1000)]
    found = thinned(some, most)
    assert len(found) <= most
    assert (found[0][0], found[-1][0]) == (0, 999)
    assert [step for step, _ in found] == sorted({step for step, _ in found})
    assert thinned(some[:most], most) == some[:most]


def test_a_metric_and_its_validation_are_one_panel() -> None:
    """Metrics of one value are none, and are told in words."""
    made = points(
        **{"loss": [1, 2], "val/loss": [2, 1], "val_loss": [1, 1], "acc": [0, 1], "f1": [0.5]}
    )
    assert [(one.title, len(one.series)) for one in made.panels] == [("loss", 3), ("acc", 1)]
    shown = chart.html(made, "run", live=True)
    assert shown.count("<svg") == 2
    assert "f1 <strong>0.5</strong>" in shown


@pytest.mark.parametrize(
    "values",
    [
        [1.0, 1.0],
        [0.0, 0.0, 0.0],
        [1e308, -1e308],
        [5e-324, 1e-323],
        [math.nan, 1.0, math.nan, 2.0, math.inf],
        [math.inf, -math.inf, 3.0],
        [1e16, 1e16 + 2],
        [-3.0],
    ],
)
def test_any_numbers_can_be_drawn(values: list[float]) -> None:
    """Equal ones, the largest, the smallest, and those that are none."""
    made = points(loss=[*values, values[-1]])
    if made.panels:
        (panel,) = made.panels
        for line in lines(chart.svg(panel, live=False)):
            for number in re.split("[ ,]", line):
                assert -1 <= float(number) <= 300
    assert "loss" in chart.bundle(made, "run")["text/plain"]


def test_what_cannot_be_drawn_is_a_gap() -> None:
    """Not a line across it."""
    made = points(loss=[1, 2, math.nan, 4, 5])
    assert len(lines(chart.svg(made.panels[0], live=True))) == 2


def test_names_are_text() -> None:
    """Of the run and of metrics, in every form."""
    evil = '<img src=x onerror=alert(1)>"\n,'
    made = points(**{evil: [1.0, 2.0], "one": [1.0]})
    found = chart.bundle(made, evil)
    for live in (True, False):
        shown = chart.html(made, evil, live=live)
        assert "<img src=x" not in shown
        assert "onerror=alert(1)&gt;" in shown
    pictures = re.findall(r"base64,([\w+/=]+)", found["text/html"])
    assert lines(base64.b64decode(pictures[0]).decode())
    (view,) = found[chart.VEGA_LITE]["concat"]
    rows = list(csv.DictReader(io.StringIO(view["data"]["values"])))
    assert {row["metric"] for row in rows} == set(view["encoding"]["color"]["scale"]["domain"])
    assert "\n" not in found["text/plain"].splitlines()[0]


def test_what_stays_needs_nothing_from_elsewhere() -> None:
    """No scripts, no addresses but the schema's; small."""
    made = points(**{f"m{i}": [float(j) for j in range(5000)] for i in range(10)})
    found = chart.bundle(made, "run")
    assert "<script" not in found["text/html"]
    assert "http" not in found["text/html"]
    assert len(found["text/html"]) < 100_000
    assert len(str(found[chart.VEGA_LITE])) < 150_000


def test_very_many_metrics() -> None:
    """So many are kept; the others are counted."""
    made = points(**{f"m{i}": [1.0, 2.0] for i in range(METRICS_MOST + 7)})
    assert len(made.series) == METRICS_MOST
    assert chart.html(made, "run", live=True).count("<svg") == chart.PANELS_MOST
    assert "more metrics" in chart.text(made, "run")


def test_text_has_the_last_values() -> None:
    """With a line that says how they went."""
    said = chart.text(points(loss=[3.0, 2.0, 1.0], acc=[0.5]), "my run").splitlines()
    assert said[0] == "my run"
    assert said[1].split() == ["loss", "█▅▁", "1", "(1", "to", "3,", "3", "points)"]
    assert said[2].split()[-1] == "0.5"
