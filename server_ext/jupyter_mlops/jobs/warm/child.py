"""What a forked process must not have of its parent, and what it gets instead.

Standard library only, Python 3.9 or newer.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import Any

from . import process_state

#: A parent and a guard set these for themselves.
_RESET = (signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP)


def fresh_process(keep: tuple[int, ...] = ()) -> None:
    """Signals as at an interpreter's start; no descriptors but the standard ones and `keep`."""
    signal.set_wakeup_fd(-1)
    for number in _RESET:
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # Python ignores them: writing to a pipe that nobody reads is an exception, not the end.
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, set())
    low = 3
    for descriptor in sorted(keep):
        os.closerange(low, descriptor)
        low = descriptor + 1
    os.closerange(low, max(process_state.descriptors() | {low}) + 1)


def no_input() -> None:
    """Standard input from nowhere."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)


def output_to(path: str) -> None:
    """Output and errors to a file."""
    output = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for replaced in (1, 2):
        os.dup2(output, replaced)
    os.close(output)


class Inheritance:
    """What a job is given of its parent's, and what not.

    `imported`: environment variables that imports have set, or removed (None). `generators`: they
    draw other numbers in every process.
    """

    def __init__(self, imported: dict[str, str | None], generators: list[Any]) -> None:
        self._imported = imported
        self._generators = generators
        self._path = python_path(dict(os.environ))
        # The daemon starts a parent in a folder that nothing but it can have the name of.
        self._directories = remembered_directories(os.getcwd())

    def hand_on(self, cwd: str, env: dict[str, str]) -> None:
        """Make this process the job's."""
        os.chdir(cwd)
        new_environment(env, self._path, self._imported)
        new_seeds(self._generators)
        for names, key in self._directories:
            names[key] = os.getcwd()


def new_environment(
    env: dict[str, str], inherited_path: list[str], imported: dict[str, str | None]
) -> None:
    """Make `env` the whole environment, with what the imports made of it.

    Its PYTHONPATH counts as at an interpreter's start; `inherited_path` are the entries that the
    parent's own had.
    """
    wanted = {**env, **{name: value for name, value in imported.items() if value is not None}}
    for name in [n for n in os.environ if n not in wanted or imported.get(n, "") is None]:
        del os.environ[name]
    for name, value in wanted.items():
        if os.environ.get(name) != value and imported.get(name, "") is not None:
            os.environ[name] = value
    time.tzset()
    added = python_path(env)
    rest = [p for p in sys.path if p not in inherited_path and p not in added]
    sys.path[:] = [*added, *rest]
    # What was no folder may have become one; of the others each import looks at the time of change.
    for path, finder in list(sys.path_importer_cache.items()):
        if finder is None or not os.path.isabs(path):
            del sys.path_importer_cache[path]


def python_path(env: dict[str, str]) -> list[str]:
    """What an interpreter makes of its PYTHONPATH, in the working directory as it is."""
    found = env.get("PYTHONPATH", "").split(os.pathsep)
    return list(dict.fromkeys(os.path.abspath(entry) for entry in found if entry))


def new_seeds(generators: list[Any]) -> None:
    """Every job draws numbers of its own, as a fresh process does.

    The hash seed is the parent's: the order of a set of strings is the same in all of its children
    (and a job that sets PYTHONHASHSEED has a parent with it).
    """
    if "random" in sys.modules:
        sys.modules["random"].seed()
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed()
    for generator in generators:
        if hasattr(generator, "bit_generator"):
            bits = generator.bit_generator
            bits.state = type(bits)().state
        else:
            generator.seed()
    process = sys.modules.get("multiprocessing.process")
    if process is not None:
        process.current_process().authkey = os.urandom(32)


def remembered_directories(path: str) -> list[tuple[dict[str, Any], str]]:
    """Where modules have kept the working directory `path` that they were imported in."""
    found = []
    for module in list(sys.modules.values()):
        names = getattr(module, "__dict__", {})
        found += [(names, k) for k, v in list(names.items()) if type(v) is str and v == path]
    return found


def modules_of(prefix: str) -> list[str]:
    """Names of our own modules. Asked before a fork: there, looking at all copies their pages."""
    return [name for name in sys.modules if name.startswith(prefix)]


def forget_modules(names: list[str]) -> None:
    """Take them out of `sys.modules`; whoever holds them may go on using them."""
    for name in names:
        sys.modules.pop(name, None)
