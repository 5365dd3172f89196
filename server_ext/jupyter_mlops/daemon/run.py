"""One daemon, from its lock to its end."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import logging
import os
import signal
import socket
import time
from collections.abc import AsyncIterator

from fastapi import FastAPI

from jupyter_mlops import paths, settings
from jupyter_mlops._version import __version__
from jupyter_mlops.daemon import sockets
from jupyter_mlops.daemon.app import make_app, serve_with
from jupyter_mlops.daemon.leaving import end_within
from jupyter_mlops.daemon.lock import DaemonLock
from jupyter_mlops.daemon.parts import make_launcher, make_tracking
from jupyter_mlops.daemon.presence import Presence
from jupyter_mlops.daemon.reproductions import DaemonJobs
from jupyter_mlops.daemon.service import Service
from jupyter_mlops.jobs import capacity
from jupyter_mlops.jobs.dispatcher import Dispatcher
from jupyter_mlops.jobs.hub import Hub
from jupyter_mlops.jobs.identity import start_time
from jupyter_mlops.jobs.store import Store
from jupyter_mlops.reproduction.service import Reproductions
from jupyter_mlops.serving import HttpServer
from jupyter_mlops.settings import Settings

log = logging.getLogger(__name__)

#: Seconds to wait for the lock while its holder neither listens nor leaves.
_LOCK_PATIENCE = 20.0
#: Seconds that requests under way may take once the daemon is leaving.
_GRACE = 3


class _Server(HttpServer):
    """Its socket may be replaced."""

    async def move(self, listening: socket.socket) -> None:
        """Accept connections there instead; those that there are go on."""
        before = self.servers
        await self.startup(sockets=[listening])
        for one in before:
            one.close()


def acquire_lock() -> DaemonLock | None:
    """The daemon's lock; None when another daemon is there and answers.

    One that has the lock without listening is about to listen or about to leave: both are worth
    waiting for.
    """
    lock = DaemonLock(paths.daemon_lock())
    deadline = time.monotonic() + _LOCK_PATIENCE
    while not lock.acquire():
        if _listening() or time.monotonic() >= deadline:
            return None
        time.sleep(0.02)
    return lock


def _listening() -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(paths.daemon_socket()))
        except OSError:
            return False
        return True


async def serve(found: Settings, lock: DaemonLock) -> None:
    """Serve until somebody wants the daemon to leave or it has had nothing to do for long.

    From then on the process has a few seconds to end.

    Raises:
        MlopsError: the store can't be used, …
    """
    store = await Store.open(paths.store_file())
    try:
        async with _service(store, found) as service:
            # What is there now stays: collecting would look at all of it again and again.
            gc.collect()
            gc.freeze()
            await _serve(service, lock)
    finally:
        await store.close()


@contextlib.asynccontextmanager
async def _service(store: Store, found: Settings) -> AsyncIterator[Service]:
    hub = Hub()
    # As it is now: MLflow's app, once loaded, leaves variables of its own in os.environ.
    environment = dict(os.environ)
    tracking = make_tracking(store, found, environment)
    there = await asyncio.to_thread(capacity.measure, found.capacity)
    launcher = make_launcher(found, environment | tracking.recorder.usual_environment())
    dispatcher = Dispatcher(store, hub, launcher, tracking.recorder, found, there, environment)
    service = Service(store, hub, dispatcher, found, tracking)
    reproductions = Reproductions(DaemonJobs(service), tracking, found.reproduce, environment)
    service.reproductions = reproductions
    try:
        await dispatcher.start()
        await tracking.start()
        await reproductions.start()
        yield service
    finally:
        hub.close()
        await service.background.stop()
        await reproductions.stop()
        await dispatcher.stop()
        await tracking.stop()


def make_server(app: FastAPI, service: Service) -> _Server:
    """The HTTP server; its sockets are given to `serve`."""
    answering = serve_with(app, service)
    return _Server(answering, keep_alive=600, grace=_GRACE, date_header=False, backlog=1024)


async def _serve(service: Service, lock: DaemonLock) -> None:
    app = make_app()
    listening = sockets.listen(paths.daemon_socket())
    doorbell = sockets.Doorbell(paths.doorbell_socket(), service.dispatcher.ring, service.ring_run)
    server = make_server(app, service)
    presence = Presence(
        lock,
        listening,
        doorbell,
        move=server.move,
        write_record=_write_record,
        superseded=lambda: service.leave("another daemon serves this data directory"),
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, service.leave, number.name)
    _write_record()
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    leaving = asyncio.create_task(service.leaving.wait())
    watching = [
        service.background.spawn(_leave_when_idle(service), "leaving when idle"),
        service.background.spawn(presence.watch(), "keeping sockets and lock in place"),
    ]
    log.info("daemon %s serves %s", __version__, paths.daemon_socket())
    try:
        await asyncio.wait([serving, leaving], return_when=asyncio.FIRST_COMPLETED)
        log.info("daemon leaves")
    finally:
        end_within()
        for task in (leaving, *watching):
            task.cancel()
        await asyncio.gather(leaving, *watching, return_exceptions=True)
        # Streams never end by themselves: let them, so that leaving takes no longer than it must.
        service.leaving.set()
        service.hub.close()
        service.dispatcher.release_followers()
        server.should_exit = True
        try:
            await serving
        finally:
            presence.clear()


async def _leave_when_idle(service: Service) -> None:
    while service.idle_for() < service.settings.idle_timeout:  # noqa: ASYNC110 - time is the event
        await asyncio.sleep(min(10.0, service.settings.idle_timeout / 4))
    service.leave(f"nothing to do for {service.settings.idle_timeout:.0f} s")


def _write_record() -> None:
    target = paths.daemon_record()
    unfinished = target.with_suffix(".new")
    record = {
        "pid": os.getpid(),
        "start_time": start_time(os.getpid()),
        "version": __version__,
        "started_at": time.time(),
    }
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        json.dump(record, file)
    unfinished.replace(target)


def load_settings() -> Settings:
    """The settings; see `jupyter_mlops.settings.load`."""
    return settings.load()
