"""Points on their way from a loop to the run's file.

`log` in a training loop costs about a microsecond: a point is appended to a deque; a thread turns
what is there into records every quarter of a second.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from jupyter_mlops.errors import InvalidInput
from jupyter_mlops.naming import STEP_MOST, problem_of_name

#: When (epoch, in seconds), at which step (None: the next one of each metric), what.
Entry = tuple[float, int | None, Mapping[str, float]]

#: Names that are good; forgotten when there are very many.
known: set[str] = set()
_KNOWN_MOST = 100_000
#: Points a record.
_RECORD = 500


def checked(values: Mapping[Any, Any], step: Any) -> tuple[dict[str, float], int | None]:
    """Metrics as they are kept: names that MLflow takes, numbers as floats, a whole step.

    Raises:
        InvalidInput: `problems` names everything that can't be logged; nothing is.
    """
    problems = []
    found: dict[str, float] = {}
    for name, value in values.items():
        problem = "" if name in known else problem_of_name(name)
        if not problem:
            try:
                found[name] = number(value)
            except (TypeError, ValueError, OverflowError) as error:
                problem = str(error)
        if problem:
            problems.append({"where": str(name)[:100], "message": problem})
    whole: int | None = None
    try:
        whole = None if step is None else whole_step(step)
    except (TypeError, ValueError) as error:
        problems.append({"where": "step", "message": str(error)})
    if problems:
        raise InvalidInput("These metrics can't be logged.", problems=problems)
    if len(known) > _KNOWN_MOST:
        known.clear()
    known.update(found)
    return found, whole


def number(value: Any) -> float:
    """A number as a float: Python's, numpy's, a tensor of one element.

    Raises:
        TypeError, ValueError, OverflowError: it is none; the message says why.
    """
    if isinstance(value, (bool, str, bytes)) or value is None:
        raise TypeError(f"a metric is a number, not {type(value).__name__}")
    try:
        return float(value)
    except OverflowError:
        raise OverflowError("it is too large for a 64-bit number") from None
    except (TypeError, ValueError, RuntimeError):
        raise TypeError(f"a metric is one number, not {type(value).__name__}") from None


def whole_step(step: Any) -> int:
    """A step.

    Raises:
        TypeError, ValueError: it is no whole number of 64 bits.
    """
    if isinstance(step, bool) or not hasattr(step, "__int__") or isinstance(step, str):
        raise TypeError(f"a step is a whole number, not {type(step).__name__}")
    try:
        whole = int(step)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"a step is a whole number, not {step!r:.50}") from None
    if whole != step:
        raise ValueError(f"a step is a whole number, not {step!r:.50}")
    if abs(whole) > STEP_MOST:
        raise ValueError("a step has 64 bits")
    return whole


class Steps:
    """Counts the steps of metrics that are logged without one, from 0."""

    def __init__(self) -> None:
        self._next: dict[str, int] = {}

    def records(self, entries: Iterable[Entry]) -> list[dict[str, Any]]:
        """Records of some entries, in their order."""
        points: list[tuple[str, float, int, int]] = []
        following = self._next
        for at, given, metrics in entries:
            timestamp = int(at * 1000)
            for name, value in metrics.items():
                step = following.get(name, 0) if given is None else given
                following[name] = step + 1
                points.append((name, value, timestamp, step))
        return [
            {"type": "points", "points": points[start : start + _RECORD]}
            for start in range(0, len(points), _RECORD)
        ]
