"""What goes into a run beside what its notebook logs, and the runner's samples of the system."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from jupyter_mlops.tracking.dataset_inputs import DatasetInput

#: Bytes of samples that are read: more than a month of them.
_SAMPLES_MOST = 64 * 2**20


class Sample(NamedTuple):
    """One point of a metric; `timestamp` in milliseconds since the epoch."""

    key: str
    value: float
    timestamp: int
    step: int


@dataclass(frozen=True, slots=True)
class RunFacts:
    """All of it may be recorded again: nothing is there twice then."""

    tags: dict[str, str] = field(default_factory=dict)
    #: Path below the run's artifacts → file.
    files: dict[str, Path] = field(default_factory=dict)
    inputs: Sequence[DatasetInput] = ()
    samples: Sequence[Sample] = ()
    #: Copies that were kept of what it read: content (SHA-256) → where it was read.
    copies: Mapping[str, str] = field(default_factory=dict)


def samples_of(file: Path) -> list[Sample]:
    """The samples that a runner wrote; a line that a crash cut off is left out."""
    try:
        with open(file, "rb") as opened:
            return parsed_samples(opened.read(_SAMPLES_MOST).splitlines())
    except OSError:
        return []  # a short run has none


def parsed_samples(lines: Iterable[bytes]) -> list[Sample]:
    """The samples in some lines; what is none is left out."""
    found: list[Sample] = []
    for line in lines:
        try:
            said = json.loads(line)
            at, step = int(said["timestamp"]), int(said["step"])
            for key, value in said["metrics"].items():
                if math.isfinite(value):
                    found.append(Sample(str(key), float(value), at, step))
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
            continue
    return found
