"""`run`, `rerun` and `attach`: submit, follow, say how it ended."""

from __future__ import annotations

import json
import time
from typing import Any

from jupyter_mlops.cli import render
from jupyter_mlops.cli.console import Console, one_line
from jupyter_mlops.cli.options import Given
from jupyter_mlops.cli.progress import REDRAW, Painter, View, painter
from jupyter_mlops.cli.resolve import resolve
from jupyter_mlops.cli.spec import (
    Parameters,
    Problems,
    job_spec,
    notebook_of_rerun,
    spec_changes,
)
from jupyter_mlops.client import Client
from jupyter_mlops.errors import MlopsError

EXIT_OF_STATE = {"succeeded": 0, "failed": 1, "cancelled": 8}
EXIT_DETACHED = 130
#: Seconds to wait, after a job's end, for its HTML; and for MLflow, which has its metrics, alone.
SETTLE = 15.0
SETTLE_TRACKING = 2.0
#: How often a waiting job is read again, in seconds: its events say nothing of why it waits.
_REFRESH = 1.0

Job = dict[str, Any]


def run(given: Given, console: Console) -> int:
    """Submit a notebook and follow the job."""
    problems = Problems()
    spec = job_spec(given, problems)
    parameters = Parameters(given, problems)
    problems.check(given)
    client = Client()
    try:
        spec["parameters"] = parameters.resolve(
            given, problems, lambda: client.inspect(spec["notebook"])
        )
        job = client.submit(spec, idempotency_key=given.text("idempotency-key"))
    except KeyboardInterrupt:
        return _interrupted(console)
    return _accepted(given, console, client, job)


def rerun(given: Given, console: Console) -> int:
    """Submit a job again, with changes, and follow the new one."""
    problems = Problems()
    changes = spec_changes(given, problems)
    parameters = Parameters(given, problems)
    problems.check(given)
    client = Client()
    try:
        job_id = resolve(client, given.positional[0])
        declaring = notebook_of_rerun(client, job_id, changes)
        changes["parameters"] = parameters.resolve(given, problems, declaring)
        job = client.rerun(job_id, changes)
    except KeyboardInterrupt:
        return _interrupted(console)
    return _accepted(given, console, client, job)


def attach(given: Given, console: Console) -> int:
    """Follow a job that was submitted before."""
    client = Client()
    job = client.job(resolve(client, given.positional[0]))
    return _follow(given, console, client, job, stream=console.json)


def _accepted(given: Given, console: Console, client: Client, job: Job) -> int:
    if not given.flag("detach"):
        return _follow(given, console, client, job)
    if console.json:
        console.data(json.dumps(job) + "\n")
    elif console.tty:
        console.say(f"{console.paint(one_line(job['name']), 'bold')} is submitted: {job['id']}")
        render.fields(console, [("next", render.next_steps(console, job))])
    else:
        console.say(job["id"])  # for `id=$(jupyter mlops run … --detach)`
    return 0


def _interrupted(console: Console) -> int:
    console.note(
        "Interrupted before the daemon had acknowledged the job: it may have been accepted.\n"
        "  `jupyter mlops jobs` shows whether it was."
    )
    return EXIT_DETACHED


def _follow(
    given: Given, console: Console, client: Client, job: Job, *, stream: bool = False
) -> int:
    """Follow a job to its end; with `stream`, its events go to stdout as NDJSON."""
    view = View(job)
    shown = painter(console, quiet=given.flag("quiet") or stream)
    try:
        ended = job
        if stream or job["state"] not in EXIT_OF_STATE:
            ended = _watch(console, client, view, shown, stream=stream)
    except KeyboardInterrupt:
        shown.end()
        return _detached(console, view, stream=stream)
    finally:
        shown.end()
    html = console.live or given.flag("wait-html")
    if html or not tracked(ended):
        ended = _settled(client, view, shown, ended, html=html)
    if stream:
        console.data(json.dumps({"type": "job", "job": ended}) + "\n")
    elif console.json:
        console.data(json.dumps(ended) + "\n")
    else:
        render.ending(console, ended)
    return EXIT_OF_STATE[ended["state"]]


def _settled(client: Client, view: View, shown: Painter, ended: Job, *, html: bool) -> Job:
    try:
        if html:
            view.writes_html()
            shown.update(view, None)
        return settle(client, ended, html=html)
    except KeyboardInterrupt:
        return ended  # the job has ended all the same: what is there is shown
    finally:
        shown.end()


def _watch(console: Console, client: Client, view: View, shown: Painter, *, stream: bool) -> Job:
    shown.update(view, None)
    read_at = time.monotonic()
    tick = REDRAW if console.live else _REFRESH
    first = 1 if stream else view.attempt
    begun = first if view.attempt else None
    for event in client.follow(view.job["id"], attempt=begun, tick=tick):
        if event is not None:
            if event.get("type") == "job":
                ended: Job = event["job"]
                return ended
            view.take(event)
            if stream:
                console.data(json.dumps(event) + "\n")
        elif view.waiting and time.monotonic() - read_at >= _REFRESH:
            view.refresh(client.job(view.job["id"]))
            read_at = time.monotonic()
        shown.update(view, event)
    raise AssertionError("the events of a job end with the job")


def settle(client: Client, job: Job, *, html: bool) -> Job:
    """The job once MLflow holds its run and, with `html`, its HTML is written; or after a while."""
    deadline = time.monotonic() + (SETTLE if html else SETTLE_TRACKING)
    if html and not job["outputs"].get("html"):
        try:
            client.render_html(job["id"], SETTLE)
        except MlopsError:
            # A notebook that can't be rendered is no failure of the job: what is there is shown.
            html = False
    pause = 0.002
    while True:
        job = client.job(job["id"])
        written = not html or job["outputs"].get("html")
        if (tracked(job) and written) or time.monotonic() >= deadline:
            return job
        time.sleep(pause)
        pause = min(pause * 1.5, 0.25)


def tracked(job: Job) -> bool:
    """Whether MLflow holds the job's run, or it is known why it doesn't yet."""
    tracking = job["tracking"]
    return bool(tracking["synced"] or tracking["detail"] or not tracking["run_id"])


def _detached(console: Console, view: View, *, stream: bool) -> int:
    job_id = view.job["id"]
    if console.json and not stream:
        console.data(json.dumps(view.job) + "\n")
    console.note(
        f"The job goes on: {view.name}, {job_id}.\n"
        f"  Follow it: jupyter mlops attach {job_id}\n"
        f"  Stop it:   jupyter mlops cancel {job_id}"
    )
    return EXIT_DETACHED
