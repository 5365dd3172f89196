"""Help, from the tables of verbs."""

from __future__ import annotations

import json
from collections.abc import Sequence

from jupyter_mlops.cli.console import Console, pad
from jupyter_mlops.cli.help import verb_help
from jupyter_mlops.cli.options import COMMON, Verb, near_verb
from jupyter_mlops.errors import InvalidInput
from jupyter_mlops.magics.verbs import CELL_VERBS, LINE_VERBS

_ALL = (*LINE_VERBS, *CELL_VERBS)


def help_on(name: str, console: Console) -> None:
    """Help of everything, or of the verbs that are called `name`.

    Raises:
        InvalidInput: no verb is.
    """
    if not name:
        overview(console)
        return
    found = [verb for verb in _ALL if verb.name == name or verb.name.startswith(f"{name} ")]
    if not found:
        raise InvalidInput(
            f"There is no verb {name[:80]!r}.{near_verb(name, _ALL)}",
            hint="`%mlops help` lists them.",
        )
    show(found, console)


def show(verbs: Sequence[Verb], console: Console) -> None:
    """Usage, options and examples of some verbs."""
    if console.json:
        console.data(json.dumps({"verbs": [_document(verb) for verb in verbs]}) + "\n")
        return
    for position, verb in enumerate(verbs):
        if position:
            console.say()
        verb_help(console, verb)


def overview(console: Console) -> None:
    """All verbs, a line each."""
    if console.json:
        show(_ALL, console)
        return
    console.say("%mlops: notebooks and cells as jobs\n")
    rows = [(f"%%mlops {verb.name}", verb.summary) for verb in CELL_VERBS]
    rows += [(f"%mlops {verb.name}", verb.summary) for verb in LINE_VERBS]
    columns = max(len(name) for name, _ in rows)
    for name, summary in rows:
        console.say(f"  {pad(name, columns)}  {summary}")
    console.say("\n  %mlops VERB --help shows a verb's options.")
    console.say("  A JOB is an id, the beginning of one, or @last (of all jobs); without one,")
    console.say("  show, logs, attach and rerun mean the last job of this notebook.")


def _document(verb: Verb) -> dict[str, object]:
    own = [option for option in verb.options if option not in COMMON]
    return {
        "verb": verb.name,
        "cell": verb in CELL_VERBS,
        "summary": verb.summary,
        "usage": verb.usage,
        "options": [
            {"names": o.names, "value": o.metavar, "many": o.many, "summary": o.summary}
            for o in own
        ],
    }
