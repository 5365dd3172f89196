"""Strings as source of each language: every character that could mean something is escaped.

Printable characters that mean nothing stay as they are; all others are written by their number.
"""

from __future__ import annotations

import re
from collections.abc import Callable


class Unwritable(ValueError):
    """The language has no exact way to write this value; the message says why."""


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
        raise Unwritable("contains a NUL character, which a string of this language can't hold")
    parts = [
        special[char] if char in special else char if char.isprintable() else point(ord(char))
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


def python_text(text: str) -> str:
    """Python's own way: it escapes whatever isn't printable, and halves of characters."""
    return repr(text)


def r_text(text: str) -> str:
    r"""Double quotes; \u and \U for the rest, since \x can't be mixed with them."""
    _whole_characters(text)
    return _escaped(text, _C_LIKE, _short_or_long, nul=False)


def julia_text(text: str) -> str:
    """Double quotes in which `$` doesn't interpolate."""
    _whole_characters(text)
    return _escaped(text, {**_C_LIKE, "$": "\\$"}, _short_or_long)


def scala_text(text: str) -> str:
    """Double quotes; UTF-16 code units for the rest."""
    # Before 2.13.2 \uNNNN is replaced before strings are even recognised, so that an escaped quote
    # or line end would end the string: these have escapes of their own, others are harmless.
    return _escaped(text, {**_C_LIKE, "\b": "\\b", "\f": "\\f"}, _utf16)


def dotnet_text(text: str) -> str:
    """Double quotes, for C# and F#; UTF-16 code units for the rest."""
    return _escaped(text, _C_LIKE, _utf16)


def javascript_text(text: str) -> str:
    """Double quotes; UTF-16 code units for the rest, line separators among them."""
    return _escaped(text, _C_LIKE, _utf16)


def powershell_text(text: str) -> str:
    """Single quotes: nothing is expanded; the typographic ones count as quotes as well."""
    _whole_characters(text)
    if "\0" in text:
        raise Unwritable("contains a NUL character, which PowerShell source can't hold")
    return "'" + re.sub("(['\u2018\u2019\u201a\u201b])", r"\1\1", text) + "'"


def matlab_text(text: str) -> str:
    """Double quotes have no escapes but the doubled quote; other characters go by their number."""
    if text.isprintable():
        _whole_characters(text)
        return _doubled(text, '"')
    return f"string({matlab_key(text)})"


def matlab_key(text: str) -> str:
    """A character vector: single quotes, and UTF-16 code units for what isn't printable."""
    return _character_vector(text, "utf-16-le", 2)


def octave_text(text: str) -> str:
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


def bash_text(text: str) -> str:
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
