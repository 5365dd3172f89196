"""Two texts line by line, with what changed within the lines. Pure.

Whatever the texts are, it ends soon: what is too long to be compared is told as such.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

from jupyter_mlops.tracking.diffs.views import DiffLine, Hunk, TextDiff

#: Lines that stay around a change.
CONTEXT = 3
#: A text of so many lines is told whole; of a longer one what differs.
WHOLE = 120
#: Lines that are compared with so many others, once what is equal at both ends is set aside.
COMPARED_MOST = 4_000
#: Lines that are told of one text.
TOLD_MOST = 2_000
#: Characters of a line that are told.
LINE_MOST = 2_000
#: Words of a line, and lines of a block, that are compared one by one.
_WORDS_MOST, _BLOCK_MOST = 400, 60
#: Lines that have less in common than this were replaced, not changed.
_ALIKE = 0.5
_WORD = re.compile(r"\w+|\s+|[^\w\s]")

#: What a line takes besides its characters, as it is told.
_LINE = 32

_Op = tuple[str, int, int, int, int]


def text_diff(before: str, after: str, most: int = TOLD_MOST) -> TextDiff | None:
    """Where two texts differ, in so many lines at most; None when they don't."""
    if before == after:
        return None
    old, new = _lines(before), _lines(after)
    ops, cut = _ops(old, new)
    added = sum(j2 - j1 for op, _, _, j1, j2 in ops if op != "equal")
    removed = sum(i2 - i1 for op, i1, i2, _, _ in ops if op != "equal")
    context = CONTEXT if max(len(old), len(new)) > WHOLE else WHOLE
    hunks: list[Hunk] = []
    told = 0
    for group in _grouped(ops, context):
        lines: list[DiffLine] = []
        for line in _told(group, old, new, most):
            if told >= most:
                cut = cut or f"Only the first {most:,} lines are told."
                break
            lines.append(line)
            told += 1
        if lines:
            hunks.append(Hunk(before=group[0][1] + 1, after=group[0][3] + 1, lines=lines))
    return TextDiff(
        hunks=hunks,
        added=added,
        removed=removed,
        before_lines=len(old),
        after_lines=len(new),
        cut=cut,
    )


def one_sided(text: str, op: str, most: int = TOLD_MOST) -> TextDiff | None:
    """A text that only one side has: `op` is "+" or "-"; None when it is empty."""
    return text_diff("", text, most) if op == "+" else text_diff(text, "", most)


class Budget:
    """How many characters all of an answer may have."""

    def __init__(self, most: int) -> None:
        self.left = most

    @property
    def spent(self) -> bool:
        """Whether nothing more is told."""
        return self.left <= 0

    def kept(self, text: TextDiff | None) -> TextDiff | None:
        """The text as far as there is room for it: whole, or that it was left out."""
        if text is None:
            return None
        lines = [line for hunk in text.hunks for line in hunk.lines]
        self.left -= sum(_LINE + sum(map(len, line.pieces)) for line in lines)
        if not self.spent:
            return text
        return text.model_copy(update={"hunks": [], "cut": "Left out: there is too much."})


def pieces_of(before: str, after: str) -> tuple[list[str], list[str]]:
    """What changed within a line: every second piece did."""
    old, new = _WORD.findall(before), _WORD.findall(after)
    if max(len(old), len(new)) > _WORDS_MOST:
        return [before], [after]
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    if matcher.ratio() < _ALIKE:
        return [before], [after]
    first, second = _Pieces(), _Pieces()
    for op, i1, i2, j1, j2 in matcher.get_opcodes():
        first.add("".join(old[i1:i2]), changed=op != "equal")
        second.add("".join(new[j1:j2]), changed=op != "equal")
    return first.found, second.found


class _Pieces:
    """Texts by turns as they were and changed."""

    def __init__(self) -> None:
        self.found = [""]

    def add(self, text: str, *, changed: bool) -> None:
        """Go on with this text."""
        if not text:
            return
        if len(self.found) % 2 == (0 if not changed else 1):
            self.found.append("")
        self.found[-1] += text


def _lines(text: str) -> list[str]:
    """Its lines, each with what ends it; no other characters than line feeds do."""
    found = [f"{line}\n" for line in text.split("\n")]
    last = found.pop()[:-1]
    return [*found, last] if last else found


def _ops(old: Sequence[str], new: Sequence[str]) -> tuple[list[_Op], str]:
    """How to make one of the other, and why that is rough where it is."""
    start = _same(old, new)
    end = _same(old[start:][::-1], new[start:][::-1])
    mid_old, mid_new = old[start : len(old) - end], new[start : len(new) - end]
    cut = ""
    if max(len(mid_old), len(mid_new)) > COMPARED_MOST:
        cut = (
            f"Too long to be compared line by line: {len(mid_old):,} lines"
            f" became {len(mid_new):,} others."
        )
        between: list[_Op] = [("replace", 0, len(mid_old), 0, len(mid_new))]
    else:
        between = list(SequenceMatcher(None, mid_old, mid_new).get_opcodes())
    ops: list[_Op] = [("equal", 0, start, 0, start)] if start else []
    ops += [(op, i1 + start, i2 + start, j1 + start, j2 + start) for op, i1, i2, j1, j2 in between]
    if end:
        ops.append(("equal", len(old) - end, len(old), len(new) - end, len(new)))
    return ops, cut


def _same(old: Sequence[str], new: Sequence[str]) -> int:
    count = 0
    for one, other in zip(old, new, strict=False):
        if one != other:
            break
        count += 1
    return count


def _grouped(ops: Sequence[_Op], context: int) -> Iterator[list[_Op]]:
    """Changes with so many equal lines around them; those that meet are one group."""
    group: list[_Op] = []
    for number, (op, i1, i2, j1, j2) in enumerate(ops):
        if op != "equal":
            group.append((op, i1, i2, j1, j2))
            continue
        first, last = number == 0, number == len(ops) - 1
        length = i2 - i1
        if not first and not last and length <= 2 * context:
            group.append((op, i1, i2, j1, j2))
            continue
        if not first:
            kept = min(context, length)
            group.append((op, i1, i1 + kept, j1, j1 + kept))
            yield group
        if last:
            return
        kept = min(context, length)
        group = [(op, i2 - kept, i2, j2 - kept, j2)]
    if group:
        yield group


def _told(
    ops: Sequence[_Op], old: Sequence[str], new: Sequence[str], most: int
) -> Iterator[DiffLine]:
    for op, i1, i2, j1, j2 in ops:
        if op == "equal":
            for text in old[i1:i2]:
                yield DiffLine(op="=", pieces=[_shown(text)])
            continue
        first, second = _block(old[i1 : min(i2, i1 + most)], new[j1 : min(j2, j1 + most)])
        yield from first
        yield from second


def _block(old: Sequence[str], new: Sequence[str]) -> tuple[list[DiffLine], list[DiffLine]]:
    """Lines that became others; those that are alike are compared word by word."""
    first = [[_ended(text, new)] for text in old]
    second = [[_ended(text, old)] for text in new]
    if len(old) * len(new) <= _BLOCK_MOST**2:
        begin = 0
        for number in range(len(old)):
            for other in range(begin, len(new)):
                one, two = pieces_of(first[number][0], second[other][0])
                if len(one) > 1 or len(two) > 1:
                    first[number], second[other], begin = one, two, other + 1
                    break
                if len(old) == len(new):
                    break  # side by side, or not alike
            if len(old) == len(new):
                begin = number + 1
    return (
        [DiffLine(op="-", pieces=pieces) for pieces in first],
        [DiffLine(op="+", pieces=pieces) for pieces in second],
    )


def _ended(text: str, others: Sequence[str]) -> str:
    """A line as it is told; how it ends is told where only that tells it from another."""
    shown = _shown(text)
    if not text.endswith("\n") and f"{text}\n" in others:
        return f"{shown} (no line feed at the end)"
    return f"{shown}␍" if text.endswith("\r\n") else shown


def _shown(text: str) -> str:
    plain = text.rstrip("\r\n")
    if len(plain) <= LINE_MOST:
        return plain
    return f"{plain[:LINE_MOST]}… ({len(plain) - LINE_MOST:,} more characters)"


def marked(lines: Sequence[tuple[str, str]]) -> list[DiffLine]:
    """Lines of a diff that was made elsewhere, with what changed within them."""
    found: list[DiffLine] = []
    old: list[str] = []
    new: list[str] = []
    for op, text in [*lines, ("=", "")]:
        if op == "-":
            old.append(f"{text}\n")
        elif op == "+":
            new.append(f"{text}\n")
        else:
            first, second = _block(old, new)
            found += [*first, *second, DiffLine(op="=", pieces=[_shown(text)])]
            old, new = [], []
    return found[:-1]
