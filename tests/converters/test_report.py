"""Reports: complete without a server, the same for the same runs, and nothing in them acts."""

from __future__ import annotations

import json
import math
import re
import xml.etree.ElementTree as ET
from html import unescape
from typing import Any

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mlops.converters.html import render_html
from jupyter_mlops.converters.report import (
    Chart,
    Line,
    Report,
    ReportRun,
    report_bytes,
    report_notebook,
)
from jupyter_mlops.converters.report.chart import svg, text
from jupyter_mlops.converters.report.table import ROWS_MOST, Table
from jupyter_mlops.converters.report.vega import bundle
from jupyter_mlops.converters.report.wording import duration, markdown, note, one_line

ONE, TWO = "0" * 31 + "1", "0" * 31 + "2"
HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "![x](https://evil.example/x.png)",
    "[x](javascript:alert(1))",
    "[x][y]\n\n[y]: javascript:alert(1)",
    "`code` **bold** $x$ # head",
    "</td></table><script>alert(1)</script>",
    "\u202egnp.exe\x1b[31m",
    "'\"; import os; os.abort() #",
    "]]></svg><svg onload=alert(1)>",
    "&#106;avascript:alert(1)",
]


def made(name: str = "first", other: str = "second", **more: Any) -> Report:
    """A report on two runs."""
    runs = (
        ReportRun(
            ONE, name, "FINISHED", "churn", "me", 1_700_000_000.0, 1_700_000_090.5,
            note=more.pop("note", "It went **well**."),
            params={"lr": "0.1", "depth": "3"}, metrics={"acc": 0.5, "bad": "NaN"},
            ran_on={"python": "3.11.7"}, badge="reproduced",
        ),
        ReportRun(
            TWO, other, "FAILED", "churn", params={"lr": "0.2", "depth": "3"},
            metrics={"acc": 0.25, "odd": "Infinity"}, tags={"team": "vision"},
        ),
    )  # fmt: skip
    lines = (
        Line(ONE, (0.0, 1.0, 2.0), (0.1, 0.3, 0.5), 3),
        Line(TWO, (0.0, 1.0, 2.0), (0.1, "NaN", 0.25), 3),
    )
    charts = more.pop("charts", (Chart("acc", lines),))
    return Report(more.pop("title", "Churn"), more.pop("made_at", 1_700_000_100.0), runs, charts)


def outputs(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The data of every output."""
    return [
        output["data"]
        for cell in document["cells"]
        if cell["cell_type"] == "code"
        for output in cell["outputs"]
    ]


def test_a_report_is_a_notebook_that_says_all() -> None:
    """It is valid; tables, charts, notes, what they ran on, ids: all of it stands in it."""
    document = report_notebook(made())
    nbformat.validate(nbformat.from_dict(document))
    told = json.dumps(document)
    for expected in ("3.11.7", "reproduced", ONE, TWO, "It went **well**.", "vision", "1 min 30 s"):
        assert expected in told
    headings = [
        line
        for cell in document["cells"]
        if cell["cell_type"] == "markdown"
        for line in cell["source"].splitlines()
        if line.startswith("## ")
    ]
    assert headings == [
        "## Parameters", "## Metrics", "## Tags", "## Charts", "## Notes",
        "## What they ran on", "## Runs",
    ]  # fmt: skip
    counts = [cell["execution_count"] for cell in document["cells"] if "outputs" in cell]
    assert counts == [*range(1, len(counts) + 1)]


def test_the_same_runs_are_the_same_bytes_but_for_the_date() -> None:
    """Whoever makes it again can compare."""
    first, second = report_bytes(made()), report_bytes(made(made_at=1_700_009_999.0))
    assert first == report_bytes(made())
    differing = [
        (a, b) for a, b in zip(first.splitlines(), second.splitlines(), strict=True) if a != b
    ]
    assert len(differing) == 1
    assert b"2023-11-1" in differing[0][0]


def test_differences_stand_first() -> None:
    """What is the same in all comes after; a value that is missing is a difference."""
    runs = made().runs
    table = Table(runs, [run.params for run in runs])
    html = table.html()
    assert html.index("Different") < html.index("lr") < html.index("The same") < html.index("depth")
    metrics = Table(runs, [run.metrics for run in runs]).text()
    assert "The same" not in metrics
    assert re.search(r"odd +– +Infinity", metrics)
    alone = Table(runs[:1], [runs[0].params])
    assert "Different" not in alone.html()
    assert "same" not in alone.html()


def test_long_tables_are_cut_and_say_so() -> None:
    """Differences are kept before what is the same."""
    runs = made().runs
    same = {f"same{n:04}": "x" for n in range(ROWS_MOST)}
    table = Table(runs, [{**same, "zz": "1"}, {**same, "zz": "2"}])
    assert table.left_out == 1
    assert "zz" in table.html()
    assert f"same{ROWS_MOST - 1:04}" not in table.html()


@pytest.mark.parametrize("payload", HOSTILE)
def test_a36_names_and_notes_are_text(payload: str) -> None:
    """In tables, pictures, Markdown, code and the page."""
    lines = (Line(ONE, (0.0, 1.0), (1.0, 2.0), 2),)
    report = made(payload, payload, title=payload, charts=(Chart(payload, lines),))
    document = report_notebook(report)
    nbformat.validate(nbformat.from_dict(document))
    for data in outputs(document):
        html = data.get("text/html", "")
        assert set(re.findall(r"<(\w+)", html)) <= {
            "table", "thead", "tbody", "tr", "th", "td", "br", "code", "em",
        }  # fmt: skip
        if "image/svg+xml" in data:
            picture = ET.fromstring(data["image/svg+xml"])
            kinds = {element.tag.rpartition("}")[2] for element in picture.iter()}
            assert kinds <= {"svg", "title", "rect", "text", "path", "tspan"}
        assert "\x1b" not in json.dumps(data, ensure_ascii=False)
    for cell in document["cells"]:
        if cell["cell_type"] == "code":
            compile(cell["source"], "cell", "exec")
    page = render_html(document, title=payload, offline=True)
    body = page.split("</style>", 1)[1]
    assert "<script" not in body
    assert not re.search(r"""src=.?(?!data:)[\w/]+[:/]""", body)
    assert not re.search(r"(?:href|src)=.javascript", body, re.IGNORECASE)
    assert "https:" not in page.split("</head>")[0].split("Content-Security-Policy")[1][:200]


@pytest.mark.parametrize("payload", HOSTILE)
def test_a36_notes_load_and_run_nothing(payload: str) -> None:
    """Nor by nbconvert, which cleans nothing."""
    from nbconvert import HTMLExporter
    from nbconvert.filters import markdown2html

    cleaned = note(f"Before\n\n{payload}\n\nafter [page](https://example.org/x) *it*")
    shown = markdown2html(cleaned)
    assert "<em>it</em>" in shown
    assert 'href="https://example.org/x"' in shown
    assert not re.search(r"<(?!/?(?:p|em|a|strong|code|h\d|span|pre|div|br)\b)", shown)
    assert not re.search(r"href=.(?!https://(?:example\.org|evil\.example)|#)", shown)
    assert HTMLExporter().output_mimetype == "text/html"


def test_a_name_is_itself_in_markdown() -> None:
    """Rendered, it is what was given."""
    from nbconvert.filters import markdown2html

    names = ["a*b*c", "1. x", "_x_", "x # y", "<b>", "a|b", "$x$ y$", "a\\b", "~~x~~", "a &lt; b"]
    for name in names:
        shown = re.sub(r"<[^>]+>", "", markdown2html(f"## {markdown(name)}"))
        assert unescape(shown).replace("¶", "").strip() == name


@given(st.lists(st.floats() | st.sampled_from(["NaN", "Infinity"]), max_size=30))
def test_any_points_make_a_picture(values: list[Any]) -> None:
    """NaN, infinities, the largest and the smallest numbers: a picture of finite places."""
    line = Line(ONE, tuple(float(n) for n in range(len(values))), tuple(values), len(values))
    picture = svg(Chart("m", (line,)), {ONE: "r"})
    ET.fromstring(picture)
    assert "nan" not in picture
    assert "inf" not in picture
    json.loads(json.dumps(bundle(Chart("m", (line,)), {ONE: "r"}), allow_nan=False))


@pytest.mark.parametrize(
    "values",
    [
        (1.7976931348623157e308,),
        (-1.7e308, 1.7e308),
        (0.0, 5e-324),
        (0.0, 2e-323),
        (1.0, 1 + 2e-16),
    ],
)
def test_any_numbers_can_be_drawn(values: tuple[float, ...]) -> None:
    """The largest (as MLflow's tables hold infinities), the smallest, those beside each other."""
    steps = tuple(float(2**62 + at) for at in range(len(values)))
    picture = svg(Chart("m", (Line(ONE, steps, values, len(values)),)), {ONE: "r"})
    assert "nan" not in picture
    assert "inf" not in picture


def test_a_single_point_and_no_point() -> None:
    """One is a dot; none is said."""
    assert "h0" in svg(Chart("m", (Line(ONE, (3.0,), (1.0,), 1),)), {})
    nothing = Chart("m", (Line(ONE, (3.0,), ("NaN",), 1),))
    assert "No finite value" in svg(nothing, {})
    assert "no finite value, 1 not finite" in text(nothing, {})


def test_times_and_lines() -> None:
    """In words; never negative, never over several lines."""
    assert duration(10.0, 5.0) == "0.0 s"
    assert duration(0.0, 3700.0) == "1 h 01 min"
    assert duration(None, 1.0) == ""
    assert one_line(" a\n b\t\x00c ") == "a b \ufffdc"
    assert len(one_line("x" * 1000)) == 200
    assert math.isfinite(len(report_bytes(made(title="y" * 5000))))
