"""Jobs as text: how one ended, everything about one, a table of many."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from jupyter_mlops.cli.console import Console, clean, fit, one_line, pad, width_of

Job = dict[str, Any]

_STATE_STYLES = {
    "succeeded": "green",
    "failed": "red",
    "cancelled": "yellow",
    "running": "cyan",
    "starting": "cyan",
}
#: Tag of a job that was a cell (`%%mlops run`).
CELL_TAG, CELL = "mlops.source", "cell"
_TRACEBACK_LINES = 12
_METRICS_MAX = 20


def was_cell(job: Job) -> bool:
    """Whether a job was a cell rather than a notebook."""
    return bool(job["spec"].get("tags", {}).get(CELL_TAG) == CELL)


def duration(seconds: float | None) -> str:
    """`0.42 s`, `12.3 s`, `3 min 05 s`, `2 h 10 min`; empty when unknown."""
    if seconds is None:
        return ""
    if seconds < 10:
        return f"{seconds:.2f} s"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    return f"{minutes // 60} h {minutes % 60:02} min"


def ago(then: float | None, now: float) -> str:
    """`just now`, `5 min ago`, `3 h ago`, `2 d ago`; empty when unknown."""
    if then is None:
        return ""
    seconds = max(0.0, now - then)
    if seconds < 60:
        return "just now" if seconds < 5 else f"{int(seconds)} s ago"
    for unit, size, below in (("min", 60, 3600), ("h", 3600, 86400)):
        if seconds < below:
            return f"{int(seconds // size)} {unit} ago"
    return f"{int(seconds // 86400)} d ago"


def size(count: float | None) -> str:
    """`512 B`, `1.5 GiB`; empty when unknown."""
    if count is None:
        return ""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


def moment(then: float | None) -> str:
    """A time of the day here, with its zone; empty when unknown."""
    if then is None:
        return ""
    return time.strftime("%Y-%m-%d %H:%M:%S %z", time.localtime(then))


def state(console: Console, name: str) -> str:
    """A state in its colour."""
    style = _STATE_STYLES.get(name)
    return console.paint(name, style) if style else name


def fields(console: Console, rows: Sequence[tuple[str, str]], indent: int = 2) -> None:
    """Names and values in two columns; rows without a value are left out."""
    shown = [(name, value) for name, value in rows if value]
    columns = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        first, *more = value.split("\n")
        console.say(f"{' ' * indent}{console.paint(pad(name, columns), 'dim')}  {first}")
        for line in more:
            console.say(f"{' ' * (indent + columns + 2)}{line}")


def ending(console: Console, job: Job) -> None:
    """How a job ended, where its results are, what to type next."""
    succeeded = job["state"] == "succeeded"
    mark = console.sign("✔", "*") if succeeded else console.sign("✘", "x")
    style = _STATE_STYLES.get(job["state"], "bold")
    took = duration(job.get("duration"))
    head = f"{mark} {one_line(job['name'])} {job['state']}" + (f" after {took}" if took else "")
    if job.get("attempt", 0) > 1:
        head += f", attempt {job['attempt']}"
    console.say(console.paint(head, style, "bold"))
    if job.get("failure"):
        failure(console, job)
    rows = [("metrics", metrics(job)), *outputs(job)]
    rows += [("warning", one_line(text)) for text in job.get("warnings") or []]
    fields(console, [*rows, ("next", next_steps(console, job))])


def metrics(job: Job) -> str:
    """A job's metrics, a line each, aligned."""
    found = sorted((job.get("metrics") or {}).items())
    columns = max((width_of(one_line(name)) for name, _ in found), default=0)
    lines = [f"{pad(one_line(name), columns)}  {value:.6g}" for name, value in found]
    if len(lines) > _METRICS_MAX:
        lines[_METRICS_MAX:] = [f"… {len(lines) - _METRICS_MAX} more"]
    return "\n".join(lines)


def outputs(job: Job) -> list[tuple[str, str]]:
    """Where a job's results are."""
    tracking, written = job.get("tracking") or {}, job.get("outputs") or {}
    run = ""
    if tracking.get("run_id"):
        run = f"experiment {one_line(tracking.get('experiment') or '')}, run {tracking['run_id']}"
        if tracking.get("uri"):
            run += f", at {one_line(tracking['uri'])}"
    if not tracking.get("synced") and tracking.get("detail"):
        run += f"\n({one_line(tracking['detail'])})" if run else one_line(tracking["detail"])
    html = written.get("html")
    if not html and written.get("notebook") and job["state"] in ("succeeded", "failed"):
        html = written["notebook"].removesuffix(".ipynb") + ".html (follows in a moment)"
    return [
        ("MLflow", run),
        ("notebook", one_line(written.get("notebook") or "")),
        ("HTML", one_line(html or "")),
        ("log", one_line(written.get("log") or "") if job["state"] != "succeeded" else ""),
    ]


def failure(console: Console, job: Job) -> None:
    """What went wrong, where, and what can be done."""
    found = job["failure"]
    rows = [("what", clean(found["message"]))]
    if found.get("cell_index") is not None:
        rows.append(("in", one_line((job.get("progress") or {}).get("current_source") or "")))
    fields(console, rows)
    if found.get("traceback"):
        lines = clean(found["traceback"]).rstrip().split("\n")
        if len(lines) > _TRACEBACK_LINES:
            cut = len(lines) - _TRACEBACK_LINES
            lines = [console.sign("…", "...") + f" {cut} lines above", *lines[-_TRACEBACK_LINES:]]
        console.say()
        for line in lines:
            console.say(f"    {line}")
        console.say()
    fields(console, [("hint", clean(found.get("hint") or ""))])


def next_steps(console: Console, job: Job, *, shown: bool = False) -> str:
    """What one would type next, a line each; `shown`: after everything has been shown."""
    short = job["id"]
    steps = {
        "succeeded": [
            (f"jupyter mlops show {short}", "everything about it"),
            (f"jupyter mlops rerun {short} -p NAME=VALUE", "again, with another parameter"),
        ],
        "failed": [
            (f"jupyter mlops logs {short}", "what it printed"),
            (f"jupyter mlops rerun {short} --latest", "again, once the notebook is mended"),
        ],
        "cancelled": [(f"jupyter mlops rerun {short}", "from its start")],
    }.get(job["state"]) or [
        (f"jupyter mlops attach {short}", "follow it"),
        (f"jupyter mlops cancel {short}", "cancel it"),
    ]
    if shown:
        steps = [step for step in steps if not step[0].startswith("jupyter mlops show ")]
    if was_cell(job):
        # There is no file that a cell could be taken from again.
        steps = [step for step in steps if not step[0].endswith(" --latest")]
    columns = max(len(command) for command, _ in steps)
    return "\n".join(f"{console.paint(pad(c, columns), 'bold')}  {what}" for c, what in steps)


def details(console: Console, job: Job) -> None:
    """Everything about a job."""
    spec, kernel = job["spec"], job["kernel"]
    console.say(f"{console.paint(one_line(job['name']), 'bold')}  {state(console, job['state'])}")
    if job.get("failure"):
        failure(console, job)
    progress, resources = job["progress"], spec["resources"]
    limits = f"{resources['cpus']:g} CPU" + ("" if resources["cpus"] == 1 else "s")
    limits += f", {size(resources['memory'])} memory" if resources.get("memory") else ""
    if gpus := resources.get("gpus"):
        limits += f", {gpus} GPU" + ("" if gpus == 1 else "s")
    commit = job.get("git_commit") or ""
    kernel_name = kernel.get("display_name") or kernel["name"]
    rows = [
        ("id", job["id"]),
        ("rerun of", job.get("rerun_of") or ""),
        ("made from", one_line(job["notebook"])),
        ("snapshot", job["notebook_hash"]),
        ("git", commit + (", with uncommitted changes" if job.get("git_dirty") else "")),
        ("kernel", one_line(kernel_name)),
        ("submitted", moment(job["created_at"])),
        ("started", moment(job.get("started_at"))),
        ("ended", moment(job.get("ended_at"))),
        ("duration", duration(job.get("duration"))),
        ("waits for", one_line(job.get("waiting_for") or "")),
        ("cells", f"{progress['done']} of {progress['total']}" if progress["total"] else ""),
        ("output", one_line(job.get("last_output") or "")),
        ("needs", limits),
        ("timeout", duration(spec.get("timeout"))),
        ("parameters", _pairs(spec.get("parameters"))),
        ("env", _pairs(spec.get("env"))),
        ("env taken over", ", ".join(spec.get("env_from") or [])),
        ("tags", _pairs(spec.get("tags"))),
        ("metrics", metrics(job)),
        *outputs(job),
        *[("warning", one_line(text)) for text in job.get("warnings") or []],
        ("attempts", "\n".join(_attempt(a, job) for a in job["attempts"])),
        ("next", next_steps(console, job, shown=True)),
    ]
    fields(console, rows)


def _pairs(values: dict[str, Any] | None) -> str:
    import json

    return "\n".join(
        f"{one_line(name)} = {one_line(json.dumps(value, ensure_ascii=False))}"
        for name, value in (values or {}).items()
    )


def _attempt(attempt: dict[str, Any], job: Job) -> str:
    # How long the last one took and why it failed is said of the job itself.
    last = attempt["number"] == job.get("attempt")
    start = attempt["start"]
    took = None
    if not last and attempt.get("started_at") and attempt.get("ended_at"):
        took = attempt["ended_at"] - attempt["started_at"]
    words = [f"{attempt['number']}. {attempt['state']}", duration(took)]
    words.append("warm start" if start["warm"] else one_line(start["reason"] or "cold start"))
    if start["preloaded"]:
        words.append("preloaded " + " ".join(one_line(name) for name in start["preloaded"]))
    words += [f"{one_line(n)} left out: {one_line(w)}" for n, w in start["left_out"].items()]
    if attempt.get("peak_memory"):
        words.append(f"peak {size(attempt['peak_memory'])}")
    if attempt.get("failure") and not last:
        words.append(one_line(attempt["failure"]["message"]))
    return ", ".join(word for word in words if word)


def table(console: Console, jobs: Sequence[Job]) -> None:
    """Jobs, a line each; the last column takes what is left of the width."""
    now = time.time()
    rows = [
        (
            job["id"],
            job["state"],
            fit(one_line(job["name"]), 40),
            ago(job["created_at"], now),
            duration(job.get("duration")),
            _remark(job),
        )
        for job in jobs
    ]
    titles = ("ID", "STATE", "NAME", "SUBMITTED", "TOOK", "")
    columns = [max(width_of(row[i]) for row in [titles, *rows]) for i in range(5)]
    left = console.width - sum(columns) - 2 * 5
    console.say(console.paint("  ".join(map(pad, titles[:5], columns)).rstrip(), "dim"))
    for row in rows:
        cells = [pad(cell, columns[i]) for i, cell in enumerate(row[:5])]
        cells[1] = cells[1].replace(row[1], state(console, row[1]))
        remark = fit(row[5], left) if console.tty else row[5]
        console.say("  ".join([*cells, remark]).rstrip())


def _remark(job: Job) -> str:
    if job.get("failure"):
        return one_line(job["failure"]["message"])
    if job.get("cancelling"):
        return "cancelling"
    if job["state"] == "queued":
        waits = one_line(job.get("waiting_for") or "")
        return f"waits for {waits}" if waits else ""
    progress = job.get("progress") or {}
    if job["state"] == "running" and progress.get("total"):
        source = one_line(progress.get("current_source") or "")
        return f"{progress['done']}/{progress['total']}  {source}"
    return ""
