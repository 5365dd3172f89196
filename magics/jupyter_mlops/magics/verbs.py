"""What `%mlops` understands: the command line's verbs, a cell as a job, and what is logged.

docs/magics.md has a section a verb; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Sequence

from jupyter_mlops.cli.options import Argument, Option, Verb
from jupyter_mlops.cli.verbs import VERBS

#: Without a JOB, these mean the last job of this notebook.
_LAST = frozenset({"attach", "logs", "rerun", "show"})
#: What is different in a notebook; the rest is the command line's own.
_OURS = {
    "attach": "jobs",
    "help": "jobs",
    "reproduce": "reproductions",
    "rerun": "jobs",
    "run": "jobs",
}

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
    handler = f"jupyter_mlops.cli.{verb.handler}"
    if (module := _OURS.get(verb.name)) is not None:
        handler = f"jupyter_mlops.magics.{module}:{verb.name}"
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


_BEGINNING = (
    Option("--experiment", "its experiment; the notebook's name when left out", "NAME"),
    Option("--name", "name of the run; the experiment and the time when left out", "NAME"),
    Option("--tag", "a tag of the run", "NAME=VALUE", many=True),
    Option("-p --param", "a parameter of the run", "NAME=VALUE", many=True),
    Option("--no-chart", "draw no metrics below the cells that log them"),
)
_PAIRS = (Argument("NAME=VALUE", many=True),)
_AS = Option("--name", "what it is called; the variable's or the file's name when left out", "NAME")


def _logging(
    name: str,
    summary: str,
    arguments: Sequence[Argument] = (),
    options: Sequence[Option] = (),
    *examples: str,
) -> Verb:
    handler = f"jupyter_mlops.magics.logging_verbs:{name}"
    return Verb(name, summary, handler, arguments, options, examples)


_LOGGING = (
    _logging(
        "start",
        "Start a run that this notebook logs into; one that is open ends",
        (),
        _BEGINNING,
        "%mlops start --experiment faces --name 'first try' --tag team=vision -p lr=0.1",
    ),
    _logging(
        "log",
        "Log metrics; $x is the value of the variable x",
        _PAIRS,
        [Option("--step", "at which step; the next one of each metric when left out", "N")],
        "%mlops log loss=$loss acc=0.9 --step 3",
    ),
    _logging(
        "params",
        "Log parameters; $x is the value of the variable x",
        _PAIRS,
        (),
        "%mlops params lr=0.1 depth=$depth",
    ),
    _logging("tag", "Set tags of the run", _PAIRS, (), "%mlops tag team=vision"),
    _logging(
        "note",
        "Add a paragraph to the run's description",
        [Argument("TEXT", many=True)],
        (),
        "%mlops note 'The learning rate was too high.'",
    ),
    _logging(
        "artifact",
        "Keep a copy of a file or directory with the run",
        [Argument("PATH")],
        [_AS],
        "%mlops artifact weights.bin --name model/weights.bin",
    ),
    _logging(
        "figure",
        "Keep a figure with the run",
        [Argument("VARIABLE")],
        [_AS],
        "%mlops figure fig --name curves.svg",
    ),
    _logging(
        "table",
        "Keep a data frame or a list of rows with the run",
        [Argument("VARIABLE")],
        [_AS],
        "%mlops table errors",
    ),
    _logging(
        "dataset",
        "Note a dataset that the run reads, by the hash of its content",
        [Argument("PATH|$VARIABLE")],
        [_AS],
        "%mlops dataset data/train.csv",
    ),
    _logging(
        "model",
        "Keep a model with the run, as MLflow keeps it",
        [Argument("VARIABLE|PATH")],
        [
            _AS,
            Option("--example", "variable with an example of what goes in", "VARIABLE"),
            Option("--flavor", "MLflow's flavour, where its class doesn't say it", "FLAVOR"),
        ],
        "%mlops model classifier --example X_test",
    ),
    _logging(
        "end",
        "End the run: failed if a cell of it failed, else finished",
        (),
        [Option("--status", "end it so: finished, failed, killed", "STATUS")],
    ),
    _logging("autolog", "Have MLflow log by itself what imported libraries do"),
)


def _cell_track() -> Verb:
    return CellVerb(
        "track",
        "Run this cell as a run of its own",
        "jupyter_mlops.magics.logging_verbs:track",
        (),
        _BEGINNING,
        ("%%mlops track --name 'long fit' -p depth=3",),
    )


#: Of `%mlops`.
LINE_VERBS = (*map(_adapted, VERBS), *_LOGGING)
#: Of `%%mlops`.
CELL_VERBS = (_cell_run(), _cell_track())
