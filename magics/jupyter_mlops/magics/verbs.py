"""What `%mlops` understands: the command line's verbs, and a cell as a job.

docs/magics.md has a section a verb; a test compares the two.
"""

from __future__ import annotations

from jupyter_mlops.cli.options import Argument, Option, Verb
from jupyter_mlops.cli.verbs import VERBS

#: Without a JOB, these mean the last job of this notebook.
_LAST = frozenset({"attach", "logs", "rerun", "show"})
#: What is different in a notebook; the rest is the command line's own.
_OURS = frozenset({"attach", "help", "rerun", "run"})

_WITH = Option(
    "--with",
    "variables to take along by value, 64 MB at most: a,b",
    "NAMES",
    many=True,
)


class CellVerb(Verb):
    """A verb whose argument is the cell."""

    @property
    def usage(self) -> str:
        """The usage line."""
        return f"%%mlops {self.name} [options]"


def _adapted(verb: Verb) -> Verb:
    ours = verb.name in _OURS
    handler = f"jupyter_mlops.{'magics.jobs' if ours else 'cli'}"
    handler += f":{verb.name}" if ours else f".{verb.handler}"
    arguments = [Argument("JOB", required=False)] if takes_last(verb) else verb.arguments
    found = Verb(verb.name, verb.summary, handler, arguments, (), verb.examples)
    found.options = verb.options
    return found


def _cell_run() -> Verb:
    run = next(verb for verb in VERBS if verb.name == "run")
    found = CellVerb(
        "run",
        "Run this cell as a job; its outputs come back here, live",
        "jupyter_mlops.magics.jobs:run_cell",
        (),
        (),
        ("%%mlops run --with data,model --name 'long fit' --timeout 2h",),
    )
    found.options = (_WITH, *run.options)
    return found


def takes_last(verb: Verb) -> bool:
    """Whether the verb means the notebook's last job when none is named."""
    return verb.name in _LAST


#: Of `%mlops`.
LINE_VERBS = tuple(map(_adapted, VERBS))
#: Of `%%mlops`.
CELL_VERBS = (_cell_run(),)
