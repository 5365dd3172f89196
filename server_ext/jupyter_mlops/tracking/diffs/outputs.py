"""One output of a notebook in two versions: what of it is compared, what is shown. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from jupyter_mlops.tracking.diffs.text import one_sided, text_diff
from jupyter_mlops.tracking.diffs.views import Change, OutputDiff, Shown

Json = Mapping[str, Any]

#: What is shown of an output rather than compared as text; the first that it has.
_PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp", "image/svg+xml")
_DOCUMENTS = ("text/html",)
#: What is compared as text, likewise.
_TEXTS = ("text/plain", "text/markdown", "text/latex", "application/json", "text/html")
#: Characters of what is shown: more is left out.
SHOWN_MOST = 2 * 2**20
#: Characters of a text that is compared.
TEXT_MOST = 4 * 2**20
#: Lines of it that are told.
LINES_MOST = 400
#: Where an object lies in memory is different every time.
_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,16}\b")
_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")


def differs(before: Json | None, after: Json | None) -> bool:
    """Whether an output isn't the same; one that isn't there is None."""
    if before is None or after is None:
        return before is not after
    return _text(before) != _text(after) or _shown(before) != _shown(after)


def left_out(before: Json | None, after: Json | None) -> OutputDiff:
    """An output that differs, without what it is."""
    change, kind = _change(before, after)
    return OutputDiff(change=change, kind=kind, note="Left out: there is too much.")


def output_diff(before: Json | None, after: Json | None) -> OutputDiff:
    """Where an output differs that does."""
    change, kind = _change(before, after)
    old, new = _text(before), _text(after)
    old_shown, new_shown = _shown(before), _shown(after)
    note = ""
    if len(old) > TEXT_MOST or len(new) > TEXT_MOST:
        note = f"Only the first {TEXT_MOST // 2**20} MB are compared."
        old, new = old[:TEXT_MOST], new[:TEXT_MOST]
    if before is None:
        text = one_sided(new, "+", LINES_MOST)
    elif after is None:
        text = one_sided(old, "-", LINES_MOST)
    else:
        text = text_diff(old, new, LINES_MOST)
    told: list[Shown | None] = []
    for shown in (old_shown, new_shown):
        if shown is not None and len(shown.data) > SHOWN_MOST:
            note = f"Not shown: it is larger than {SHOWN_MOST // 2**20} MB."
            told.append(None)
        else:
            told.append(shown)
    return OutputDiff(
        change=change,
        kind=kind,
        text=text,
        before=told[0],
        after=told[1],
        note=note,
    )


def output_text(output: Json) -> str:
    """What of an output is compared as text."""
    match output.get("output_type"):
        case "stream":
            return _whole(output.get("text", ""))
        case "error":
            traceback = output.get("traceback")
            lines = traceback if isinstance(traceback, list) else []
            said = "\n".join(map(str, lines)) or f"{output.get('ename')}: {output.get('evalue')}"
            return _ESCAPES.sub("", said)
        case _:
            data = output.get("data") or {}
            for kind in _TEXTS:
                if kind in data:
                    return _whole(data[kind])
            others = sorted(kind for kind in data if kind not in _PICTURES)
            return _whole(data[others[0]]) if others else ""


def _change(before: Json | None, after: Json | None) -> tuple[Change, str]:
    change: Change = "added" if before is None else "removed" if after is None else "changed"
    return change, _kind(after if after is not None else before or {})


def _text(output: Json | None) -> str:
    return "" if output is None else _ADDRESS.sub("0x…", output_text(output))


def _kind(output: Json) -> str:
    match output.get("output_type"):
        case "stream":
            return str(output.get("name") or "stdout")
        case "error":
            return "error"
        case _:
            data = output.get("data") or {}
            for kind in (*_PICTURES, *_DOCUMENTS, *_TEXTS):
                if kind in data:
                    return kind
            return str(min(data, default="nothing"))


def _shown(output: Json | None) -> Shown | None:
    data = (output or {}).get("data")
    if not isinstance(data, Mapping):
        return None
    for kind in (*_PICTURES, *_DOCUMENTS):
        if kind in data:
            return Shown(media_type=kind, data=_whole(data[kind]))
    return None


def _whole(value: Any) -> str:
    """A value of a MIME bundle as one text."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return "".join(value)
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False)
