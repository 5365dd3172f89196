"""The HTML of a job's executed notebook, rendered by the exporter when it is wanted."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

from jupyter_mlops import paths
from jupyter_mlops.errors import MlopsError, NotFound
from jupyter_mlops.jobs.attempt_log import notebook_file
from jupyter_mlops.jobs.model import Job
from jupyter_mlops.tracking.worker_process import WorkerProcess

#: Seconds that one rendering may take.
PATIENCE = 300.0
_MODULE = "jupyter_mlops.tracking.exporter"
_FINAL, _INTERIM = "notebook.html", "notebook-so-far.html"


class Renderer:
    """Belongs to the event loop."""

    def __init__(self) -> None:
        self._worker = WorkerProcess(_MODULE)
        self._locks: dict[str, asyncio.Lock] = {}

    async def html(self, job: Job) -> Path:
        """The HTML of the job's notebook as saved last; rendered unless it is there already.

        Raises:
            NotFound: no attempt has saved a notebook.
            MlopsError: it can't be rendered.
        """
        lock = self._locks.setdefault(job.id, asyncio.Lock())
        try:
            async with lock:
                return await self._html(job)
        finally:
            if not lock.locked():
                self._locks.pop(job.id, None)

    async def stop(self) -> None:
        """End the exporter."""
        await self._worker.stop()

    async def _html(self, job: Job) -> Path:
        notebook = await asyncio.to_thread(executed_notebook, job)
        if notebook is None:
            raise NotFound(
                f"Job {job.id} has no executed notebook.",
                hint="It is saved as soon as the kernel is up.",
            )
        target = notebook.with_name(_FINAL if job.state.terminal else _INTERIM)
        if job.state.terminal and _same_time(notebook, target):
            return target
        answer = await self._worker.ask(
            {
                "notebook": str(notebook),
                "target": str(target),
                "title": job.name,
                "facts": facts(job),
                "base": os.path.dirname(job.notebook),
            },
            PATIENCE,
        )
        if "error" in answer:
            raise MlopsError.from_problem(answer["error"], 500)
        return target


def executed_notebook(job: Job) -> Path | None:
    """What the last attempt that saved one has saved; None when none has."""
    for number in range(job.attempt, 0, -1):
        path = notebook_file(paths.attempt_dir(job.id, number))
        if path.is_file() and not path.is_symlink():
            return path
    return None


def facts(job: Job) -> list[tuple[str, str]]:
    """What the page says about the job."""
    found = [("Job", job.id), ("State", job.state.value)]
    if job.failure is not None:
        found.append(("Reason", job.failure.message))
    if job.started_at is not None:
        when = time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(job.started_at))
        found.append(("Started", when))
    if job.duration is not None:
        found.append(("Duration", f"{job.duration:.1f} s"))
    if job.attempt > 1:
        found.append(("Attempt", str(job.attempt)))
    found += [("Notebook", job.notebook), ("Kernel", job.kernel.display_name or job.kernel.name)]
    if job.git_commit is not None:
        changed = " (with uncommitted changes)" if job.git_dirty else ""
        found.append(("Commit", f"{job.git_commit[:12]}{changed}"))
    if job.tracking.run_id is not None:
        found.append(("MLflow run", job.tracking.run_id))
    return found


def _same_time(notebook: Path, html: Path) -> bool:
    try:
        return os.stat(notebook).st_mtime_ns == os.stat(html).st_mtime_ns
    except OSError:
        return False
