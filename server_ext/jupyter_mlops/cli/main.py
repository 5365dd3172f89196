"""`jupyter mlops`: from the command line to an exit code. Never a traceback."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import cast

from jupyter_mlops.cli.console import Console, one_line
from jupyter_mlops.cli.options import Given, find_verb, parse
from jupyter_mlops.cli.verbs import VERBS
from jupyter_mlops.errors import MlopsError

Handler = Callable[[Given, Console], int]
_GLOBAL = ("--json", "--debug")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line; the exit codes are in docs/cli.md."""
    words = list(sys.argv[1:] if argv is None else argv)
    asked_before = words[: words.index("--")] if "--" in words else list(words)
    console = Console(json="--json" in asked_before)
    try:
        return _dispatch(words, console)
    except MlopsError as error:
        return _tell(console, error)
    except KeyboardInterrupt:
        console.note("Interrupted.")
        return 130
    except Exception as error:  # noqa: BLE001 - the last net: one line here, the rest in a log
        return _unexpected(console, error, debug="--debug" in asked_before)


def _dispatch(words: list[str], console: Console) -> int:
    before: list[str] = []
    while words and words[0] in _GLOBAL:
        before.append(words.pop(0))
    if not words or words[0] in ("-h", "--help"):
        from jupyter_mlops.cli.help import overview

        overview(console)
        return 0
    if words[0] == "--version":
        _version(console)
        return 0
    verb, rest = find_verb(words, VERBS)
    given = parse(verb, [*before, *rest])
    if console.json and not given.flag("json"):
        console = Console()  # it was an option's value, as in `-p --json`
    if given.flag("help"):
        from jupyter_mlops.cli.help import show_help

        about = Given(verb)
        about.positional = [verb.name]
        return show_help(about, console)
    module, _, function = verb.handler.partition(":")
    handler = getattr(import_module(f"jupyter_mlops.cli.{module}"), function)
    return cast("Handler", handler)(given, console)


def _version(console: Console) -> None:
    from jupyter_mlops.starting import own_version

    if console.json:
        console.data(f'{{"version": "{own_version()}"}}\n')
    else:
        console.say(f"jupyter-mlops {own_version()}")


def _tell(console: Console, error: MlopsError) -> int:
    from jupyter_mlops.cli.errors import show_error

    if console.json:
        import json

        console.data(json.dumps({"error": error.to_problem()}) + "\n")
    show_error(console, error)
    return error.exit_code


def _unexpected(console: Console, error: Exception, *, debug: bool) -> int:
    from jupyter_mlops.cli.errors import EXIT_UNEXPECTED, log_unexpected

    if debug:
        import traceback

        console.note("".join(traceback.format_exception(error)).rstrip())
    where = log_unexpected(error)
    kept = f"Its traceback is in {where}." if where else "--debug shows its traceback."
    console.note(f"Unexpected {type(error).__name__}: {one_line(error)[:300]}. {kept}")
    return EXIT_UNEXPECTED


if __name__ == "__main__":
    sys.exit(main())
