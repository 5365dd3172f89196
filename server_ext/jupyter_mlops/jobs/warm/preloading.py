"""Importing ahead what can be shared by forking, and telling why the rest can't be.

Each module is first imported in a child, where it is looked at what that leaves behind:

- a thread, a connection, a device, a process: a fork would have half of it. A library that ends
  its threads before a fork (OpenBLAS does) may stay: native threads are counted after a fork;
- something printed, or a changed setting of the whole process: in a fresh kernel that would happen
  at the import, in the cell, and not before;
- temporary files: each job must have its own, since the first to end removes them;
- a question that only the notebook's own shell can answer (see `standin`).

Whatever does one of these is left out and imported by the job itself, as always. Only installed
modules are considered: a module beside the notebook, or an editable install, changes while we
live, so each job imports it afresh.

What an import leaves that *can* be handed on is: environment variables it sets (`Preloaded.env`),
generators that it seeded by chance (each job seeds them anew), the working directory it remembered.

Standard library and ipykernel only, Python 3.9 or newer.
"""

from __future__ import annotations

import ctypes
import importlib.util
import json
import os
import re
import select
import signal
import sys
import tempfile
import threading
import time
from typing import Any, TextIO

from . import process_state
from .freshness import installed_folders
from .standin import as_in_a_kernel

#: Seconds that one import may take while it is tried.
TIMEOUT = 60.0
#: Seconds that a library may take to end its threads after a fork.
_THREADS_PATIENCE = 0.5
_NAME = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*")
_ANSWER_MAX = 2**20


class Abandoned(Exception):
    """The daemon went away while we were importing for it."""


class Preloaded:
    """What was imported ahead, and what each child has to be given of it."""

    def __init__(self, argv: list[str]) -> None:
        self._argv = argv
        self.names: list[str] = []
        #: Module → why not.
        self.left_out: dict[str, str] = {}
        #: Environment variables that imports have set, or removed (None).
        self.env: dict[str, str | None] = {}
        #: Generators that draw other numbers in every process.
        self.generators: list[Any] = []

    def add(self, name: str) -> None:
        """Import a module, unless it can't be shared.

        Raises:
            Abandoned: nobody waits for us any more.
        """
        if why := unfit(name):
            self.left_out[name] = why
        elif name in sys.modules:
            self.names.append(name)
        else:
            tried = _try(name, self._argv)
            if tried["why"]:
                self.left_out[name] = tried["why"]
            else:
                self._import(name, tried)
                self.names.append(name)

    def _import(self, name: str, tried: dict[str, Any]) -> None:
        environment = dict(os.environ)
        known = {id(thing) for thing, _ in process_state.generators()}
        with as_in_a_kernel(self._argv, lambda _: None) as namespace:
            exec(f"import {name}", namespace)  # noqa: S102 - checked to be a dotted name
        if others := _python_threads():
            raise SystemExit(f"{name} started the thread {others[0]} here, but not when tried")
        # What came out the same in another process is what the library wants; the rest was drawn.
        changes = _environment_changes(environment)
        self.env.update({k: v for k, v in changes.items() if tried["env"].get(k, 0) == v})
        fixed = set(tried["generators"])
        self.generators += [
            thing
            for thing, digest in process_state.generators()
            if id(thing) not in known and digest not in fixed
        ]


def unfit(name: str) -> str:
    """Why a module is not even tried; "" when it may be."""
    if not _NAME.fullmatch(name):
        return "is not the name of a module"
    try:
        spec = importlib.util.find_spec(name.partition(".")[0])
    except (ImportError, ValueError, AttributeError) as error:
        return f"can't be found: {error}"
    if spec is None:
        return "is not installed in this environment"
    if spec.origin in ("built-in", "frozen"):
        return ""
    places = list(spec.submodule_search_locations or ()) or [spec.origin or ""]
    folders = installed_folders()
    if not all(os.path.realpath(place).startswith(folders) for place in places):
        return "is not an installed package, so it may change"
    return ""


def _try(name: str, argv: list[str]) -> dict[str, Any]:
    """Import in a child: {"why": "" or what is wrong, "env": …, "generators": …}."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        try:
            # A group of its own: whatever it starts is ended with it.
            os.setpgid(0, 0)
            answer = _Trial(name, argv, writing).answer()
        except BaseException as error:  # noqa: BLE001 - whatever a library does is a verdict
            answer = {"why": f"can't be imported: {type(error).__name__}: {error}"}
        os.write(writing, json.dumps(answer).encode()[:_ANSWER_MAX])
        os._exit(0)
    os.close(writing)
    try:
        said, late = _listen(reading)
    finally:
        os.close(reading)
        try:
            os.killpg(pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)  # it is being born or has ended: still ours to reap
        _, status = os.waitpid(pid, 0)
    if late:
        return {"why": f"took more than {TIMEOUT:.0f} s to import"}
    try:
        answer = json.loads(said)
    except ValueError:
        how = f"by signal {os.WTERMSIG(status)} " if os.WIFSIGNALED(status) else ""
        return {"why": f"ended the process {how}when it was imported"}
    return {"env": {}, "generators": [], **answer}


def _listen(reading: int) -> tuple[bytes, bool]:
    """What the child says until it ends, and whether it took too long."""
    said, deadline = b"", time.monotonic() + TIMEOUT
    while True:
        wait = max(0.0, deadline - time.monotonic())
        ready, _, _ = select.select([reading, 0], [], [], wait)
        if not ready:
            return said, True
        if 0 in ready and not os.read(0, 512):
            raise Abandoned
        if reading in ready:
            piece = os.read(reading, 65_536)
            if not piece:
                return said, False
            said += piece


class _Trial:
    """In the child: one import, and what it leaves behind."""

    def __init__(self, name: str, argv: list[str], keep: int) -> None:
        self._name = name
        self._argv = argv
        self._keep = keep
        self._asked = ""
        self._files: list[str] = []

    def answer(self) -> dict[str, Any]:
        output = tempfile.TemporaryFile()  # noqa: SIM115 - the process ends with it
        _silence(output.fileno())
        sys.addaudithook(self._audit)
        environment = dict(os.environ)
        settings = process_state.settings()
        known = {id(thing) for thing, _ in process_state.generators()}
        open_before = process_state.descriptors()
        try:
            with as_in_a_kernel(self._argv, self._ask) as namespace:
                exec(f"import {self._name}", namespace)  # noqa: S102 - checked to be a dotted name
        except Exception:  # a library that asked for the shell may raise whatever it likes
            if not self._asked:
                raise
        why = (
            self._asked
            or _running_threads()
            or _changed(settings)
            or self._left_files()
            or _left_open(open_before)
            or _printed(output.fileno())
        )
        return {
            "why": why,
            "env": _environment_changes(environment),
            "generators": [d for thing, d in process_state.generators() if id(thing) not in known],
        }

    def _ask(self, what: str) -> None:
        self._asked = self._asked or f"uses the notebook's shell ({what}) when it is imported"

    def _audit(self, event: str, args: tuple[Any, ...]) -> None:
        if event in ("tempfile.mkdtemp", "tempfile.mkstemp"):
            self._files.append(os.fsdecode(args[0]))

    def _left_files(self) -> str:
        left = [path for path in self._files if os.path.exists(path)]
        return f"makes the temporary file {left[0]} when it is imported" if left else ""


def _running_threads() -> str:
    if others := _python_threads():
        return f"starts the thread {others[0]}"
    # A library with handlers for fork has ended its threads by now.
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    try:
        running, _ = os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        pass
    else:
        if running == 0:
            return "starts a process that goes on"
    deadline = time.monotonic() + _THREADS_PATIENCE
    while threads := process_state.other_threads():
        if time.monotonic() > deadline:
            return f"keeps the thread {threads[0]} running"
        time.sleep(0.01)
    return ""


def _python_threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t is not threading.main_thread()]


def _changed(before: dict[str, Any]) -> str:
    after = process_state.settings()
    return next(
        (f"changes {what} when it is imported" for what in before if before[what] != after[what]),
        "",
    )


def _left_open(before: set[int]) -> str:
    left = sorted(process_state.descriptors() - before)
    return f"keeps {process_state.open_on(left[0])} open" if left else ""


def _printed(output: int) -> str:
    streams: tuple[TextIO | None, ...] = (sys.stdout, sys.stderr)
    for stream in streams:
        if stream is not None:
            stream.flush()
    ctypes.CDLL(None).fflush(None)
    text = os.pread(output, 400, 0).decode("utf-8", "replace").strip()
    return f"prints when it is imported: {text.splitlines()[0][:120]}" if text else ""


def _environment_changes(before: dict[str, str]) -> dict[str, str | None]:
    after = dict(os.environ)
    return {k: after.get(k) for k in sorted({*before, *after}) if before.get(k) != after.get(k)}


def _silence(output: int) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    for descriptor in (1, 2):
        os.dup2(output, descriptor)
