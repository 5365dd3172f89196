from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlops.jobs.store import Store


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
