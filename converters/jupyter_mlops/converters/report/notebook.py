"""A report as a notebook that is read without a kernel and without a server.

What is shown stands in outputs and Markdown. The code above an output would make it anew from the
store, for whoever has it; nobody needs that to read.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from jupyter_mlops.converters.report import wording
from jupyter_mlops.converters.report.model import Report, ReportRun, Value
from jupyter_mlops.converters.report.table import Table
from jupyter_mlops.converters.report.vega import bundle

#: Notes that are longer are cut (characters).
_NOTE_MOST = 20_000


def report_notebook(report: Report, *, heading: bool = True) -> dict[str, Any]:
    """The notebook, in nbformat 4.5. The same report is the same document.

    Args:
        report: what it says.
        heading: whether the title stands in it; a page has its own.
    """
    cells = [*_cells(report, heading=heading)]
    for number, cell in enumerate(cells):
        cell["id"] = f"report-{number}"
    count = 0
    for cell in cells:
        if cell["cell_type"] == "code":
            count += 1
            cell["execution_count"] = count
            for output in cell["outputs"]:
                if output["output_type"] == "execute_result":
                    output["execution_count"] = count
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
            "mlops": {"report": {"runs": [run.id for run in report.runs]}},
            "title": wording.one_line(report.title),
        },
        "cells": cells,
    }


def report_bytes(report: Report, *, heading: bool = True) -> bytes:
    """The notebook as its file; see `report_notebook`."""
    made = report_notebook(report, heading=heading)
    return (json.dumps(made, indent=1, ensure_ascii=False, sort_keys=True) + "\n").encode(
        "utf-8", "replace"
    )


def _cells(report: Report, *, heading: bool) -> Iterable[dict[str, Any]]:
    runs = report.runs
    ids = [run.id for run in runs]
    yield _markdown(_head(report, heading=heading))
    yield _code(f"report.runs({_listed(ids)})", _overview(runs), ("runs", ""), first=True)
    groups: tuple[tuple[str, str, list[Mapping[str, Value]]], ...] = (
        ("Parameters", "params", [run.params for run in runs]),
        ("Metrics", "metrics", [run.metrics for run in runs]),
        ("Tags", "tags", [run.tags for run in runs]),
    )
    for title, kind, values in groups:
        table = Table(runs, values)
        if table.empty:
            continue
        more = table.left_out
        said = f"\n\n{more} more are left out here." if more else ""
        yield _markdown(f"## {title}{said}")
        yield _code(f"report.table({_listed(ids)}, {kind!r})", _table(table), ("table", kind))
    names = {run.id: run.name for run in runs}
    if report.charts:
        yield _markdown("## Charts")
    for chart in report.charts:
        drawn = [line.run_id for line in chart.lines]
        source = f"report.chart({_listed(drawn)}, {chart.metric!r})"
        yield _code(source, bundle(chart, names), ("chart", chart.metric))
    noted = [run for run in runs if run.note.strip()]
    if noted:
        yield _markdown("## Notes")
    for run in noted:
        text = run.note if len(run.note) <= _NOTE_MOST else run.note[:_NOTE_MOST] + " …"
        yield _markdown(f"### {_named(run)}\n\n{wording.note(text)}")
    if any(run.ran_on for run in runs):
        yield _markdown("## What they ran on")
        table = Table(runs, [run.ran_on for run in runs])
        source = f"report.table({_listed(ids)}, 'ran_on')"
        yield _code(source, _table(table), ("table", "ran_on"))
    yield _markdown(_foot(report))


def _head(report: Report, *, heading: bool) -> str:
    experiments = sorted({run.experiment for run in report.runs})
    named = ", ".join(wording.markdown(one, 80) for one in experiments[:10])
    more = f" and {len(experiments) - 10} more" if len(experiments) > 10 else ""
    runs = f"{len(report.runs)} run{'s' if len(report.runs) != 1 else ''}"
    title = [f"# {wording.markdown(report.title)}", ""] if heading else []
    lines = [*title, f"{runs} of {named}{more}"]
    lines += [f"\n{wording.markdown(one)}" for one in report.left_out]
    return "\n".join(lines)


def _foot(report: Report) -> str:
    rows = ["## Runs", ""]
    for run in report.runs:
        # In code marks nothing is a link or a picture; ids are hexadecimal.
        place = f" [on the tracking server]({run.link})" if run.link else ""
        rows.append(f"- {_named(run)}: `{run.id}`{place}")
    anew = (
        "`jupyter mlops describe RUN` tells everything about one of them where they were recorded;"
        " the code above the tables and charts makes these anew."
    )
    rows += [
        "",
        anew,
        "",
        f"Made by jupyter\\-mlops, {wording.moment(report.made_at)}",
    ]
    return "\n".join(rows)


def _named(run: ReportRun) -> str:
    return wording.markdown(run.name, 80) or "a run without a name"


def _overview(runs: Sequence[ReportRun]) -> dict[str, str]:
    rows = [
        {
            "status": run.status,
            "experiment": run.experiment,
            "user": run.user,
            "started": wording.moment(run.started),
            "took": wording.duration(run.started, run.ended),
            "reproducible": run.badge,
        }
        for run in runs
    ]
    return _table(Table(runs, [{k: v for k, v in row.items() if v} for row in rows]))


def _table(table: Table) -> dict[str, str]:
    return {"text/html": table.html(), "text/plain": table.text()}


def _listed(ids: Sequence[str]) -> str:
    return json.dumps(list(ids))


def _markdown(source: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": source}


def _code(
    call: str, data: Mapping[str, Any], shows: tuple[str, str], *, first: bool = False
) -> dict[str, Any]:
    head = (
        "# Makes what is shown below anew, where the runs were recorded; not needed to read it.\n"
        "from jupyter_mlops.magics import report\n\n"
    )
    return {
        "cell_type": "code",
        "metadata": {"jupyter": {"source_hidden": True}, "mlops": {"shows": list(shows)}},
        "source": (head if first else "") + call,
        "outputs": [
            {
                "output_type": "execute_result",
                "data": dict(data),
                "metadata": {},
                "execution_count": None,
            }
        ],
        "execution_count": None,
    }
