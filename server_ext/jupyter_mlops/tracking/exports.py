"""The HTML of jobs that have ended, put beside the executed notebook; waiting jobs go first."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

from jupyter_mlops.errors import MlopsError
from jupyter_mlops.jobs.background import Background
from jupyter_mlops.jobs.model import Job
from jupyter_mlops.jobs.runner.files import replace_with_copy
from jupyter_mlops.jobs.store import Store
from jupyter_mlops.tracking.rendering import Renderer

log = logging.getLogger(__name__)

#: Seconds between two looks whether jobs are waiting.
_LOOK_EVERY = 0.5
#: Seconds after which an export no longer gives way to waiting jobs.
_PATIENCE = 30.0


class Exports:
    """One at a time; waiting jobs go first. Belongs to the event loop."""

    def __init__(self, store: Store, renderer: Renderer, done: Callable[[str], None]) -> None:
        self._store = store
        self._renderer = renderer
        self._done = done
        self._wanted: dict[str, tuple[Job, Path, float]] = {}
        self._found: dict[str, tuple[Path | None, str]] = {}
        self._arrived = asyncio.Event()
        self._background = Background()

    def want(self, job: Job, target: Path) -> None:
        """Have the job's notebook rendered, and published as `target`."""
        if job.id not in self._wanted and job.id not in self._found:
            self._wanted[job.id] = (job, target, time.monotonic())
            self._arrived.set()

    def result(self, job_id: str) -> tuple[Path | None, str] | None:
        """The rendered file and what went wrong; None when it is still to come."""
        return self._found.get(job_id)

    def forget(self, job_id: str) -> None:
        """Nobody wants it any more."""
        self._wanted.pop(job_id, None)
        self._found.pop(job_id, None)

    def start(self) -> None:
        """Begin to work."""
        self._background.spawn(self._loop(), "export HTML")

    async def stop(self) -> None:
        """Stop."""
        await self._background.stop()

    async def _loop(self) -> None:
        while True:
            await self._arrived.wait()
            while self._wanted:
                job_id, (job, target, since) = next(iter(self._wanted.items()))
                if time.monotonic() - since < _PATIENCE and await self._jobs_wait():
                    await asyncio.sleep(_LOOK_EVERY)
                    continue
                found = await self._export(job, target)
                if self._wanted.pop(job_id, None) is not None:
                    self._found[job_id] = found
                    self._done(job_id)
            self._arrived.clear()

    async def _export(self, job: Job, target: Path) -> tuple[Path | None, str]:
        try:
            page = await self._renderer.html(job)
        except MlopsError as error:
            log.warning("job %s: no HTML: %s", job.id, error.detail)
            return None, f"The HTML could not be made: {error.detail}"
        except Exception:  # the others still want theirs
            log.exception("job %s: no HTML", job.id)
            return None, "The HTML could not be made; the daemon's log tells more."
        try:
            await asyncio.to_thread(_publish, page, target)
        except OSError as error:
            log.warning("job %s: the HTML can't be put to %s: %s", job.id, target, error)
            return page, f"The HTML could not be written to {target}: {error.strerror or error}."
        try:
            outputs = (await self._store.get(job.id)).job.outputs
            told = outputs.model_copy(update={"html": str(target)})
            await self._store.update(job.id, outputs=told)
        except MlopsError as error:
            log.warning("job %s: its HTML can't be told of: %s", job.id, error.detail)
        return page, ""

    async def _jobs_wait(self) -> bool:
        def ask(db: sqlite3.Connection) -> bool:
            row = db.execute(
                "SELECT 1 FROM jobs WHERE state = 'queued' AND not_before IS NULL LIMIT 1"
            ).fetchone()
            return row is not None

        try:
            return await self._store.read(ask)
        except MlopsError:
            return False


def _publish(page: Path, target: Path) -> None:
    """Never makes the directory: if it is gone, the person has removed it."""
    replace_with_copy(target, page)
