"""JSON as a notebook file holds it, refused with the place where it isn't.

Python's own parser takes what JSON doesn't have (NaN) and leaves out where it found it; it says
nothing of encodings, and recurses as deep as the text is nested.
"""

from __future__ import annotations

import json
import re

from jupyter_mlops.errors import NotebookInvalid

#: Deeper nesting is refused: nothing that Jupyter writes comes near it.
MAX_DEPTH = 200


def parse(raw: bytes, called: str) -> object:
    """The JSON document in `raw` (UTF-8); `called` is how messages name the file.

    Raises:
        NotebookInvalid: it isn't JSON; line and column are named.
    """
    if raw.startswith(b"\xef\xbb\xbf"):
        raise NotebookInvalid(
            f"{called} starts with a byte order mark (line 1, column 1), which JSON doesn't allow.",
            hint='Save it as "UTF-8" instead of "UTF-8 with BOM".',
        )
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise NotebookInvalid(
            f"{called} is not UTF-8 but UTF-16 (line 1, column 1).",
            hint="Save it as UTF-8.",
        )
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line, column = place_of(raw[: error.start].decode("utf-8"))
        raise NotebookInvalid(
            f"{called} is not UTF-8: line {line}, column {column} (byte {error.start}).",
            hint="Save it as UTF-8.",
        ) from error
    if not text.strip():
        raise NotebookInvalid(
            f"{called} is empty (line 1, column 1).",
            hint="Restore it from a checkpoint or a backup.",
        )
    try:
        document = json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise _not_json(text, error, called) from error
    except _Constant as error:
        line, column = _constant_place(text)
        raise NotebookInvalid(
            f"{called} is not valid JSON: line {line}, column {column}: {error} is not allowed.",
            hint="JSON has no NaN or Infinity: write null or a string there.",
        ) from error
    except RecursionError as error:
        raise too_deep(called, _depth_place(text)) from error
    except ValueError as error:  # a number with more digits than Python converts
        raise NotebookInvalid(
            f"{called} holds a number with too many digits.",
            hint="No Jupyter program writes such a file: check where it comes from.",
        ) from error
    if is_deep(document):
        raise too_deep(called, _depth_place(text))
    return document


def is_deep(document: object) -> bool:
    """Whether there are more than `MAX_DEPTH` levels.

    Level by level rather than by recursion: linear, and no stack to run out of.
    """
    level = [document]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for container in level
            if isinstance(container, dict | list)
            for child in (container.values() if isinstance(container, dict) else container)
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return True


class _Constant(Exception):
    """A token that Python's parser takes though JSON doesn't have it."""


def _refuse_constant(token: str) -> object:
    raise _Constant(token)


def _not_json(text: str, error: json.JSONDecodeError, called: str) -> NotebookInvalid:
    what = error.msg[:1].lower() + error.msg[1:]
    where = f"line {error.lineno}, column {error.colno}"
    line = text.split("\n")[error.lineno - 1]
    if line.startswith(("<<<<<<<", "=======", ">>>>>>>")):
        return NotebookInvalid(
            f"{called} has unresolved merge conflicts: {where}.",
            hint="Resolve them with git, then try again.",
        )
    # Everything from the place to the end was one unfinished token, or nothing at all.
    cut = not text[error.pos :].strip() or error.msg.startswith("Unterminated string")
    return NotebookInvalid(
        f"{called} is not valid JSON: {where}: {what}" + ("; the file ends there." if cut else "."),
        hint="It seems to be cut off: restore it from a checkpoint or a backup."
        if cut
        else "Mend the JSON at that place, or restore the notebook from a checkpoint.",
    )


def place_of(before: str) -> tuple[int, int]:
    """Line and column, from 1, of what follows `before`."""
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


def _constant_place(text: str) -> tuple[int, int]:
    for match in re.finditer(r'"(?:[^"\\]|\\.)*+"|(NaN|-?Infinity)', text):
        if match.group(1):
            return place_of(text[: match.start()])
    return 1, 1


def _depth_place(text: str) -> tuple[int, int] | None:
    """Where nesting first exceeds `MAX_DEPTH`; one pass."""
    depth = 0
    for match in re.finditer(r'"(?:[^"\\]|\\.)*+"|([\[{])|[\]}]', text):
        if match.group(1):
            depth += 1
            if depth > MAX_DEPTH:
                return place_of(text[: match.start()])
        elif text[match.start()] in "]}":
            depth -= 1
    return None


def too_deep(called: str, place: tuple[int, int] | None) -> NotebookInvalid:
    """The error for more than `MAX_DEPTH` levels."""
    where = f" (line {place[0]}, column {place[1]})" if place else ""
    return NotebookInvalid(
        f"{called} is nested deeper than {MAX_DEPTH} levels{where}.",
        hint="No Jupyter program writes such a file: check where it comes from.",
    )
