"""In which order runs come, as MLflow orders them. Pure: no store.

`metrics.acc:desc` and MLflow's own `metrics.acc DESC` are the same. Runs without a value come last,
whichever way; of metrics, NaN comes right before them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from jupyter_mlops.errors import InvalidInput
from jupyter_mlops.tracking.run_filter import Entity, Key, parse_key

#: Most keys that an order may have.
ORDER_MOST = 5
_DIRECTION = re.compile(
    r"(?P<key>.*?)(?:\s*:\s*|\s+)(?P<way>asc|desc)\s*", re.IGNORECASE | re.DOTALL
)


@dataclass(frozen=True, slots=True)
class OrderBy:
    """One key of an order."""

    key: Key
    ascending: bool = True


def parse_order(texts: Iterable[str]) -> tuple[OrderBy, ...]:
    """The order that is asked for; each text is one key of it.

    Raises:
        InvalidInput: one isn't a key, comes twice, or there are too many.
    """
    found: list[OrderBy] = []
    for text in texts:
        given = _DIRECTION.fullmatch(text)
        key = parse_key(given["key"] if given else text, "order")
        if key.entity is Entity.DATASET:
            raise _wrong("runs can't be ordered by datasets")
        if any(one.key == key for one in found):
            raise _wrong(f"{key.entity}.{key.name} comes twice")
        found.append(OrderBy(key, given is None or given["way"].lower() == "asc"))
    if len(found) > ORDER_MOST:
        raise _wrong(f"there are more than {ORDER_MOST} keys")
    return tuple(found)


def _wrong(why: str) -> InvalidInput:
    return InvalidInput(
        f"The order can't be used: {why}.",
        hint="As in: metrics.acc:desc",
        problems=[{"where": "order", "message": why}],
    )
