"""What is recorded of an interactive run without anybody asking: the same document as a job's.

At its beginning the working tree and the local modules, as they are then; at its end what the
kernel has told of itself (`magics/facts.py`), the notebook as it ran, packages, what was printed.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import hashlib
import json
import logging
import time
import zipfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from jupyter_mlops.converters.as_ran import as_ran
from jupyter_mlops.converters.localcode import local_code
from jupyter_mlops.converters.notebook import (
    Notebook,
    code_cells,
    notebook_bytes,
    read_notebook,
    strip_outputs,
)
from jupyter_mlops.errors import MlopsError
from jupyter_mlops.jobs.bundle import NOTEBOOK
from jupyter_mlops.jobs.gitstate import GitSilent
from jupyter_mlops.jobs.runner import files
from jupyter_mlops.jobs.runner.system_metrics import FILE as SYSTEM
from jupyter_mlops.jobs.runner.text import LogText
from jupyter_mlops.jobs.working_tree import DIFF, STATE, tree_state
from jupyter_mlops.tracking.artifacts import artifact_stem
from jupyter_mlops.tracking.gathering import (
    CODE_ZIP,
    VERSION,
    Gathering,
    pack,
    this_machine,
)
from jupyter_mlops.tracking.gathering import written as as_run_facts
from jupyter_mlops.tracking.kept_data import KeptData
from jupyter_mlops.tracking.kernel_facts import KernelFacts, kernel_facts, read_object
from jupyter_mlops.tracking.run_facts import RunFacts, samples_of
from jupyter_mlops.tracking.run_log import RunOrder
from jupyter_mlops.tracking.run_record import ARTIFACT_DIRECTORY

T = TypeVar("T")
log = logging.getLogger(__name__)

#: What the kernel puts into the run's directory.
FACTS, OUTPUT = "facts.json", "output.txt"
_LOG = "output.log"
_KERNEL_TAG = "mlops.kernel"
_NOTHING = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
#: Characters of what was printed that are cleaned at a time.
_PIECE = 2**20


class SessionFacts:
    """Works in threads of its own: git, hashes and lists may take seconds."""

    def __init__(self, hash_limit: int, kept: KeptData | None = None) -> None:
        """As of `Gathering`."""
        self._gathering = Gathering(hash_limit, kept)
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="session-facts")

    async def begun(self, order: RunOrder, directory: Path) -> RunFacts:
        """The facts of a run that has begun; asked for again, it says the same.

        Args:
            order: the run.
            directory: its own; files are written into it and have to stay until the run has ended.

        Raises:
            OSError: they can't be written.
        """
        return await self._run(functools.partial(_begun, order, directory))

    async def ended(self, order: RunOrder, directory: Path) -> RunFacts:
        """The facts of a run that has ended.

        Raises:
            OSError: they can't be written.
        """
        return await self._run(functools.partial(_ended, self._gathering, order, directory))

    async def recorded(self, run_id: str, facts: RunFacts) -> None:
        """They are in the run: from now on it needs the copies of what it read.

        Raises:
            StoreUnusable: that can't be noted.
        """
        await self._run(functools.partial(self._gathering.recorded, run_id, facts))

    def close(self) -> None:
        """Wait for nothing more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


# ---------------------------------------------------------------- the beginning


def _begun(order: RunOrder, directory: Path) -> RunFacts:
    code = read_object(directory / STATE)
    if not code:
        code = _state(order, directory)
    found = {DIFF: directory / DIFF} if code.get("diff") else {}
    return RunFacts(
        tags=_code_tags(code), files={f"mlops/{name}": at for name, at in found.items()}
    )


def _state(order: RunOrder, directory: Path) -> dict[str, Any]:
    """Write down the code as it is now; `{}` where there is nothing to tell."""
    cwd, notebook = _place(order)
    document, _ = _saved(notebook)
    modules = _modules(document, cwd)
    _pack(directory / CODE_ZIP, modules)
    own = [*([] if notebook is None else [notebook]), *(cwd / name for name in modules)]
    try:
        state = tree_state(cwd, own)
    except GitSilent as silent:
        told: dict[str, Any] = {"note": f"Git can't tell what had changed: {silent}."}
    else:
        if state is None:
            told = {"taken": time.time()}
        else:
            told = state.for_files(own, order.started / 1000)
            if state.diff is not None:
                files.replace(directory / DIFF, [state.diff])
    files.replace(directory / STATE, [json.dumps(told).encode("utf-8", "surrogateescape")])
    return told


def _code_tags(code: Mapping[str, Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    if commit := code.get("commit"):
        found["mlflow.source.git.commit"] = str(commit)
    if code.get("dirty") is not None:
        dirty = str(bool(code["dirty"])).lower()
        found["mlops.git_dirty"] = found["mlflow.source.git.dirty"] = dirty
    for name, tag in (("branch", "branch"), ("remote", "repoURL")):
        if code.get(name):
            found[f"mlflow.source.git.{tag}"] = str(code[name])
    return found


# ---------------------------------------------------------------- the end


def _ended(gathering: Gathering, order: RunOrder, directory: Path) -> RunFacts:
    begun = _begun(order, directory)
    cwd, notebook = _place(order)
    kernel = kernel_facts(directory / FACTS)
    document, saved_at = _saved(notebook)
    if kernel is not None:
        executed = [cell.model_dump() for cell in kernel.cells]
        document = as_ran(document, saved_at, executed, kernel.sources)
    code = read_object(directory / STATE)
    modules = _modules(document, cwd)
    changed = _pack(directory / CODE_ZIP, modules)
    if changed:
        code["changed_since_start"] = changed
    facts: dict[str, Any] = {
        "version": VERSION,
        "run": order.id,
        "notebook": None,
        "kernel": {"name": order.tags[_KERNEL_TAG]} if _KERNEL_TAG in order.tags else None,
        "cwd": str(cwd),
        "code": code if code.keys() - {"taken"} else None,
        "machine": this_machine(),
        "values": False,
    }
    beside = {DIFF: directory / DIFF} if code.get("diff") else {}
    if document.cells:
        raw = notebook_bytes(strip_outputs(document))
        facts["notebook"] = {
            "path": order.notebook or None,
            "sha256": hashlib.sha256(raw).hexdigest(),
        }
        files.replace(directory / NOTEBOOK, [raw], settled=False)
        beside[NOTEBOOK] = directory / NOTEBOOK
    if (directory / CODE_ZIP).exists():
        beside[CODE_ZIP] = directory / CODE_ZIP
    environment = gathering.environment(kernel)
    gathering.add_session(facts, kernel, environment, document, [cwd / name for name in modules])
    made = as_run_facts(facts, environment, directory, beside, samples_of(directory / SYSTEM))
    made.tags.update({**begun.tags, **made.tags})
    made.files.update(_log_of(order, directory))
    return made


def _log_of(order: RunOrder, directory: Path) -> dict[str, Path]:
    """What was printed, as a log can show it."""
    source = directory / OUTPUT
    if not source.is_file() or source.is_symlink() or not source.stat().st_size:
        return {}
    text = LogText()

    def pieces() -> Any:
        with open(source, encoding="utf-8", errors="replace", newline="") as opened:
            while piece := opened.read(_PIECE):
                yield text.feed(piece).encode()
        yield text.overdue().encode()

    files.replace(directory / _LOG, pieces(), settled=False)
    stem = artifact_stem(order.notebook or order.tags.get("mlflow.source.name", ""))
    return {f"{ARTIFACT_DIRECTORY}/{stem}.log": directory / _LOG}


# ---------------------------------------------------------------- parts


def _place(order: RunOrder) -> tuple[Path, Path | None]:
    """The folder that the run's code and data lie in, and the notebook."""
    notebook = Path(order.notebook) if order.notebook else None
    if notebook is not None:
        return notebook.parent, notebook
    return Path(order.cwd or "/"), None


def _saved(notebook: Path | None) -> tuple[Notebook, float]:
    """The notebook as it was saved last, and when (epoch seconds)."""
    nothing = Notebook({**_NOTHING, "cells": []}), 0.0
    if notebook is None:
        return nothing
    try:
        saved_at = notebook.stat().st_mtime
        return read_notebook(notebook), saved_at
    except (MlopsError, OSError):
        return nothing  # not saved yet, or being edited by hand: the executions are known anyway


def _modules(document: Notebook, cwd: Path) -> dict[str, bytes]:
    """The local modules that it imports, by their paths below `cwd`."""
    return local_code([source for _, source in code_cells(document)], cwd).files


def _pack(packed: Path, modules: Mapping[str, bytes]) -> list[str]:
    """Put modules into the archive of those that there were before, which stay as they are; returns
    those that have changed since.
    """
    there: dict[str, bytes] = {}
    with contextlib.suppress(FileNotFoundError, zipfile.BadZipFile), zipfile.ZipFile(packed) as old:
        there = {name: old.read(name) for name in old.namelist()}
    changed = sorted(name for name, data in modules.items() if there.get(name, data) != data)
    if modules.keys() - there.keys():
        beside = packed.with_suffix(".new")
        pack({**modules, **there}, beside)
        beside.replace(packed)
    return changed


def told_by(directory: Path) -> KernelFacts | None:
    """What the kernel has told so far."""
    return kernel_facts(directory / FACTS)
