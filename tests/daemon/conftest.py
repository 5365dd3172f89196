from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from .mlops_scripted import Stage
from .mlops_served import Served, serve


@pytest.fixture
def on_stage(home: Path) -> Callable[..., Any]:
    """Runs a coroutine function with a dispatcher whose runners do what the test says."""

    def run(story: Callable[[Stage], Awaitable[Any]], **given: Any) -> Any:
        async def opened() -> Any:
            stage = await Stage.open(home, **given)
            try:
                return await story(stage)
            finally:
                await stage.close()

        return asyncio.run(asyncio.wait_for(opened(), 60))

    return run


@pytest.fixture
def patience() -> Callable[[Callable[[], bool]], None]:
    """Waits until a condition holds."""

    def wait(condition: Callable[[], bool], seconds: float = 30.0) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "it did not happen"
            time.sleep(0.02)

    return wait


@pytest.fixture
def served(home: Path) -> Callable[..., Any]:
    """Runs a coroutine function with the API in front of played runners."""

    def run(story: Callable[[Served], Awaitable[Any]], **given: Any) -> Any:
        async def opened() -> Any:
            async with serve(home, **given) as found:
                return await story(found)

        return asyncio.run(asyncio.wait_for(opened(), 60))

    return run
