"""A daemon that leaves is gone soon: while it lives it holds the lock, and the next one waits."""

from __future__ import annotations

import logging
import os
import sys
import threading
import traceback

log = logging.getLogger(__name__)

#: Seconds from the decision to leave to the end of the process. Everything that leaving waits for
#: has a limit of its own, well below; nothing is lost by an end at any moment.
LEAVING_MOST = 15.0


def end_within(seconds: float = LEAVING_MOST) -> threading.Timer:
    """End the process when it hasn't ended by itself; the log then tells what every thread did."""
    timer = threading.Timer(seconds, _end, [seconds])
    timer.daemon = True
    timer.start()
    return timer


def _end(seconds: float) -> None:
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    stacks = "\n".join(
        f"--- {names.get(ident, ident)}\n{''.join(traceback.format_stack(frame))}"
        for ident, frame in sys._current_frames().items()  # noqa: SLF001 - there is no other way
    )
    log.error("the daemon didn't leave within %.0f s and ends now:\n%s", seconds, stacks)
    os._exit(1)
