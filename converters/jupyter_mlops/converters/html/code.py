"""Source code with its parts marked by class."""

from __future__ import annotations

import re
from functools import lru_cache
from html import escape
from typing import TYPE_CHECKING

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

if TYPE_CHECKING:
    from pygments.lexer import Lexer

#: Longer sources (characters) are not marked: some lexers take long over them.
MAX_SOURCE = 100_000

_FORMATTER: HtmlFormatter[str] = HtmlFormatter(nowrap=True)


def highlighted(source: str, language: str) -> str:
    """`source` escaped and, where the language is known, marked."""
    lexer = _lexer(language.lower())
    if lexer is None or len(source) > MAX_SOURCE:
        return escape(source)
    return str(highlight(source, lexer, _FORMATTER)).rstrip("\n")


@lru_cache(maxsize=64)
def _lexer(language: str) -> Lexer | None:
    if language.startswith("ipython"):
        language = "python"
    if not re.fullmatch(r"[a-z0-9_.+#-]{1,40}", language):
        return None
    try:
        return get_lexer_by_name(language, stripnl=False)
    except ClassNotFound:
        return None
