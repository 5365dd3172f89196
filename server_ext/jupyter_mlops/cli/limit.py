"""`--limit`: how many of a list are shown."""

from __future__ import annotations

from jupyter_mlops.cli.options import Given
from jupyter_mlops.cli.spec import Problems
from jupyter_mlops.cli.values import read_whole

#: When nothing is said, and what the daemon is asked for at once.
LIMIT, PAGE = 20, 200


def read_limit(given: Given, problems: Problems) -> int:
    """What was given, 20 when nothing was; a problem is noted where it can't be meant."""
    text = given.text("limit")
    found = LIMIT if text is None else problems.read("--limit", text, read_whole)
    if found is None:
        return LIMIT
    if found < 1:
        problems.add("--limit", "has to be 1 at least")
    return int(found)
