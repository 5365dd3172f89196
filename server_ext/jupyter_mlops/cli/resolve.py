"""Which job or run is meant: an id, the beginning of one, or `@last`."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from jupyter_mlops.cli.console import one_line
from jupyter_mlops.client import Client
from jupyter_mlops.errors import InvalidInput, NotFound

_HEX = re.compile(r"[0-9a-f]+")
#: Runs that are asked for to see which begin so: one more than are named.
_RUNS_ASKED = 6


class _Kind(NamedTuple):
    """What an id is one of."""

    name: str
    id_length: int

    @property
    def hint(self) -> str:
        return f"`jupyter mlops {self.name}s` lists them."


_JOB, _RUN = _Kind("job", 12), _Kind("run", 32)


def resolve(client: Client, text: str) -> str:
    """The id of the job that `text` stands for; asks the daemon only for what isn't a whole id.

    Raises:
        InvalidInput: it isn't an id's beginning, or several jobs begin so.
        NotFound: no job begins so.
    """

    def beginning(wanted: str) -> list[str]:
        return [str(job["id"]) for job in client.all_jobs() if job["id"].startswith(wanted)]

    return _resolve(_JOB, text, lambda: _ids(client.jobs(limit=1)["jobs"]), beginning)


def resolve_run(client: Client, text: str) -> str:
    """As `resolve`, of a run."""

    def beginning(wanted: str) -> list[str]:
        return _ids(client.runs(id_prefix=wanted, limit=_RUNS_ASKED)["runs"])

    return _resolve(_RUN, text, lambda: _ids(client.runs(limit=1)["runs"]), beginning)


def _resolve(
    kind: _Kind,
    text: str,
    newest: Callable[[], Sequence[str]],
    beginning: Callable[[str], Sequence[str]],
) -> str:
    if text == "@last":
        if not (last := newest()):
            raise NotFound(
                f"There are no {kind.name}s yet.", hint="`jupyter mlops run NOTEBOOK` makes one."
            )
        return last[0]
    wanted = text.lower()
    if not _HEX.fullmatch(wanted) or len(wanted) > kind.id_length:
        raise InvalidInput(
            f"{one_line(text)[:80]!r} is no {kind.name}'s id.",
            hint=f"An id is {kind.id_length} of 0-9 and a-f; its beginning or @last will do."
            f" {kind.hint}",
        )
    if len(wanted) == kind.id_length:
        return wanted
    found = beginning(wanted)
    if not found:
        raise NotFound(f"No {kind.name}'s id begins with {wanted}.", hint=kind.hint)
    if len(found) > 1:
        listed = ", ".join(found[:5]) + (", …" if len(found) > 5 else "")
        many = "several" if kind is _RUN and len(found) == _RUNS_ASKED else str(len(found))
        raise InvalidInput(f"{wanted} stands for {many} {kind.name}s: {listed}.", hint=kind.hint)
    return found[0]


def _ids(listed: Sequence[dict[str, object]]) -> list[str]:
    return [str(one["id"]) for one in listed]
