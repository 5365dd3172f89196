"""`reproduce`: begin, follow stage by stage, say how it came out."""

from __future__ import annotations

import json
import math
import time
from typing import Any

from jupyter_mlops.cli import render
from jupyter_mlops.cli.console import Console, clean, fit, one_line
from jupyter_mlops.cli.options import Given, wrong
from jupyter_mlops.cli.progress import REDRAW, clock
from jupyter_mlops.cli.resolve import resolve_run
from jupyter_mlops.cli.run import EXIT_DETACHED
from jupyter_mlops.cli.spec import Problems
from jupyter_mlops.client import Client
from jupyter_mlops.errors import Conflict

#: Scripts may tell by it how a run came out.
EXIT_OF_OUTCOME = {"reproduced": 0, "cancelled": 8, "differs": 10, "cannot": 11}
_STYLES = {"reproduced": "green", "differs": "yellow", "cannot": "red", "cancelled": "yellow"}
#: Seconds between two looks.
_LOOK = 0.2
_THEN = {
    "cannot": "it can't be reproduced",
    "while_there": "as long as it stays where it is",
    "may_differ": "it may come out otherwise",
}

Reproduction = dict[str, Any]


def reproduce(given: Given, console: Console) -> int:
    """Reproduce a run and follow that."""
    order = _order(given)
    client = Client()
    run_id = resolve_run(client, given.positional[0])
    if given.flag("check"):
        return check(console, client.reproducibility(run_id))
    if given.flag("list"):
        return _listed(console, client.reproductions(run_id))
    if given.flag("cancel"):
        return _cancelled(console, client, run_id)
    found = client.reproduce(run_id, order)
    if given.flag("detach"):
        if console.json:
            console.data(json.dumps(found) + "\n")
        else:
            console.say(found["id"])
        return 0
    try:
        found = follow(client, found, Progress(console, quiet=given.flag("quiet")))
    except KeyboardInterrupt:
        if console.json:
            console.data(json.dumps(client.reproduction(found["id"])) + "\n")
        console.note(
            f"It goes on: {found['id']}.\n"
            f"  How it came out: jupyter mlops reproduce {run_id} --list\n"
            f"  Stop it:         jupyter mlops reproduce {run_id} --cancel"
        )
        return EXIT_DETACHED
    if console.json:
        console.data(json.dumps(found) + "\n")
    else:
        ending(console, found)
    return EXIT_OF_OUTCOME[found["outcome"]]


def follow(client: Client, found: Reproduction, progress: Progress) -> Reproduction:
    """Look at it until it has ended, however often the daemon is started anew."""
    try:
        while found["outcome"] is None:
            job = None
            if found["job_id"] and _stage(found)["name"] == "running":
                job = client.job(found["job_id"])
            progress.update(found, job)
            time.sleep(REDRAW if progress.live else _LOOK)
            found = client.reproduction(found["id"])
        progress.update(found, None)
    finally:
        progress.end()
    return found


class Progress:
    """Stages as they come: one live line on a terminal, a line a stage elsewhere."""

    def __init__(self, console: Console, *, quiet: bool) -> None:
        self._console = console
        self._quiet = quiet or console.text is None
        self.live = console.live and not self._quiet
        self._said: set[tuple[str, str]] = set()
        self._drawn = False

    def update(self, found: Reproduction, job: dict[str, Any] | None) -> None:
        """Show how far it is."""
        if self._quiet:
            return
        began = float(found["created_at"])
        for stage in found["stages"]:
            key = (stage["name"], stage["state"])
            if stage["state"] in ("done", "failed") and key not in self._said:
                self._said.add(key)
                self.end()
                taken = clock(float(stage["ended_at"] or began) - began)
                mark = self._console.sign("✔", "*")
                if stage["state"] == "failed":
                    mark = self._console.sign("✘", "x")
                self._console.say(f"[{taken}] {mark} {stage['name']}: {one_line(stage['detail'])}")
        if found["outcome"] is not None:
            return
        stage = _stage(found)
        text = stage["name"]
        if job is not None:
            progress = job["progress"]
            if progress["total"]:
                source = one_line(progress["current_source"])
                text += f"  {progress['done']}/{progress['total']}  {source}"
            else:
                text += f"  {job['state']}  {one_line(job['waiting_for'] or '')}"
        elif stage["detail"]:
            text += f"  {one_line(stage['detail'])}"
        if self.live:
            line = f"{clock(time.time() - began)}  {text}"
            self._console.draw(f"\r{fit(line, self._console.width - 1)}\x1b[K")
            self._drawn = True
        elif (stage["name"], "working") not in self._said:
            self._said.add((stage["name"], "working"))
            self._console.say(f"[{clock(time.time() - began)}] {stage['name']}")

    def end(self) -> None:
        """Take the live line away."""
        if self._drawn:
            self._console.draw("\r\x1b[K")
            self._drawn = False


def ending(console: Console, found: Reproduction) -> None:
    """How it came out, and what to look at next."""
    outcome = found["outcome"]
    mark = console.sign("✔", "*") if outcome == "reproduced" else console.sign("✘", "x")
    words = {"cannot": "cannot be reproduced", "cancelled": "was not reproduced: cancelled"}
    head = f"{mark} run {found['run_id'][:12]} {words.get(outcome, outcome)}"
    console.say(console.paint(head, _STYLES[outcome], "bold"))
    differing = "\n".join(one_line(one["text"]) for one in found["differences"])
    detail = differing if outcome == "differs" and differing else clean(found["detail"])
    titles = {"reproduced": "compared", "differs": "differs", "cannot": "why"}
    rows = [
        (titles.get(outcome, ""), detail),
        ("new run", found["new_run_id"] or ""),
        ("job", found["job_id"] or ""),
        ("folder", found["directory"]),
        *[("note", one_line(note)) for note in found["notes"]],
    ]
    if found["new_run_id"] and outcome == "differs":
        step = f"jupyter mlops compare {found['run_id'][:12]} {found['new_run_id'][:12]}"
        rows.append(("next", f"{console.paint(step, 'bold')}  where they differ"))
    render.fields(console, rows)


def check(console: Console, found: dict[str, Any]) -> int:
    """Say whether a run could be reproduced."""
    if console.json:
        console.data(json.dumps(found) + "\n")
        return 0 if found["possible"] else EXIT_OF_OUTCOME["cannot"]
    if found["exactly"]:
        console.say("Everything is known that an exact reproduction needs.")
        return 0
    if found["possible"]:
        console.say("It could be reproduced, but:")
    else:
        console.say("It can't be reproduced:")
    for lack in found["lacks"]:
        console.say(f"  - {one_line(lack['what'])} ({_THEN.get(lack['then'], lack['then'])})")
        console.say(f"    {console.paint(one_line(lack['mend']), 'dim')}")
    return 0 if found["possible"] else EXIT_OF_OUTCOME["cannot"]


def _listed(console: Console, found: dict[str, Any]) -> int:
    if console.json:
        console.data(json.dumps(found) + "\n")
        return 0
    if not found["reproductions"]:
        console.say("It was not reproduced yet.")
    now = time.time()
    for one in found["reproductions"]:
        outcome = one["outcome"] or f"under way: {_stage(one)['name']}"
        shown = console.paint(outcome, _STYLES[one["outcome"]]) if one["outcome"] else outcome
        when = render.ago(one["created_at"], now)
        console.say(f"{one['id']}  {when}  {shown}  {one_line(one['detail'])}".rstrip())
    return 0


def _cancelled(console: Console, client: Client, run_id: str) -> int:
    under_way = [
        one for one in client.reproductions(run_id)["reproductions"] if one["outcome"] is None
    ]
    if not under_way:
        raise Conflict("No reproduction of this run is under way.", code="already_ended")
    found = [client.cancel_reproduction(one["id"]) for one in under_way]
    if console.json:
        console.data(json.dumps({"reproductions": found}) + "\n")
    else:
        for one in found:
            console.say(f"{one['id']} is being cancelled.")
    return 0


def _stage(found: Reproduction) -> dict[str, Any]:
    """The stage that it is in: the last one that has begun."""
    begun = [one for one in found["stages"] if one["state"] != "waiting"]
    stage: dict[str, Any] = (begun or found["stages"])[-1 if begun else 0]
    return stage


def _order(given: Given) -> dict[str, Any]:
    problems = Problems()
    order: dict[str, Any] = {"keep": given.flag("keep"), "ignore": given.many("ignore")}
    tolerances: dict[str, float] = {}
    for text in given.many("tolerance"):
        name, equals, value = text.rpartition("=")
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not (math.isfinite(number) and number >= 0):
            problems.add("--tolerance", f"{value!r} is not a number from 0 on")
        elif equals and name:
            tolerances[name] = number
        else:
            order["tolerance"] = number
    order["tolerances"] = tolerances
    only = [name for name in ("check", "list", "cancel", "detach") if given.flag(name)]
    if len(only) > 1:
        raise wrong(given.verb, f"--{only[0]} and --{only[1]} exclude each other.")
    problems.check(given)
    return order
