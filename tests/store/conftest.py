from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlops.jobs.model import JobSpec, Kernel, Outputs
from jupyter_mlops.jobs.store import Store
from jupyter_mlops.jobs.store_rows import NewJob, OutputPaths

FILES = {"notebook.ipynb": b'{"cells": []}'}


def a_job(**given: Any) -> NewJob:
    """A job to submit."""
    retries = given.pop("retries", 0)
    job_id = given.pop("id", None) or secrets.token_hex(6)
    return NewJob(
        id=job_id,
        name=given.pop("name", "work"),
        spec=JobSpec(notebook="/home/me/work.ipynb", retries=retries),
        notebook=given.pop("notebook", "/home/me/work.ipynb"),
        notebook_hash="0" * 64,
        kernel=Kernel(name="python3"),
        cwd="/home/me",
        outputs=Outputs(directory=f"/home/me/jobs/work-{job_id}"),
        output_paths=OutputPaths("/home/me/jobs/n.ipynb", "/home/me/jobs/n.log"),
        created_at=given.pop("created_at", None) or time.time(),
        **given,
    )


@pytest.fixture
def store_path(tmp_path: Path) -> Path:
    """Where the test's store is."""
    return tmp_path / "data" / "jobs.db"


@pytest.fixture
def with_store(store_path: Path) -> Callable[[Callable[[Store], Awaitable[Any]]], Any]:
    """Runs a coroutine function with an opened store: `with_store(story)`."""

    def run(story: Callable[[Store], Awaitable[Any]], path: Path = store_path) -> Any:
        async def opened() -> Any:
            store = await Store.open(path)
            try:
                return await story(store)
            finally:
                await store.close()

        return asyncio.run(opened())

    return run
