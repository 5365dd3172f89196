"""The end of a batch kernel: quick and complete.

Exit handlers run, the person's objects are finalized and open files flushed, but the imported
libraries aren't taken apart one by one.

For `batch_kernel`, which loads it by its path: standard library only.
"""

from __future__ import annotations

import atexit
import gc
import io
import os
import sys
import threading
from collections.abc import Callable
from typing import NoReturn


def leave(status: int, *first: Callable[[], None]) -> NoReturn:
    """Do what comes first, and end as an interpreter does, up to where only we would notice."""
    try:
        for work in first:
            work()
        _wait_for_threads()
        atexit._run_exitfuncs()  # noqa: SLF001 - the interpreter would, were it to end by itself
        _finalize_objects()
    except BaseException:  # noqa: BLE001 - as above
        status = status or 1
        sys.__excepthook__(*sys.exc_info())
    os._exit(status)


def flush_streams() -> None:
    """The person's last words."""
    sys.stdout.flush()
    sys.stderr.flush()


def _wait_for_threads() -> None:
    """As the interpreter: threads that aren't daemons end first."""
    shutdown = getattr(threading, "_shutdown", None)
    if shutdown is not None:
        shutdown()


def _finalize_objects() -> None:
    """Drop what the person's code made, so that destructors run; then flush open files."""
    main = sys.modules.get("__main__")
    if main is not None:
        vars(main).clear()
    gc.collect()
    for thing in gc.get_objects():
        if isinstance(thing, (io.BufferedWriter, io.BufferedRandom, io.TextIOWrapper)):
            try:
                if not thing.closed:
                    thing.flush()
            except (OSError, ValueError):
                continue  # a full disk or a broken pipe: nobody is left to tell
    try:
        import ctypes

        ctypes.CDLL(None).fflush(None)
    except (ImportError, OSError, AttributeError):
        return
