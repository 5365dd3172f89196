"""`clean`: remove what reproductions have left on the disk."""

from __future__ import annotations

import json
from typing import Any

from jupyter_mlops.cli import render
from jupyter_mlops.cli.console import Console
from jupyter_mlops.cli.options import Given
from jupyter_mlops.cli.spec import Problems
from jupyter_mlops.cli.values import Unreadable, read_duration
from jupyter_mlops.client import Client

#: Kind of what takes space → what one and many of it are called.
_NOUNS = {
    "environments": ("rebuilt environment", "rebuilt environments"),
    "copies": ("copy of data", "copies of data"),
}


def clean(given: Given, console: Console) -> int:
    """Remove rebuilt environments and copies of data that nobody needs."""
    order = _order(given)
    found = Client().clean(order)
    if console.json:
        console.data(json.dumps(found) + "\n")
        return 0
    pretend = given.flag("dry-run")
    for kind, (one, many) in _NOUNS.items():
        count = found[kind]["count"]
        noun = one if count == 1 else many
        what = f"{'Would remove' if pretend else 'Removed'} {count} {noun}"
        left = found["left"][kind]
        console.say(
            f"{what} ({render.size(found[kind]['size'])}); there "
            f"{'is' if left['count'] == 1 else 'are'} {left['count']} "
            f"({render.size(left['size'])}, limit {render.size(left['limit'])})."
        )
    return 0


def _order(given: Given) -> dict[str, Any]:
    problems = Problems()
    order: dict[str, Any] = {
        "needed_copies": given.flag("needed-copies"),
        "pretend": given.flag("dry-run"),
    }
    unused_for = given.text("unused-for")
    if unused_for is not None:
        try:
            order["unused_for"] = read_duration(unused_for)
        except Unreadable as error:
            problems.add("--unused-for", f"{unused_for!r} {error}")
    problems.check(given)
    return order
