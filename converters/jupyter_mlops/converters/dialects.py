"""The languages that parameters can be written in: numbers, containers, and the table of all."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from jupyter_mlops.converters import reserved
from jupyter_mlops.converters.literals import Dialect
from jupyter_mlops.converters.quoting import (
    Unwritable,
    bash_text,
    dotnet_text,
    javascript_text,
    julia_text,
    matlab_key,
    matlab_text,
    octave_text,
    powershell_text,
    python_text,
    r_text,
    scala_text,
)

_INT64 = range(-(2**63), 2**63)
_INT32 = range(-(2**31), 2**31)
_EXACT_DOUBLE = range(-(2**53), 2**53 + 1)


def _python_int(value: int) -> str:
    # Python neither writes nor reads decimals of more than 4300 digits; hexadecimals it does.
    return str(value) if value.bit_length() < 14_000 else hex(value)


def _limited(allowed: range, language: str, suffix: str = "") -> Callable[[int], str]:
    def write(value: int) -> str:
        if value not in allowed:
            raise Unwritable(f"is too large for {language} to hold exactly; give it as a string")
        return f"{value}{suffix if value not in _INT32 else ''}"

    return write


def _decimal(value: int) -> str:
    # Julia's larger literals become Int128 or BigInt by themselves; for bash all is text.
    if value.bit_length() >= 14_000:
        raise Unwritable("is too large; give it as a string")
    return str(value)


def _joined_by(opening: str, closing: str, separator: str = ", ") -> Callable[..., str]:
    def write(values: list[Any], dialect: Dialect) -> str:
        return opening + separator.join(dialect.literal(value) for value in values) + closing

    return write


def _pairs(opening: str, between: str, closing: str, separator: str = ", ") -> Callable[..., str]:
    def write(values: dict[str, Any], dialect: Dialect) -> str:
        pairs = (
            f"{dialect.text(key)}{between}{dialect.literal(value)}" for key, value in values.items()
        )
        return opening + separator.join(pairs) + closing

    return write


def _r_mapping(values: dict[str, Any], dialect: Dialect) -> str:
    items = ", ".join(dialect.literal(value) for value in values.values())
    if "" in values:  # an empty name can't be written before "="
        names = ", ".join(dialect.text(key) for key in values)
        return f"structure(list({items}), names = c({names}))"
    pairs = (f"{dialect.text(key)} = {dialect.literal(value)}" for key, value in values.items())
    return f"list({', '.join(pairs)})"


def _same_kind(values: list[Any]) -> bool:
    """Whether all are numbers of one type, or all strings: typed arrays keep these as they are."""
    kinds = {type(value) for value in values}
    return len(kinds) == 1 and kinds <= {int, float, str, bool}


def _julia_sequence(values: list[Any], dialect: Dialect) -> str:
    # Any[…], or else [true, 2] becomes [1, 2] and [2^60, 0.5] loses digits.
    body = ", ".join(dialect.literal(value) for value in values)
    return f"[{body}]" if _same_kind(values) else f"Any[{body}]"


def _csharp_sequence(values: list[Any], dialect: Dialect) -> str:
    body = ", ".join(dialect.literal(value) for value in values)
    typed = _same_kind(values) and not _mixed_width(values)
    return f"new [] {{ {body} }}" if typed else f"new object[] {{ {body} }}"


def _fsharp_sequence(values: list[Any], dialect: Dialect) -> str:
    typed = _same_kind(values) and not _mixed_width(values)
    items = (dialect.literal(value) for value in values)
    return "[ " + "; ".join(items if typed else (f"box ({item})" for item in items)) + " ]"


def _csharp_mapping(values: dict[str, Any], dialect: Dialect) -> str:
    pairs = (f"{{ {dialect.text(key)}, {dialect.literal(item)} }}" for key, item in values.items())
    return f"new Dictionary<string, object> {{ {', '.join(pairs)} }}"


def _fsharp_mapping(values: dict[str, Any], dialect: Dialect) -> str:
    pairs = (
        f"({dialect.text(key)}, box ({dialect.literal(item)}))" for key, item in values.items()
    )
    return f"(Map.ofList [ {'; '.join(pairs)} ] : Map<string, obj>)"


def _mixed_width(values: list[Any]) -> bool:
    return len({value in _INT32 for value in values if isinstance(value, int)}) > 1


def _matlab_mapping(values: dict[str, Any], dialect: Dialect) -> str:
    if not values:
        return "containers.Map()"
    # Keys are character vectors: a cell array of string objects is no list of keys.
    write_key = octave_text if dialect.name == "Octave" else matlab_key
    keys = ", ".join(write_key(key) for key in values)
    items = ", ".join(dialect.literal(value) for value in values.values())
    return f"containers.Map({{{keys}}}, {{{items}}}, 'UniformValues', false)"


def _bash_sequence(values: list[Any], dialect: Dialect) -> str:
    """An array, as papermill writes it; what lies deeper is JSON text, as bash has no nesting."""
    return "(" + " ".join(_bash_element(value, dialect) for value in values) + ")"


def _bash_element(value: Any, dialect: Dialect) -> str:
    nested = isinstance(value, dict | list | tuple)
    return _bash_mapping(value, dialect) if nested else dialect.literal(value)


def _bash_mapping(value: Any, dialect: Dialect) -> str:
    return dialect.text(json.dumps(value))


def _javascript_mapping(values: dict[str, Any], dialect: Dialect) -> str:
    # A computed key is a key whatever it is called; "__proto__": would set the prototype.
    pairs = (
        f"{'[' + dialect.text(key) + ']' if key == '__proto__' else dialect.text(key)}: "
        f"{dialect.literal(value)}"
        for key, value in values.items()
    )
    return "{" + ", ".join(pairs) + "}"


_DIALECTS = {
    "python": Dialect(
        "Python",
        python_text,
        _joined_by("[", "]"),
        _pairs("{", ": ", "}"),
        null="None",
        true="True",
        false="False",
        nan="float('nan')",
        infinity="float('inf')",
        minus_infinity="float('-inf')",
        integer=_python_int,
        reserved=reserved.PYTHON,
    ),
    "r": Dialect(
        "R",
        r_text,
        _joined_by("list(", ")"),
        _r_mapping,
        null="NULL",
        true="TRUE",
        false="FALSE",
        integer=_limited(_EXACT_DOUBLE, "R"),
        reserved=reserved.R,
        underscored="`{name}`",
    ),
    "julia": Dialect(
        "Julia",
        julia_text,
        _julia_sequence,
        _pairs("Dict{String,Any}(", " => ", ")"),
        null="nothing",
        integer=_decimal,
        reserved=reserved.JULIA,
    ),
    "bash": Dialect(
        "bash",
        bash_text,
        _bash_sequence,
        _bash_mapping,
        null="''",
        nan="nan",
        infinity="inf",
        minus_infinity="-inf",
        integer=_decimal,
        assignment="{name}={value}",
        reserved=reserved.BASH,
    ),
    "scala": Dialect(
        "Scala",
        scala_text,
        _joined_by("Seq(", ")"),
        _pairs("Map(", " -> ", ")"),
        nan="Double.NaN",
        infinity="Double.PositiveInfinity",
        minus_infinity="Double.NegativeInfinity",
        integer=_limited(_INT64, "Scala", "L"),
        assignment="val {name} = {value}",
        comment="// {text}",
        reserved=reserved.SCALA,
    ),
    "c#": Dialect(
        "C#",
        dotnet_text,
        _csharp_sequence,
        _csharp_mapping,
        null="(object)null",
        nan="double.NaN",
        infinity="double.PositiveInfinity",
        minus_infinity="double.NegativeInfinity",
        integer=_limited(_INT64, "C#", "L"),
        assignment="var {name} = {value};",
        comment="// {text}",
        reserved=reserved.CSHARP,
    ),
    "f#": Dialect(
        "F#",
        dotnet_text,
        _fsharp_sequence,
        _fsharp_mapping,
        null="(null: obj)",
        nan="nan",
        infinity="infinity",
        minus_infinity="-infinity",
        integer=_limited(_INT64, "F#", "L"),
        assignment="let {name} = {value}",
        comment="// {text}",
        reserved=reserved.FSHARP,
    ),
    "powershell": Dialect(
        "PowerShell",
        powershell_text,
        _joined_by("@(", ")"),
        _pairs("@{", " = ", "}", "; "),
        null="$null",
        true="$true",
        false="$false",
        nan="[double]::NaN",
        infinity="[double]::PositiveInfinity",
        minus_infinity="[double]::NegativeInfinity",
        integer=_limited(_INT64, "PowerShell"),
        assignment="${name} = {value}",
        reserved=reserved.POWERSHELL,
    ),
    "matlab": Dialect(
        "MATLAB",
        matlab_text,
        _joined_by("{", "}"),
        _matlab_mapping,
        null="[]",
        integer=_limited(_EXACT_DOUBLE, "MATLAB"),
        assignment="{name} = {value};",
        comment="% {text}",
        reserved=reserved.MATLAB,
    ),
    "octave": Dialect(
        "Octave",
        octave_text,
        _joined_by("{", "}"),
        _matlab_mapping,
        null="[]",
        integer=_limited(_EXACT_DOUBLE, "Octave"),
        assignment="{name} = {value};",
        comment="% {text}",
        reserved=reserved.MATLAB,
    ),
    "javascript": Dialect(
        "JavaScript",
        javascript_text,
        _joined_by("[", "]"),
        _javascript_mapping,
        infinity="Infinity",
        minus_infinity="-Infinity",
        integer=_limited(_EXACT_DOUBLE, "JavaScript"),
        assignment="var {name} = {value};",
        comment="// {text}",
        reserved=reserved.JAVASCRIPT,
    ),
}
_ALIASES = {
    "python3": "python",
    "ipython": "python",
    "pysparkkernel": "python",
    "sagemath": "python",
    "ir": "r",
    "sparkrkernel": "r",
    "zsh": "bash",
    "sparkkernel": "scala",
    ".net-csharp": "c#",
    "csharp": "c#",
    ".net-fsharp": "f#",
    "fsharp": "f#",
    ".net-powershell": "powershell",
    "pwsh": "powershell",
    "typescript": "javascript",
    "ecmascript": "javascript",
}


def dialect_of(language: str) -> Dialect | None:
    """The dialect of a language as kernelspecs name it, None for one that isn't known here."""
    found = _ALIASES.get(language.lower(), language.lower())
    return _DIALECTS.get(found)


def languages() -> list[str]:
    """The languages that parameters can be written in."""
    return sorted(dialect.name for dialect in _DIALECTS.values())
