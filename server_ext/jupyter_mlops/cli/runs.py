"""`experiments`, `runs`, `describe` and `compare`."""

from __future__ import annotations

import json
from typing import Any

from jupyter_mlops.cli import run_diffs, run_tables
from jupyter_mlops.cli.console import Console
from jupyter_mlops.cli.limit import PAGE, read_limit
from jupyter_mlops.cli.options import Given, wrong
from jupyter_mlops.cli.resolve import resolve_run
from jupyter_mlops.cli.spec import Problems
from jupyter_mlops.client import Client
from jupyter_mlops.errors import NotFound

#: What of two runs can be compared by itself.
_PARTS = ("notebook", "packages", "code", "data")
_HINT = "`jupyter mlops runs` lists them."


def experiments(given: Given, console: Console) -> int:
    """List experiments."""
    limit = limit_of(given)
    client, words = Client(), " ".join(given.positional)
    found = client.experiments(words=words, limit=min(limit, PAGE))
    page = found
    while len(found["experiments"]) < limit and page["next"]:
        step = min(limit - len(found["experiments"]), PAGE)
        page = client.experiments(words=words, limit=step, cursor=page["next"])
        found["experiments"] += page["experiments"]
    found["next"] = page["next"]
    if console.json:
        console.data(json.dumps(found) + "\n")
    elif not found["experiments"]:
        console.say("No such experiments." if words else "No experiments yet.")
    else:
        run_tables.experiments(console, found["experiments"])
        _say_more(console, found, len(found["experiments"]))
    return 0


def runs(given: Given, console: Console) -> int:
    """List runs."""
    limit = limit_of(given)
    columns = tuple(c.strip() for text in given.many("columns") for c in text.split(",") if c)
    filters: dict[str, Any] = {
        "text": " AND ".join(text for text in given.many("filter") if text.strip()),
        "order": tuple(given.many("sort")),
        "columns": columns,
    }
    client = Client()
    found = listed(client, limit, tuple(given.many("experiment")), filters)
    if console.json:
        console.data(json.dumps(found) + "\n")
    elif not found["runs"]:
        narrowed = filters["text"] or given.many("experiment")
        console.say("No such runs." if narrowed else "No runs yet.")
    else:
        run_tables.runs(console, found["runs"], columns)
        _say_more(console, found, len(found["runs"]))
    return 0


def describe(given: Given, console: Console) -> int:
    """Everything about a run."""
    client = Client()
    found = client.run(resolve_run(client, given.positional[0]))
    if console.json:
        console.data(json.dumps(found) + "\n")
    else:
        run_tables.details(console, found)
    return 0


def compare(given: Given, console: Console) -> int:
    """Where runs differ; with an option for a part, where two of them differ in that."""
    client = Client()
    parts = [part for part in _PARTS if given.flag(part)]
    ids = tuple(dict.fromkeys(resolve_run(client, text) for text in given.positional))
    if len(ids) < 2:
        raise wrong(given.verb, "compare needs two runs at least.")
    if parts:
        _compare_parts(given, console, client, ids, parts)
        return 0
    found = client.compare(ids)
    if console.json:
        console.data(json.dumps(found) + "\n")
    else:
        run_tables.comparison(console, found)
    return 0


def _compare_parts(
    given: Given, console: Console, client: Client, ids: tuple[str, ...], parts: list[str]
) -> None:
    if len(ids) > 2:
        named = " and ".join(f"--{part}" for part in parts)
        raise wrong(given.verb, f"{named} compares two runs, not {len(ids)}.")
    documents = {}
    for part in parts:
        documents[part] = client.diff(ids[0], ids[1], part)
        if not console.json:
            if len(parts) > 1:
                console.say(console.paint(part, "bold"))
            getattr(run_diffs, part)(console, documents[part])
    if console.json:
        console.data(json.dumps(documents) + "\n")


def listed(
    client: Client, limit: int, experiments: tuple[str, ...], filters: dict[str, Any]
) -> dict[str, Any]:
    """The first `limit` runs in one `RunList`, however the daemon pages."""
    filters |= _named(client, experiments)
    found = client.runs(**filters, limit=min(limit, PAGE))
    page = found
    while len(found["runs"]) < limit and page["next"]:
        step = min(limit - len(found["runs"]), PAGE)
        page = client.runs(**filters, limit=step, cursor=page["next"])
        found["runs"] += page["runs"]
        found["cut"] = found["cut"] or page["cut"]
    found["next"] = page["next"]
    return found


def _named(client: Client, experiments: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Experiments by their names; what is no name but a number is an id."""
    names, ids = [], []
    for text in experiments:
        if text.isdecimal() and not _is_name(client, text):
            ids.append(text)
        else:
            names.append(text)
    return {"experiments": tuple(ids), "experiment_names": tuple(names)}


def _is_name(client: Client, text: str) -> bool:
    try:
        client.runs(experiment_names=(text,), limit=1)
    except NotFound:
        return False
    return True


def limit_of(given: Given) -> int:
    """How many are wanted.

    Raises:
        InvalidInput: it is no number of them.
    """
    problems = Problems()
    limit = read_limit(given, problems)
    problems.check(given)
    return limit


def _say_more(console: Console, found: dict[str, Any], shown: int) -> None:
    total = found["total"]
    if total is not None and total > shown:
        console.say(console.paint(f"{total - shown} more: --limit {total} shows all", "dim"))
    elif total is None and found["next"]:
        console.say(console.paint("there are more: --limit shows them", "dim"))
