"""Tracking as the daemon has it: a recorder for the dispatcher and MLflow for `/mlflow/`.

tracking = make_tracking(store, settings, environment)
await tracking.start()          # once the dispatcher listens to the store
tracking.recorder               # jobs.recording.Recorder
tracking.app                    # ASGI: everything below /mlflow
tracking.status()               # for GET /status
await tracking.stop()
"""

from __future__ import annotations

import functools
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from jupyter_mlops import paths
from jupyter_mlops.errors import InvalidInput
from jupyter_mlops.jobs.store import Store
from jupyter_mlops.settings import Settings
from jupyter_mlops.tracking.access import is_ours, open_access
from jupyter_mlops.tracking.embedded import Embedded
from jupyter_mlops.tracking.embedded_runs import EmbeddedRuns
from jupyter_mlops.tracking.live_runs import LiveRuns
from jupyter_mlops.tracking.mlflow_server import MlflowServer
from jupyter_mlops.tracking.no_runs import NoRuns
from jupyter_mlops.tracking.proxy import Proxy, Target, no_pages
from jupyter_mlops.tracking.recorder import RunRecorder
from jupyter_mlops.tracking.remote import RemoteRuns
from jupyter_mlops.tracking.runs import Runs
from jupyter_mlops.tracking.tracking_server import URI_VARIABLE, TrackingServer

if TYPE_CHECKING:
    from starlette.types import ASGIApp


class TrackingService:
    """Belongs to the daemon's event loop."""

    def __init__(
        self,
        recorder: RunRecorder,
        app: ASGIApp,
        *,
        used: Callable[[], float | None] = lambda: None,
        close: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.recorder = recorder
        self.app = app
        self._used = used
        self._close = close

    async def start(self) -> None:
        """Take up what is to be recorded; the work is done in the background."""
        await self.recorder.start()

    async def stop(self) -> None:
        """Stop within seconds; what is left is done by the next daemon."""
        if self._close is not None:
            await self._close()
        await self.recorder.stop()

    def status(self) -> dict[str, Any]:
        """About tracking, for `GET /status`; no secrets."""
        return self.recorder.status()

    @property
    def idle_for(self) -> float:
        """Seconds since somebody's program used MLflow directly; infinite when nobody has."""
        last = self._used()
        return float("inf") if last is None else time.monotonic() - last


def make_tracking(
    store: Store, settings: Settings, environment: Mapping[str, str]
) -> TrackingService:
    """Tracking as the environment and the settings want it.

    `environment` is the one that the daemon was started with; jobs inherit it.

    Raises:
        OSError: no port of loopback can be listened on.
    """
    # Set by us for a kernel that then started the daemon, it leads back to here.
    given = "" if is_ours(environment) else environment.get(URI_VARIABLE, "")
    if uri := given or settings.tracking_uri:
        return _on_server(store, uri, environment)
    return _embedded(store, environment)


def _embedded(store: Store, environment: Mapping[str, str]) -> TrackingService:
    directory = paths.private_dir(paths.mlflow_dir())
    access, listening = open_access(directory)
    live = LiveRuns()
    embedded = Embedded(directory)
    server = MlflowServer(access, listening, embedded, live)
    runs = EmbeddedRuns(embedded, server, live, environment)
    proxy = Proxy(
        Target(access.address, "of this machine", lambda: f"Bearer {access.person_token()}")
    )
    return TrackingService(
        RunRecorder(store, runs, live, environment),
        proxy,
        used=lambda: server.last_used,
        close=proxy.close,
    )


def _on_server(store: Store, uri: str, environment: Mapping[str, str]) -> TrackingService:
    runs: Runs
    try:
        server = TrackingServer(uri, environment)
    except InvalidInput as error:
        nothing = RunRecorder(store, NoRuns(error), LiveRuns(), environment)
        return TrackingService(nothing, functools.partial(no_pages, shown="a relative path"))
    runs = RemoteRuns(uri, server.shown, environment)
    recorder = RunRecorder(store, runs, LiveRuns(), environment)
    if not server.is_http:
        return TrackingService(recorder, functools.partial(no_pages, shown=server.shown))
    proxy = Proxy(
        Target(
            server.url,
            server.shown,
            server.authorization,
            from_environment=True,
            verify=server.verify,
            certificate=server.certificate,
        )
    )
    return TrackingService(recorder, proxy, close=proxy.close)
