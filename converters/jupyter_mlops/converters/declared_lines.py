"""What a `parameters` cell declares in languages other than Python: read line by line."""

from __future__ import annotations

import math
import re
from typing import Any

from jupyter_mlops.converters.declared import Declared, ParameterType

_COMMENT_MARKS = {
    "scala": "//",
    "c#": "//",
    "f#": "//",
    "javascript": "//",
    "typescript": "//",
    "matlab": "%",
    "octave": "%",
}
_ASSIGNMENT = re.compile(
    r"\s*(?:(?:val|var|let|const|def|my|local|export)\s+|\$)?"
    r"(?P<name>[A-Za-z_]\w*)\s*(?::{1,2}\s*(?P<type>[A-Za-z]\w*)(?:[\[{<][^=]*+)?\s*)?"
    r"(?P<sign>=(?!=)|<-)\s*(?P<value>.*)"
)
_STRING = re.compile(r"""(?P<quote>["'])(?P<body>(?:(?!(?P=quote))[^\\]|\\.)*)(?P=quote)""")
#: After so many quotes that nothing closes (MATLAB transposes by one), no comment is looked for.
_UNCLOSED_MOST = 8
_WHOLE = re.compile(r"[+-]?\d+")
_REAL = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("TRUE", "true", "$true"), True),
    **dict.fromkeys(("FALSE", "false", "$false"), False),
    **dict.fromkeys(("NULL", "nothing", "null", "$null"), None),
}
_TYPE_NAMES: dict[str, ParameterType] = {
    "int": "int",
    "int32": "int",
    "int64": "int",
    "integer": "int",
    "long": "int",
    "float": "float",
    "float32": "float",
    "float64": "float",
    "double": "float",
    "number": "float",
    "bool": "bool",
    "boolean": "bool",
    "string": "str",
    "vector": "list",
    "seq": "list",
    "list": "list",
    "array": "list",
    "dict": "dict",
    "map": "dict",
}


def line_parameters(source: str, language: str) -> list[Declared]:
    """Every line that assigns a plain name, in order; a value over several lines has no default."""
    mark = _COMMENT_MARKS.get(language.lower(), "#")
    found = []
    for line in source.splitlines():
        match = _ASSIGNMENT.fullmatch(line)
        if match is None or (language.lower() == "bash" and not _is_bash(line, match)):
            continue
        text, comment = _without_comment(match["value"], mark)
        text = text.rstrip().rstrip(";").rstrip()
        if not text and language.lower() != "bash":
            continue
        value, literal, kind = _simple(text, language.lower())
        stated = _TYPE_NAMES.get((match["type"] or "").lower())
        found.append(
            Declared(
                name=match["name"],
                type=stated or kind,
                default=value,
                default_source=text,
                literal=literal,
                help=comment,
                annotated=stated is not None,
            )
        )
    return found


def _is_bash(line: str, match: re.Match[str]) -> bool:
    """Whether a shell would take the line as an assignment and nothing else."""
    if re.match(r"\s*(?:export\s+|local\s+)?[A-Za-z_]\w*=(?!\s+\S)", line) is None:
        return False
    value, _ = _without_comment(match["value"], "#")
    # What isn't closed goes to the end: its first is looked for once, not from each opening anew.
    quoted = re.sub(r"""'[^']*+'?|"(?:[^"\\]|\\.)*+"?|\$?\([^)]*+\)?|\\.""", "x", value.strip())
    return " " not in quoted.replace("; ", ";").rstrip(";")


def _without_comment(text: str, mark: str) -> tuple[str, str]:
    """The value and what the comment after it says; marks inside quotes are none."""
    position = unclosed = 0
    while position < len(text) and unclosed < _UNCLOSED_MOST:
        if quoted := _STRING.match(text, position):
            position = quoted.end()
        elif text.startswith(mark, position) and (position == 0 or text[position - 1].isspace()):
            return text[:position], text[position:].lstrip(mark).strip()
        else:
            unclosed += text[position] in "\"'"
            position += 1
    return text, ""


def _simple(text: str, language: str) -> tuple[Any, bool, ParameterType]:
    """(default, literal, type) of a literal that looks the same in most languages."""
    if language == "bash" and re.fullmatch(r"[A-Za-z_./:@%+,-][\w./:@%+,-]*|", text):
        return (text == "true", True, "bool") if text in {"true", "false"} else (text, True, "str")
    if text in _WORDS:
        value = _WORDS[text]
        return value, True, "none" if value is None else "bool"
    if _WHOLE.fullmatch(text.removesuffix("L")):
        number = int(text.removesuffix("L")) if len(text) <= 16 else None
        return number, number is not None, "int"
    if _REAL.fullmatch(text):
        real = float(text)
        return (real, True, "float") if math.isfinite(real) else (None, False, "float")
    if quoted := _STRING.fullmatch(text):
        plain = not set(quoted["body"]) & set("\\$`")
        return (quoted["body"] if plain else None), plain, "str"
    return None, False, _container(text)


def _container(text: str) -> ParameterType:
    if text.startswith(("[", "(", "c(", "list(", "Seq(", "Any[")):
        return "list"
    return "dict" if text.startswith(("Dict(", "Dict{", "Map(", "@{")) else "unknown"
