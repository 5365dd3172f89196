"""A list of outputs as the Jupyter protocol fills it, with a bound on what it holds.

Text is kept in pieces until it is settled, so that a million prints cost what one does. What goes
over a limit is left out, counted, and said in its place; of text the end is kept as well.
"""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from jupyter_mlops.jobs.order import OutputLimits

Output = dict[str, Any]
#: What an output costs at least (bytes): a million empty displays are many.
LEAST_COST = 256
#: So much of the end of omitted text is kept (characters).
TAIL = 8 * 1024
#: A longer message is cut before it is kept for its end (bytes).
_LONGEST_RAW = 1 << 20
#: An error's traceback is kept up to this (characters); it is never left out.
_LONGEST_TRACEBACK = 1 << 20


@dataclass(slots=True)
class Budget:
    """What all outputs of a notebook may hold together."""

    limit: int
    used: int = 0


@dataclass(slots=True)
class _Omitted:
    """What was left out since the last marker."""

    size: int = 0
    outputs: int = 0
    #: The last messages, unparsed: (stream name, JSON content).
    tail: deque[bytes] = field(default_factory=deque)
    tail_size: int = 0


class OutputList:
    """The outputs of one cell (or of an Output widget)."""

    def __init__(self, outputs: list[Output], limits: OutputLimits, budget: Budget) -> None:
        self.outputs = outputs
        self._limits = limits
        self._budget = budget
        self._used = 0
        self._omitted: _Omitted | None = None
        self._clear_next = False

    @property
    def overflowing(self) -> bool:
        """Whether text is being left out: then `omit` is enough, no need to parse."""
        return self._omitted is not None and not self._clear_next

    def stream(self, name: str, text: str) -> str:
        """Take text in; return what of it was kept."""
        size = _size(text)
        room = self._room()
        if self._omitted is not None or size > room:
            kept = "" if self._omitted is not None else text[: max(room, 0)]
            rest = text[len(kept) :]
            self._append_text(name, kept, _size(kept))
            self.omit(_stream_content(name, rest), _size(rest))
            return kept
        self._append_text(name, text, size)
        return text

    def omit(self, raw_content: bytes, size: int | None = None) -> None:
        """Leave out the text in a stream message's content; its end may still be shown."""
        omitted = self._omitted = self._omitted or _Omitted()
        omitted.size += len(raw_content) if size is None else size
        if len(raw_content) > _LONGEST_RAW:
            message = json.loads(raw_content)
            raw_content = _stream_content(str(message.get("name")), str(message.get("text", "")))
        omitted.tail.append(raw_content)
        omitted.tail_size += len(raw_content)
        while len(omitted.tail) > 1 and omitted.tail_size - len(omitted.tail[0]) >= 2 * TAIL:
            omitted.tail_size -= len(omitted.tail.popleft())

    def display(self, output: Output, size: int) -> Output | None:
        """Take a display or result of about `size` bytes in; return what was kept of it."""
        if size > self._limits.single_bytes:
            output = {**output, "data": {"text/plain": too_large(size, self._limits)}}
            output["metadata"] = {}
            size = LEAST_COST
        cost = max(size, LEAST_COST)
        if self._omitted is not None or cost > self._room():
            self._omitted = self._omitted or _Omitted()
            self._omitted.size += size
            self._omitted.outputs += 1
            return None
        self._charge(cost)
        self.settle()
        self.outputs.append(output)
        return output

    def error(self, ename: str, evalue: str, traceback: list[str]) -> Output:
        """Take an error in, whatever the limits say."""
        lines, room = [], _LONGEST_TRACEBACK
        for line in reversed(traceback):
            lines.append(line[-room:] if room else "")
            room = max(0, room - len(line))
        output: Output = {
            "output_type": "error",
            "ename": ename,
            "evalue": evalue[:_LONGEST_TRACEBACK],
            "traceback": [line for line in reversed(lines) if line],
        }
        self.settle()
        self.outputs.append(output)
        return output

    def update(self, output: Output, data: dict[str, Any], metadata: dict[str, Any]) -> None:
        """Replace what a display in this list shows."""
        before, after = _bundle_size(output.get("data", {})), _bundle_size(data)
        if after > self._limits.single_bytes or after - before > self._room():
            data, metadata = {"text/plain": too_large(after, self._limits)}, {}
            after = LEAST_COST
        output["data"], output["metadata"] = data, metadata
        self._charge(after - before)

    def clear(self, *, wait: bool) -> bool:
        """Empty the list now, or before the next output; return whether it was emptied now."""
        if wait:
            self._clear_next = True
            return False
        self._empty()
        return True

    def before_output(self) -> bool:
        """To be called before an output is taken in: do a clear that waited for it; whether."""
        if not self._clear_next:
            return False
        self._empty()
        return True

    def close(self) -> list[tuple[str, str]]:
        """Settle everything; say what was left out, and return that as (stream, text)."""
        added: list[tuple[str, str]] = []
        if (omitted := self._omitted) is not None:
            self._omitted = None
            tail = _tail(omitted.tail)
            name = tail[0][0] if tail else "stdout"
            added = [(name, _marker(omitted, self._limits)), *tail]
            for each, text in added:
                self._append_text(each, text, _size(text))
        self.settle()
        return added

    def settle(self) -> None:
        """Make gathered text one string, as it is shown and saved."""
        # Whatever comes behind a text settles it first: only the last can be in pieces.
        text = self.outputs[-1].get("text") if self.outputs else None
        if isinstance(text, list):
            self.outputs[-1]["text"] = "".join(text)

    def _append_text(self, name: str, text: str, size: int) -> None:
        if not text:
            return
        self._charge(size)
        last = self.outputs[-1] if self.outputs else None
        if last is None or last["output_type"] != "stream" or last["name"] != name:
            self.settle()
            self.outputs.append({"output_type": "stream", "name": name, "text": [text]})
        elif isinstance(last["text"], list):
            last["text"].append(text)
        else:
            last["text"] = [last["text"], text]

    def _empty(self) -> None:
        self._clear_next = False
        self._omitted = None
        self._charge(-self._used)
        self.outputs.clear()

    def _room(self) -> int:
        return min(self._limits.cell_bytes - self._used, self._budget.limit - self._budget.used)

    def _charge(self, size: int) -> None:
        self._used += size
        self._budget.used += size


def too_large(size: int, limits: OutputLimits) -> str:
    """What stands in place of one output that is too large."""
    return f"[{megabytes(size)} omitted: one output may have {megabytes(limits.single_bytes)}]"


def megabytes(size: int) -> str:
    """A size as people read it."""
    return f"{size / 2**20:,.1f} MB" if size < 100 * 2**20 else f"{size / 2**20:,.0f} MB"


def _marker(omitted: _Omitted, limits: OutputLimits) -> str:
    outputs = f" in {omitted.outputs:,} outputs and text" if omitted.outputs else ""
    return (
        f"\n[{megabytes(omitted.size)} omitted{outputs}: a cell may have "
        f"{megabytes(limits.cell_bytes)}, a notebook {megabytes(limits.total_bytes)}]\n"
    )


def _tail(raw: deque[bytes]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    room = TAIL
    for content in reversed(raw):
        message = json.loads(content)
        text = str(message.get("text", ""))[-room:] if room else ""
        room -= len(text)
        if text:
            found.append((str(message.get("name", "stdout")), text))
    return found[::-1]


def _stream_content(name: str, text: str) -> bytes:
    return json.dumps({"name": name, "text": text[-2 * TAIL :]}).encode()


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))


def _bundle_size(data: dict[str, Any]) -> int:
    return max(
        LEAST_COST,
        sum(len(value) if isinstance(value, str) else LEAST_COST for value in data.values()),
    )
