"""Errors as a person sees them: what, where, what to do. Never a traceback."""

from __future__ import annotations

import os
import time

from jupyter_mlops import paths
from jupyter_mlops.cli.console import Console, clean, one_line
from jupyter_mlops.errors import MlopsError

#: Exit code of an error in the command line itself (EX_SOFTWARE).
EXIT_UNEXPECTED = 70
_LOG_MAX = 1024 * 1024


def show_error(console: Console, error: MlopsError) -> None:
    """Print an error on stderr."""
    title, detail, notes = parts_of(error)
    console.warn(title, detail)
    for note in notes:
        console.note(note)


def parts_of(error: MlopsError) -> tuple[str, str, list[str]]:
    """What is shown of an error: its title, what happened, and the lines below."""
    detail = clean(error.detail)
    notes = []
    for problem in error.problems:
        field, message = one_line(problem.get("where", "")), clean(problem.get("message", ""))
        where = _as_typed(field)
        if message and message not in detail:
            notes.append(f"  - {where}: {message}" if where else f"  - {message}")
        elif field:
            detail = detail.replace(field, where)
    if error.hint:
        notes.append(f"  {clean(error.hint)}")
    return one_line(error.title), detail, notes


def _as_typed(field: str) -> str:
    """The option that sets a field of a `Submission`: a person never saw that document."""
    name, _, part = field.removeprefix("spec.").partition(".")
    words = {"parameters": "-p", "env": "--env", "env_from": "--env", "tags": "--tag"}
    if name in words:
        return f"{words[name]} {part}".rstrip()
    if not field.startswith("spec."):
        return field
    if name == "notebook":
        return name
    return f"--{part or name.replace('_', '-')}"


def log_unexpected(error: BaseException) -> str:
    """Append the traceback to the command line's log; its path, or "" where that can't be."""
    import traceback

    path = paths.data_dir() / "cli.log"
    text = "".join(traceback.format_exception(error))
    try:
        paths.private_dir(paths.data_dir())
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        if path.exists() and path.stat().st_size > _LOG_MAX:
            flags |= os.O_TRUNC
        with os.fdopen(
            os.open(path, flags, 0o600), "a", encoding="utf-8", errors="replace"
        ) as file:
            file.write(f"{time.strftime('%Y-%m-%dT%H:%M:%S%z')}\n{text}\n")
    except (OSError, MlopsError):
        return ""  # the one line that follows says so
    return str(path)
