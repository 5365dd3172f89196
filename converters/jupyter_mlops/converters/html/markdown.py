"""Markdown as HTML: what JupyterLab renders, with formulas as MathML instead of by script."""

from __future__ import annotations

import re
import secrets
from html import escape
from typing import Any

import mistune
from latex2mathml.converter import convert

from jupyter_mlops.converters.html.cleaning import Embed, clean, too_costly
from jupyter_mlops.converters.html.code import highlighted

#: Longer cells (characters) are shown as they are written.
MAX_TEXT = 100_000
#: Longer formulas are.
_MAX_FORMULA = 4_000
#: More environments in one cell, or formulas in one output, are shown as they are written.
_MAX_ENVIRONMENTS = 200
#: What a formula may not bring along: links, handlers, styles.
_UNSAFE_MATH = re.compile(r"\s(?:href|src|style|on\w+|xlink:\w+|xmlns:\w+)\s*=", re.IGNORECASE)
#: Formulas and code as they stand, and environments outside of both.
_ENVIRONMENT = re.compile(
    r"\$\$.*?\$\$|```.*?```|`[^`\n]*`|(?P<bare>\\begin\{([a-z]+\*?)\}.*?\\end\{\2\})", re.DOTALL
)


def markdown_html(text: str, embed: Embed | None = None) -> str:
    """`text` rendered and cleaned."""
    if len(text) > MAX_TEXT:
        return f"<pre>{escape(text)}</pre>"
    formulas = _Formulas()
    if 0 < text.count("\\begin{") <= _MAX_ENVIRONMENTS:
        text = _ENVIRONMENT.sub(_as_block, text)
    markdown = mistune.create_markdown(
        renderer=_Renderer(formulas, embed),
        plugins=["table", "strikethrough", "url", "task_lists", "footnotes", "def_list", "math"],
    )
    try:
        html = str(markdown(text))
    except RecursionError:
        return f"<pre>{escape(text)}</pre>"
    if too_costly(html):
        return f"<pre>{escape(text)}</pre>"
    return formulas.put_in(clean(html, embed))


def latex_html(text: str) -> str:
    """A `text/latex` output: its formulas as MathML, the rest as text."""
    if len(text) > MAX_TEXT or text.count("\\") + text.count("$") > 10 * _MAX_ENVIRONMENTS:
        return f"<pre>{escape(text)}</pre>"
    parts = re.split(r"(\$\$.+?\$\$|\$[^$\n]+\$|\\\[.+?\\\]|\\\(.+?\\\))", text, flags=re.DOTALL)
    html = []
    for part in parts:
        if part.startswith(("$$", "\\[")):
            html.append(math_html(part[2:-2], block=True))
        elif part.startswith("\\("):
            html.append(math_html(part[2:-2]))
        elif part.startswith("$") and len(part) > 2:
            # IPython's Math objects begin with \displaystyle: they mean a block.
            html.append(math_html(part[1:-1], block="\\displaystyle" in part))
        elif part.strip():
            html.append(f"<pre>{escape(part)}</pre>")
    return "".join(html)


def math_html(formula: str, *, block: bool = False) -> str:
    """A LaTeX formula as MathML; as it is written where it can't be read."""
    formula = formula.strip().replace("\\displaystyle", "").strip()
    written = f'<code class="tex">{escape(formula)}</code>'
    if not formula or len(formula) > _MAX_FORMULA:
        return written
    try:
        mathml = str(convert(formula, display="block" if block else "inline"))
    except Exception:  # noqa: BLE001 - its parser fails in many ways; the source is still readable
        return written
    return written if _UNSAFE_MATH.search(mathml) else mathml


def _as_block(found: re.Match[str]) -> str:
    """An environment is a formula to Jupyter without dollars too, though not to Markdown."""
    return f"\n\n$$\n{found['bare']}\n$$\n\n" if found["bare"] else found[0]


class _Formulas:
    """Keeps formulas out of cleaning: tokens that nobody can guess stand for them."""

    def __init__(self) -> None:
        self._token = secrets.token_hex(8)
        self._html: list[str] = []

    def take(self, html: str) -> str:
        self._html.append(html)
        return f"\ue000{self._token}:{len(self._html) - 1}\ue001"

    def put_in(self, html: str) -> str:
        if not self._html:
            return html
        pattern = f"\ue000{self._token}:([0-9]+)\ue001"
        return re.sub(pattern, lambda found: self._html[int(found[1])], html)


class _Renderer(mistune.HTMLRenderer):
    def __init__(self, formulas: _Formulas, embed: Embed | None) -> None:
        super().__init__(escape=False, allow_harmful_protocols=["data:"])
        self._formulas = formulas
        self._embed = embed

    def heading(self, text: str, level: int, **_: Any) -> str:
        plain = re.sub(r"<[^>]*>", "", text)
        anchor = escape(plain.strip().replace(" ", "-"), quote=True)
        # The page's own title is the only heading of the first level.
        return f'<h{min(6, level + 1)} id="{anchor}">{text}</h{min(6, level + 1)}>\n'

    def task_list_item(self, text: str, *, checked: bool = False) -> str:
        return f'<li class="task">{"☑" if checked else "☐"} {text}</li>\n'

    def image(self, text: str, url: str, title: str | None = None) -> str:
        # Before the cleaning: it knows no attachment as a protocol.
        if url.startswith("attachment:") and self._embed is not None:
            url = self._embed(url) or ""
        return super().image(text, url, title)

    def block_code(self, code: str, info: str | None = None) -> str:
        language = info.split()[0] if info and info.split() else ""
        return f"<pre>{highlighted(code, language)}</pre>\n"

    def block_math(self, text: str) -> str:
        return f"<p>{self._formulas.take(math_html(text, block=True))}</p>\n"

    def inline_math(self, text: str) -> str:
        return self._formulas.take(math_html(text))
