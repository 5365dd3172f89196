"""Reading what a person typed: parameters, durations, sizes, pairs.

A parameter's text becomes a value by the type that the notebook declares. Where it declares none,
it is read as JSON (`0.1`, `true`, `null`, `[64, 64]`, `"text"`), Python's spelling of the same is
understood, and everything else is text.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

_INTEGER = re.compile(r"[+-]?[0-9](?:_?[0-9])*")
_FLOAT = re.compile(r"[+-]?(?:[0-9][0-9_]*\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_NONE = ("null", "None", "~")
_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(_NONE, None),
}
_BOOLEANS = {
    **dict.fromkeys(("true", "yes", "on", "1"), True),
    **dict.fromkeys(("false", "no", "off", "0"), False),
}
_SECONDS = {"": 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([a-z]*)\s*")
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([kmgtp]?)(i?b?)", re.IGNORECASE)
#: The longest text that is read as a list or dict; more belongs into a file.
LITERAL_MAX = 128 * 1024


class Unreadable(ValueError):
    """A text that doesn't stand for what is wanted; the message ends a sentence about it."""


def read_text(text: str) -> Any:
    """The value that `text` stands for when no type is declared.

    Raises:
        Unreadable: it begins as a list, dict or quoted text but isn't one.
    """
    stripped = text.strip()
    if stripped in _WORDS:
        return _WORDS[stripped]
    if _INTEGER.fullmatch(stripped):
        return _integer(stripped)
    if _FLOAT.fullmatch(stripped):
        return _float(stripped)
    if stripped[:1] in ("[", "{") or (len(stripped) > 1 and stripped[0] == stripped[-1] == '"'):
        return _literal(stripped)
    return text


def ambiguous(text: str) -> bool:
    """Whether a declared type could make something else of `text` than `read_text` does."""
    try:
        return not isinstance(read_text(text), str) or text.lower() in _BOOLEANS
    except Unreadable:
        return True


def read_typed(text: str, declared: str) -> Any:
    """The value that `text` stands for as a parameter of a declared type (`ParameterInfo.type`).

    Raises:
        Unreadable: it stands for none of that type.
    """
    stripped = text.strip()
    if declared == "str":
        return text
    if declared in {"none", "unknown"}:
        return read_text(text)
    if stripped in _NONE:
        return None  # whether this one may be unset, the daemon knows
    if declared == "bool":
        if stripped.lower() not in _BOOLEANS:
            raise Unreadable("isn't true or false")
        return _BOOLEANS[stripped.lower()]
    if declared in {"int", "float"}:
        if not (_INTEGER.fullmatch(stripped) or _FLOAT.fullmatch(stripped)):
            raise Unreadable("isn't a number")
        # A fraction for a whole number: the daemon knows whether that type was only inferred.
        return _float(stripped) if declared == "float" else read_text(stripped)
    value = read_text(text)
    wanted: type = list if declared == "list" else dict
    if not isinstance(value, wanted):
        example = "[1, 2]" if declared == "list" else '{"a": 1}'
        raise Unreadable(f"isn't a {declared} like {example}")
    return value


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError:  # Python limits the digits of a number, since reading them is quadratic
        raise Unreadable("has too many digits") from None


def _float(text: str) -> float:
    value = float(text.replace("_", ""))
    if math.isinf(value):
        raise Unreadable("is larger than a number can be")
    return value


def _literal(text: str) -> Any:
    if len(text) > LITERAL_MAX:
        raise Unreadable(f"is longer than {LITERAL_MAX} characters: put it into a file for -f")
    try:
        return json.loads(text, parse_constant=_no_constant)
    except RecursionError:
        raise Unreadable("is nested too deeply") from None
    except ValueError as json_error:
        # As Python writes it: single quotes, True, None, tuples.
        import ast

        try:
            value = ast.literal_eval(text)
            return json.loads(json.dumps(value, allow_nan=False))
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            raise Unreadable(f"isn't valid JSON: {json_error}") from None


def _no_constant(name: str) -> Any:
    raise Unreadable(f"contains {name}, which JSON can't carry")


def read_pair(text: str) -> tuple[str, str]:
    """`NAME=VALUE` in its two parts.

    Raises:
        Unreadable: there is no "=" or no name.
    """
    name, equals, value = text.partition("=")
    if not (equals and name.strip()):
        raise Unreadable("isn't of the form NAME=VALUE")
    return name.strip(), value


def read_duration(text: str) -> float:
    """Seconds: `90`, `45s`, `30m`, `2h`, `1d`, `1h30m`.

    Raises:
        Unreadable: it isn't a duration above zero.
    """
    total, position, lowered = 0.0, 0, text.strip().lower()
    while position < len(lowered):
        match = _DURATION_PART.match(lowered, position)
        if match is None or match[2] not in _SECONDS or (match[2] == "" and position):
            raise Unreadable("isn't a duration like 90, 30m, 2h or 1h30m")
        total += float(match[1]) * _SECONDS[match[2]]
        position = match.end()
    if not 0 < total < math.inf:
        raise Unreadable("isn't a duration above zero")
    return total


def read_size(text: str) -> int:
    """Bytes: `512M`, `2G`, `1.5GiB`; a unit is a power of 1024.

    Raises:
        Unreadable: it isn't a size.
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None or len(match[1]) > 20:
        raise Unreadable("isn't a size like 512M or 2G")
    power = "kmgtp".find(match[2].lower()) + 1 if match[2] else 0
    return int(float(match[1]) * 1024**power)


def read_whole(text: str) -> int:
    """A whole number from 0 on.

    Raises:
        Unreadable: it isn't one.
    """
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise Unreadable("isn't a whole number")
    return int(text)


def read_number(text: str) -> float:
    """A number above zero.

    Raises:
        Unreadable: it isn't one.
    """
    if not _FLOAT.fullmatch(text) or not 0 < float(text.replace("_", "")) < math.inf:
        raise Unreadable("isn't a number above zero")
    return float(text.replace("_", ""))
