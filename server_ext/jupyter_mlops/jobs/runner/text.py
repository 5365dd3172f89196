"""Text as a log can show it: no escape sequences, no control characters, progress bars as lines."""

from __future__ import annotations

import re

#: ECMA-48 sequences: CSI; the string kinds (OSC, DCS, SOS, PM, APC); everything shorter.
_SEQUENCE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)"
    r"|\x1b[ -/]*[0-~]"
)
#: Everything below a blank but tab and newline, DEL and C1.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
#: A line that has no end is written in pieces of this size (characters).
_LONGEST_LINE = 1 << 20


def strip_controls(text: str) -> str:
    """`text` without terminal control sequences and control characters; tab and newline stay."""
    if _CONTROL.search(text) is None:
        return text
    text = _SEQUENCE.sub("", text.replace("\r\n", "\n"))
    return _CONTROL.sub("", text.replace("\r", "\n"))


class LogText:
    """Turns a stream as it arrives into lines for a log.

    A carriage return overwrites its line, as on a screen: of a progress bar the last state of each
    line is kept, and `overdue` gives its present one now and then. Feeding is linear in the text.
    """

    def __init__(self) -> None:
        self._line: list[str] = []
        self._length = 0

    def feed(self, text: str) -> str:
        """What can be written now: whole lines."""
        if not self._line and text.endswith("\n") and _CONTROL.search(text) is None:
            return text
        head, newline, rest = text.rpartition("\n")
        done = ""
        if newline:
            done = self._settle(head) + "\n"
        self._hold(rest)
        if self._length > _LONGEST_LINE:
            done += self._settle("")
        return done

    def overdue(self) -> str:
        """The unfinished line as it stands, as a line of its own; "" when there is none."""
        line = self._settle("")
        return line + "\n" if line.strip() else ""

    def _hold(self, text: str) -> None:
        if not text:
            return
        # What an overwritten line said before is of no interest to anybody. A return at the very
        # end may be the first half of an end of line.
        start = text.rstrip("\r").rfind("\r") + 1
        if start:
            text = text[start:]
            self._line.clear()
            self._length = 0
        self._line.append(text)
        self._length += len(text)

    def _settle(self, text: str) -> str:
        whole = "".join(self._line) + text
        self._line.clear()
        self._length = 0
        if _CONTROL.search(whole) is None:
            return whole
        lines = _SEQUENCE.sub("", whole.replace("\r\n", "\n")).split("\n")
        return "\n".join(_CONTROL.sub("", _overwritten(line)) for line in lines)


def _overwritten(line: str) -> str:
    """What is left to see of a line with carriage returns in it."""
    return line.rstrip("\r").rpartition("\r")[2]
