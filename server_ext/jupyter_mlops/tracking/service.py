"""Tracking as the daemon has it: a recorder for the dispatcher and MLflow for `/mlflow/`.

tracking = make_tracking(store, settings, environment)
await tracking.start()          # once the dispatcher listens to the store
tracking.recorder               # jobs.recording.Recorder
tracking.runs                   # open_runs.OpenRuns: what kernels log into
tracking.app                    # ASGI: everything below /mlflow
tracking.reader                 # tracking.run_reader.RunReader: experiments and runs
tracking.reports                # reporting.Reports: on runs, to send
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
from jupyter_mlops.jobs.order import FactsWanted
from jupyter_mlops.jobs.store import Store
from jupyter_mlops.settings import Settings
from jupyter_mlops.tracking.access import is_ours, open_access
from jupyter_mlops.tracking.diffs.run_diffs import RunDiffs
from jupyter_mlops.tracking.embedded import Embedded
from jupyter_mlops.tracking.embedded_runs import EmbeddedRuns
from jupyter_mlops.tracking.environment import for_daemon
from jupyter_mlops.tracking.kept_data import KeptData
from jupyter_mlops.tracking.live_runs import LiveRuns
from jupyter_mlops.tracking.mlflow_server import MlflowServer
from jupyter_mlops.tracking.no_runs import NoLog, NoRuns
from jupyter_mlops.tracking.open_runs import OpenRuns
from jupyter_mlops.tracking.proxy import Proxy, Target, no_pages
from jupyter_mlops.tracking.recorder import RunRecorder
from jupyter_mlops.tracking.remote import RemoteRuns
from jupyter_mlops.tracking.remote_log import RemoteLog
from jupyter_mlops.tracking.remote_reader import RemoteReader
from jupyter_mlops.tracking.reporting import Reports
from jupyter_mlops.tracking.run_log import EmbeddedLog
from jupyter_mlops.tracking.run_reader import NoReader, RunReader
from jupyter_mlops.tracking.run_surroundings import RunSurroundings
from jupyter_mlops.tracking.run_views import RunDetail
from jupyter_mlops.tracking.runs import Runs
from jupyter_mlops.tracking.sql import RunPlace
from jupyter_mlops.tracking.tracking_server import URI_VARIABLE, TrackingServer

if TYPE_CHECKING:
    from starlette.types import ASGIApp


class TrackingService:
    """Belongs to the daemon's event loop."""

    def __init__(
        self,
        recorder: RunRecorder,
        app: ASGIApp,
        runs: OpenRuns,
        *,
        reader: RunReader,
        pages: str = "",
        client_environment: Mapping[str, str] | None = None,
        used: Callable[[], float | None] = lambda: None,
        close: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.recorder = recorder
        self.app = app
        #: Experiments and runs, for people to look at.
        self.reader = reader
        #: Copies of what they have read; None: none are kept.
        self.kept = recorder.kept
        #: On runs, to send.
        self.reports = Reports(reader, pages)
        #: Where two of them differ in what they were made of.
        self.diffs = RunDiffs(reader)
        #: Those that kernels log into.
        self.runs = runs
        #: Of a process that uses MLflow's client; holds credentials.
        self.client_environment = dict(client_environment or {})
        self._used = used
        self._close = close

    async def start(self) -> None:
        """Take up what is to be recorded; the work is done in the background."""
        await self.recorder.start()
        await self.runs.start()

    async def stop(self) -> None:
        """Stop within seconds; what is left is done by the next daemon."""
        if self._close is not None:
            await self._close()
        await self.reports.stop()
        await self.diffs.stop()
        await self.reader.stop()
        await self.runs.stop()
        await self.recorder.stop()

    async def tag_run(self, detail: RunDetail, tags: Mapping[str, str]) -> None:
        """Set tags of ours on any run; one that is in MLflow's trash is left alone."""
        run = detail.run
        place = RunPlace(run.id, run.experiment_id, run.experiment, detail.artifact_uri)
        await self.recorder.add_tags(place, tags)

    def status(self) -> dict[str, Any]:
        """About tracking, for `GET /status`; no secrets."""
        return {**self.recorder.status(), "runs": self.runs.status()}

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
    wanted = settings.attempts.facts
    # Set by us for a kernel that then started the daemon, it leads back to here.
    given = "" if is_ours(environment) else environment.get(URI_VARIABLE, "")
    if uri := given or settings.tracking_uri:
        return _on_server(store, uri, environment, wanted)
    return _embedded(store, environment, wanted)


def _embedded(store: Store, environment: Mapping[str, str], wanted: FactsWanted) -> TrackingService:
    directory = paths.private_dir(paths.mlflow_dir())
    access, listening = open_access(directory)
    live = LiveRuns()
    embedded = Embedded(directory)
    server = MlflowServer(access, listening, embedded, live)
    runs = EmbeddedRuns(embedded, server, live, environment)
    proxy = Proxy(
        Target(access.address, "of this machine", lambda: f"Bearer {access.person_token()}")
    )
    client = RemoteLog(access.address, runs.client_environment)
    kept = KeptData(wanted.keep_limit, wanted.keep_total)
    surroundings = RunSurroundings(runs.record, wanted, kept)
    open_runs = OpenRuns(EmbeddedLog(embedded, live, client), live, surroundings)
    return TrackingService(
        RunRecorder(store, runs, live, environment, wanted, open_runs.settle_job, kept),
        proxy,
        open_runs,
        reader=runs.reader(),
        client_environment={
            **runs.client_environment,
            **for_daemon(access.person_token()),
            URI_VARIABLE: access.address,
        },
        used=lambda: server.last_used,
        close=proxy.close,
    )


def _on_server(
    store: Store, uri: str, environment: Mapping[str, str], wanted: FactsWanted
) -> TrackingService:
    runs: Runs
    try:
        server = TrackingServer(uri, environment)
    except InvalidInput as error:
        nothing = RunRecorder(store, NoRuns(error), LiveRuns(), environment, wanted)
        return TrackingService(
            nothing,
            functools.partial(no_pages, shown="a relative path"),
            OpenRuns(NoLog(error), LiveRuns()),
            reader=NoReader(error),
        )
    runs = RemoteRuns(uri, server.shown, environment)
    live = LiveRuns()
    kept = KeptData(wanted.keep_limit, wanted.keep_total)
    surroundings = RunSurroundings(runs.record, wanted, kept)
    open_runs = OpenRuns(RemoteLog(uri, environment), live, surroundings)
    recorder = RunRecorder(store, runs, live, environment, wanted, open_runs.settle_job, kept)
    reader = RemoteReader(uri, environment)
    variables = {**environment, URI_VARIABLE: uri}
    if not server.is_http:
        no_page = functools.partial(no_pages, shown=server.shown)
        return TrackingService(
            recorder, no_page, open_runs, reader=reader, client_environment=variables
        )
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
    return TrackingService(
        recorder,
        proxy,
        open_runs,
        reader=reader,
        pages=server.url,
        client_environment=variables,
        close=proxy.close,
    )
