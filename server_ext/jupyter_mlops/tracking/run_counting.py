"""How many runs there are at a server that counts none, by looking whether there is one at a place.
Pure: `one_at` asks.
"""

from __future__ import annotations

import time
from collections.abc import Callable

#: Most questions of one count, and seconds after which no further one is asked.
_ASKED_MOST, _PATIENCE = 64, 3.0


def count(
    one_at: Callable[[int], tuple[bool, bool]],
    least: int,
    *,
    guess: int | None = None,
    step: int = 100,
    now: Callable[[], float] = time.monotonic,
) -> tuple[int, bool]:
    """How many there are, and whether that is exact; else there are at least so many.

    Args:
        one_at: whether there is a run behind so many others, and whether further ones follow it.
        least: how many there are at least.
        guess: how many there were the last time; right, it costs one question.
        step: how far the first one looks ahead where there is no guess.
        now: a clock, in seconds.
    """
    began = now()
    most: int | None = None
    if guess is None:
        place = max(0, least - 1 + step)
    else:
        place, step = max(0, least - 1, guess - 1), 1
    for _ in range(_ASKED_MOST):
        there, more = one_at(place)
        if there and not more:
            return place + 1, True
        if there:
            least = max(least, place + 2)
        else:
            most = place
        if most is not None and least >= most:
            return most, True
        if now() - began > _PATIENCE:
            break
        if most is None:
            step *= 2
            place = least - 1 + step
        else:
            place = (least + most) // 2
    return least, False
