"""What a process has besides its modules: threads, descriptors, children, and settings of its own.

Standard library only, Python 3.9 or newer: it is loaded in the kernelspec's interpreter.
"""

from __future__ import annotations

import asyncio.events
import builtins
import gc
import hashlib
import locale
import logging
import os
import pickle
import random
import resource
import signal
import socket
import sys
import threading
import warnings
from typing import Any

#: jemalloc (pyarrow has it, and pandas has pyarrow) locks itself before a fork, and the child does
#: without its background thread: `background_thread_postfork_child` in its background_thread.c.
FORK_AWARE_THREADS = frozenset({"jemalloc_bg_thd"})
_BROAD = frozenset(
    {
        Warning, UserWarning, DeprecationWarning, PendingDeprecationWarning, FutureWarning,
        RuntimeWarning, SyntaxWarning, ImportWarning, ResourceWarning, UnicodeWarning, BytesWarning,
    }
)  # fmt: skip
_FOLDERS = ("/proc/self/fd", "/dev/fd")


def descriptors() -> set[int]:
    """Every open descriptor."""
    folder = next(filter(os.path.isdir, _FOLDERS))
    found = set()
    for name in os.listdir(folder):
        try:
            os.fstat(int(name))
        except OSError:
            continue  # the one that the listing itself had
        found.add(int(name))
    return found


def open_on(descriptor: int) -> str:
    """What a descriptor is open on, as well as the system tells."""
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}")
    except OSError:
        return f"descriptor {descriptor}"


def other_threads() -> list[str]:
    """Names of native threads but the main one and those that know about forks."""
    found = []
    for task in os.listdir("/proc/self/task") if os.path.isdir("/proc/self/task") else ():
        try:
            with open(f"/proc/self/task/{task}/comm", encoding="utf-8") as file:
                name = file.read().strip()
        except OSError:
            continue
        if int(task) != os.getpid() and name not in FORK_AWARE_THREADS:
            found.append(name)
    return found


def settings() -> dict[str, Any]:
    """What holds for the whole process and could be noticed by code that never asked for it."""
    mask = os.umask(0o77)
    os.umask(mask)
    main_thread = threading.main_thread()
    multiprocessing = sys.modules.get("multiprocessing.context")
    return {
        "signal handlers": [signal.getsignal(number) for number in sorted(signal.valid_signals())],
        "the signal mask": signal.pthread_sigmask(signal.SIG_BLOCK, ()),
        "the working directory": os.getcwd(),
        "the umask": mask,
        "the locale": locale.setlocale(locale.LC_ALL),
        "the priority": os.getpriority(os.PRIO_PROCESS, 0),
        "the CPUs it may use": os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else 0,
        "resource limits": [
            resource.getrlimit(getattr(resource, name))
            for name in sorted(dir(resource))
            if name.startswith("RLIMIT_")
        ],
        "what handles exceptions": (
            sys.excepthook, sys.unraisablehook, threading.excepthook, sys.displayhook
        ),
        "tracing": (sys.gettrace(), sys.getprofile()),
        "the recursion limit": sys.getrecursionlimit(),
        "the switch interval": sys.getswitchinterval(),
        "garbage collection": (gc.isenabled(), gc.get_threshold(), gc.get_debug(), gc.callbacks[:]),
        "builtins": {name: id(value) for name, value in vars(builtins).items() if name != "_"},
        "how warnings are shown": (warnings.showwarning, _broad_filters()),
        "logging": (
            logging.root.level,
            logging.root.handlers[:],
            logging.root.disabled,
            logging.root.manager.disable,
            logging.getLoggerClass(),
        ),
        "the socket timeout": socket.getdefaulttimeout(),
        "the event loop policy": getattr(asyncio.events, "_event_loop_policy", None),
        "the main thread": (main_thread.name, main_thread.daemon),
        "how processes are started": multiprocessing
        and multiprocessing._default_context.get_start_method(allow_none=True),  # noqa: SLF001
    }  # fmt: skip


def _broad_filters() -> list[tuple[Any, ...]]:
    """Filters that touch everybody's warnings, not only a library's own."""
    return [
        entry
        for entry in warnings.filters
        if entry[1] is None and entry[3] is None and entry[2] in _BROAD
    ]


def generators() -> list[tuple[Any, str]]:
    """Every random number generator with a digest of its state."""
    kinds: list[type] = [random.Random]
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        kinds += [numpy_random.RandomState, numpy_random.Generator]
    # By type: isinstance would ask proxies for their class, which may do anything.
    return [
        (thing, hashlib.sha256(pickle.dumps(thing)).hexdigest())
        for thing in gc.get_objects()
        if issubclass(type(thing), tuple(kinds))
        and not issubclass(type(thing), random.SystemRandom)
    ]
