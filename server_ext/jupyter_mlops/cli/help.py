"""Help, from the table of verbs."""

from __future__ import annotations

import json
import textwrap
from typing import Any

from jupyter_mlops.cli.console import Console, pad
from jupyter_mlops.cli.options import COMMON, PROGRAM, Given, Option, Verb, near_verb
from jupyter_mlops.cli.verbs import VERBS
from jupyter_mlops.errors import InvalidInput

_EXITS = (
    "0 succeeded  1 the job failed  2 wrong usage or input  3 refused  4 not found  5 conflict\n"
    "6 daemon unreachable, busy or disk full  7 store unusable  8 the job was cancelled\n"
    "10 a reproduction differs  11 a run can't be reproduced\n"
    "70 unexpected error  130 detached by Ctrl-C"
)


def show_help(given: Given, console: Console) -> int:
    """Help of everything, or of a verb."""
    name = " ".join(given.positional)
    if not name:
        overview(console)
        return 0
    found = [verb for verb in VERBS if verb.name == name or verb.name.startswith(f"{name} ")]
    if not found:
        raise InvalidInput(
            f"There is no verb {name!r}.{near_verb(name, VERBS)}",
            hint=f"`{PROGRAM} help` lists them.",
        )
    if console.json:
        console.data(json.dumps({"verbs": [_document(verb) for verb in found]}) + "\n")
        return 0
    for verb in found:
        verb_help(console, verb)
    return 0


def overview(console: Console) -> None:
    """All verbs, a line each."""
    if console.json:
        console.data(json.dumps({"verbs": [_document(verb) for verb in VERBS]}) + "\n")
        return
    console.say(f"{console.paint(PROGRAM, 'bold')}: notebooks as jobs")
    console.say(f"\nusage: {PROGRAM} VERB …\n")
    columns = max(len(verb.name) for verb in VERBS)
    for verb in VERBS:
        console.say(f"  {console.paint(pad(verb.name, columns), 'bold')}  {verb.summary}")
    console.say(f"\n  {PROGRAM} VERB --help shows a verb's options; --version the version.")
    console.say("  A JOB is an id, the beginning of one, or @last; so is a RUN, of MLflow's.")
    console.say("\nexit codes:")
    console.say(textwrap.indent(_EXITS, "  "))


def verb_help(console: Console, verb: Verb) -> None:
    """One verb: usage, options, examples."""
    console.say(f"{verb.summary}\n\nusage: {verb.usage}\n")
    rows = [(_names(option), option.summary) for option in verb.options]
    columns = max(len(names) for names, _ in rows)
    room = max(30, min(console.width, 110) - columns - 4)
    for names, summary in rows:
        first, *more = textwrap.wrap(summary, room)
        console.say(f"  {console.paint(pad(names, columns), 'bold')}  {first}")
        for line in more:
            console.say(" " * (columns + 4) + line)
    if verb.examples:
        console.say("\nexamples:")
        for example in verb.examples:
            console.say(f"  {example}")


def _names(option: Option) -> str:
    names = ", ".join(option.names)
    return f"{names} {option.metavar}" if option.metavar else names


def _document(verb: Verb) -> dict[str, Any]:
    own = [option for option in verb.options if option not in COMMON]
    return {
        "verb": verb.name,
        "summary": verb.summary,
        "usage": verb.usage,
        "options": [
            {"names": o.names, "value": o.metavar, "many": o.many, "summary": o.summary}
            for o in own
        ],
    }
