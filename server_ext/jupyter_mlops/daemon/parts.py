"""The parts that the daemon is put together from: who starts runners, who records runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jupyter_mlops.jobs import kernelspecs
from jupyter_mlops.jobs.backends.process import ProcessLauncher
from jupyter_mlops.jobs.launcher import Launcher
from jupyter_mlops.jobs.recording import NullRecorder, Recorder
from jupyter_mlops.jobs.store import Store
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


def make_launcher(settings: Settings) -> Launcher:
    """Starts runners on this machine; what the first job will need boots in the background."""
    launcher = ProcessLauncher(settings)
    launcher.boot(kernelspecs.find("python3").order())
    return launcher
