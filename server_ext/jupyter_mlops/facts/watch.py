"""Watches one kernel: what it ran, seeded and read.

watch = Watch({"file": …, "folders": […], …})     # see `Watch.__init__`
watch.begin(shell)                                # IPython's events from here on
watch.facts()                                     # what is known by now
watch.finish()                                    # written for the last time
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import queue
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from . import environment, hashing, readers
from .loading import WhenLoaded
from .loose_modules import loose_modules
from .reading import Reading
from .seeds import Seeds

#: Seconds between two writes while it runs.
WRITE_EVERY = 2.0
#: Executions that are told one by one; the first ones go when there are more.
CELLS_MOST = 5_000
#: Characters of an error's name.
_ERROR_MOST = 200
#: Seconds that the kernel's end waits for hashes; the daemon makes those that are missing.
_HASH_PATIENCE = 0.3
#: The shape of what is written.
VERSION = 1


class Watch:
    """One for a process.

    What it is given, all optional:

    file: where the facts are written, whole, now and then and at the end.
    datasets: whether files that are read are recorded (True).
    folders: where data may lie, besides the working directory.
    without: folders in which nothing is data.
    variables: further environment variables to record.
    hash_limit: bytes up to which a file's content is hashed.
    cache: directory of known hashes.
    aside: write in a thread: a person waits for the cell (False).
    """

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._file: str | None = given.get("file")
        self._variables = tuple(given.get("variables", ()))
        self._limit = int(given.get("hash_limit", 2**31))
        self._cache: str | None = given.get("cache")
        self._aside = bool(given.get("aside"))
        self._seeds = Seeds()
        self._reading: Reading | None = None
        #: Whether the files that were read are told.
        self._tells_files = bool(given.get("datasets", True))
        if given.get("datasets", True):
            without = [sys.prefix, sys.base_prefix, os.environ.get("MLOPS_CODE_DIR", "")]
            # An interpreter that is installed into / or /usr has data beside it.
            without = [one for one in without if one not in ("/", "/usr", "/usr/local")]
            folders = [os.getcwd(), *given.get("folders", ())]
            self._reading = Reading(folders, [*without, *given.get("without", ())])
        wanted = self._seeds.wanted()
        if self._reading is not None:
            wanted.update(readers.wanted(self._reading.opened))
        self._loaded = WhenLoaded(wanted, self._seeds.first())
        self._cells: list[dict[str, Any]] = []
        #: Files to be hashed; None: the facts are to be written.
        self._waiting: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._queued = 0
        self._worker: threading.Thread | None = None
        #: The thread and the kernel's end may write at the same time.
        self._writing = threading.RLock()
        self._stopped = False
        self._shell: Any = None
        self._pid = os.getpid()
        self._began = time.time()
        self._written = time.monotonic()

    def begin(self, shell: Any) -> None:
        """Watch the cells of IPython's `shell` from now on; None: a program without cells."""
        self._shell = shell
        self._loaded.install()
        self._seeds.begin()
        if shell is not None:
            shell.events.register("post_run_cell", self._after)
        if self._reading is not None:
            self._reading.install()

    @property
    def elsewhere(self) -> bool:
        """Whether this is a fork of the process that is watched."""
        return os.getpid() != self._pid

    def adjust(
        self,
        *,
        file: str,
        datasets: bool,
        folders: Sequence[str],
        variables: Sequence[str],
        hash_limit: int | None,
    ) -> None:
        """From now on it is another file and these settings; see `__init__`."""
        with self._writing:  # what is being written is the other file's
            self._file = file
        self._variables = tuple(variables)
        if hash_limit is not None:
            self._limit = hash_limit
        if self._reading is not None:
            self._reading.active = self._tells_files = datasets
            self._reading.look_in(folders)

    def write(self, file: str) -> None:
        """Write what is known by now into this file, and no more."""
        with self._writing:
            other = None if self._file == file else self._file
            self._file = file
            self._write(complete=True)
            self._file = other

    def stop(self) -> None:
        """Watch no longer; what was seen stays known."""
        self._loaded.remove()
        self._stopped = True
        if self._reading is not None:
            self._reading.active = False
        self._waiting.put(None)  # the thread sees that it is to end
        if self._shell is not None:
            with contextlib.suppress(ValueError):  # somebody has cleared them
                self._shell.events.unregister("post_run_cell", self._after)

    def finish(self) -> None:
        """The kernel ends: write for the last time."""
        if os.getpid() != self._pid:
            return  # a fork of the notebook's own
        if self._reading is not None:
            self._reading.active = False
        self._hash_news()
        if self._worker is not None:
            deadline = time.monotonic() + _HASH_PATIENCE
            while self._pending() and time.monotonic() < deadline:
                time.sleep(0.005)
        self._stopped = True
        self._write(complete=True)

    def facts(self) -> dict[str, Any]:
        """What is known by now, as JSON can hold it."""
        seeds = self._seeds
        found: dict[str, Any] = {
            "version": VERSION,
            "began": self._began,
            "python": {
                "version": ".".join(map(str, sys.version_info[:3])),
                "implementation": sys.implementation.name,
                "executable": sys.executable or "",
            },
            "packages": package_folders(),
            "modules": loose_modules.files(),
            "argv": environment.shown_arguments(sys.argv),
            "variables": environment.recorded(os.environ, self._variables),
            "cells": list(self._cells),
            "seeds": {"calls": list(seeds.calls), "drawn": seeds.drawn()},
            "random": [name for name in ("torch", "tensorflow") if name in sys.modules],
        }
        if self._reading is not None and self._tells_files:
            found["read"] = [dict(file) for file in list(self._reading.files.values())]
            found["read_more"] = self._reading.more
        if (blas := _blas()) is not None:
            found["blas"] = blas
        return found

    # ------------------------------------------------------------ cells

    def _after(self, result: Any) -> None:
        info = result.info
        if info is None or not info.store_history:
            return
        source = info.raw_cell if isinstance(info.raw_cell, str) else ""
        cell = {
            "id": getattr(info, "cell_id", None),
            "hash": source_hash(source),
            "count": result.execution_count,
            "ok": bool(result.success),
            "t": time.time(),
        }
        error = result.error_before_exec or result.error_in_exec
        if error is not None:
            cell["error"] = type(error).__name__[:_ERROR_MOST]
        self._cells.append(cell)
        if len(self._cells) > CELLS_MOST:
            del self._cells[0]
        self._belong_to(result.execution_count)
        if os.getpid() != self._pid:
            return
        self._hash_news()
        if self._file is not None and time.monotonic() - self._written > WRITE_EVERY:
            if self._aside:
                self.write_soon()
            else:
                self._write(complete=False)

    def _belong_to(self, count: int | None) -> None:
        """What was seen since the cell before is this one's."""
        for call in self._seeds.calls:
            call.setdefault("cell", count)
        if self._reading is not None:
            for file in list(self._reading.files.values())[self._queued :]:
                file.setdefault("cell", count)

    # ------------------------------------------------------------ hashes

    def _pending(self) -> bool:
        files = self._reading.files.values() if self._reading is not None else ()
        return any("sha256" not in file and "note" not in file for file in list(files))

    def _hash_news(self) -> None:
        if self._reading is None or len(self._reading.files) == self._queued:
            return
        news = list(self._reading.files.values())[self._queued :]
        self._queued += len(news)
        for file in news:
            self._waiting.put(file)
        self._work()

    def _work(self) -> None:
        if self._worker is None:
            # A daemon thread: a kernel's end waits for it no longer than `finish` does.
            self._worker = threading.Thread(target=self._run, name="mlops-facts", daemon=True)
            self._worker.start()

    def _run(self) -> None:
        if self._reading is not None:
            self._reading.ours = threading.get_ident()
        while not self._stopped:
            file = self._waiting.get()
            if file is None:
                self._write(complete=False)
            else:
                known = hashing.content_hash(file, self._limit, self._cache, lambda: self._stopped)
                file.update(known)

    # ------------------------------------------------------------ the file

    def write_soon(self) -> None:
        """Write what is known by then; nobody waits for it."""
        self._written = time.monotonic()
        self._waiting.put(None)
        self._work()

    def _write(self, *, complete: bool) -> None:
        with self._writing:
            if self._file is None or (self._stopped and not complete):
                return
            self._written = time.monotonic()
            text = json.dumps({**self.facts(), "complete": complete})
            beside = f"{self._file}.{self._pid}"
            # A full disk, or a job that was deleted: there is nobody to tell.
            with contextlib.suppress(OSError):
                with open(beside, "w", encoding="utf-8", errors="replace") as file:
                    file.write(text)
                os.replace(beside, self._file)


def source_hash(source: str) -> str:
    """SHA-256 of a cell's source, as everybody here computes it."""
    return hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()


def package_folders() -> list[list[Any]]:
    """Folders of installed packages on `sys.path`, each with its time of change (ns): as long as
    they are the same, so are the packages.
    """
    found: list[list[Any]] = []
    for path in sys.path:
        if os.path.basename(path) in ("site-packages", "dist-packages"):
            with contextlib.suppress(OSError):  # a folder that isn't there has no packages
                found.append([path, os.stat(path).st_mtime_ns])
    return found


def _blas() -> list[dict[str, Any]] | None:
    """The libraries behind linear algebra, where threadpoolctl is there to tell."""
    module = sys.modules.get("threadpoolctl")
    tell = getattr(module, "threadpool_info", None)
    if tell is None:
        return None
    try:
        told: list[dict[str, Any]] = tell()
    except (OSError, RuntimeError, ValueError):
        return None  # a library that it can't make sense of
    return [{key: value for key, value in one.items() if key != "filepath"} for one in told]
