"""Where two runs differ in what they were made of, as text: notebook, packages, code, data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from jupyter_mlops.cli.console import Console, clean, fit, one_line, pad, width_of
from jupyter_mlops.cli.render import size

Json = dict[str, Any]

_SIGNS = {"added": "+", "removed": "-", "changed": "~", "moved": ">", "unknown": "?"}
_STYLES = {"+": "green", "-": "red", "~": "yellow", ">": "cyan", "?": "yellow"}
_HASH_SHOWN = 12
_VALUE_MOST = 60


def notebook(console: Console, found: Json) -> None:
    """Cells that differ, each with its lines and outputs."""
    if _unknown(console, [found["before"], found["after"]], "has no notebook"):
        return
    for cell in found["cells"]:
        places = [
            f"{sign}{cell[side] + 1}"
            for side, sign in (("before", "-"), ("after", "+"))
            if cell[side] is not None
        ]
        said = f"{cell['change']} {cell['kind']} cell {' '.join(places)}"
        first = fit(one_line(cell["first_line"]), _VALUE_MOST)
        _head(console, cell["change"], said, "" if cell["source"] else first)
        _lines(console, cell["source"])
        for output in cell["outputs"]:
            console.say(console.paint(f"  {output['change']} output: {output['kind']}", "bold"))
            _lines(console, output["text"])
            if not output["text"]:
                shown = output["note"] or "It isn't text; JupyterLab shows both."
                console.say(console.paint(f"    {one_line(shown)}", "dim"))
        if cell["metadata"]:
            console.say(console.paint("  metadata", "bold"))
            _lines(console, cell["metadata"])
    if found["metadata"]:
        _head(console, "changed", "metadata of the notebook", "")
        _lines(console, found["metadata"])
    if not found["outputs_compared"]:
        console.say(console.paint("outputs aren't compared: a run has kept none", "dim"))
    _end(console, found, "cell")


def packages(console: Console, found: Json) -> None:
    """Packages that differ, a line each."""
    if _unknown(console, _told(found), "doesn't tell its packages"):
        return
    old, new = found["python"]
    rows = [("~", "python", old, new, "")] if old and new and old != new else []
    rows += [
        (_SIGNS[one["change"]], one["name"], one["before"], one["after"], one["step"])
        for one in found["packages"]
    ]
    _table(console, rows)
    _end(console, found, "package")


def code(console: Console, found: Json) -> None:
    """Commits, and a unified diff of each file."""
    if _unknown(console, _told(found), "doesn't tell its code"):
        return
    for sign, side in (("-", "before"), ("+", "after")):
        one = found[side]
        told = one["commit"] or "no commit"
        told += f" ({one_line(one['branch'])})" if one["branch"] else ""
        told += ", with uncommitted changes" if one["dirty"] else ""
        console.say(console.paint(f"{sign} {told}", _STYLES[sign]))
    for file in found["files"]:
        was = f"{one_line(file['was'])} -> " if file["was"] else ""
        ran = "kept with the run" if file["ran"] else "working tree"
        _head(console, file["change"], f"{was}{one_line(file['path'])}", ran)
        if file["note"]:
            console.say(console.paint(f"    {one_line(file['note'])}", "dim"))
        _lines(console, file["text"])
    _end(console, found, "module")


def data(console: Console, found: Json) -> None:
    """Files and datasets that differ, a line each."""
    if _unknown(console, _told(found), "doesn't tell its data") and not found["data"]:
        return
    rows = [
        (
            _SIGNS[one["change"]],
            one["name"],
            _content(one["before"]),
            _content(one["after"]),
            "content not known" if one["change"] == "unknown" else "",
        )
        for one in found["data"]
    ]
    _table(console, rows)
    _end(console, found, "dataset")


def _told(found: Json) -> list[Any]:
    return [known or None for known in found["known"]]


def _unknown(console: Console, sides: list[Any], said: str) -> bool:
    """Say which run tells nothing, if one does."""
    for name, side in zip(("first", "second"), sides, strict=True):
        if side is None:
            console.say(f"The {name} run {said}.")
    return None in sides


def _head(console: Console, change: str, said: str, beside: str) -> None:
    sign = _SIGNS[change]
    line = console.paint(f"{sign} {said}", _STYLES[sign], "bold")
    console.say(f"{line}  {console.paint(beside, 'dim')}".rstrip())


def _lines(console: Console, text: Json | None) -> None:
    """A unified diff; what changed within a line is bold where there are colours."""
    if text is None:
        return
    for hunk in text["hunks"]:
        if text["hunks"][0] is not hunk or hunk["before"] > 1 or hunk["after"] > 1:
            at = f"@@ -{hunk['before']} +{hunk['after']} @@"
            console.say(console.paint(f"    {at}", "cyan"))
        for line in hunk["lines"]:
            op = line["op"].replace("=", " ")
            console.say(f"    {''.join(_painted(console, op, line['pieces']))}".rstrip())
    if text["cut"]:
        console.say(console.paint(f"    {one_line(text['cut'])}", "dim"))


def _painted(console: Console, op: str, pieces: list[str]) -> Iterator[str]:
    style = _STYLES.get(op)
    plain = [clean(piece).replace("\n", " ") for piece in pieces]
    if style is None:
        yield f"{op}{''.join(plain)}"
        return
    yield console.paint(op, style)
    for number, piece in enumerate(plain):
        # Without colours a changed word is as its line is: marked by the sign.
        yield console.paint(piece, style, "bold") if number % 2 else console.paint(piece, style)


def _table(console: Console, rows: list[tuple[str, str, str | None, str | None, str]]) -> None:
    cells = [
        [sign, *(fit(one_line(value or "-"), _VALUE_MOST) for value in values)]
        for sign, *values in ((r[0], r[1], r[2], r[3], r[4] or " ") for r in rows)
    ]
    widths = [max(width_of(row[n]) for row in cells) for n in range(5)] if cells else []
    for row in cells:
        line = "  ".join(map(pad, row, widths)).rstrip()
        console.say(console.paint(line[:1], _STYLES[row[0]]) + line[1:])


def _content(file: Json | None) -> str | None:
    if file is None:
        return None
    told = [file["hash"][:_HASH_SHOWN] or "content not known"]
    if file["size"] is not None:
        told.append(size(file["size"]))
    if file["rows"] is not None:
        told.append(f"{file['rows']:,} rows")
    return " ".join(told)


def _end(console: Console, found: Json, what: str) -> None:
    """What was left out, and how much is the same."""
    for note in found["notes"]:
        console.say(console.paint(one_line(note), "dim"))
    equal = found["equal"]
    said = "nothing differs" if not found["changes"] else ""
    same = f"{equal} {what}{'' if equal == 1 else 's'} the same"
    console.say(console.paint("; ".join(filter(None, (said, same))), "dim"))
