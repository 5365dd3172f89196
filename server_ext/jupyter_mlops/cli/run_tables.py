"""Experiments and runs as text: tables of many, everything about one, where some differ."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from jupyter_mlops.cli.console import Console, clean, fit, one_line, pad, width_of
from jupyter_mlops.cli.render import ago, duration, fields, moment

Run = dict[str, Any]

_STYLES = {"FINISHED": "green", "FAILED": "red", "KILLED": "yellow", "RUNNING": "cyan"}
#: Characters of an id that are shown; its beginning is enough to name a run.
_ID_SHOWN = 12
_CELL_MOST = 30
#: Metrics that are shown when no columns are named.
_METRICS_SHOWN = 4
_LISTED_MOST = 60


def experiments(console: Console, found: Sequence[dict[str, Any]]) -> None:
    """Experiments, a line each."""
    now = time.time()
    rows = [
        [
            one["id"],
            ("★ " if one["favourite"] and console.unicode else "") + one_line(one["name"]),
            _counts(one["counts"]),
            ago(one["last_activity"], now),
            fit(one_line(one["note"]), _CELL_MOST),
        ]
        for one in found
    ]
    _table(console, ["ID", "NAME", "RUNS", "LAST", "NOTE"], rows)


def runs(console: Console, found: Sequence[Run], columns: Sequence[str]) -> None:
    """Runs, a line each, with the columns that are wanted or the metrics that most of them have."""
    now = time.time()
    chosen = list(columns) or _usual(found)
    rows = [
        [
            run["id"][:_ID_SHOWN],
            run["status"],
            fit(one_line(run["name"]), _CELL_MOST),
            fit(one_line(run["experiment"]), _CELL_MOST),
            ago(run["started_at"], now),
            duration(_took(run)),
            *(fit(one_line(value_of(run, column)), _CELL_MOST) for column in chosen),
        ]
        for run in found
    ]
    titles = [one_line(column.partition(".")[2] or column) for column in chosen]
    _table(
        console, ["ID", "STATUS", "NAME", "EXPERIMENT", "STARTED", "TOOK", *titles], rows, styled=1
    )


def value_of(run: Run, column: str) -> str:
    """What a run has in a column like `metrics.acc`; empty when it has nothing there."""
    kind, _, name = column.partition(".")
    name = name[1:-1] if len(name) > 1 and name[0] == name[-1] and name[0] in '`"' else name
    groups = {"metric": "metrics", "param": "params", "parameter": "params", "tag": "tags"}
    group = groups.get(kind.removesuffix("s"))
    if group is None:
        return _attribute(run, name or column)
    value = run[group].get(name, run["own_tags"].get(name, "") if group == "tags" else "")
    return number(value)


def _attribute(run: Run, name: str) -> str:
    if name in ("start_time", "created", "end_time"):
        return moment(run["ended_at" if name == "end_time" else "started_at"])
    plain = {"status": "status", "run_id": "id", "user_id": "user"}
    return str(run[plain.get(name, "name")])


def number(value: object) -> str:
    """A value as people read it."""
    return f"{value:.6g}" if isinstance(value, float) else "" if value is None else str(value)


def details(console: Console, found: dict[str, Any]) -> None:
    """Everything about a run."""
    run = found["run"]
    status = run["status"] + (", in MLflow's trash" if found["deleted"] else "")
    console.say(f"{console.paint(one_line(run['name']), 'bold')}  {_painted(console, status)}")
    own = run["own_tags"]
    rows = [
        ("id", run["id"]),
        ("experiment", one_line(run["experiment"])),
        ("job", run["job_id"] or ""),
        ("nested below", run["parent_id"] or ""),
        ("favourite", "yes" if run["favourite"] else ""),
        ("note", clean(run["note"])),
        ("user", one_line(run["user"])),
        ("started", moment(run["started_at"])),
        ("ended", moment(run["ended_at"])),
        ("duration", duration(_took(run))),
        ("made from", one_line(own.get("mlops.notebook") or own.get("mlflow.source.name") or "")),
        ("git", one_line(own.get("mlflow.source.git.commit") or "")),
        ("failure", clean(own.get("mlops.failure") or "")),
        ("reproduction", _reproduction(own)),
        ("parameters", _pairs(run["params"])),
        ("metrics", _metrics(found["metrics"])),
        (
            "datasets",
            "\n".join(one_line(f"{d['name']} ({d['digest']})") for d in found["datasets"]),
        ),
        ("tags", _pairs(run["tags"])),
        ("artifacts", one_line(found["artifact_uri"])),
        ("runs below it", "\n".join(_short(found["children"]))),
    ]
    fields(console, rows)


def _reproduction(own: dict[str, str]) -> str:
    """How it came out when it was reproduced last; else whether it could be."""
    if outcome := own.get("mlops.reproduction"):
        when = one_line(own.get("mlops.reproduction_time") or "")
        return (
            f"{one_line(outcome)}: {one_line(own.get('mlops.reproduction_detail') or '')} ({when})"
        )
    if original := own.get("mlops.reproduction_of"):
        return f"of run {one_line(original)}"
    known = {"yes": "possible", "no": "something is lacking: reproduce --check says what"}
    return known.get(own.get("mlops.reproducible", ""), "")


def comparison(console: Console, found: dict[str, Any]) -> None:
    """Where runs differ, a line each; what is the same is counted."""
    shown = found["runs"]
    rows = [
        ["", *(run["id"][:_ID_SHOWN] for run in shown)],
        ["name", *(fit(one_line(run["name"]), _CELL_MOST) for run in shown)],
    ]
    heads: list[int] = []
    same: list[str] = []
    for group in ("attributes", "params", "metrics", "tags", "packages"):
        if found[group]:
            heads.append(len(rows))
            rows.append([group, *("" for _ in shown)])
        for one in found[group]:
            values = [fit(one_line(number(value)), _CELL_MOST) for value in one["values"]]
            rows.append([f"  {fit(one_line(one['key']), _CELL_MOST)}", *values])
        if count := found["equal"].get(group):
            same.append(f"{count} {group if count != 1 else group.removesuffix('s')}")
    widths = [max(width_of(row[n]) for row in rows) for n in range(len(shown) + 1)]
    for number_of, row in enumerate(rows):
        line = "  ".join(map(pad, row, widths)).rstrip()
        style = "bold" if number_of in heads or number_of == 1 else "dim" if not number_of else ""
        console.say(console.paint(line, style) if style else line)
    console.say(console.paint(f"the same in all: {', '.join(same) or 'nothing'}", "dim"))
    if not all(found["packages_known"]):
        unknown = sum(not known for known in found["packages_known"])
        console.say(console.paint(f"packages of {unknown} of them aren't known", "dim"))


def _table(
    console: Console, titles: list[str], rows: Sequence[list[str]], styled: int | None = None
) -> None:
    widths = [max(width_of(row[n]) for row in [titles, *rows]) for n in range(len(titles))]
    console.say(console.paint("  ".join(map(pad, titles, widths)).rstrip(), "dim"))
    for row in rows:
        cells = [pad(cell, widths[n]) for n, cell in enumerate(row)]
        if styled is not None:
            cells[styled] = cells[styled].replace(row[styled], _painted(console, row[styled]))
        console.say("  ".join(cells).rstrip())


def _painted(console: Console, status: str) -> str:
    style = _STYLES.get(status.partition(",")[0])
    return console.paint(status, style) if style else status


def _counts(counts: dict[str, int]) -> str:
    """`12 (1 RUNNING, 2 FAILED)`; empty when nobody has counted."""
    if not counts:
        return ""
    total = sum(counts.values())
    told = [f"{counts[s]} {s.lower()}" for s in ("RUNNING", "FAILED") if counts.get(s)]
    return f"{total} ({', '.join(told)})" if told else str(total)


def _usual(found: Sequence[Run]) -> list[str]:
    """The metrics that most of the runs have."""
    counted: dict[str, int] = {}
    for run in found:
        for name in run["metrics"]:
            if not name.startswith("system/"):
                counted[name] = counted.get(name, 0) + 1
    ranked = sorted(counted, key=lambda name: (-counted[name], name))
    return [f"metrics.{name}" for name in ranked[:_METRICS_SHOWN]]


def _took(run: Run) -> float | None:
    if run["started_at"] is None or run["ended_at"] is None:
        return None
    return max(0.0, float(run["ended_at"] - run["started_at"]))


def _pairs(values: dict[str, Any]) -> str:
    lines = [f"{one_line(name)} = {one_line(value)}" for name, value in values.items()]
    return "\n".join(_short(lines))


def _metrics(found: Sequence[dict[str, Any]]) -> str:
    """Last values, and the range where a metric was logged more than once."""
    columns = max((width_of(one_line(one["key"])) for one in found), default=0)
    lines = []
    for one in found:
        line = f"{pad(one_line(one['key']), columns)}  {number(one['last'])}"
        if (one["points"] or 0) > 1 and one["min"] is not None:
            line += f"  ({number(one['min'])} to {number(one['max'])}, {one['points']} points)"
        lines.append(line)
    return "\n".join(_short(lines))


def _short(lines: list[str]) -> list[str]:
    if len(lines) <= _LISTED_MOST:
        return lines
    return [*lines[:_LISTED_MOST], f"… {len(lines) - _LISTED_MOST} more"]
