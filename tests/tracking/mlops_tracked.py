"""A store of jobs and a tracking service, without dispatcher and runners: the test says what
happens to a job.
"""

# ruff: noqa: ASYNC240 - only the test itself waits

from __future__ import annotations

import asyncio
import json
import os
import secrets
import sqlite3
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from jupyter_mlops import paths
from jupyter_mlops.jobs.model import Failure, Job, JobSpec, Kernel, Outputs, State, WarmDetails
from jupyter_mlops.jobs.recording import RunReference
from jupyter_mlops.jobs.state import Begin, Cancel, Ended, Prepared
from jupyter_mlops.jobs.store import Store
from jupyter_mlops.jobs.store_rows import NewJob, OutputPaths
from jupyter_mlops.settings import Settings
from jupyter_mlops.tracking.service import TrackingService, make_tracking


def notebook(*sources: str, parameters: str | None = None) -> dict[str, Any]:
    """A notebook's document."""
    listed = [(source, []) for source in sources]
    if parameters is not None:
        listed.insert(0, (parameters, ["parameters"]))
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}
        },
        "cells": [
            {
                "id": f"cell-{number}",
                "cell_type": "code",
                "metadata": {"tags": tags},
                "source": source,
                "outputs": [],
                "execution_count": None,
            }
            for number, (source, tags) in enumerate(listed)
        ],
    }


class Tracked:
    """One story's parts."""

    def __init__(self, store: Store, service: TrackingService) -> None:
        self.store = store
        self.service = service
        self.recorder = service.recorder
        store.listen(self._listen)

    def _listen(self, change: Any) -> None:
        # As the dispatcher does.
        if change.job is not None and change.track:
            self.recorder.changed(change.job_id, ended=change.job.record.state.terminal)

    async def submit(self, document: dict[str, Any] | None = None, **given: Any) -> Job:
        """A job that waits."""
        job_id = secrets.token_hex(6)
        directory = paths.data_dir().parent / "work"
        folder = directory / "jobs" / f"work-{job_id}"
        source = given.pop("notebook", str(directory / "work.ipynb"))
        new = NewJob(
            id=job_id,
            name=given.pop("name", "work"),
            git_commit=given.pop("git_commit", None),
            git_dirty=given.pop("git_dirty", None),
            spec=JobSpec(notebook=source, **given),
            notebook=source,
            notebook_hash="0" * 64,
            kernel=Kernel(name="python3", display_name="Python 3", language="python"),
            cwd=str(directory),
            outputs=Outputs(directory=str(folder)),
            output_paths=OutputPaths(str(folder / "work.ipynb"), str(folder / "work.log")),
            created_at=time.time(),
        )
        raw = json.dumps(document or notebook("print(1)")).encode()
        stored, _ = await self.store.submit(new, {"notebook.ipynb": raw})
        return stored.job

    async def begin(self, job: Job, attempt: int = 1) -> RunReference:
        """As the dispatcher begins an attempt: the run and the store's change at once."""
        reference = asyncio.create_task(self.recorder.begin(job, attempt))
        await self.store.apply(job.id, Begin(attempt, time.time(), ()))
        directory = paths.attempt_dir(job.id, attempt)
        directory.mkdir(parents=True)
        return await reference

    async def prepared(self, job: Job, attempt: int = 1) -> None:
        """Its kernel is up."""
        await self.store.apply(job.id, Prepared(attempt, time.time(), WarmDetails()))

    async def end(
        self, job: Job, state: State = State.SUCCEEDED, attempt: int = 1, *, saved: bool = True
    ) -> None:
        """The attempt ends, having saved what a runner saves."""
        directory = paths.attempt_dir(job.id, attempt)
        if saved:
            executed = notebook(f"print({attempt})")
            executed["cells"][0]["outputs"] = [
                {"output_type": "stream", "name": "stdout", "text": f"attempt {attempt}\n"}
            ]
            text = json.dumps(executed)
            (directory / "notebook.ipynb").write_text(text)
            (directory / "log.txt").write_text(f"attempt {attempt}\n")
            target = Path((await self.store.get(job.id)).output_paths.notebook)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
        failure = None
        if state is not State.SUCCEEDED:
            failure = Failure(code="cell_failed", message="Cell 1 raised ValueError.")
        await self.store.apply(job.id, Ended(attempt, time.time(), state, failure, 1.0, None))

    async def cancel(self, job: Job) -> None:
        """Somebody cancels it."""
        await self.store.apply(job.id, Cancel(time.time()))

    async def job(self, job: Job | str) -> Job:
        """The job as it is now."""
        return (await self.store.get(job if isinstance(job, str) else job.id)).job

    async def until(self, question: Callable[[], Awaitable[Any]], patience: float = 60.0) -> Any:
        """The answer once it is true."""
        deadline = time.monotonic() + patience
        while not (found := await question()):
            assert time.monotonic() < deadline, "it did not happen"
            await asyncio.sleep(0.02)
        return found

    async def synced(self, job: Job, patience: float = 60.0) -> Job:
        """The job once nothing about its run is left to do."""

        async def done() -> Job | None:
            stored = await self.store.get(job.id)
            return stored.job if stored.synced >= stored.sync_wanted else None

        found = await self.until(done, patience)
        assert isinstance(found, Job)
        return found

    @staticmethod
    def sql(question: str, *values: Any) -> list[tuple[Any, ...]]:
        """Rows of MLflow's store."""
        return mlflow_rows(question, *values)

    def run(self, run_id: str | None) -> dict[str, Any]:
        """A run's row, parameters and tags."""
        (row,) = self.sql(
            "SELECT status, start_time, end_time, name, lifecycle_stage FROM runs"
            " WHERE run_uuid = ?",
            run_id,
        )
        found = dict(zip(("status", "start", "end", "name", "stage"), row, strict=True))
        for table in ("params", "tags"):
            rows = self.sql(f"SELECT key, value FROM {table} WHERE run_uuid = ?", run_id)
            found[table] = dict(rows)
        return found


def mlflow_rows(question: str, *values: Any) -> list[tuple[Any, ...]]:
    """Rows of MLflow's embedded store."""
    connection = sqlite3.connect(paths.mlflow_dir() / "mlflow.db", timeout=30)
    try:
        return connection.execute(question, values).fetchall()
    finally:
        connection.close()


def tracked_in(
    story: Callable[[Tracked], Awaitable[Any]],
    *,
    settings: Settings | None = None,
    environment: Mapping[str, str] | None = None,
    patience: float = 110.0,
) -> Any:
    """Run a story in the home that the environment names."""

    async def opened() -> Any:
        paths.private_dir(paths.data_dir())
        store = await Store.open(paths.store_file())
        service = make_tracking(
            store, settings or Settings(), dict(os.environ) if environment is None else environment
        )
        found = Tracked(store, service)
        try:
            await service.start()
            return await story(found)
        finally:
            await service.stop()
            await store.close()

    return asyncio.run(asyncio.wait_for(opened(), patience))
