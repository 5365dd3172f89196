"""The parts that the daemon is put together from: who starts runners, who records runs."""

from __future__ import annotations

from collections.abc import Mapping

from jupyter_mlops.errors import KernelUnknown
from jupyter_mlops.jobs import kernelspecs
from jupyter_mlops.jobs.backends.process import ProcessLauncher
from jupyter_mlops.jobs.recording import NullRecorder, Recorder
from jupyter_mlops.settings import Settings


def make_launcher(settings: Settings) -> ProcessLauncher:
    """Runners as processes of this machine; what the first job will need boots already."""
    launcher = ProcessLauncher(settings)
    try:
        launcher.boot(kernelspecs.find("python3").order())
    except KernelUnknown:
        launcher.boot(None)
    return launcher


def make_recorder(environment: Mapping[str, str]) -> Recorder:
    """Who records jobs as runs."""
    del environment
    return NullRecorder()
