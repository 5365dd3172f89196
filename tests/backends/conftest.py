"""Backends under test; one that is added is added here, and everything else is the same for all."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlops import paths
from jupyter_mlops.jobs.backends.process import ProcessLauncher
from jupyter_mlops.jobs.launcher import Launcher
from jupyter_mlops.settings import Settings

from .mlops_backend import Attempt, make_attempt, until

Make = Callable[[str], Attempt]
Story = Callable[[Callable[[], Awaitable[Launcher]]], Awaitable[Any]]


async def process() -> Launcher:
    """Runners started one by one."""
    settings = Settings.model_validate(
        {"warm": {"enabled": False}, "attempts": {"interrupt_grace": 1.0}}
    )
    return ProcessLauncher(settings)


async def warm_process() -> Launcher:
    """Runners forked from a parent that is ready."""
    launcher = ProcessLauncher(Settings.model_validate({"attempts": {"interrupt_grace": 1.0}}))
    launcher.boot(None, dict(os.environ))
    await until(lambda: all(one["ready"] for one in launcher.status()["parents"]), "a parent")
    return launcher


BACKENDS = {"process": process, "process-warm": warm_process}


@pytest.fixture(params=list(BACKENDS))
def on(request: pytest.FixtureRequest) -> Callable[[Story], Any]:
    """Runs a story on a backend: what it is given makes one, a second stands for the next daemon's.

    All that were made are closed afterwards.
    """

    def run(story: Story) -> Any:
        async def told() -> Any:
            made: list[Launcher] = []

            async def make() -> Launcher:
                made.append(await BACKENDS[request.param]())
                return made[-1]

            try:
                return await story(make)
            finally:
                for one in made:
                    await one.close()

        return asyncio.run(asyncio.wait_for(told(), 110))

    return run


@pytest.fixture
def attempt(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Lays out attempts: `attempt("print(1)")`. Somebody hears their doorbell."""
    home.mkdir(mode=0o700)
    monkeypatch.delenv("PYTEST_CURRENT_TEST", raising=False)
    runtime = paths.private_dir(paths.runtime_dir())
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bell:
        bell.bind(str(paths.doorbell_socket()))
        bell.setblocking(False)
        yield lambda source: make_attempt(home, tmp_path / "work", source)
    paths.doorbell_socket().unlink()
    with contextlib.suppress(OSError):
        os.rmdir(runtime)
