"""Runs in the embedded store."""

from __future__ import annotations

import asyncio
import functools
import logging
import sqlite3
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jupyter_mlops.errors import Busy, MlopsError, StoreFull
from jupyter_mlops.jobs.model import Job
from jupyter_mlops.jobs.runner.files import is_full
from jupyter_mlops.tracking import artifacts, environment, facts_sql, sql
from jupyter_mlops.tracking.embedded import Embedded
from jupyter_mlops.tracking.embedded_reader import EmbeddedReader
from jupyter_mlops.tracking.live_runs import LiveRun, LiveRuns
from jupyter_mlops.tracking.mlflow_server import MlflowServer
from jupyter_mlops.tracking.remote import RemoteRuns
from jupyter_mlops.tracking.remote_reader import RemoteReader
from jupyter_mlops.tracking.run_facts import RunFacts
from jupyter_mlops.tracking.run_guard import CREATOR_TAG
from jupyter_mlops.tracking.run_record import JOB_TAG, RunRecord, RunStatus, milliseconds
from jupyter_mlops.tracking.runs import Begun, Recorded, States

log = logging.getLogger(__name__)

#: Seconds that a job's start waits for its run's row; it comes later otherwise.
_ROW_PATIENCE = 2.0


class EmbeddedRuns:
    """Plain SQL; see `runs.Runs`."""

    shown_uri = ""

    def __init__(
        self,
        embedded: Embedded,
        server: MlflowServer,
        live: LiveRuns,
        inherited: Mapping[str, str],
    ) -> None:
        self._embedded = embedded
        self._server = server
        self._live = live
        address = server.access.address
        mine = environment.for_daemon(server.access.daemon_token())
        kept = {k: v for k, v in inherited.items() if not k.startswith("MLFLOW_")}
        #: Of MLflow's client against the app that is mounted here.
        self.client_environment = kept | mine
        self._reading = functools.partial(RemoteReader, address, self.client_environment)
        #: For a schema that we don't know, and for artifacts that lie elsewhere.
        self._client = RemoteRuns(address, "", self.client_environment)

    def reader(self) -> EmbeddedReader:
        """What these runs are looked at through."""
        return EmbeddedReader(self._embedded, self._reading)

    def start(self) -> None:
        """Make the store ready in the background and serve MLflow."""
        self._embedded.start()
        self._server.start()

    async def stop(self) -> None:
        """Stop serving; what was asked for is written first."""
        await self._client.stop()
        await asyncio.to_thread(self._server.stop)
        await self._embedded.stop()

    async def begin(self, job: Job, record: RunRecord, inherited: Mapping[str, str]) -> Begun:
        """Insert the run; what the kernel calls waits for that, so the start need not."""
        run_id: str | None = record.run_id
        if self._unknown_schema:
            place = await self._client.place_in_time(record)
            run_id = None if place is None else place.run_id
        else:
            place = await self._insert(job, record)
        experiment_id = place.experiment_id if place is not None else None
        if run_id is not None:
            self._live.add(LiveRun(job.id, run_id, experiment_id, record.params, record.attempt))
        return Begun(
            run_id,
            experiment_id,
            environment.for_embedded(
                self._server.access.address,
                self._server.access.job_token(job.id, record.attempt),
                run_id=run_id,
                experiment_id=experiment_id,
                experiment=record.experiment,
                inherited=inherited,
            ),
        )

    async def apply(
        self, record: RunRecord, earlier: Sequence[RunRecord], files: Mapping[str, Path]
    ) -> Recorded:
        """In one transaction; files after it."""
        store = await self._embedded.store()
        if not store.known:
            return await self._client.apply(record, earlier, files)

        def work(db: sqlite3.Connection) -> Recorded:
            now = milliseconds(time.time())
            place = sql.begin(db, record, now)
            sql.bring_to_truth(db, record)
            for one in earlier:
                sql.bring_to_truth(db, one)
            if record.status.terminal:
                self._end_further_runs(db, record, now)
            return Recorded(place, sql.metrics(db, record.run_id))

        recorded = await store.run(work, durable=record.status.terminal)
        self._learn_experiment(record.job_id, recorded.place.experiment_id)
        await self._put(recorded.place, files, final=True)
        return recorded

    async def put(self, place: sql.RunPlace, files: Mapping[str, Path]) -> None:
        """Straight into the directory that MLflow serves."""
        await self._put(place, files)

    async def _put(
        self, place: sql.RunPlace, files: Mapping[str, Path], *, final: bool = False
    ) -> None:
        if not files:
            return
        directory = artifacts.local_directory(self._embedded.artifacts, place.artifact_uri)
        if directory is None:
            await self._client.put(place, files)
            return
        try:
            await asyncio.to_thread(artifacts.put, directory, files, final=final)
        except FileNotFoundError as error:
            raise Busy(f"An artifact can't be copied: {error}.") from error
        except OSError as error:
            if is_full(error):
                raise StoreFull(
                    f"There is no space left for artifacts in {directory}.",
                    hint="Free some space; then they follow.",
                ) from error
            raise Busy(f"An artifact can't be copied: {error.strerror or error}.") from error

    async def record(self, place: sql.RunPlace, facts: RunFacts) -> None:
        """In one transaction; files before it, so that what the tags say is there."""
        store = await self._embedded.store()
        if not store.known:
            await self._client.record(place, facts)
            return
        await self._put(place, facts.files, final=True)

        def work(db: sqlite3.Connection) -> None:
            if sql.place(db, place.run_id) is None:
                return  # removed for good in MLflow
            sql.set_tags(db, place.run_id, facts.tags)
            facts_sql.add_inputs(db, place, facts.inputs)
            facts_sql.add_samples(db, place.run_id, facts.samples)

        await store.run(work, durable=False)

    async def live_metrics(self, run_ids: Sequence[str]) -> dict[str, dict[str, float]] | None:
        """Only when somebody has written at all."""
        if self._embedded.state != "ready":
            return None
        store = self._embedded.ready.result()
        if not await store.changed():
            return None
        return await store.read(lambda db: {run_id: sql.metrics(db, run_id) for run_id in run_ids})

    async def reconcile(self, states: Callable[[], Awaitable[States]]) -> set[str]:
        """Whatever claims to be a job's and goes on though the job doesn't."""
        store = await self._embedded.store()
        found = await store.read(
            lambda db: [*sql.unfinished(db, JOB_TAG), *sql.unfinished(db, CREATOR_TAG)]
        )
        known = await states()
        again: set[str] = set()
        left: list[str] = []
        for run_id, job_id in found:
            state, own = known.get(job_id, (None, frozenset[str]()))
            if state is not None and not state.terminal:
                continue
            if run_id in own:
                again.add(job_id)
            else:
                left.append(run_id)

        def work(db: sqlite3.Connection) -> None:
            for run_id in left:
                sql.end(db, run_id, RunStatus.KILLED, milliseconds(time.time()))

        if left:
            await store.run(work)
        return again

    def usual_environment(self, inherited: Mapping[str, str]) -> dict[str, str]:
        """Where the daemon is, and how to wait for it."""
        return environment.for_embedded(
            self._server.access.address,
            "",
            run_id=None,
            experiment_id=None,
            experiment="",
            inherited=inherited,
        )

    def expect_calls(self) -> None:
        """Load MLflow while the notebook still imports it, too."""
        self._server.load()

    async def deleted(self, job_id: str) -> None:
        """Only jobs that have ended can be deleted, so nobody ends these runs any more."""
        store = await self._embedded.store()

        def work(db: sqlite3.Connection) -> None:
            now = milliseconds(time.time())
            for tag in (JOB_TAG, CREATOR_TAG):
                for run_id, creator in sql.unfinished(db, tag):
                    if creator == job_id:
                        sql.end(db, run_id, RunStatus.KILLED, now)

        await store.run(work)

    def status(self) -> dict[str, Any]:
        """State of the store and of the mounted app."""
        problem = self._embedded.problem
        return {
            "store": self._embedded.state,
            "detail": "" if problem is None else f"{problem.detail} {problem.hint}".strip(),
            "mlflow": self._server.state,
            "address": self._server.access.address,
        }

    @property
    def _unknown_schema(self) -> bool:
        return self._embedded.state == "ready" and not self._embedded.ready.result().known

    async def _insert(self, job: Job, record: RunRecord) -> sql.RunPlace | None:
        placing = asyncio.wrap_future(self._embedded.begin(record))
        if self._embedded.ready.done():
            await asyncio.wait([placing], timeout=_ROW_PATIENCE)
        if not placing.done():
            placing.add_done_callback(lambda done: self._placed(job.id, done))
            return None
        try:
            return placing.result()
        except MlopsError as error:
            log.warning("job %s: its run can't be begun: %s", job.id, error.detail)
            return None

    def _placed(self, job_id: str, done: asyncio.Future[sql.RunPlace]) -> None:
        if not done.cancelled() and done.exception() is None:
            self._learn_experiment(job_id, done.result().experiment_id)

    def _learn_experiment(self, job_id: str, experiment_id: str | None) -> None:
        run = self._live.of_job(job_id)
        if run is not None and experiment_id is not None:
            run.experiment_id = experiment_id

    @staticmethod
    def _end_further_runs(db: sqlite3.Connection, record: RunRecord, now: int) -> None:
        """Runs that the notebook made itself and left open: nobody will end them any more."""
        for run_id, creator in sql.unfinished(db, CREATOR_TAG):
            if creator == record.job_id:
                sql.end(db, run_id, record.status, record.ended or now)
