"""The daemon's parts, put together; what the routes work with."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.requests import Request

from jupyter_mlops import paths
from jupyter_mlops._version import __version__
from jupyter_mlops.daemon.code_states import CodeStates
from jupyter_mlops.jobs.background import Background
from jupyter_mlops.jobs.capacity import Amount
from jupyter_mlops.jobs.dispatcher import Dispatcher
from jupyter_mlops.jobs.hub import Hub
from jupyter_mlops.jobs.store import Store
from jupyter_mlops.reproduction.service import Reproductions
from jupyter_mlops.settings import Settings
from jupyter_mlops.tracking.service import TrackingService

log = logging.getLogger(__name__)


@dataclass(eq=False)
class Service:
    """One daemon. Belongs to its event loop."""

    store: Store
    hub: Hub
    dispatcher: Dispatcher
    settings: Settings
    #: Runs in MLflow; None where nothing is recorded.
    tracking: TrackingService | None = None
    #: Runs that are reproduced; None where nothing is recorded.
    reproductions: Reproductions | None = None
    started: float = field(default_factory=time.monotonic)
    #: Set when the daemon is to leave.
    leaving: asyncio.Event = field(default_factory=asyncio.Event)
    #: Requests under way, streams included.
    active: int = 0
    last_active: float = field(default_factory=time.monotonic)
    #: What nobody waits for; ended with the daemon.
    background: Background = field(default_factory=Background)
    code_states: CodeStates = field(init=False)

    def __post_init__(self) -> None:
        self.code_states = CodeStates(self.store, self.background)

    def leave(self, why: str) -> None:
        """Have the daemon leave; the log keeps the reason."""
        log.info("the daemon is to leave: %s", why)
        self.leaving.set()

    def status(self, counts: dict[Any, int]) -> dict[str, Any]:
        """The answer of `GET /status`."""
        return {
            "version": __version__,
            "pid": os.getpid(),
            "uptime": time.monotonic() - self.started,
            "data_dir": str(paths.data_dir()),
            "log": str(paths.daemon_log()),
            "capacity": amount(self.dispatcher.capacity),
            "use": amount(self.dispatcher.use()),
            "counts": counts,
            "settings": self.settings.model_dump(mode="json"),
            "warm": self.dispatcher.warm_status(),
            "tracking": self.tracking.status() if self.tracking is not None else {},
            "followers": len(self.hub),
        }

    def ring_run(self, run_id: str) -> None:
        """A kernel has logged something into a run."""
        if self.tracking is not None:
            self.tracking.runs.ring(run_id)

    def idle_for(self) -> float:
        """Seconds since anything was queued, running, asked for, followed or logged into."""
        logging_open = self.tracking is not None and self.tracking.runs.busy
        reproducing = self.reproductions is not None and self.reproductions.busy
        if self.dispatcher.busy or self.active or logging_open or reproducing:
            self.last_active = time.monotonic()
        used = float("inf") if self.tracking is None else self.tracking.idle_for
        return min(used, time.monotonic() - self.last_active)


def amount(found: Amount) -> dict[str, Any]:
    """As JSON."""
    return {"cpus": found.cpus, "memory": found.memory, "gpus": found.gpus}


def service_of(request: Request) -> Service:
    """The service that answers a request."""
    found = request.app.state.service
    assert isinstance(found, Service)
    return found


def attempt_path(job_id: str, attempt: int) -> Path:
    """The directory of an attempt."""
    return paths.attempt_dir(job_id, attempt)
