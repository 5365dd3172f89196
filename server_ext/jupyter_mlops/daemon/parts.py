"""The parts that the daemon is put together from: who starts runners, who records runs."""

from __future__ import annotations

from collections.abc import Mapping

from jupyter_mlops.errors import KernelUnknown
from jupyter_mlops.jobs import kernelspecs
from jupyter_mlops.jobs.backends.process import ProcessLauncher
from jupyter_mlops.jobs.store import Store
from jupyter_mlops.settings import Settings
from jupyter_mlops.tracking.service import TrackingService
from jupyter_mlops.tracking.service import make_tracking as make_tracking_service


def make_launcher(settings: Settings, environment: Mapping[str, str]) -> ProcessLauncher:
    """Runners as processes of this machine; what the first job will need boots already.

    `environment` is what jobs of no environment of their own run with.
    """
    launcher = ProcessLauncher(settings)
    try:
        launcher.boot(kernelspecs.find("python3").order(), environment)
    except KernelUnknown:
        launcher.boot(None, environment)
    return launcher


def make_tracking(
    store: Store, settings: Settings, environment: Mapping[str, str]
) -> TrackingService:
    """Who records jobs as runs, and MLflow's pages."""
    return make_tracking_service(store, settings, environment)
