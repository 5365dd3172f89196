"""The embedded store as the daemon works with it: made ready in the background, then plain SQL.

Nothing here imports mlflow. Until the store is there, runs are kept in memory and written as soon
as it is; their ids are chosen by us, so jobs need not wait.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import sys
import threading
import time
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from jupyter_mlops.errors import MlopsError, StoreUnusable
from jupyter_mlops.tracking import sql
from jupyter_mlops.tracking.create_store import ARTIFACTS, DATABASE, RECORD, installed_mlflow
from jupyter_mlops.tracking.embedded_store import EmbeddedStore
from jupyter_mlops.tracking.run_record import RunRecord, milliseconds

log = logging.getLogger(__name__)


class Embedded:
    """Opened in the background by `start`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        #: The store once it can be used; fails with an MlopsError when it can't.
        self.ready: Future[EmbeddedStore] = Future()
        self._pending: set[Future[sql.RunPlace]] = set()
        self._lock = threading.Lock()
        self._opening: asyncio.Task[None] | None = None

    @property
    def artifacts(self) -> Path:
        """Where the artifacts lie that go through MLflow's server."""
        return self.directory / ARTIFACTS

    @property
    def state(self) -> str:
        """`preparing`, `ready` or `unusable`."""
        if not self.ready.done():
            return "preparing"
        return "unusable" if self.problem is not None else "ready"

    @property
    def problem(self) -> MlopsError | None:
        """Why it can't be used."""
        error = self.ready.exception() if self.ready.done() else None
        return error if isinstance(error, MlopsError) else None

    def start(self) -> None:
        """Make the store ready in the background."""
        self._opening = asyncio.create_task(self._open())

    async def stop(self) -> None:
        """Finish what was asked for and let the file go."""
        if self._opening is not None:
            self._opening.cancel()
            await asyncio.gather(self._opening, return_exceptions=True)
        if not self.ready.done():
            self.ready.set_exception(StoreUnusable("The daemon is leaving.", code="leaving"))
        elif self.problem is None:
            await asyncio.to_thread(self.ready.result().close)

    async def store(self) -> EmbeddedStore:
        """The store once it is there.

        Raises:
            StoreUnusable, StoreFull: it can't be used.
        """
        return await asyncio.wrap_future(self._shielded())

    def begin(self, record: RunRecord) -> Future[sql.RunPlace]:
        """Create the run, as soon as there is a store. Waits for nothing."""
        place: Future[sql.RunPlace] = Future()
        with self._lock:
            self._pending.add(place)
        place.add_done_callback(self._settle)

        def insert(ready: Future[EmbeddedStore]) -> None:
            if (error := ready.exception()) is not None:
                place.set_exception(error)
                return
            now = milliseconds(time.time())
            # Not durable: bringing the run to the truth creates it again if it is missing.
            done = ready.result().submit(lambda db: sql.begin(db, record, now), durable=False)
            done.add_done_callback(lambda finished: _copy(finished, place))

        self.ready.add_done_callback(insert)
        return place

    async def settled(self) -> EmbeddedStore:
        """The store, once every run that was begun is in it. Any event loop may ask."""
        store = await self.store()
        with self._lock:
            pending = [asyncio.wrap_future(_follow(one)) for one in self._pending]
        if pending:
            await asyncio.wait(pending)
        return store

    def _settle(self, place: Future[sql.RunPlace]) -> None:
        with self._lock:
            self._pending.discard(place)

    def _shielded(self) -> Future[EmbeddedStore]:
        return _follow(self.ready)

    async def _open(self) -> None:
        try:
            if not await asyncio.to_thread(self._prepared):
                await self._prepare()
            store = await asyncio.to_thread(EmbeddedStore, self.directory / DATABASE)
        except MlopsError as error:
            log.warning("the MLflow store can't be used: %s %s", error.detail, error.hint)
            self.ready.set_exception(error)
        except Exception as error:
            log.exception("the MLflow store can't be opened")
            self.ready.set_exception(
                StoreUnusable(
                    f"The MLflow store can't be opened: {type(error).__name__}: {error}.",
                    hint="The daemon's log tells more.",
                    code="tracking_store_unusable",
                )
            )
        else:
            self.ready.set_result(store)

    def _prepared(self) -> bool:
        """Whether the store was checked with the MLflow that is installed."""
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            record = json.loads((self.directory / RECORD).read_text("utf-8"))
            return (self.directory / DATABASE).exists() and (record["mlflow"] == installed_mlflow())
        return False

    async def _prepare(self) -> None:
        began = time.monotonic()
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("MLFLOW_", "_MLFLOW_"))
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            "jupyter_mlops.tracking.create_store",
            str(self.directory),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment,
            cwd="/",
            start_new_session=True,
        )
        try:
            output, errors = await process.communicate()
        finally:
            # The daemon leaves: the next one makes the store, and need not wait for this one.
            if process.returncode is None:
                process.kill()
                await process.communicate()
        answer = _last_object(output)
        if answer is not None and "error" not in answer:
            log.info("MLflow store ready in %.1f s: %s", time.monotonic() - began, answer)
            return
        log.error("preparing the MLflow store: %s", errors.decode("utf-8", "replace")[-4000:])
        if answer is not None:
            raise MlopsError.from_problem(answer["error"], 500)
        raise StoreUnusable(
            f"Preparing the MLflow store in {self.directory} ended with {process.returncode}.",
            hint="The daemon's log tells more; it is tried again at the next start.",
            code="tracking_store_unusable",
        )


def _follow(source: Future[Any]) -> Future[Any]:
    """A future that may be cancelled without touching `source`."""
    copy: Future[Any] = Future()
    source.add_done_callback(lambda done: _copy(done, copy))
    return copy


def _copy(source: Future[Any], target: Future[Any]) -> None:
    if target.cancelled() or not target.set_running_or_notify_cancel():
        return
    if source.cancelled():
        target.set_exception(StoreUnusable("The daemon is leaving.", code="leaving"))
    elif (error := source.exception()) is not None:
        target.set_exception(error)
    else:
        target.set_result(source.result())


def _last_object(output: bytes) -> dict[str, Any] | None:
    for line in reversed(output.splitlines()):
        with contextlib.suppress(ValueError):
            found = json.loads(line)
            if isinstance(found, dict):
                return found
    return None
