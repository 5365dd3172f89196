"""What a kernel writes into `<data>/runs/<id>/records.jsonl`, read piece by piece.

The file is the truth about what was logged: it is only ever appended to, and reading any part of
it again changes nothing. Its lines are Python's JSON (NaN and Infinity are numbers):

    {"type": "opened", "pid": 1, "t": 1.0}            the kernel holds the lease from now on
    {"type": "points", "points": [[name, value, timestamp in ms, step], …]}
    {"type": "params", "params": {name: value}}
    {"type": "tags", "tags": {name: value}}
    {"type": "artifact", "name": "plots/loss.png"}    the file lies in `artifacts/`
    {"type": "dataset", "dataset": {…}}               see `Dataset`
    {"type": "failed", "failure": "ValueError: …", "t": 1.0}
    {"type": "ended", "status": "FINISHED", "t": 1.0}
"""

from __future__ import annotations

import json
import logging
import math
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_mlops.naming import (
    PARAM_VALUE_MOST,
    STEP_MOST,
    TAG_VALUE_MOST,
    problem_of_artifact,
    problem_of_name,
)
from jupyter_mlops.tracking.run_record import RunStatus, milliseconds

log = logging.getLogger(__name__)

RECORDS = "records.jsonl"
LEASE = "lease"
ARTIFACTS = "artifacts"
#: Bytes that are read, and so recorded in one transaction, at a time.
CHUNK = 2 * 2**20
#: A line that is longer is none of ours.
_LINE_MOST = 64 * 2**20

#: Name, value, timestamp in ms, step.
Point = tuple[str, float, int, int]


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset that the run read, in MLflow's own terms."""

    name: str
    digest: str
    source_type: str
    source: str
    schema: str | None = None
    profile: str | None = None


@dataclass(slots=True)
class Batch:
    """Some records, in the order of each kind."""

    points: list[Point] = field(default_factory=list)
    params: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    artifacts: list[str] = field(default_factory=list)
    datasets: list[Dataset] = field(default_factory=list)
    #: The kernel, which has said that it holds the lease.
    opened: int | None = None
    #: The run's status from now on, and the time (ms) of it; None: as before.
    status: RunStatus | None = None
    at: int | None = None
    #: Nothing comes after it.
    ended: bool = False

    @property
    def empty(self) -> bool:
        """Whether there is nothing to record."""
        return not (
            self.points
            or self.params
            or self.tags
            or self.artifacts
            or self.datasets
            or self.status
        )


def read(directory: Path, offset: int) -> tuple[Batch, int]:
    """What stands in the file from `offset` on, as far as one chunk reaches, and where that ends.

    A line that isn't finished is left for later. Blocking.

    Raises:
        OSError: it can't be read; a file that isn't there yet is empty.
    """
    try:
        descriptor = os.open(directory / RECORDS, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return Batch(), offset
    with open(descriptor, "rb") as file:
        file.seek(offset)
        data = file.read(CHUNK)
        end = data.rfind(b"\n") + 1
        while not end and len(data) < _LINE_MOST and (more := file.read(CHUNK)):
            data += more
            end = data.rfind(b"\n") + 1
    if not end and len(data) >= _LINE_MOST:
        log.warning("%s: %d bytes without the end of a line are left out", directory, len(data))
        return Batch(), offset + len(data)
    return parse(data[:end].splitlines()), offset + end


def parse(lines: Iterable[bytes]) -> Batch:
    """The records in some lines; what is no record is left out, and the log says so."""
    batch = Batch()
    for line in lines:
        if not line.strip():
            continue
        try:
            _take(batch, json.loads(line))
        except (ValueError, KeyError, TypeError, RecursionError, OverflowError) as error:
            log.warning("a line of a run's records can't be used: %s: %.200r", error, line)
    return batch


def _take(batch: Batch, record: dict[str, Any]) -> None:
    match record["type"]:
        case "points":
            batch.points += _points(record["points"])
        case "params":
            for name, value in record["params"].items():
                # As MLflow: the first value stays.
                batch.params.setdefault(_name(name), _text(value)[:PARAM_VALUE_MOST])
        case "tags":
            for name, value in record["tags"].items():
                batch.tags[_name(name)] = _text(value)[:TAG_VALUE_MOST]
        case "artifact":
            name = str(record["name"])
            if problem := problem_of_artifact(name):
                raise ValueError(problem)
            batch.artifacts.append(name)
        case "dataset":
            given = record["dataset"].items()
            batch.datasets.append(Dataset(**{key: value and _text(value) for key, value in given}))
        case "opened":
            batch.opened = int(record["pid"])
        case "failed":
            batch.status, batch.at = RunStatus.FAILED, milliseconds(record["t"])
            batch.tags["mlops.failure"] = _text(record["failure"])[:TAG_VALUE_MOST]
        case "ended":
            batch.status, batch.at = RunStatus(record["status"]), milliseconds(record["t"])
            batch.ended = True
        case other:
            raise ValueError(f"there are no records of type {other!r}")


def _points(given: list[list[Any]]) -> list[Point]:
    found: list[Point] = []
    for name in {point[0] for point in given}:
        _name(name)
    for name, value, timestamp, step in given:
        number = float(value)
        if type(timestamp) is not int or type(step) is not int or timestamp < 0:
            raise ValueError("timestamps and steps are whole numbers")
        if abs(step) > STEP_MOST or timestamp > STEP_MOST:
            raise ValueError("timestamps and steps have 64 bits")
        found.append((name, number, timestamp, step))
    return found


def stored(value: float) -> tuple[float, bool]:
    """A value as MLflow's tables hold it, and whether it is NaN."""
    if math.isnan(value):
        return 0.0, True
    if math.isinf(value):
        return math.copysign(1.7976931348623157e308, value), False
    return value, False


def _text(value: Any) -> str:
    """As SQLite takes it: a lone surrogate, of a file's name that is no text, isn't."""
    return str(value).encode("utf-8", "replace").decode()


def _name(name: Any) -> str:
    if problem := problem_of_name(name):
        raise ValueError(f"{name!r:.100}: {problem}")
    return str(name)
