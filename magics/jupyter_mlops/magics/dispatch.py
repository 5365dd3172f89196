"""From a line (and a cell) to a verb, and from an error to a line in the cell."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from jupyter_mlops.cli.errors import log_unexpected
from jupyter_mlops.cli.options import Given, Verb, find_verb, parse
from jupyter_mlops.errors import InvalidInput, MlopsError
from jupyter_mlops.magics.console import NotebookConsole
from jupyter_mlops.magics.session import Session
from jupyter_mlops.magics.told import JobFailed, as_told
from jupyter_mlops.magics.verbs import CELL_VERBS, LINE_VERBS, takes_last

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

_GLOBAL = ("--json", "--debug")


def dispatch(shell: InteractiveShell, line: str, cell: str | None) -> None:
    """Do what a line says.

    Raises:
        MlopsError: it can't be done, or the job failed; shown as a line or two.
    """
    debug = False
    try:
        words = _words(line)
        debug = "--debug" in words
        _call(Session(shell), words, cell)
    except MlopsError as error:
        raise as_told(error) from None
    except Exception as error:
        if debug:
            raise
        where = log_unexpected(error)
        kept = f"Its traceback is in {where}." if where else "--debug shows its traceback."
        raise as_told(MlopsError(f"Unexpected {type(error).__name__}: {error}. {kept}")) from None


def _words(line: str) -> list[str]:
    import shlex

    try:
        return shlex.split(line)
    except ValueError as error:
        raise InvalidInput(
            f"The line can't be read: {error}.", hint="Close every quotation mark."
        ) from None


def _call(session: Session, words: list[str], cell: str | None) -> None:
    before: list[str] = []
    while words and words[0] in _GLOBAL:
        before.append(words.pop(0))
    verbs = LINE_VERBS if cell is None else CELL_VERBS
    if cell is not None and not words:
        raise InvalidInput(
            "The line doesn't say what to do with the cell.", hint="`%%mlops run` makes it a job."
        )
    if not words or words[0] in ("-h", "--help"):
        words, verbs = ["help"], LINE_VERBS
    if cell is not None and words[0] not in {verb.name for verb in verbs}:
        _refuse_cell(words[0])
    verb, rest = find_verb(words, verbs, "%mlops")
    console = NotebookConsole(json="--json" in [*before, *rest])
    given = parse(verb, [*before, *rest])
    if given.flag("help"):
        from jupyter_mlops.magics.help import show

        show([verb], console)
        return
    if takes_last(verb) and not given.positional:
        from jupyter_mlops.magics.jobs import last_job

        given.positional.append(last_job(session))
    _handle(session, verb, given, console, cell)


def _handle(
    session: Session, verb: Verb, given: Given, console: NotebookConsole, cell: str | None
) -> None:
    module, _, function = verb.handler.partition(":")
    handler = getattr(import_module(module), function)
    if module.startswith("jupyter_mlops.magics."):
        handler(session, given, console, cell)
    elif handler(given, console):
        # It has said itself what is wrong; the cells after this one must not run.
        raise JobFailed(f"%mlops {verb.name} wasn't done.")


def _refuse_cell(name: str) -> None:
    if any(verb.name == name for verb in LINE_VERBS):
        raise InvalidInput(f"{name} takes no cell.", hint=f"`%mlops {name}` stands on a line.")
