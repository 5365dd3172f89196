"""`jobs`, `show`, `cancel` and `delete`."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any

from jupyter_mlops.cli import render
from jupyter_mlops.cli.console import Console, one_line
from jupyter_mlops.cli.errors import show_error
from jupyter_mlops.cli.limit import PAGE, read_limit
from jupyter_mlops.cli.options import Given, wrong
from jupyter_mlops.cli.resolve import resolve
from jupyter_mlops.cli.spec import Problems
from jupyter_mlops.client import Client
from jupyter_mlops.errors import MlopsError

_STATES = ("queued", "starting", "running", "succeeded", "failed", "cancelled")


def list_jobs(given: Given, console: Console) -> int:
    """List jobs, newest first."""
    problems = Problems()
    states = tuple(s for text in given.many("state") for s in text.lower().split(",") if s)
    for name in states:
        if name not in _STATES:
            problems.add("--state", f"{name!r} isn't a state; there are {', '.join(_STATES)}")
    limit = read_limit(given, problems)
    problems.check(given)
    notebook = given.text("notebook")
    found = _collect(
        Client(),
        limit,
        states=states,
        name=given.text("name"),
        notebook=None if notebook is None else os.path.abspath(notebook),
    )
    if console.json:
        console.data(json.dumps(found) + "\n")
        return 0
    counts: dict[str, int] = found["counts"]
    matching = sum(n for name, n in counts.items() if not states or name in states)
    if not found["jobs"]:
        console.say("No such jobs." if given.many("state") or matching else "No jobs yet.")
        console.say("  `jupyter mlops run NOTEBOOK` makes one.")
        return 0
    render.table(console, found["jobs"])
    if matching > len(found["jobs"]):
        more = matching - len(found["jobs"])
        console.say(console.paint(f"{more} more: --limit {matching} shows all", "dim"))
    return 0


def _collect(client: Client, limit: int, **filters: Any) -> dict[str, Any]:
    """The newest `limit` jobs in one `JobList`, however the daemon pages."""
    found = client.jobs(limit=min(limit, PAGE), **filters)
    jobs, page = found["jobs"], found
    while len(jobs) < limit and page.get("next"):
        step = min(limit - len(jobs), PAGE)
        page = client.jobs(limit=step, cursor=page["next"], **filters)
        jobs += page["jobs"]
    found["jobs"] = jobs[:limit]
    found["next"] = page.get("next")
    return found


def show(given: Given, console: Console) -> int:
    """Everything about a job."""
    client = Client()
    job = client.job(resolve(client, given.positional[0]))
    if console.json:
        console.data(json.dumps(job) + "\n")
    else:
        render.details(console, job)
    return 0


def cancel(given: Given, console: Console) -> int:
    """Ask for the end of jobs."""
    client = Client()

    def stop(job_id: str) -> dict[str, Any]:
        job = client.cancel(job_id)
        if not console.json:
            over = job["state"] in ("succeeded", "failed", "cancelled")
            said = f"is {job['state']}" if over else "is being cancelled"
            console.say(f"{one_line(job['name'])} {said}: {job_id}")
        return job

    return _each(given, console, client, "jobs", stop)


def delete(given: Given, console: Console) -> int:
    """Delete jobs that have ended."""
    client = Client()
    if not given.flag("yes") and not _confirmed(given, console, client):
        console.say("Nothing was deleted.")
        return 0

    def remove(job_id: str) -> str:
        client.delete(job_id)
        if not console.json:
            console.say(f"Deleted {job_id}.")
        return job_id

    return _each(given, console, client, "deleted", remove)


def _confirmed(given: Given, console: Console, client: Client) -> bool:
    """The answer to whether to delete.

    Raises:
        InvalidInput: nobody can be asked.
    """
    if console.json or not (console.tty and sys.stdin is not None and sys.stdin.isatty()):
        raise wrong(given.verb, "Nobody can be asked here whether to delete: add --yes.")
    for text in given.positional:
        job = client.job(resolve(client, text))
        console.say(f"  {job['id']}  {job['state']}  {one_line(job['name'])}")
    count = len(given.positional)
    console.draw(f"Delete {'this job' if count == 1 else f'these {count} jobs'}? [y/N] ")
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _each(
    given: Given, console: Console, client: Client, key: str, act: Callable[[str], Any]
) -> int:
    """Do it for every job named, telling errors as they come; the first one's exit code."""
    done: list[Any] = []
    failed: list[dict[str, Any]] = []
    exit_code = 0
    for text in given.positional:
        try:
            done.append(act(resolve(client, text)))
        except MlopsError as error:
            exit_code = exit_code or error.exit_code
            failed.append({"job": text, "error": error.to_problem()})
            if not console.json:
                show_error(console, error)
    if console.json:
        console.data(json.dumps({key: done, "failed": failed}) + "\n")
    return exit_code
