"""Tracking as the daemon has it: a recorder for the dispatcher and MLflow for `/mlflow/`.

tracking = make_tracking(store, settings, environment)
await tracking.start()          # after the dispatcher's listeners are in place
tracking.recorder               # jobs.recording.Recorder
tracking.app                    # ASGI: everything below /mlflow
tracking.status()               # for GET /status
await tracking.stop()
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from jupyter_mlops import paths
from jupyter_mlops.jobs.store import Store
from jupyter_mlops.settings import Settings
from jupyter_mlops.tracking.access import open_access
from jupyter_mlops.tracking.embedded import Embedded
from jupyter_mlops.tracking.embedded_runs import EmbeddedRuns
from jupyter_mlops.tracking.live_runs import LiveRuns
from jupyter_mlops.tracking.mlflow_server import MlflowServer
from jupyter_mlops.tracking.proxy import Proxy, Target
from jupyter_mlops.tracking.recorder import RunRecorder

if TYPE_CHECKING:
    from starlette.types import ASGIApp


class TrackingService:
    """Belongs to the daemon's event loop."""

    def __init__(
        self, recorder: RunRecorder, app: ASGIApp, proxy: Proxy | None, server: MlflowServer | None
    ) -> None:
        self.recorder = recorder
        self.app = app
        self._proxy = proxy
        self._server = server

    async def start(self) -> None:
        """Take up what is to be recorded; returns at once."""
        await self.recorder.start()

    async def stop(self) -> None:
        """Stop within seconds; what is left is done by the next daemon."""
        if self._proxy is not None:
            await self._proxy.close()
        await self.recorder.stop()

    def status(self) -> dict[str, Any]:
        """About tracking, for `GET /status`; no secrets."""
        return self.recorder.status()

    @property
    def idle_for(self) -> float:
        """Seconds since somebody's program used MLflow directly; infinite when nobody has."""
        if self._server is None or self._server.last_used is None:
            return float("inf")
        return time.monotonic() - self._server.last_used


def make_tracking(
    store: Store,
    settings: Settings,  # noqa: ARG001
    environment: Mapping[str, str],
) -> TrackingService:
    """Tracking as settings and environment want it.

    `environment` is the one that the daemon was started with; jobs inherit it.

    Raises:
        OSError: no port of loopback can be listened on.
    """
    directory = paths.private_dir(paths.mlflow_dir())
    access, listening = open_access(directory)
    live = LiveRuns()
    embedded = Embedded(directory)
    server = MlflowServer(access, listening, embedded, live)
    recorder = RunRecorder(store, EmbeddedRuns(embedded, server, live), live, environment)
    proxy = Proxy(
        Target(access.address, "of this machine", lambda: f"Bearer {access.person_token()}")
    )
    return TrackingService(recorder, proxy, proxy, server)
