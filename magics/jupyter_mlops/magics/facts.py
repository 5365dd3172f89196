"""What is recorded of this session without anybody asking, as seen in the person's kernel.

    watch = watch_session(shell)       # seeds, files and cells are watched from here on
    watch.begin_run(file, wanted)      # a run begins: written down now and then
    watch.end_run(file, ok=True)       # it ends: for the last time

The watch goes on between runs: data that one run's cells have read is what the next one works
with. Light: the standard library and what a kernel has loaded anyway. What takes time (packages,
git, the machine, most hashes) is found out by the daemon from what this tells.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from jupyter_mlops import paths
from jupyter_mlops.facts.watch import Watch, source_hash

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

#: Set to `off`, nothing is noted of the files that are read.
NO_DATASETS = "JUPYTER_MLOPS_DATASETS"
#: Characters of sources that are told; the latest come first.
_SOURCES_MOST = 4 * 2**20

_watch: SessionWatch | None = None


class SessionWatch(Watch):
    """One for the process; see `tracking.kernel_facts.KernelFacts` for what it tells."""

    def __init__(self, shell: InteractiveShell | None) -> None:
        super().__init__(
            {
                "datasets": os.environ.get(NO_DATASETS, "").lower() not in ("off", "0", "false"),
                "without": [str(paths.data_dir())],
                "cache": str(paths.hashes_dir()),
                "aside": True,
            }
        )
        self._session = shell
        #: Whether the cell that runs now has raised nothing, and when the run has begun.
        self._ok = True
        #: When the runs began that are open, by their files.
        self._runs_began: dict[str, float] = {}
        #: The cell that runs now: its source, and its id where the front end says it.
        self._cell: tuple[str, str | None] | None = None

    def begin(self, shell: Any) -> None:
        """Watch the cells of IPython's `shell` from now on."""
        super().begin(shell)
        if shell is None:
            return
        if _in_cell() and (sources := _history(shell)):
            self._cell = sources[-1], _cell_id(shell)
        shell.events.register("pre_run_cell", self._cell_begins)

    def begin_run(self, file: Path, wanted: Mapping[str, Any]) -> None:
        """A run begins.

        Args:
            file: where its facts are written.
            wanted: the operator's settings `attempts.facts`.
        """
        self.adjust(
            file=str(file),
            datasets=bool(wanted.get("datasets", True)),
            folders=[os.path.join(os.getcwd(), one) for one in wanted.get("data_folders", ())],
            variables=wanted.get("variables", ()),
            hash_limit=wanted.get("hash_limit"),
        )
        self._ok = True
        self._runs_began[str(file)] = time.time()
        self.write_soon()

    def end_run(self, file: Path, *, ok: bool) -> None:
        """The run with this file ends; `ok`: whether no cell of it has raised anything, the one
        that goes on included.
        """
        began = self._runs_began.pop(str(file), 0.0)
        before = [one for one in self._cells if one["t"] >= began]
        self._ok = ok or not all(one["ok"] for one in before)
        self.write(str(file))

    def facts(self) -> dict[str, Any]:
        """What is known by now, with the executions from before the watch and the one right now."""
        found = super().facts()
        found["cwd"] = _directory()
        shell = self._session
        if shell is None:
            return found
        sources, watched = _history(shell), found["cells"]
        running = []
        if self._cell is not None:
            source, identity = self._cell
            running.append(
                {
                    "id": identity,
                    "hash": source_hash(source),
                    "count": _count(shell, sources),
                    "ok": self._ok,
                    "running": True,
                }
            )
        found["cells"] = [*_before(sources, [*watched, *running]), *watched, *running]
        found["sources"] = _told(sources if self._cell is None else [*sources, self._cell[0]])
        return found

    def _cell_begins(self, info: Any) -> None:
        if info is not None and info.store_history and isinstance(info.raw_cell, str):
            self._cell = info.raw_cell, getattr(info, "cell_id", None)

    def _after(self, result: Any) -> None:
        # A cell may run others (`%%mlops track` does): they are part of it.
        if result.info is not None and result.info.store_history:
            self._cell = None
        super()._after(result)


def watch_session(shell: InteractiveShell | None) -> SessionWatch:
    """The session's watch; it begins with the first call."""
    global _watch  # noqa: PLW0603 - there is one kernel
    if _watch is None or _watch.elsewhere:
        _watch = SessionWatch(shell)
        _watch.begin(shell)
    return _watch


def _history(shell: InteractiveShell) -> list[str]:
    """Sources of the session by their counts, that of the running cell last."""
    manager = shell.history_manager
    return [] if manager is None else list(manager.input_hist_raw)


def _before(sources: list[str], known: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Executions of this session from before the watch began."""
    last = min([len(sources), *(one["count"] for one in known if one["count"] is not None)])
    return [
        {"id": None, "hash": source_hash(source), "count": count, "ok": True}
        for count, source in enumerate(sources[:last])
        if count and source
    ]


def _in_cell() -> bool:
    """Whether this is called by a cell's code."""
    frame: FrameType | None = sys._getframe()  # noqa: SLF001 - the way to look at the stack
    while frame is not None:
        if frame.f_code.co_name == "run_code" and (
            frame.f_globals.get("__name__") == "IPython.core.interactiveshell"
        ):
            return True
        frame = frame.f_back
    return False


def _cell_id(shell: InteractiveShell) -> str | None:
    kernel: Any = getattr(shell, "kernel", None)
    parent = kernel.get_parent("shell") if kernel is not None else {}
    metadata = parent.get("metadata") if isinstance(parent, dict) else None
    identity = metadata.get("cellId") if isinstance(metadata, dict) else None
    return identity if isinstance(identity, str) else None


def _count(shell: InteractiveShell, sources: list[str]) -> int:
    """Of the running cell; IPython counts on before it runs, or after, as its version is."""
    for count in (shell.execution_count, shell.execution_count - 1):
        if f"_i{count}" in shell.user_ns:
            return count
    return len(sources) - 1


def _told(sources: list[str]) -> dict[str, str]:
    """Sources by their hashes."""
    found: dict[str, str] = {}
    left = _SOURCES_MOST
    for source in reversed(sources[1:]):
        left -= len(source)
        if left < 0:
            break
        found[source_hash(source)] = source
    return found


def _directory() -> str:
    try:
        return os.getcwd()
    except OSError:
        return ""  # it was removed
