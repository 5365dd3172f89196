"""The parts that the daemon is put together from: who starts runners, who records runs."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_mlops.jobs import identity
from jupyter_mlops.jobs.attempt_log import read_small
from jupyter_mlops.jobs.launcher import Launched, Launcher
from jupyter_mlops.jobs.order import AttemptOrder
from jupyter_mlops.jobs.recording import NullRecorder, Recorder
from jupyter_mlops.jobs.store import Store
from jupyter_mlops.jobs.store_rows import Preload
from jupyter_mlops.settings import Settings


@dataclass
class RecorderPart:
    recorder: Recorder

    def status(self) -> dict[str, Any]:
        return {}

    async def start(self) -> None: ...

    async def stop(self) -> None: ...


async def make_recorder(store: Store, settings: Settings) -> RecorderPart:
    return RecorderPart(NullRecorder())


class _Process:
    def __init__(self, pid: int, started: int, popen: subprocess.Popen[bytes] | None) -> None:
        self.pid, self.started, self._popen = pid, started, popen

    def alive(self) -> bool:
        if self._popen is not None:
            return self._popen.poll() is None
        return identity.is_alive(self.pid, self.started)

    async def stop(self) -> None:
        self._signal(signal.SIGTERM)
        for _ in range(150):
            if not self.alive():
                return
            await asyncio.sleep(0.1)
        await self.kill()

    async def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        if self.alive():
            os.killpg(self.pid, number)


class _Plain:
    async def prepare(
        self, order: AttemptOrder, environment: dict[str, str], preload: Preload, warm: bool
    ) -> None:
        order.kernel.cold_reason = "warm start is not there yet"

    async def launch(self, order: AttemptOrder, environment: dict[str, str]) -> Launched:
        with open(Path(order.directory) / "runner.log", "ab") as log:
            popen = subprocess.Popen(
                [sys.executable, "-P", "-m", "jupyter_mlops.jobs.runner", order.directory],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd="/",
            )
        return _Process(popen.pid, identity.start_time(popen.pid) or 0, popen)

    async def adopt(self, directory: Path) -> Launched | None:
        data = read_small(directory / "runner.json")
        if not data:
            return None
        found = json.loads(data)
        if not identity.is_alive(found["pid"], found["start_time"], found["boot_id"]):
            return None
        return _Process(found["pid"], found["start_time"], None)

    def status(self) -> dict[str, Any]:
        return {}

    async def close(self) -> None: ...


def make_launcher(settings: Settings) -> Launcher:
    return _Plain()
