"""Reading what a runner writes into an attempt's directory. Blocking: called in threads.

The directory is the truth (ARCHITECTURE.md); nothing here trusts that a file is there, whole, or
of a sane size.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from jupyter_mlops.jobs.model import Failure, Progress, State, WarmDetails

#: Bytes of events that are taken at once; a longer line is still taken whole.
CHUNK = 1 * 2**20
_LONGEST_LINE = 512 * 2**20
_SMALL_FILE = 4 * 2**20
LAST_OUTPUT_MOST = 300

_TYPE = re.compile(rb'"type"\s*:\s*"(\w+)"')
_SEQ = re.compile(rb'\{\s*"seq"\s*:\s*(\d+)')
#: How far into a line its type is looked for before the line is parsed.
_HEAD = 160


class ExitRecord(BaseModel):
    """`exit.json`, and the `finished` event: how an attempt ended."""

    model_config = ConfigDict(extra="ignore")

    state: State
    failure: Failure | None = None
    duration: float | None = None
    peak_memory: int | None = None


def events_file(directory: Path) -> Path:
    """The attempt's events."""
    return directory / "events.jsonl"


def log_file(directory: Path) -> Path:
    """What its cells printed."""
    return directory / "log.txt"


def facts_file(directory: Path) -> Path:
    """What the kernel writes about what it ran, seeded and read; see `jupyter_mlops.facts`."""
    return directory / "facts.json"


def notebook_file(directory: Path) -> Path:
    """The executed notebook as saved last."""
    return directory / "notebook.ipynb"


def read_lines(path: Path, offset: int, limit: int = CHUNK) -> bytes:
    """Whole lines from `offset` on, about `limit` bytes of them; empty when there is none yet."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return b""
    with open(descriptor, "rb", buffering=0) as file:
        file.seek(offset)
        data = file.read(limit) or b""
        end = data.rfind(b"\n") + 1
        pieces = [data]
        while end == 0 and data and sum(map(len, pieces)) < _LONGEST_LINE:
            data = file.read(limit) or b""
            pieces.append(data)
            end = data.find(b"\n") + 1
        if len(pieces) == 1:
            return data[:end]
        return b"".join([*pieces[:-1], data[:end]]) if end else b""


def line_seq(line: bytes) -> int:
    """The `seq` of an event's line; 0 when it can't be told."""
    if found := _SEQ.match(line):
        return int(found[1])
    try:
        return int(json.loads(line).get("seq", 0))
    except (ValueError, TypeError, AttributeError):
        return 0


def read_small(path: Path) -> bytes | None:
    """A small file's content; None when it isn't there or can't be read."""
    try:
        return _read_small(path)
    except OSError:
        return None


def _read_small(path: Path) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    with open(descriptor, "rb") as file:
        return file.read(_SMALL_FILE)


def read_exit(directory: Path) -> ExitRecord | None:
    """How the attempt ended, when its runner has said so."""
    data = read_small(directory / "exit.json")
    if not data:
        return None
    return parse_exit(data)


def parse_exit(data: bytes | dict[str, Any]) -> ExitRecord | None:
    """An exit record that makes sense, or None."""
    try:
        found = (
            ExitRecord.model_validate(data)
            if isinstance(data, dict)
            else ExitRecord.model_validate_json(data)
        )
    except ValidationError:
        return None
    return found if found.state.terminal else None


def read_heartbeat(directory: Path) -> bytes | None:
    """The runner's counter as it stands; only whether it changes matters. None when it isn't there.

    Raises:
        OSError: it is there and can't be read now (no descriptor is left, …).
    """
    try:
        return _read_small(directory / "heartbeat")
    except FileNotFoundError:
        return None


def size_of(path: Path) -> int:
    """Size of a file; 0 when it isn't there."""
    try:
        return os.lstat(path).st_size
    except OSError:
        return 0


@dataclass(slots=True)
class Digest:
    """What clients see of an attempt's events so far."""

    progress: Progress = field(default_factory=Progress)
    last_output: str = ""
    prepared: WarmDetails | None = None
    released: bool = False
    finished: ExitRecord | None = None

    def take(self, chunk: bytes) -> None:
        """Take in whole lines of `events.jsonl`; what can't be read is passed over."""
        last_stream = b""
        for line in chunk.split(b"\n"):
            if not line:
                continue
            kind = _TYPE.search(line, 0, _HEAD)
            name = kind[1] if kind else b""
            if name == b"stream":
                last_stream = line
            elif name in (b"output", b"update_display", b"clear_output", b"saved"):
                continue
            else:
                self._event(line)
        if last_stream:
            self._event(last_stream)

    def _event(self, line: bytes) -> None:
        try:
            event = json.loads(line)
            kind = event["type"]
        except (ValueError, TypeError, KeyError, RecursionError):
            return
        match kind:
            case "prepared":
                self.progress.total = _count(event.get("total"))
                try:
                    self.prepared = WarmDetails.model_validate(event.get("start") or {})
                except ValidationError:
                    self.prepared = WarmDetails()
            case "cell_started":
                self.progress.current = _count(event.get("index"))
                self.progress.current_source = str(event.get("source", ""))[:LAST_OUTPUT_MOST]
            case "cell_finished":
                if event.get("status") == "succeeded":
                    self.progress.done += 1
                if event.get("index") == self.progress.current:
                    self.progress.current, self.progress.current_source = None, ""
            case "stream":
                self._output(str(event.get("text", "")))
            case "released":
                self.released = True
            case "finished":
                self.finished = parse_exit(event)

    def _output(self, text: str) -> None:
        lines = text[-8 * LAST_OUTPUT_MOST :].replace("\r", "\n").split("\n")
        for line in reversed(lines):
            if line.strip():
                self.last_output = line.strip()[:LAST_OUTPUT_MOST]
                return


def _count(value: object) -> int:
    return value if isinstance(value, int) and 0 <= value < 2**31 else 0
