"""Compares what two runs were made of. Notebooks and code are compared by a process of its own:
it loads what the daemon doesn't, and can be killed.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from jupyter_mlops.errors import MlopsError, TooLarge
from jupyter_mlops.tracking.diffs.data import data_diff
from jupyter_mlops.tracking.diffs.kept import Kept
from jupyter_mlops.tracking.diffs.packages import package_diff
from jupyter_mlops.tracking.diffs.views import DataDiff, PackageDiff
from jupyter_mlops.tracking.run_reader import RunReader
from jupyter_mlops.tracking.worker_process import WorkerDied, WorkerProcess, WorkerTooSlow

_MODULE = "jupyter_mlops.tracking.diffs.worker"
#: Seconds that comparing may take.
PATIENCE = 60.0
#: Seconds after which an unused process ends.
_IDLE = 120.0


class RunDiffs:
    """Methods raise an MlopsError where a run isn't there, or can't be read or compared. Belongs to
    one event loop.
    """

    def __init__(self, reader: RunReader) -> None:
        self._reader = reader
        self._worker = WorkerProcess(_MODULE, idle=_IDLE)

    async def stop(self) -> None:
        """End the process."""
        await self._worker.stop()

    async def notebook(self, before: str, after: str) -> bytes:
        """Cell by cell: a `NotebookDiff` as JSON."""
        async with _directory() as directory:
            sides = {}
            for name, run_id in (("before", before), ("after", after)):
                file = directory / name
                path = await Kept(self._reader, run_id).notebook(file)
                sides[name] = None if path is None else {"file": str(file), "path": path}
            return await self._compare("notebook", sides, directory)

    async def packages(self, before: str, after: str) -> PackageDiff:
        """Package by package."""
        one, other = Kept(self._reader, before), Kept(self._reader, after)
        facts = await one.facts(), await other.facts()
        requirements = await one.requirements(), await other.requirements()
        return await asyncio.to_thread(package_diff, requirements, facts)

    async def code(self, before: str, after: str) -> bytes:
        """File by file: a `CodeDiff` as JSON."""
        async with _directory() as directory:
            sides: dict[str, dict[str, Any] | None] = {}
            for name, run_id in (("before", before), ("after", after)):
                kept = Kept(self._reader, run_id)
                facts = await kept.facts()
                diff, modules = directory / f"{name}.diff", directory / f"{name}.zip"
                if facts is not None:
                    await kept.code(diff, modules)
                told = {"facts": facts, "diff": str(diff), "modules": str(modules)}
                sides[name] = None if facts is None else told
            return await self._compare("code", sides, directory)

    async def data(self, before: str, after: str) -> DataDiff:
        """File by file, and dataset by dataset."""
        one, other = Kept(self._reader, before), Kept(self._reader, after)
        facts = await one.facts(), await other.facts()
        read = await one.datasets(), await other.datasets()
        logged = [
            (await self._reader.detail(run_id, summary=False)).datasets
            for run_id in (before, after)
        ]
        return await asyncio.to_thread(data_diff, facts, read, logged)

    async def _compare(self, op: str, sides: Mapping[str, Any], directory: Path) -> bytes:
        answer = directory / "answer.json"
        request = {"op": op, "answer": str(answer), **sides}
        try:
            said = await self._worker.ask(request, PATIENCE)
        except WorkerTooSlow as error:
            raise TooLarge(
                f"The runs' {op} can't be compared within {PATIENCE:.0f} s.",
                hint="Download both from the runs' artifacts and compare them by hand.",
                code="diff_too_large",
            ) from error
        except WorkerDied as error:
            raise MlopsError(
                f"The process that compares the runs' {op} has died.",
                hint="Perhaps memory was short. The daemon's log says what it said.",
                code="diff_failed",
            ) from error
        if "error" in said:
            raise MlopsError.from_problem(said["error"], int(said["error"]["status"]))
        return await asyncio.to_thread(answer.read_bytes)


@asynccontextmanager
async def _directory() -> AsyncIterator[Path]:
    """A private one that is removed again."""
    made = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="jupyter-mlops-"))
    try:
        yield made
    finally:
        await asyncio.to_thread(shutil.rmtree, made, ignore_errors=True)
