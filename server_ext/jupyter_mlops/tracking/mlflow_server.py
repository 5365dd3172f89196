"""The thread that serves MLflow on loopback, with an event loop and worker threads of its own.

MLflow's handlers block, and some of its coroutines do as well: none of that may hold up the API.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
import time
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_mlops.errors import MlopsError, StoreUnusable
from jupyter_mlops.serving import HttpServer
from jupyter_mlops.tracking import mlflow_app
from jupyter_mlops.tracking.access import Access
from jupyter_mlops.tracking.embedded import Embedded
from jupyter_mlops.tracking.embedded_store import EmbeddedStore
from jupyter_mlops.tracking.gate import Gate
from jupyter_mlops.tracking.live_runs import LiveRuns

if TYPE_CHECKING:
    from starlette.types import ASGIApp

log = logging.getLogger(__name__)

#: Requests that MLflow works on at once; more of them wait.
WORKERS = 8
#: Seconds that requests under way may take once the daemon is leaving.
_GRACE = 2


class MlflowServer:
    """Serves from `start` to `stop`; MLflow itself is loaded at the first request."""

    def __init__(
        self, access: Access, listening: socket.socket, embedded: Embedded, live: LiveRuns
    ) -> None:
        self.access = access
        #: When somebody has used it last, on the monotonic clock.
        self.last_used: float | None = None
        self._directory: Path = embedded.directory
        self._embedded = embedded
        self._listening = listening
        self._gate = Gate(access, live, self._opened, self._note_use)
        self._loading: Future[ASGIApp] | None = None
        self._lock = threading.Lock()
        self._server = HttpServer(self._gate, keep_alive=120, grace=_GRACE)
        self._thread = threading.Thread(target=self._serve, name="mlflow-server", daemon=True)

    def start(self) -> None:
        """Accept requests."""
        self._thread.start()

    def stop(self) -> None:
        """Stop accepting, let what is under way end. Blocking, a few seconds at most."""
        self._server.should_exit = True
        self._thread.join(_GRACE + 3)
        self._listening.close()

    @property
    def state(self) -> str:
        """`unused`, `loading`, `loaded` or `failed`."""
        loading = self._loading
        if loading is None:
            return "unused"
        if not loading.done():
            return "loading"
        return "failed" if loading.exception() else "loaded"

    def load(self) -> Future[ASGIApp]:
        """MLflow's app; the first who asks has it loaded. Any thread may ask."""
        with self._lock:
            found = self._loading
            if found is None or (found.done() and found.exception() is not None):
                found = self._loading = Future()
                threading.Thread(
                    target=self._load, args=(found,), name="mlflow-load", daemon=True
                ).start()
            return found

    def _load(self, future: Future[ASGIApp]) -> None:
        began = time.monotonic()
        try:
            self._embedded.ready.result()
            app = mlflow_app.load(self._directory)
        except MlopsError as error:
            future.set_exception(error)
        except BaseException as error:  # whatever MLflow raises: whoever waits must hear of it
            log.exception("MLflow can't be loaded")
            future.set_exception(
                StoreUnusable(
                    f"MLflow can't be loaded: {type(error).__name__}.",
                    hint="The daemon's log tells more: jupyter mlops doctor",
                    code="mlflow_unusable",
                )
            )
        else:
            log.info("MLflow loaded in %.1f s", time.monotonic() - began)
            future.set_result(app)

    async def _opened(self) -> tuple[EmbeddedStore, ASGIApp]:
        app = await asyncio.shield(asyncio.wrap_future(self.load()))
        return await self._embedded.settled(), app

    def _note_use(self) -> None:
        self.last_used = time.monotonic()

    def _serve(self) -> None:
        try:
            asyncio.run(self._main())
        except Exception:  # the thread's edge: said in the log, and the daemon goes on
            log.exception("the thread that serves MLflow has ended")

    async def _main(self) -> None:
        import anyio.to_thread

        anyio.to_thread.current_default_thread_limiter().total_tokens = WORKERS
        await self._server.serve(sockets=[self._listening])
