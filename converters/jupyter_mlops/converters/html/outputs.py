"""The outputs of a cell as HTML: of each, the best form that needs no script."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from html import escape
from typing import Any

from jupyter_mlops.converters.html.ansi import ansi_html, terminal_text
from jupyter_mlops.converters.html.cleaning import Embed, clean, is_active, too_costly
from jupyter_mlops.converters.html.markdown import latex_html, markdown_html

#: Characters of text and of HTML that one output shows; of longer text, beginning and end.
MAX_TEXT = 2_000_000
MAX_HTML = 2_000_000

_PICTURES = ("image/svg+xml", "image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp")
#: Without a script these are pictures or text at best.
_INTERACTIVE = re.compile(
    r"application/(?:javascript|vnd\.(?:jupyter\.widget-view|plotly|bokehjs|vega|holoviews)\S*)"
)
_BASE64 = re.compile(r"[A-Za-z0-9+/=\s]*")
_SIZE = re.compile(r"[0-9]{1,5}")
_LEFT_OUT = (
    '<p class="note">An interactive output is left out here: open the notebook to see it.</p>'
)


def outputs_html(outputs: list[dict[str, Any]], embed: Embed | None = None) -> str:
    """All outputs of a cell, in order; neighbouring streams of one name as one."""
    pieces: list[str] = []
    stream: tuple[str, list[str]] | None = None
    for output in outputs:
        if output["output_type"] == "stream":
            name = "stderr" if output.get("name") == "stderr" else "stdout"
            if stream is None or stream[0] != name:
                _end(stream, pieces)
                stream = (name, [])
            stream[1].append(_text(output.get("text")))
            continue
        _end(stream, pieces)
        stream = None
        if output["output_type"] == "error":
            pieces.append(_error(output))
        else:
            pieces.append(_data(output, embed))
    _end(stream, pieces)
    return "".join(pieces)


def _end(stream: tuple[str, list[str]] | None, pieces: list[str]) -> None:
    if stream is not None:
        pieces.append(_pre("".join(stream[1]), stream[0]))


def _error(output: dict[str, Any]) -> str:
    lines = output.get("traceback")
    text = "\n".join(_text(line) for line in lines) if isinstance(lines, list) and lines else ""
    text = text or f"{_text(output.get('ename'))}: {_text(output.get('evalue'))}"
    return _pre(text, "error")


def _data(output: dict[str, Any], embed: Embed | None) -> str:
    data = output.get("data")
    if not isinstance(data, dict):
        return ""
    html = _text(data.get("text/html"))
    lost = any(_INTERACTIVE.match(kind) for kind in data) or (bool(html) and is_active(html))
    for form in _forms(data, html, output, embed, lost=lost):
        if form:
            return form
    return _LEFT_OUT if lost else ""


def _forms(
    data: dict[str, Any], html: str, output: dict[str, Any], embed: Embed | None, *, lost: bool
) -> Iterator[str]:
    """Forms of the data from best to last; each is made only when those before were empty."""
    if html and not lost:
        yield _html(html, embed)
    for kind in _PICTURES:
        if kind in data:
            yield _picture(kind, _text(data[kind]), output)
    if "text/markdown" in data:
        yield f'<div class="rich">{markdown_html(_text(data["text/markdown"]), embed)}</div>'
    if "text/latex" in data:
        yield f'<div class="rich">{latex_html(_text(data["text/latex"]))}</div>'
    plain = _text(data.get("text/plain")).strip()
    named_only = plain.startswith("<") and plain.endswith(">")  # <IPython.core.display.HTML object>
    if plain and not named_only:
        yield _pre(plain, "result") + (_LEFT_OUT if lost and not html else "")
    if html and lost and not too_costly(html) and len(html) <= MAX_HTML:
        cleaned = clean(html, embed)
        if re.sub(r"<style>.*?</style>|<[^>]*>|\s", "", cleaned):
            yield f'<div class="rich">{cleaned}</div>{_LEFT_OUT}'
    if "application/json" in data:
        text = json.dumps(data["application/json"], indent=1, ensure_ascii=False)
        yield _pre(text, "result")
    if plain and not lost:
        yield _pre(plain, "result")


def _html(html: str, embed: Embed | None) -> str:
    if len(html) > MAX_HTML or too_costly(html):
        size = f"{len(html) / 1e6:.1f} MB"
        return (
            f'<p class="note">An HTML output of {size} is left out here; the notebook has it.</p>'
        )
    return f'<div class="rich">{clean(html, embed)}</div>'


def _picture(kind: str, content: str, output: dict[str, Any]) -> str:
    if kind == "image/svg+xml":
        content = base64.b64encode(content.encode("utf-8", "replace")).decode()
    elif not _BASE64.fullmatch(content):
        return ""
    metadata = output.get("metadata")
    about = metadata.get(kind) if isinstance(metadata, dict) else None
    sizes = "".join(
        f' {side}="{found}"'
        for side in ("width", "height")
        if isinstance(about, dict) and _SIZE.fullmatch(found := str(about.get(side, "")))
    )
    plain = _text(output["data"].get("text/plain")).strip() or "Picture in the output"
    alternative = escape(plain.split("\n")[0][:200], quote=True)
    source = "".join(content.split())
    return f'<p><img alt="{alternative}"{sizes} src="data:{kind};base64,{source}"></p>'


def _pre(text: str, kind: str) -> str:
    if len(text) > MAX_TEXT:
        half = MAX_TEXT // 2
        gone = f"{(len(text) - MAX_TEXT) / 1e6:.1f} million characters"
        note = f"… {gone} are left out here; the notebook has them …"
        text = f"{text[:half]}\n{note}\n{text[-half:]}"
    shown = ansi_html(terminal_text(text))
    return f'<pre class="{kind}" tabindex="0">{shown}</pre>' if shown.strip() else ""


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "".join(part for part in value if isinstance(part, str))
    return ""
