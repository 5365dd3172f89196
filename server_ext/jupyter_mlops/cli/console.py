"""What is written to the terminal: cleaned, as wide as the terminal, silent when it is closed.

Names, sources and messages come from notebooks that somebody else may have written, so whatever a
terminal would obey (escape sequences, control characters, reordering marks) is taken out.
"""

from __future__ import annotations

import errno
import os
import re
import sys
from typing import TextIO

from jupyter_mlops.errors import StoreFull

#: C0 (but for tab and line feed), DEL, C1, line separators, marks that reorder text.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff"
    "\ud800-\udfff]"
)
#: Whole escape sequences, so that no harmless-looking rest ("[31m") stays.
_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor
    r"|(?:\x1b[PX^_\]]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)"  # titles, links
    r"|\x1b[ -/]*[0-~]"
)
_COLOURS = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


def clean(text: object) -> str:
    """`text` as one or more lines that no terminal obeys; tabs and line feeds stay."""
    plain = str(text).replace("\r\n", "\n")
    return _UNSAFE.sub("", _ESCAPES.sub("", plain))


def one_line(text: object) -> str:
    """`text` on one line, cleaned, runs of white space made one blank."""
    return " ".join(clean(text).split())


def width_of(text: str) -> int:
    """How many columns `text` takes: wide characters take two, combining ones none."""
    if text.isascii():
        return len(text)
    import unicodedata

    columns = 0
    for character in text:
        if unicodedata.category(character) in ("Mn", "Me", "Cf"):
            continue
        columns += 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1
    return columns


def fit(text: str, columns: int, ellipsis: str = "…") -> str:
    """`text` cut to at most `columns` columns, with an ellipsis where something is missing."""
    if width_of(text) <= columns:
        return text
    room = columns - len(ellipsis)
    if room <= 0:
        return ellipsis[: max(columns, 0)]
    if text.isascii():
        return text[:room] + ellipsis
    kept, used = "", 0
    for character in text:
        used += width_of(character)
        if used > room:
            break
        kept += character
    return kept + ellipsis


def pad(text: str, columns: int) -> str:
    """`text` filled with blanks up to `columns` columns."""
    return text + " " * (columns - width_of(text))


class Console:
    """Standard output and error of one command."""

    def __init__(self, *, json: bool = False) -> None:
        """A console on the process's streams; with `json`, only the document goes to stdout."""
        self.json = json
        self._out: TextIO | None = _usable(sys.stdout)
        self._err: TextIO | None = _usable(sys.stderr)
        #: Where people's text goes: stdout, or stderr when stdout carries the JSON document.
        self.text = self._err if json else self._out
        self.tty = _is_tty(self.text)
        self.colour = self.tty and _colours_wanted()
        encoding = (self.text.encoding if self.text else "") or ""
        self.unicode = encoding.lower().replace("-", "").replace("_", "") in ("utf8", "utf8sig")

    @property
    def live(self) -> bool:
        """Whether a line can be redrawn."""
        return self.tty and _terminal() != "dumb"

    @property
    def width(self) -> int:
        """Columns of the terminal; 100 when there is none."""
        if not self.tty or self.text is None:
            return 100
        try:
            columns = os.get_terminal_size(self.text.fileno()).columns
        except (OSError, ValueError):
            columns = 0
        return columns or 80

    def paint(self, text: str, *styles: str) -> str:
        """`text` in a colour, where there are colours."""
        if not self.colour or not styles or not text:
            return text
        codes = ";".join(_COLOURS[style] for style in styles)
        return f"\x1b[{codes}m{text}\x1b[0m"

    def warn(self, title: str, text: str) -> None:
        """A line on stderr that begins with a title in red, where there are colours."""
        if self._err is not None and _is_tty(self._err) and _colours_wanted():
            title = f"\x1b[{_COLOURS['red']};{_COLOURS['bold']}m{title}\x1b[0m"
        self.note(f"{title}: {text}")

    def sign(self, nice: str, plain: str) -> str:
        """A sign that isn't ASCII, or its stand-in where it can't be shown."""
        return nice if self.unicode else plain

    def say(self, text: str = "") -> None:
        """A line for the person; what comes from elsewhere was cleaned by the caller."""
        self._write(self.text, text + "\n")

    def data(self, text: str) -> None:
        """Text for stdout as it is: a JSON document, a log.

        Raises:
            StoreFull: stdout goes to a file on a disk that is full.
        """
        self._write(self._out, text)

    def note(self, text: str) -> None:
        """A line on stderr."""
        self._write(self._err, text + "\n")

    def draw(self, text: str) -> None:
        """Text for the person without a line's end, at once."""
        self._write(self.text, text)

    @property
    def closed(self) -> bool:
        """Whether nobody reads stdout any more."""
        return self._out is None

    def _write(self, stream: TextIO | None, text: str) -> None:
        if stream is None:
            return
        try:
            stream.write(text)
            stream.flush()
        except (OSError, ValueError) as error:
            # Nobody reads any more (a pipe, a terminal that was closed): say no more there.
            self._drop(stream)
            if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise StoreFull(
                    f"The output can't be written: {error.strerror}.",
                    hint="Free some space where it goes to. Jobs go on.",
                ) from error

    def _drop(self, stream: TextIO) -> None:
        """Nobody reads `stream` any more: say no more there, and let the exit flush nothing."""
        if stream is self._out:
            self._out = None
        if stream is self._err:
            self._err = None
        if stream is self.text:
            self.text, self.tty, self.colour = None, False, False
        try:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, stream.fileno())
            os.close(null)
        except (OSError, ValueError):
            # Closed altogether: then there is nothing that the exit could flush into.
            return


def _usable(stream: TextIO | None) -> TextIO | None:
    """`stream` set so that no character can fail it; None when the process came without it."""
    if stream is None or stream.closed:
        return None
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")
    return stream


def _is_tty(stream: TextIO | None) -> bool:
    try:
        return stream is not None and stream.isatty()
    except ValueError:
        return False


def _colours_wanted() -> bool:
    return not os.environ.get("NO_COLOR") and _terminal() != "dumb"


def _terminal() -> str:
    return os.environ.get("TERM", "")
