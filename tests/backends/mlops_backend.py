"""An attempt for a backend, laid out as the dispatcher does, and what came of it."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_mlops import paths
from jupyter_mlops.jobs import identity
from jupyter_mlops.jobs.attempt_order import write_order
from jupyter_mlops.jobs.launcher import Launched, Launcher
from jupyter_mlops.jobs.order import AttemptOrder, KernelOrder

#: Patience for a runner and a kernel on a busy machine.
PATIENCE = 60.0


async def until(condition: Callable[[], bool], what: str = "it") -> None:
    """Return once it holds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen"
        await asyncio.sleep(0.02)


def gone(pid: int) -> bool:
    """Whether the process is no more (or only waits to be reaped)."""
    return identity.start_time(pid) is None


@dataclass
class Attempt:
    """One attempt's order and directory."""

    order: AttemptOrder
    environment: dict[str, str]

    @property
    def directory(self) -> Path:
        """Where everything about it lies."""
        return Path(self.order.directory)

    @property
    def cwd(self) -> Path:
        """Where the notebook works."""
        return Path(self.order.cwd)

    @property
    def exit(self) -> dict[str, Any] | None:
        """How the runner says that it ended; None when it hasn't said so."""
        try:
            found: dict[str, Any] = json.loads((self.directory / "exit.json").read_bytes())
        except FileNotFoundError:
            return None
        return found

    @property
    def runner(self) -> int:
        """The runner's pid."""
        return int(json.loads((self.directory / "runner.json").read_bytes())["pid"])

    def events(self, kind: str) -> list[dict[str, Any]]:
        """What the runner told, of one type."""
        try:
            data = (self.directory / "events.jsonl").read_bytes()
        except FileNotFoundError:
            return []
        lines = data[: data.rfind(b"\n") + 1].splitlines()
        return [event for event in map(json.loads, lines) if event["type"] == kind]

    async def printed(self, text: str) -> None:
        """Return once a cell has printed this."""
        await until(
            lambda: any(text in event["text"] for event in self.events("stream")), f"{text!r}"
        )

    async def start(self, backend: Launcher) -> Launched:
        """Start it on `backend`, as the dispatcher does."""
        return await backend.launch(self.order, self.environment)

    async def ended(self, launched: Launched) -> dict[str, Any]:
        """How it ended, once the runner has gone."""
        await until(lambda: not launched.alive(), "the runner's end")
        assert self.exit is not None, (self.directory / "runner.log").read_text()
        return self.exit


def make_attempt(home: Path, work: Path, source: str) -> Attempt:
    """Lay out an attempt that executes one cell."""
    job = secrets.token_hex(6)
    directory = home / "jobs" / job / "attempts" / "1"
    bundle = directory / "bundle"
    bundle.mkdir(mode=0o700, parents=True)
    work.mkdir(exist_ok=True)
    cell = {"id": "a", "cell_type": "code", "metadata": {}, "source": source, "outputs": []}
    notebook = {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"kernelspec": {"name": "python3", "display_name": "Python"}},
        "cells": [cell | {"execution_count": None}],
    }
    (bundle / "notebook.ipynb").write_text(json.dumps(notebook), "utf-8")
    order = AttemptOrder(
        job_id=job,
        attempt=1,
        name="conformance",
        directory=str(directory),
        notebook=str(bundle / "notebook.ipynb"),
        source=str(work / "work.ipynb"),
        cwd=str(work),
        kernel=KernelOrder(
            name="python3",
            language="python",
            argv=[sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        ),
        env={"MLOPS_JOB_ID": job, "MLOPS_ATTEMPT": "1"},
        interrupt_grace=1.0,
        output_notebook=str(work / "jobs" / job / "work.ipynb"),
        output_log=str(work / "jobs" / job / "work.log"),
        doorbell=str(paths.doorbell_socket()),
    )
    write_order(order)
    return Attempt(order, dict(os.environ))
