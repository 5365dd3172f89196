"""Charts of a run's metrics for a cell's output: HTML with SVG, Vega-Lite, text. Pure.

While the cell runs the page's own colours are used. What stays has to be readable anywhere, light
or dark, by whoever takes scripts and styles out of it: pictures with colours that are between.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from html import escape
from typing import Any

from jupyter_mlops.cli.console import one_line
from jupyter_mlops.magics.chart_series import Panel, Point, Points, Series

VEGA_LITE = "application/vnd.vegalite.v5+json"
#: Readable on white and on black; the first six of a panel's series.
COLOURS = ("#3b82d6", "#d9730d", "#2e9e62", "#c2489c", "#8a63d2", "#8a8a2c")
PANELS_MOST = 12
#: Points of a line: live, and in what stays.
LIVE, STAYING = 160, 300
_GREY = "#808080"
_QUIET = "var(--jp-ui-font-color2, var(--vscode-descriptionForeground, #707070))"
_TEXT = "var(--jp-ui-font-color1, var(--vscode-foreground, inherit))"
_FONT = "var(--jp-ui-font-family, system-ui, sans-serif)"
_WIDTH, _HEIGHT = 256, 130
#: Around the lines: left, right, top, bottom.
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 6, 6, 18
_BLOCKS = "▁▂▃▄▅▆▇█"
_SPARK = 24
_ROWS_MOST = 24


def bundle(points: Points, name: str) -> dict[str, Any]:
    """What stays in the cell; `name` is the run's."""
    found: dict[str, Any] = {
        "text/html": html(points, name, live=False),
        "text/plain": text(points, name),
    }
    if points.panels:
        found[VEGA_LITE] = vega(points, name)
    return found


# ---------------------------------------------------------------- HTML


def html(points: Points, name: str, *, live: bool) -> str:
    """As HTML: everything in it is text, but for the pictures."""
    panels = points.panels
    shown = panels[:PANELS_MOST]
    frame = f"color: {_TEXT}; font-family: {_FONT}; font-size: 12px; line-height: 1.5"
    parts = [f'<div role="group" aria-label="Metrics of {_said(name)}" style="{frame}">']
    if shown:
        parts.append('<div style="display: flex; flex-wrap: wrap; gap: 12px 16px">')
        parts += [_panel(one, live=live) for one in shown]
        parts.append("</div>")
    drawn = {series.name for panel in shown for series in panel.series}
    alone = [one for one in list(points.series.values()) if one.name not in drawn]
    if alone:
        listed = "".join(
            f'<span style="margin-right: 16px">{_said(one.name)} '
            f"<strong>{number(one.last)}</strong></span>"
            for one in alone[:_ROWS_MOST]
        )
        parts.append(f'<div style="margin-top: 4px">{listed}</div>')
    if more := len(points.more) + max(0, len(alone) - _ROWS_MOST):
        parts.append(f'<div style="color: {_QUIET}">and {more} more metrics</div>')
    parts.append("</div>")
    return "".join(parts)


def _panel(panel: Panel, *, live: bool) -> str:
    legend = "".join(
        f'<div style="white-space: nowrap; overflow: hidden; text-overflow: ellipsis">'
        f'<span style="color: {colour}">●</span> {_said(one.name)} '
        f"<strong>{number(one.last)}</strong></div>"
        for colour, one in zip(COLOURS, panel.series, strict=False)
    )
    if more := max(0, len(panel.series) - len(COLOURS)):
        legend += f'<div style="color: {_QUIET}">and {more} more that are not drawn</div>'
    drawing = svg(panel, live=live)
    if not live:
        data = base64.b64encode(drawing.encode()).decode()
        drawing = (
            f'<img src="data:image/svg+xml;base64,{data}" width="{_WIDTH}" height="{_HEIGHT}" '
            f'alt="{_described(panel)}">'
        )
    return f'<div style="width: {_WIDTH}px">{legend}{drawing}</div>'


def svg(panel: Panel, *, live: bool) -> str:
    """Lines, with what they are measured by."""
    grey = _QUIET if live else _GREY
    series = panel.series[: len(COLOURS)]
    lines = [one.drawn(LIVE if live else STAYING) for one in series]
    steps = [step for points in lines for step, _ in points]
    values = [value for points in lines for _, value in points if math.isfinite(value)]
    low_step, high_step = min(steps), max(steps)
    ticks = ticks_of(min(values), max(values))
    low, high = min(ticks[0], *values), max(ticks[-1], *values)
    width, height = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM

    def across(step: int) -> float:
        share = (step - low_step) / (high_step - low_step) if high_step > low_step else 0.5
        return _LEFT + width * share

    def down(value: float) -> float:
        # Each by itself: a difference may be too large for a number.
        share = (value / 2 - low / 2) / (high / 2 - low / 2) if high > low else 0.5
        return _TOP + height * (1 - share)

    font = _FONT if live else "sans-serif"
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" '
            f'viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{_described(panel)}" '
            f'font-family="{font}" font-size="10" style="color: {grey}" fill="currentColor">'
        )
    ]
    for tick in ticks:
        y = down(tick)
        parts.append(
            f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" '
            f'stroke="currentColor" stroke-opacity="0.25"/>'
            f'<text x="{_LEFT - 5}" y="{y + 3.5:.1f}" text-anchor="end">{number(tick)}</text>'
        )
    bottom = _HEIGHT - 5
    if high_step > low_step:
        parts.append(f'<text x="{_LEFT}" y="{bottom}">{low_step}</text>')
        middle = _LEFT + width / 2
        parts.append(f'<text x="{middle}" y="{bottom}" text-anchor="middle">step</text>')
        end = _WIDTH - _RIGHT
        parts.append(f'<text x="{end}" y="{bottom}" text-anchor="end">{high_step}</text>')
    for colour, points in zip(COLOURS, lines, strict=False):
        parts += [
            f'<polyline fill="none" stroke="{colour}" stroke-width="1.5" '
            f'stroke-linejoin="round" points="{piece}"/>'
            for piece in _pieces(points, across, down)
        ]
    parts.append("</svg>")
    return "".join(parts)


def _pieces(points: Sequence[Point], across: Any, down: Any) -> list[str]:
    """Lines between points that can't be drawn; a point alone is a line of no length."""
    found: list[list[str]] = [[]]
    for step, value in points:
        if math.isfinite(value):
            found[-1].append(f"{across(step):.1f},{down(value):.1f}")
        elif found[-1]:
            found.append([])
    return [" ".join(one if len(one) > 1 else one * 2) for one in found if one]


def _described(panel: Panel) -> str:
    said = [
        f"{one.name}: {number(one.last)} at last, from {number(one.least[1])} to "
        f"{number(one.most[1])}, {one.count} points"
        for one in panel.series
        if one.least is not None and one.most is not None
    ]
    return _said("; ".join(said))


def _said(value: str) -> str:
    return escape(one_line(value)[:200], quote=True)


# ---------------------------------------------------------------- Vega-Lite


def vega(points: Points, name: str) -> dict[str, Any]:
    """The same for a front end that draws Vega-Lite."""
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "description": f"Metrics of {one_line(name)}",
        "background": "transparent",
        "columns": 3,
        "spacing": 24,
        "concat": [_view(panel) for panel in points.panels[:PANELS_MOST]],
        "resolve": {"scale": {"color": "independent"}},
        "config": {
            "view": {"stroke": None},
            "axis": {
                "labelColor": _GREY,
                "titleColor": _GREY,
                "titleFontWeight": "normal",
                "gridColor": _GREY,
                "gridOpacity": 0.25,
                "domainColor": _GREY,
                "domainOpacity": 0.5,
                "ticks": False,
                "labelPadding": 5,
            },
            "legend": {
                "labelColor": _GREY,
                "titleColor": _GREY,
                "labelLimit": 220,
                "orient": "top",
                "title": None,
                "symbolType": "stroke",
                "columns": 1,
            },
        },
    }


def _quoted(label: str) -> str:
    """As a field of CSV."""
    return '"' + label.replace('"', '""') + '"'


def _view(panel: Panel) -> dict[str, Any]:
    series = panel.series[: len(COLOURS)]
    labels = {one.name: f"{one_line(one.name)[:80]}  {number(one.last)}" for one in series}
    rows = [
        f"{step},{value:.7g},{_quoted(labels[one.name])}"
        for one in series
        for step, value in one.drawn(STAYING)
        if math.isfinite(value)
    ]
    return {
        "width": 240,
        "height": 120,
        "data": {
            "values": "\n".join(["step,value,metric", *rows]),
            "format": {"type": "csv", "parse": {"step": "number", "value": "number"}},
        },
        "mark": {"type": "line", "strokeWidth": 1.5, "tooltip": True},
        "encoding": {
            "x": {
                "field": "step",
                "type": "quantitative",
                "axis": {"grid": False, "format": "~s", "tickMinStep": 1, "tickCount": 4},
                "scale": {"zero": False, "nice": False},
            },
            "y": {
                "field": "value",
                "type": "quantitative",
                "title": None,
                "axis": {"tickCount": 4},
                "scale": {"zero": False},
            },
            "color": {
                "field": "metric",
                "type": "nominal",
                "sort": None,
                "scale": {"domain": list(labels.values()), "range": list(COLOURS[: len(series)])},
            },
        },
    }


# ---------------------------------------------------------------- text


def text(points: Points, name: str) -> str:
    """A line a metric: how it went, and where it is."""
    found = list(points.series.values())
    shown = found[:_ROWS_MOST]
    names = [one_line(one.name)[:40] for one in shown]
    wide = max(map(len, names), default=0)
    lines = [one_line(name)]
    for label, one in zip(names, shown, strict=True):
        line = f"  {label:<{wide}}  {sparkline(one)}  {number(one.last)}"
        if one.count > 1 and one.least is not None and one.most is not None:
            line += f"  ({number(one.least[1])} to {number(one.most[1])}, {one.count} points)"
        lines.append(line)
    if more := len(points.more) + len(found) - len(shown):
        lines.append(f"  and {more} more metrics")
    return "\n".join(lines)


def sparkline(series: Series) -> str:
    """How it went, in `_SPARK` characters."""
    values = [value for _, value in series.drawn(_SPARK) if math.isfinite(value)]
    if not values:
        return " " * _SPARK
    low, high = min(values), max(values)
    spread = (high / 2 - low / 2) or 1.0
    top = len(_BLOCKS) - 1
    drawn = "".join(_BLOCKS[round((value / 2 - low / 2) / spread * top)] for value in values)
    return f"{drawn:<{_SPARK}}"


def number(value: float) -> str:
    """In a few characters."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("∞" if value > 0 else "-∞")
    return f"{value:.4g}"


def ticks_of(low: float, high: float) -> list[float]:
    """About four round numbers that hold both."""
    rough = (high - low) / 3
    if not rough > 0 or not math.isfinite(rough) or not math.isfinite(max(-low, high) / rough):
        return sorted({low, high})
    power = math.floor(math.log10(rough))
    step = next(one for factor in (1, 2, 2.5, 5, 10, 20) if (one := factor * 10.0**power) >= rough)
    return [at * step for at in range(math.floor(low / step), math.ceil(high / step) + 1)]
