"""Unified diffs as git writes them, read. Pure; whatever they hold, it ends."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from jupyter_mlops.tracking.diffs.text import TOLD_MOST, marked
from jupyter_mlops.tracking.diffs.views import Change, Hunk, TextDiff

_HUNK = re.compile(r"@@ -(\d{1,9})(?:,(\d{1,9}))? \+(\d{1,9})(?:,(\d{1,9}))? @@")
_ESCAPE = re.compile(r"\\([0-7]{3}|.)")
_LETTERS = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}


@dataclass(slots=True)
class PatchHunk:
    """Lines of one place."""

    before: int
    after: int
    lines: list[tuple[str, str]] = field(default_factory=list)


@dataclass(slots=True)
class Patch:
    """What happened to one file."""

    path: str
    was: str = ""
    change: Change = "changed"
    binary: bool = False
    hunks: list[PatchHunk] = field(default_factory=list)
    #: As it was written, to tell two apart.
    text: str = ""

    def reversed(self) -> Patch:
        """What undoes it."""
        undone: dict[Change, Change] = {"added": "removed", "removed": "added"}
        turned = {"+": "-", "-": "+"}
        hunks = []
        for hunk in self.hunks:
            lines = [(turned.get(op, op), text) for op, text in hunk.lines]
            hunks.append(PatchHunk(hunk.after, hunk.before, _removed_first(lines)))
        path, was = (self.was, self.path) if self.was else (self.path, "")
        return Patch(path, was, undone.get(self.change, self.change), self.binary, hunks, self.text)

    def diff(self) -> TextDiff | None:
        """Its lines, with what changed within them; None when it has none."""
        hunks: list[Hunk] = []
        told = added = removed = 0
        for hunk in self.hunks:
            added += sum(op == "+" for op, _ in hunk.lines)
            removed += sum(op == "-" for op, _ in hunk.lines)
            kept = hunk.lines[: max(0, TOLD_MOST - told)]
            told += len(kept)
            if kept:
                hunks.append(Hunk(before=hunk.before, after=hunk.after, lines=marked(kept)))
        if not hunks:
            return None
        cut = f"Only the first {TOLD_MOST:,} lines are told." if told >= TOLD_MOST else ""
        last = self.hunks[-1]
        return TextDiff(
            hunks=hunks,
            added=added,
            removed=removed,
            before_lines=last.before + sum(op != "+" for op, _ in last.lines) - 1,
            after_lines=last.after + sum(op != "-" for op, _ in last.lines) - 1,
            cut=cut,
        )


def patches_of(diff: str) -> list[Patch]:
    """The files of a diff; what isn't one is passed over."""
    return [patch for part in _parts(diff) if (patch := _patch(part)) is not None]


def _parts(diff: str) -> Iterator[list[str]]:
    part: list[str] = []
    for line in diff.split("\n"):
        if line.startswith("diff --git "):
            if part:
                yield part
            part = []
        if part or line.startswith("diff --git "):
            part.append(line)
    if part:
        yield part


def _patch(lines: list[str]) -> Patch | None:
    found = Patch(path="", text="\n".join(line for line in lines if not line.startswith("index ")))
    names = {"old": "", "new": ""}
    rest = _Left()
    for line in lines[1:]:
        if rest.take(line):
            continue
        if (at := _HUNK.match(line)) is not None:
            found.hunks.append(rest.begin(at))
        else:
            _head(line, found, names)
    found.path = found.path or names["new"] or names["old"] or _same_name(lines[0])
    return found if found.path else None


class _Left:
    """The hunk that is being read, and how many of its lines are still to come."""

    def __init__(self) -> None:
        self._hunk = PatchHunk(0, 0)
        self._old = self._new = 0

    def begin(self, at: re.Match[str]) -> PatchHunk:
        """A hunk's first line."""
        self._hunk = PatchHunk(int(at[1]), int(at[3]))
        self._old, self._new = (int(at[n] if at[n] is not None else 1) for n in (2, 4))
        return self._hunk

    def take(self, line: str) -> bool:
        """Whether the line belongs to the hunk."""
        lines = self._hunk.lines
        if line.startswith("\\"):
            if lines:
                op, text = lines[-1]
                lines[-1] = op, f"{text} (no line feed at the end)"
            return True
        if self._old <= 0 and self._new <= 0:
            return False
        op = line[:1] or " "
        self._old -= op in " -"
        self._new -= op in " +"
        lines.append((op if op in "+-" else "=", line[1:]))
        return True


def _head(line: str, patch: Patch, names: dict[str, str]) -> None:
    """What stands before the hunks."""
    if line.startswith("--- "):
        names["old"] = _name(line[4:])
    elif line.startswith("+++ "):
        names["new"] = _name(line[4:])
    elif line.startswith("rename from "):
        patch.was = _unquoted(line[12:])
    elif line.startswith("rename to "):
        patch.path = _unquoted(line[10:])
    elif line.startswith("new file mode"):
        patch.change = "added"
    elif line.startswith("deleted file mode"):
        patch.change = "removed"
    elif line.startswith(("GIT binary patch", "Binary files ")):
        patch.binary = True


def _name(text: str) -> str:
    """The path behind `--- a/` or `+++ b/`; empty for `/dev/null`."""
    plain = _unquoted(text.rstrip("\t"))
    return plain[2:] if plain.startswith(("a/", "b/")) else ""


def _same_name(line: str) -> str:
    """The path of a file whose patch names it in its first line only, as `a/x b/x`."""
    text = line.removeprefix("diff --git ")
    if text.startswith('"'):
        return _name(text[: len(text) // 2])
    half = text[: len(text) // 2]
    return half[2:] if text == f"{half} b/{half[2:]}" else ""


def _unquoted(text: str) -> str:
    if len(text) < 2 or not (text.startswith('"') and text.endswith('"')):
        return text
    raw = bytearray()
    end = 0
    inner = text[1:-1]
    for found in _ESCAPE.finditer(inner):
        raw += inner[end : found.start()].encode("utf-8", "surrogatepass")
        code = found[1]
        raw += bytes([int(code, 8) & 255]) if len(code) == 3 else _LETTERS.get(code, code).encode()
        end = found.end()
    raw += inner[end:].encode("utf-8", "surrogatepass")
    return raw.decode("utf-8", "replace")


def _removed_first(lines: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """In a block of changes, what is removed stands before what is added."""
    found: list[tuple[str, str]] = []
    added: list[tuple[str, str]] = []
    for op, text in lines:
        if op == "+":
            added.append((op, text))
        elif op == "-":
            found.append((op, text))
        else:
            found += added
            added = []
            found.append((op, text))
    return found + added
