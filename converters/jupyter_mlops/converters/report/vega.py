"""A chart for whoever has Vega: the same as the picture, with values under the pointer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jupyter_mlops.converters.report.chart import COLOURS, LINES_MOST, finite, svg, text
from jupyter_mlops.converters.report.model import Chart
from jupyter_mlops.converters.report.wording import one_line


def bundle(chart: Chart, names: Mapping[str, str]) -> dict[str, Any]:
    """The chart in every form that a reader of notebooks may show: Vega-Lite, a picture, text.

    Args:
        chart: what is drawn.
        names: of runs, by their ids.
    """
    return {
        "application/vnd.vegalite.v5+json": vega(chart, names),
        "image/svg+xml": svg(chart, names),
        "text/plain": text(chart, names),
    }


def vega(chart: Chart, names: Mapping[str, str]) -> dict[str, Any]:
    """As a Vega-Lite specification; names are data in it, nowhere code."""
    lines = chart.lines[:LINES_MOST]
    labels = [f"{one_line(names.get(one.run_id, ''), 32)} {one.run_id[:8]}" for one in lines]
    values = [
        {"x": x, "y": y, "run": label}
        for line, label in zip(lines, labels, strict=True)
        for x, y in finite(line)
    ]
    count = len(COLOURS)
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "title": one_line(chart.metric, 90),
        "width": 560,
        "height": 240,
        "data": {"values": values},
        "mark": {"type": "line", "point": len(values) <= len(lines), "tooltip": True},
        "encoding": {
            "x": {"field": "x", "type": "quantitative", "title": "step"},
            "y": {
                "field": "y",
                "type": "quantitative",
                "title": None,
                "scale": {"zero": False},
            },
            "color": {
                "field": "run",
                "type": "nominal",
                "title": None,
                "sort": labels,
                "scale": {
                    "domain": labels,
                    "range": [COLOURS[n % count] for n in range(len(labels))],
                },
            },
        },
    }
