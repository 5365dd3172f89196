"""A chart as a picture that needs no script: SVG, the same bytes for the same points."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from html import escape

from jupyter_mlops.converters.report.model import Chart, Line
from jupyter_mlops.converters.report.wording import number, one_line

#: Okabe and Ito's colours, which people who see few colours can tell apart; then dashed again.
COLOURS = (
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#8a7a00",
)  # fmt: skip
DASHES = ("", "6 3", "2 2", "8 3 2 3")
_WIDTH, _HEIGHT = 720, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 16, 34, 40
_LEGEND_ROW, _LEGEND_WIDTH = 18, 340
#: Lines of one chart.
LINES_MOST = 24
#: Numbers with which one can still calculate.
_LARGEST, _SMALLEST = sys.float_info.max, 1e-300
_FONT = "font-family='system-ui,-apple-system,Segoe UI,sans-serif' font-size='12'"


def svg(chart: Chart, names: Mapping[str, str]) -> str:
    """The picture. Points that aren't finite break their line."""
    lines = chart.lines[:LINES_MOST]
    points = [point for line in lines for point in finite(line)]
    rows = math.ceil(len(lines) / 2)
    height = _HEIGHT + rows * _LEGEND_ROW + 6
    title = escape(one_line(chart.metric, 90))
    start = (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {_WIDTH} {height}' width='{_WIDTH}'"
        f" height='{height}' role='img' {_FONT}><title>{title}</title>"
        f"<rect width='{_WIDTH}' height='{height}' fill='#ffffff'/>"
        f"<text x='{_LEFT}' y='20' font-weight='600' fill='#1f1f1f'>{title}</text>"
    )
    pieces = [start]
    if points:
        across = _Scale([x for x, _ in points], _LEFT, _WIDTH - _RIGHT)
        up = _Scale([y for _, y in points], _HEIGHT - _BOTTOM, _TOP)
        pieces += [_axes(across, up)]
        pieces += [_line(line, number, across, up) for number, line in enumerate(lines)]
    else:
        pieces.append(
            f"<text x='{_LEFT}' y='150' fill='#5f5f5f'>No finite value was logged.</text>"
        )
    pieces += [_named(line, number, names) for number, line in enumerate(lines)]
    return "".join(pieces) + "</svg>"


def text(chart: Chart, names: Mapping[str, str]) -> str:
    """Of each line its last and extreme values."""
    rows = [one_line(chart.metric)]
    for line in chart.lines:
        name = f"{one_line(names.get(line.run_id, ''), 40)} ({line.run_id[:8]})"
        ys = [y for _, y in finite(line)]
        if ys:
            said = f"last {number(ys[-1])}, from {number(min(ys))} to {number(max(ys))}"
        else:
            said = "no finite value"
        odd = len(line.y) - len(ys)
        rows.append(f"  {name}: {said}" + (f", {odd} not finite" if odd else ""))
    return "\n".join(rows)


class _Scale:
    """From values to places, and where its ticks are."""

    def __init__(self, values: Sequence[float], start: float, end: float) -> None:
        low, high = min(values), max(values)
        if low == high:
            spare = abs(low) * 0.1 or 1.0
            low, high = max(low - spare, -_LARGEST), min(high + spare, _LARGEST)
        # Values near the largest numbers: their distance is none.
        if not math.isfinite(high - low):
            low, high = low / 2, high / 2
        # And near the smallest: no number is their tenth.
        if high - low < _SMALLEST:
            high = low + _SMALLEST
        self._low, self._span = low, high - low
        self._start, self._end = start, end
        step = 10.0 ** math.floor(math.log10(self._span / 4))
        step *= next((m for m in (1, 2, 5) if self._span / (step * m) <= 6), 10)
        first = math.ceil(low / step)
        self.ticks = [(first + n) * step for n in range(8) if (first + n) * step <= high]

    def place(self, value: float) -> float:
        """Where a value lies."""
        share = min(1.0, max(0.0, (value - self._low) / self._span))
        return self._start + share * (self._end - self._start)


def _axes(across: _Scale, up: _Scale) -> str:
    pieces = []
    for tick in up.ticks:
        y = f"{up.place(tick):.1f}"
        pieces.append(
            f"<path d='M{_LEFT} {y}H{_WIDTH - _RIGHT}' stroke='#e4e4e4'/>"
            f"<text x='{_LEFT - 6}' y='{y}' dy='4' text-anchor='end' fill='#5f5f5f'>"
            f"{number(_clean(tick))}</text>"
        )
    base = _HEIGHT - _BOTTOM
    for tick in across.ticks:
        x = f"{across.place(tick):.1f}"
        pieces.append(
            f"<path d='M{x} {base}v4' stroke='#8a8a8a'/>"
            f"<text x='{x}' y='{base + 17}' text-anchor='middle' fill='#5f5f5f'>"
            f"{number(_clean(tick))}</text>"
        )
    pieces.append(
        f"<path d='M{_LEFT} {base}H{_WIDTH - _RIGHT}' stroke='#8a8a8a'/>"
        f"<text x='{_WIDTH - _RIGHT}' y='{base + 34}' text-anchor='end' fill='#5f5f5f'>step</text>"
    )
    return "".join(pieces)


def _line(line: Line, number_of: int, across: _Scale, up: _Scale) -> str:
    colour, dashed = _style(number_of)
    drawn, path, alone = [], [], True
    points = [*zip(line.x, line.y, strict=True), (0.0, None)]
    for x, y in points:
        if isinstance(y, float | int) and math.isfinite(y):
            path.append(f"{across.place(x):.1f} {up.place(y):.1f}")
            continue
        if len(path) > 1:
            drawn.append("M" + "L".join(path))
            alone = False
        elif path:
            # A point by itself is a line of no length with round ends.
            drawn.append(f"M{path[0]}h0")
        path = []
    wide = "4" if alone else "1.6"
    return (
        f"<path d='{''.join(drawn)}' fill='none' stroke='{colour}' stroke-width='{wide}'"
        f" stroke-linejoin='round' stroke-linecap='round'{dashed}/>"
        if drawn
        else ""
    )


def _named(line: Line, number_of: int, names: Mapping[str, str]) -> str:
    x = _LEFT + (number_of % 2) * (_LEGEND_WIDTH - 20)
    y = _HEIGHT + (number_of // 2) * _LEGEND_ROW + 8
    colour, dashed = _style(number_of)
    name = escape(one_line(names.get(line.run_id, ""), 32))
    return (
        f"<path d='M{x} {y}h22' stroke='{colour}' stroke-width='2.5'{dashed}/>"
        f"<text x='{x + 28}' y='{y + 4}' fill='#1f1f1f'>{name} "
        f"<tspan fill='#5f5f5f'>{escape(line.run_id[:8])}</tspan></text>"
    )


def _style(number_of: int) -> tuple[str, str]:
    """Colour and attribute of dashes."""
    dash = DASHES[number_of // len(COLOURS) % len(DASHES)]
    return COLOURS[number_of % len(COLOURS)], f" stroke-dasharray='{dash}'" if dash else ""


def finite(line: Line) -> list[tuple[float, float]]:
    """Its points that can be drawn."""
    return [
        (x, float(y))
        for x, y in zip(line.x, line.y, strict=True)
        if isinstance(y, float | int) and math.isfinite(y)
    ]


def _clean(tick: float) -> float:
    """0.30000000000000004 is 0.3."""
    return float(f"{tick:.10g}")
