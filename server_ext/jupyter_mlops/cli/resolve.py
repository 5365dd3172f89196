"""Which job is meant: an id, the beginning of one, or `@last`."""

from __future__ import annotations

import re

from jupyter_mlops.cli.console import one_line
from jupyter_mlops.client import Client
from jupyter_mlops.errors import InvalidInput, NotFound

_ID_LENGTH = 12
_PREFIX = re.compile(r"[0-9a-f]{1,12}")
_HINT = "`jupyter mlops jobs` lists them."


def resolve(client: Client, text: str) -> str:
    """The id of the job that `text` stands for; asks the daemon only for what isn't a whole id.

    Raises:
        InvalidInput: it isn't an id's beginning, or several jobs begin so.
        NotFound: no job begins so.
    """
    if text == "@last":
        newest = client.jobs(limit=1)["jobs"]
        if not newest:
            raise NotFound("There are no jobs yet.", hint="`jupyter mlops run NOTEBOOK` makes one.")
        return str(newest[0]["id"])
    wanted = text.lower()
    if not _PREFIX.fullmatch(wanted):
        raise InvalidInput(
            f"{one_line(text)[:80]!r} is no job's id.",
            hint=f"An id is 12 of 0-9 and a-f; its beginning or @last will do. {_HINT}",
        )
    if len(wanted) == _ID_LENGTH:
        return wanted
    found = [str(job["id"]) for job in client.all_jobs() if job["id"].startswith(wanted)]
    if not found:
        raise NotFound(f"No job's id begins with {wanted}.", hint=_HINT)
    if len(found) > 1:
        listed = ", ".join(found[:5]) + (", …" if len(found) > 5 else "")
        raise InvalidInput(f"{wanted} stands for {len(found)} jobs: {listed}.", hint=_HINT)
    return found[0]
