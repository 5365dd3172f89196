"""The command line's words in a notebook: `%mlops` where a terminal says `jupyter mlops`."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

from jupyter_mlops.cli.console import Console
from jupyter_mlops.cli.verbs import VERBS

if TYPE_CHECKING:
    from collections.abc import Callable

_VERBS = "|".join(sorted({verb.name.split()[0] for verb in VERBS} | {"VERB"}))
_COMMAND = re.compile(rf"(?<![\w-])jupyter mlops(?= (?:{_VERBS})\b|: )")


def spoken(text: str) -> str:
    """`text` with the commands that it names as magics."""
    return _COMMAND.sub("%mlops", text)


class NotebookConsole(Console):
    """The kernel's own stdout and stderr."""

    def say(self, text: str = "") -> None:
        """A line for the person."""
        super().say(spoken(text))

    def note(self, text: str) -> None:
        """A line on stderr."""
        super().note(spoken(text))


class Text(NotebookConsole):
    """Keeps what is said."""

    def __init__(self) -> None:
        super().__init__()
        self._kept = io.StringIO()
        self._out = self._err = self.text = self._kept
        self.tty = self.colour = False
        self.unicode = True

    def __str__(self) -> str:
        return self._kept.getvalue()


def words(say: Callable[[Console], None]) -> str:
    """What `say` says to a console."""
    console = Text()
    say(console)
    return str(console).rstrip("\n")
