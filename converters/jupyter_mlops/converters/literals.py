"""Values as source of a language, always data and never code.

papermill's translators are the model for how a value looks in each language; what they get wrong
is right here: they let `$` interpolate in Julia and PowerShell strings, write `\\xNN` where a
language has no such escape, and don't know what a language can't hold. Everything that reaches the
source of a cell is a number, a name checked before, or a string in which every character that
could mean something is escaped.

A value is what JSON can say, plus NaN and the infinities: None, bool, int, float, str, list and
dict with string keys. What a language can't hold exactly is refused (`Unwritable`), not rounded.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

#: Deeper values are refused; Python's own parser ends at 200 brackets.
MAX_DEPTH = 100

_INT64 = range(-(2**63), 2**63)
_INT32 = range(-(2**31), 2**31)
_EXACT_DOUBLE = range(-(2**53), 2**53 + 1)


class Unwritable(ValueError):
    """The language has no exact way to write this value; the message says why."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one language writes values and assignments."""

    name: str
    text: Callable[[str], str]
    sequence: Callable[[list[Any], Dialect], str]
    mapping: Callable[[dict[str, Any], Dialect], str]
    null: str = "null"
    true: str = "true"
    false: str = "false"
    nan: str = "NaN"
    infinity: str = "Inf"
    minus_infinity: str = "-Inf"
    integer: Callable[[int], str] = str
    real: Callable[[float], str] = repr
    assignment: str = "{name} = {value}"
    comment: str = "# {text}"
    #: Names that mean something to the language itself: refused as parameters.
    reserved: re.Pattern[str] = field(default_factory=lambda: re.compile(r"(?!)"))

    def literal(self, value: Any) -> str:
        """`value` as source.

        Raises:
            Unwritable: the language can't hold it.
        """
        if value is None:
            return self.null
        if isinstance(value, bool):
            return self.true if value else self.false
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, int):
            return self.integer(value)
        if isinstance(value, float):
            if math.isnan(value):
                return self.nan
            if math.isinf(value):
                return self.infinity if value > 0 else self.minus_infinity
            return self.real(value)
        if isinstance(value, dict):
            return self.mapping(value, self)
        if isinstance(value, list | tuple):
            return self.sequence(list(value), self)
        raise Unwritable(f"a {type(value).__name__} is not a value that JSON can say")

    def assign(self, name: str, value: Any) -> str:
        """One statement that sets `name`.

        Raises:
            Unwritable: the language can't hold the value or has another meaning for the name.
        """
        if not (name.isidentifier() and name.isascii()):
            raise Unwritable("is not a name that a variable can have")
        if self.reserved.fullmatch(name):
            raise Unwritable(f"is a name that {self.name} itself uses")
        if depth(value) > MAX_DEPTH:
            raise Unwritable(f"is nested deeper than {MAX_DEPTH} levels")
        if self.name == "R" and name.startswith("_"):
            name = f"`{name}`"
        return self.assignment.format(name=name, value=self.literal(value))


def depth(value: Any) -> int:
    """How many lists and dicts lie in each other; stops counting above `MAX_DEPTH`."""
    level, deep = [value], 0
    while level and deep <= MAX_DEPTH:
        level = [
            child
            for item in level
            if isinstance(item, dict | list | tuple)
            for child in (item.values() if isinstance(item, dict) else item)
        ]
        deep += bool(level)
    return deep


def dialect_of(language: str) -> Dialect | None:
    """The dialect of a language as kernelspecs name it, None for one that isn't known here."""
    found = _ALIASES.get(language.lower(), language.lower())
    return _DIALECTS.get(found)


def languages() -> list[str]:
    """The languages that parameters can be written in."""
    return sorted(dialect.name for dialect in _DIALECTS.values())


# ---------------------------------------------------------------- strings


def _escaped(
    text: str,
    special: dict[str, str],
    point: Callable[[int], str],
    quote: str = '"',
    *,
    nul: bool = True,
) -> str:
    """`text` quoted: `special` replaced, everything else that isn't printable through `point`."""
    if not nul and "\0" in text:
        raise Unwritable(
            "contains a NUL character, which a string of this language can't hold"
        )
    parts = [
        special[char]
        if char in special
        else char
        if char.isprintable()
        else point(ord(char))
        for char in text
    ]
    return quote + "".join(parts) + quote


_C_LIKE = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def _short_or_long(code: int) -> str:
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _utf16(code: int) -> str:
    if code < 0x10000:
        return f"\\u{code:04x}"
    high, low = divmod(code - 0x10000, 0x400)
    return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"


def _whole_characters(text: str) -> None:
    if any("\ud800" <= char <= "\udfff" for char in text):
        raise Unwritable("contains half of a character (a surrogate)")


def _python_text(text: str) -> str:
    return repr(text)


def _r_text(text: str) -> str:
    _whole_characters(text)
    return _escaped(text, _C_LIKE, _short_or_long, nul=False)


def _julia_text(text: str) -> str:
    _whole_characters(text)
    return _escaped(text, {**_C_LIKE, "$": "\\$"}, _short_or_long)


def _scala_text(text: str) -> str:
    # Before 2.13.2 \uNNNN is replaced before strings are even recognised, so that an escaped quote
    # or line end would end the string: these have escapes of their own, others are harmless.
    return _escaped(text, {**_C_LIKE, "\b": "\\b", "\f": "\\f"}, _utf16)


def _dotnet_text(text: str) -> str:
    return _escaped(text, _C_LIKE, _utf16)


def _javascript_text(text: str) -> str:
    return _escaped(text, _C_LIKE, _utf16)


def _powershell_text(text: str) -> str:
    """Single quotes: nothing is expanded; the typographic ones count as quotes as well."""
    _whole_characters(text)
    if "\0" in text:
        raise Unwritable("contains a NUL character, which PowerShell source can't hold")
    return "'" + re.sub("(['\u2018\u2019\u201a\u201b])", r"\1\1", text) + "'"


def _matlab_text(text: str) -> str:
    """Double quotes have no escapes but the doubled quote; other characters go by their number."""
    if text.isprintable():
        _whole_characters(text)
        return _doubled(text, '"')
    return f"string({_matlab_key(text)})"


def _matlab_key(text: str) -> str:
    """A character vector: single quotes, and UTF-16 code units for what isn't printable."""
    return _character_vector(text, "utf-16-le", 2)


def _octave_text(text: str) -> str:
    """As MATLAB's character vector, but Octave's characters are bytes of UTF-8."""
    return _character_vector(text, "utf-8", 1)


def _character_vector(text: str, encoding: str, width: int) -> str:
    _whole_characters(text)
    if text.isprintable():
        return _doubled(text, "'")
    pieces = []
    for piece in _runs(text):
        if piece.isprintable():
            pieces.append(_doubled(piece, "'"))
            continue
        raw = piece.encode(encoding)
        units = (raw[at : at + width] for at in range(0, len(raw), width))
        codes = ", ".join(str(int.from_bytes(unit, "little")) for unit in units)
        pieces.append(f"char([{codes}])")
    return f"[{', '.join(pieces)}]"


def _doubled(text: str, quote: str) -> str:
    return quote + text.replace(quote, quote * 2) + quote


def _runs(text: str) -> list[str]:
    """`text` cut where printable and other characters meet."""
    runs: list[str] = []
    for char in text:
        if runs and runs[-1][-1].isprintable() == char.isprintable():
            runs[-1] += char
        else:
            runs.append(char)
    return runs


def _bash_text(text: str) -> str:
    """Single quotes for plain ASCII; for the rest $'…' with every byte written out.

    What is sent to a bash kernel passes through a terminal, where a tab or a control character
    would be a key pressed and `!` would recall a line: none is left as it is.
    """
    if "\0" in text:
        raise Unwritable("contains a NUL character, which a shell variable can't hold")
    _whole_characters(text)
    if text.isascii() and text.isprintable() and not set(text) & set("'\\!"):
        return f"'{text}'"
    escapes = {
        "'": "\\'",
        "\\": "\\\\",
        "!": "\\x21",
        "\n": "\\n",
        "\t": "\\t",
        "\r": "\\r",
    }
    return (
        "$'"
        + "".join(
            escapes[char]
            if char in escapes
            else char
            if char.isascii() and char.isprintable()
            else "".join(f"\\x{byte:02x}" for byte in char.encode())
            for char in text
        )
        + "'"
    )


# ---------------------------------------------------------------- numbers


def _python_int(value: int) -> str:
    # Python neither writes nor reads decimals of more than 4300 digits; hexadecimals it does.
    return str(value) if value.bit_length() < 14_000 else hex(value)


def _limited(allowed: range, language: str, suffix: str = "") -> Callable[[int], str]:
    def write(value: int) -> str:
        if value not in allowed:
            raise Unwritable(
                f"is too large for {language} to hold exactly; give it as a string"
            )
        return f"{value}{suffix if value not in _INT32 else ''}"

    return write


def _decimal(value: int) -> str:
    # Julia's larger literals become Int128 or BigInt by themselves; for bash all is text.
    if value.bit_length() >= 14_000:
        raise Unwritable("is too large; give it as a string")
    return str(value)


# ---------------------------------------------------------------- containers


def _joined_by(opening: str, closing: str, separator: str = ", ") -> Callable[..., str]:
    def write(values: list[Any], dialect: Dialect) -> str:
        return (
            opening
            + separator.join(dialect.literal(value) for value in values)
            + closing
        )

    return write


def _pairs(
    opening: str, between: str, closing: str, separator: str = ", "
) -> Callable[..., str]:
    def write(values: dict[str, Any], dialect: Dialect) -> str:
        pairs = (
            f"{dialect.text(key)}{between}{dialect.literal(value)}"
            for key, value in values.items()
        )
        return opening + separator.join(pairs) + closing

    return write


def _r_mapping(values: dict[str, Any], dialect: Dialect) -> str:
    items = ", ".join(dialect.literal(value) for value in values.values())
    if "" in values:  # an empty name can't be written before "="
        names = ", ".join(dialect.text(key) for key in values)
        return f"structure(list({items}), names = c({names}))"
    pairs = (
        f"{dialect.text(key)} = {dialect.literal(value)}"
        for key, value in values.items()
    )
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
    return (
        "[ " + "; ".join(items if typed else (f"box ({item})" for item in items)) + " ]"
    )


def _csharp_mapping(values: dict[str, Any], dialect: Dialect) -> str:
    pairs = (
        f"{{ {dialect.text(key)}, {dialect.literal(item)} }}"
        for key, item in values.items()
    )
    return f"new Dictionary<string, object> {{ {', '.join(pairs)} }}"


def _fsharp_mapping(values: dict[str, Any], dialect: Dialect) -> str:
    pairs = (
        f"({dialect.text(key)}, box ({dialect.literal(item)}))"
        for key, item in values.items()
    )
    return f"(Map.ofList [ {'; '.join(pairs)} ] : Map<string, obj>)"


def _mixed_width(values: list[Any]) -> bool:
    return len({value in _INT32 for value in values if isinstance(value, int)}) > 1


def _matlab_mapping(values: dict[str, Any], dialect: Dialect) -> str:
    if not values:
        return "containers.Map()"
    # Keys are character vectors: a cell array of string objects is no list of keys.
    write_key = _octave_text if dialect.name == "Octave" else _matlab_key
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


def _words(words: str, more: str = "") -> re.Pattern[str]:
    return re.compile("|".join([*words.split(), *([more] if more else [])]))


# Assigning these makes bash do something: run code at the next prompt, evaluate arithmetic,
# split words elsewhere, or fail since they are read-only.
_BASH_RESERVED = _words(
    "case coproc do done elif else esac fi for function if in select then until while time "
    "PATH IFS ENV HOME OLDPWD PWD SHELL SHELLOPTS CDPATH GLOBIGNORE EXECIGNORE FIGNORE DIRSTACK "
    "RANDOM SRANDOM SECONDS LINENO OPTIND OPTARG OPTERR HISTCMD HISTFILE HISTCONTROL HISTIGNORE "
    "HISTSIZE HISTFILESIZE HISTTIMEFORMAT EPOCHSECONDS EPOCHREALTIME EUID UID PPID GROUPS FUNCNAME "
    "FUNCNEST PIPESTATUS PROMPT_COMMAND PROMPT_DIRTRIM POSIXLY_CORRECT TMOUT TIMEFORMAT MAIL "
    "MAILPATH MAILCHECK INPUTRC IGNOREEOF REPLY MAPFILE READLINE_LINE READLINE_POINT "
    "READLINE_MARK READLINE_ARGUMENT LANG EMACS INSIDE_EMACS CHILD_MAX COLUMNS LINES HOSTFILE "
    "auto_resume histchars _",
    r"PS[0-4]|BASH_?\w*|BASHOPTS|COMP_\w+|COMPREPLY|COPROC|LC_\w+|LD_\w+|DYLD_\w+",
)
_R_RESERVED = _words(
    "if else repeat while function for next break TRUE FALSE NULL Inf NaN in",
    r"NA(_\w+_)?",
)
_JULIA_RESERVED = _words(
    "baremodule begin break catch const continue do else elseif end export false finally for "
    "function global if import in isa let local macro module public quote return struct true try "
    "using where while nothing Inf NaN Any Dict String"
)
_JAVASCRIPT_RESERVED = _words(
    "arguments await break case catch class const continue debugger default delete do else enum "
    "eval export extends false finally for function if implements import in instanceof interface "
    "let new null package private protected public return static super switch this throw true try "
    "typeof var void while with yield undefined NaN Infinity BigInt"
)
_SCALA_RESERVED = _words(
    "abstract case catch class def do else enum export extends false final finally for forSome "
    "given if implicit import lazy macro match new null object override package private protected "
    "return sealed super then this throw trait true try type val var while with yield Double Map "
    "Seq BigInt _"
)
_CSHARP_RESERVED = _words(
    "abstract as base bool break byte case catch char checked class const continue decimal default "
    "delegate do double else enum event explicit extern false finally fixed float for foreach goto "
    "if implicit in int interface internal is lock long namespace new null object operator out "
    "override params private protected public readonly ref return sbyte sealed short sizeof "
    "stackalloc static string struct switch this throw true try typeof uint ulong unchecked unsafe "
    "ushort using virtual void volatile while"
)
_FSHARP_RESERVED = _words(
    "abstract and as assert base begin class default delegate do done downcast downto elif else "
    "end exception extern false finally fixed for fun function global if in inherit inline "
    "interface internal lazy let match member module mutable namespace new not null of open or "
    "override private public rec return select sig static struct then to true try type upcast use "
    "val void when while with yield box nan infinity Map _"
)
_MATLAB_RESERVED = _words(
    "break case catch classdef continue do else elseif end end_try_catch end_unwind_protect endfor "
    "endfunction endif endswitch endwhile for function global if otherwise parfor persistent "
    "return spmd switch try until unwind_protect unwind_protect_cleanup while char containers NaN "
    "Inf true false",
    r"_\w*",
)
_POWERSHELL_RESERVED = re.compile(
    "true|false|null|args|input|this|home|host|pid|profile|pshome|psversiontable|executioncontext|"
    "shellid|error|matches|_|stacktrace|myinvocation|psscriptroot|pscommandpath|psboundparameters|"
    r"is\w+|ps\w*preference|\w+preference|psdefaultparametervalues",
    re.IGNORECASE,
)

_DIALECTS = {
    "python": Dialect(
        "Python",
        _python_text,
        _joined_by("[", "]"),
        _pairs("{", ": ", "}"),
        null="None",
        true="True",
        false="False",
        nan="float('nan')",
        infinity="float('inf')",
        minus_infinity="float('-inf')",
        integer=_python_int,
        reserved=re.compile("__debug__"),
    ),
    "r": Dialect(
        "R",
        _r_text,
        _joined_by("list(", ")"),
        _r_mapping,
        null="NULL",
        true="TRUE",
        false="FALSE",
        integer=_limited(_EXACT_DOUBLE, "R"),
        reserved=_R_RESERVED,
    ),
    "julia": Dialect(
        "Julia",
        _julia_text,
        _julia_sequence,
        _pairs("Dict{String,Any}(", " => ", ")"),
        null="nothing",
        integer=_decimal,
        reserved=_JULIA_RESERVED,
    ),
    "bash": Dialect(
        "bash",
        _bash_text,
        _bash_sequence,
        _bash_mapping,
        null="''",
        nan="nan",
        infinity="inf",
        minus_infinity="-inf",
        integer=_decimal,
        assignment="{name}={value}",
        reserved=_BASH_RESERVED,
    ),
    "scala": Dialect(
        "Scala",
        _scala_text,
        _joined_by("Seq(", ")"),
        _pairs("Map(", " -> ", ")"),
        nan="Double.NaN",
        infinity="Double.PositiveInfinity",
        minus_infinity="Double.NegativeInfinity",
        integer=_limited(_INT64, "Scala", "L"),
        assignment="val {name} = {value}",
        comment="// {text}",
        reserved=_SCALA_RESERVED,
    ),
    "c#": Dialect(
        "C#",
        _dotnet_text,
        _csharp_sequence,
        _csharp_mapping,
        null="(object)null",
        nan="double.NaN",
        infinity="double.PositiveInfinity",
        minus_infinity="double.NegativeInfinity",
        integer=_limited(_INT64, "C#", "L"),
        assignment="var {name} = {value};",
        comment="// {text}",
        reserved=_CSHARP_RESERVED,
    ),
    "f#": Dialect(
        "F#",
        _dotnet_text,
        _fsharp_sequence,
        _fsharp_mapping,
        null="(null: obj)",
        nan="nan",
        infinity="infinity",
        minus_infinity="-infinity",
        integer=_limited(_INT64, "F#", "L"),
        assignment="let {name} = {value}",
        comment="// {text}",
        reserved=_FSHARP_RESERVED,
    ),
    "powershell": Dialect(
        "PowerShell",
        _powershell_text,
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
        reserved=_POWERSHELL_RESERVED,
    ),
    "matlab": Dialect(
        "MATLAB",
        _matlab_text,
        _joined_by("{", "}"),
        _matlab_mapping,
        null="[]",
        integer=_limited(_EXACT_DOUBLE, "MATLAB"),
        assignment="{name} = {value};",
        comment="% {text}",
        reserved=_MATLAB_RESERVED,
    ),
    "octave": Dialect(
        "Octave",
        _octave_text,
        _joined_by("{", "}"),
        _matlab_mapping,
        null="[]",
        integer=_limited(_EXACT_DOUBLE, "Octave"),
        assignment="{name} = {value};",
        comment="% {text}",
        reserved=_MATLAB_RESERVED,
    ),
    "javascript": Dialect(
        "JavaScript",
        _javascript_text,
        _joined_by("[", "]"),
        _javascript_mapping,
        infinity="Infinity",
        minus_infinity="-Infinity",
        integer=_limited(_EXACT_DOUBLE, "JavaScript"),
        assignment="var {name} = {value};",
        comment="// {text}",
        reserved=_JAVASCRIPT_RESERVED,
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
