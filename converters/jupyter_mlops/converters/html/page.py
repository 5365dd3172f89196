"""The page itself."""

from __future__ import annotations

import base64
import mimetypes
from collections.abc import Iterator, Sequence
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from jupyter_mlops.converters.html.cleaning import Embed
from jupyter_mlops.converters.html.code import highlighted
from jupyter_mlops.converters.html.markdown import markdown_html
from jupyter_mlops.converters.html.outputs import outputs_html
from jupyter_mlops.converters.notebook import Notebook
from jupyter_mlops.converters.opening import read_regular

#: Nothing may run, load or be sent, whatever is in the page.
POLICY = (
    "default-src 'none'; img-src data: https:; style-src 'unsafe-inline'; "
    "base-uri 'none'; form-action 'none'"
)
#: Nor any picture.
_OFFLINE = POLICY.replace(" https:", "")
#: A larger picture beside the notebook (bytes) is not taken into the page.
MAX_PICTURE = 10 * 2**20

_HIDDEN_INPUT = frozenset({"hide-input", "remove-input", "hide_input", "remove_input"})
_HIDDEN_OUTPUT = frozenset({"remove-output", "remove_output", "hide-output", "hide_output"})
_HIDDEN_CELL = frozenset({"remove-cell", "remove_cell", "hide-cell", "hide_cell"})


def render(
    notebook: Notebook,
    title: str,
    facts: Sequence[tuple[str, str]],
    base: Path | None,
    *,
    offline: bool = False,
) -> str:
    """The page of a checked notebook; see `render_html`."""
    policy = _OFFLINE if offline else POLICY
    return "".join(_pieces(notebook, title, facts, _embedding(base), policy))


def _pieces(
    notebook: Notebook,
    title: str,
    facts: Sequence[tuple[str, str]],
    embed: Embed | None,
    policy: str,
) -> Iterator[str]:
    name = escape(title)
    yield (
        "<!DOCTYPE html>\n"
        '<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{name}</title>\n<style>\n{_styles()}</style>\n</head>\n<body>\n"
        f"<header>\n<h1>{name}</h1>\n"
    )
    if facts:
        pairs = "".join(
            f"<div><dt>{escape(key)}</dt><dd>{escape(value)}</dd></div>" for key, value in facts
        )
        yield f"<dl>{pairs}</dl>\n"
    yield "</header>\n<main>\n"
    language = _lexer_name(notebook)
    for cell in notebook.cells:
        yield _cell(cell, language, embed)
    yield "</main>\n</body>\n</html>\n"


def _cell(cell: dict[str, Any], language: str, embed: Embed | None) -> str:
    tags = _tags(cell)
    if tags & _HIDDEN_CELL:
        return ""
    source: str = cell["source"]
    if cell["cell_type"] == "markdown":
        attached = _attached(cell, embed)
        return f'<section class="text rich">{markdown_html(source, attached)}</section>\n'
    if cell["cell_type"] == "raw":
        return ""
    outputs = "" if tags & _HIDDEN_OUTPUT else outputs_html(cell.get("outputs", []), embed)
    if not source.strip() and not outputs:
        return ""
    failed = any(output["output_type"] == "error" for output in cell.get("outputs", []))
    return (
        f'<section class="code{" failed" if failed else ""}">'
        f"{_input(cell, source, language, tags)}"
        + (f'<div class="output">{outputs}</div>' if outputs else "")
        + "</section>\n"
    )


def _input(cell: dict[str, Any], source: str, language: str, tags: set[str]) -> str:
    if not source.strip():
        return ""
    count = cell.get("execution_count")
    prompt = f"[{count}]" if isinstance(count, int) else "[ ]"
    label = "Parameters of this job" if "injected-parameters" in tags else ""
    first = source.lstrip().split("\n", 1)[0]
    marked = highlighted(source, _magic_language(first) or language)
    code = f'<pre class="source" tabindex="0">{marked}</pre>'
    jupyter = cell["metadata"].get("jupyter")
    hidden = isinstance(jupyter, dict) and jupyter.get("source_hidden") is True
    if hidden or tags & _HIDDEN_INPUT:
        code = f"<details><summary>Code</summary>{code}</details>"
    named = f'<span class="label">{label}</span>' if label else ""
    return f'<div class="input"><span class="prompt">{prompt}</span>{named}{code}</div>'


def _magic_language(first_line: str) -> str:
    """The language of a cell like `%%bash`, "" when it is the notebook's own."""
    if not first_line.startswith("%%"):
        return ""
    name = next(iter(first_line[2:].split(maxsplit=1)), "")
    return {
        "bash": "bash",
        "sh": "bash",
        "script": "bash",
        "html": "html",
        "HTML": "html",
        "javascript": "javascript",
        "js": "javascript",
        "latex": "latex",
        "markdown": "markdown",
        "sql": "sql",
        "R": "r",
        "julia": "julia",
        "perl": "perl",
        "ruby": "ruby",
    }.get(name, "")


def _lexer_name(notebook: Notebook) -> str:
    info = notebook.metadata.get("language_info")
    named = info.get("pygments_lexer") if isinstance(info, dict) else None
    return named if isinstance(named, str) else notebook.language or "python"


def _tags(cell: dict[str, Any]) -> set[str]:
    return set(cell["metadata"].get("tags", ()))


def _attached(cell: dict[str, Any], embed: Embed | None) -> Embed:
    """Pictures attached to the cell first, then those beside the notebook."""
    attachments = cell.get("attachments") or {}

    def find(source: str) -> str | None:
        if not source.startswith("attachment:"):
            return embed(source) if embed is not None else None
        forms = attachments.get(unquote(source.removeprefix("attachment:")))
        for kind, content in forms.items() if isinstance(forms, dict) else ():
            if isinstance(content, str) and kind.startswith("image/"):
                return f"data:{kind};base64,{content}"
        return None

    return find


def _embedding(base: Path | None) -> Embed | None:
    if base is None:
        return None

    def find(source: str) -> str | None:
        path = base / unquote(source.partition("?")[0].partition("#")[0])
        kind = mimetypes.guess_type(path.name)[0] or ""
        if not kind.startswith("image/"):
            return None
        try:
            raw = read_regular(path, root=base, limit=MAX_PICTURE)
        except (OSError, ValueError):
            return None  # not there, or not below the notebook's directory
        if len(raw) > MAX_PICTURE:
            return None
        return f"data:{kind};base64,{base64.b64encode(raw).decode()}"

    return find


@lru_cache(maxsize=1)
def _styles() -> str:
    return Path(__file__).with_name("page.css").read_text("utf-8")
