"""What a terminal would show, as HTML: colours become classes, carriage returns overwrite."""

from __future__ import annotations

import re
from html import escape

_SEQUENCE = re.compile(
    r"\x1b\[([0-9;:]*+)[0-?]*+[ -/]*+([@-~])"  # control sequences; those that end in m set colours
    r"|\x1b\][^\x07\x1b]*+(?:\x07|\x1b\\)?"  # titles and links
    r"|\x1b[@-Z\\-_]"
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x0c\x0e-\x1f\x7f]")


def terminal_text(text: str) -> str:
    """`text` with carriage returns and backspaces carried out, each within its line."""
    if "\b" not in text and "\r" not in text:
        return text
    lines = text.replace("\r\n", "\n").split("\n")
    return "\n".join(map(_overwritten, lines))


def _overwritten(line: str) -> str:
    if "\b" not in line and "\r" not in line:
        return line
    shown: list[str] = []
    position = 0
    for piece in re.split("([\b\r])", line):
        if piece == "\r":
            position = 0
        elif piece == "\b":
            position = max(0, position - 1)
        else:
            shown[position : position + len(piece)] = piece
            position += len(piece)
    return "".join(shown)


def ansi_html(text: str) -> str:
    """`text` escaped, its colour sequences as `<span>`s and all other sequences removed."""
    if "\x1b" not in text:
        return escape(_CONTROL.sub("", text))
    pieces: list[str] = []
    style = _Style()
    position = 0
    for match in _SEQUENCE.finditer(text):
        pieces.append(style.wrap(text[position : match.start()]))
        position = match.end()
        if match[2] == "m":
            style.apply(match[1])
    pieces.append(style.wrap(text[position:]))
    return "".join(pieces)


class _Style:
    """The graphic rendition that sequences have set so far."""

    def __init__(self) -> None:
        self._clear()

    def _clear(self) -> None:
        self.colours: dict[str, str] = {}
        self.bold = self.underline = self.inverse = False

    def wrap(self, text: str) -> str:
        """`text` escaped, in a span that says how it looks."""
        safe = escape(_CONTROL.sub("", text))
        if not safe:
            return ""
        foreground, background = self.colours.get("fg", ""), self.colours.get("bg", "")
        if self.inverse:
            foreground, background = background or "inverse", foreground or "inverse"
        classes = [
            f"{kind}-{found}"
            for kind, found in (("fg", foreground), ("bg", background))
            if found and not found.startswith("#")
        ]
        classes += [name for name in ("bold", "underline") if getattr(self, name)]
        styles = [
            f"{kind}:{found}"
            for kind, found in (("color", foreground), ("background-color", background))
            if found.startswith("#")
        ]
        if not (classes or styles):
            return safe
        attributes = f' class="{" ".join(classes)}"' if classes else ""
        attributes += f' style="{";".join(styles)}"' if styles else ""
        return f"<span{attributes}>{safe}</span>"

    def apply(self, parameters: str) -> None:
        """Take over what one `ESC [ … m` says."""
        parts = re.split("[;:]", parameters, maxsplit=64)[:64]
        codes = [int(part) if 0 < len(part) < 5 else 0 for part in parts]
        while codes:
            code = codes.pop(0)
            if code == 0:
                self._clear()
            elif code in {1, 22}:
                self.bold = code == 1
            elif code in {4, 24}:
                self.underline = code == 4
            elif code in {7, 27}:
                self.inverse = code == 7
            else:
                self._colour(code, codes)

    def _colour(self, code: int, rest: list[int]) -> None:
        kind = "fg" if code // 10 in {3, 9} else "bg"
        if 30 <= code <= 37 or 40 <= code <= 47:
            self.colours[kind] = str(code % 10)
        elif 90 <= code <= 97 or 100 <= code <= 107:
            self.colours[kind] = str(code % 10 + 8)
        elif code in {39, 49}:
            self.colours.pop(kind, None)
        elif code in {38, 48} and rest:
            self._extended(kind, rest)

    def _extended(self, kind: str, rest: list[int]) -> None:
        mode = rest.pop(0)
        if mode == 5 and rest:
            self.colours[kind] = _palette(rest.pop(0))
        elif mode == 2 and len(rest) >= 3:
            red, green, blue = (min(255, rest.pop(0)) for _ in range(3))
            self.colours[kind] = f"#{red:02x}{green:02x}{blue:02x}"
        else:
            rest.clear()  # cut off: what is left means nothing by itself


def _palette(number: int) -> str:
    """One of a terminal's 256 colours: 16 named ones, a cube and greys."""
    number = min(255, number)
    if number < 16:
        return str(number)
    if number >= 232:
        grey = 8 + 10 * (number - 232)
        return f"#{grey:02x}{grey:02x}{grey:02x}"
    steps = (0, 95, 135, 175, 215, 255)
    cube = number - 16
    red, green, blue = steps[cube // 36], steps[cube // 6 % 6], steps[cube % 6]
    return f"#{red:02x}{green:02x}{blue:02x}"
