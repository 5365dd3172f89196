"""Text of other people in Markdown, HTML and tables: shown, never acted on."""

from __future__ import annotations

import re
import time
import unicodedata

from jupyter_mlops.converters.report.model import Value

#: What Markdown, or the mathematics in it, may act on.
_PUNCTUATION = re.compile(r"""([!"#$&()*+.:<=>@\[\\\]^_`{|}~])""")
#: Characters of a value that a table shows.
SHOWN_MOST = 200
#: A link that stays one: to a page, and its address is all that is in the brackets.
_LINK = re.compile(r"\]\((?!https?://[^\s()<>\\\"']*\))", re.IGNORECASE)
_DEFINITION = re.compile(r"\]:")


def one_line(text: str, most: int = SHOWN_MOST) -> str:
    """On one line, without what turns or hides text, cut where it is long."""
    plain = "".join(
        " " if char.isspace() else "\ufffd" if unicodedata.category(char) in _UNSEEN else char
        for char in text[: most * 4]
    )
    plain = " ".join(plain.split())
    return plain if len(plain) <= most else plain[: most - 1] + "…"


#: Control characters, turners of direction, surrogates.
_UNSEEN = frozenset({"Cc", "Cf", "Cs"})


def markdown(text: str, most: int = SHOWN_MOST) -> str:
    """A name as itself in Markdown, whatever it holds."""
    return _PUNCTUATION.sub(r"\\\1", one_line(text, most))


def note(text: str) -> str:
    """A note's Markdown without what loads or acts: no HTML, no pictures, links to pages only."""
    clean = "".join(
        char if char == "\n" or unicodedata.category(char) not in _UNSEEN else " "
        for char in text.replace("\r\n", "\n")
    )
    clean = clean.replace("&", "&amp;").replace("<", "&lt;")
    clean = _DEFINITION.sub(r"]\:", _LINK.sub(r"]\\(", clean.replace("![", r"!\[")))
    return clean.strip()


def number(value: Value) -> str:
    """A value as people read it; a dash where there is none."""
    if value is None:
        return "–"
    return f"{value:.6g}" if isinstance(value, float | int) else one_line(value)


def moment(at: float | None) -> str:
    """A time in UTC, wherever it is read."""
    return "" if at is None else time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(at))


def duration(started: float | None, ended: float | None) -> str:
    """How long something took."""
    if started is None or ended is None:
        return ""
    seconds = max(0.0, ended - started)
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"
