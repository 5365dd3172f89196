"""Keeps MLflow's record of jobs true: the `Recorder` of the dispatcher.

A job's run is begun before its kernel starts and brought to the truth after each change, in the
background. What is to be done is found from the store, so a crash loses nothing; what can't be done
now is tried again, ever more rarely. Nothing here can hold up or fail a job.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from jupyter_mlops import paths
from jupyter_mlops.errors import MlopsError, NotFound
from jupyter_mlops.jobs import store_reader
from jupyter_mlops.jobs.background import Background
from jupyter_mlops.jobs.bundle import NOTEBOOK
from jupyter_mlops.jobs.model import Job, Tracking
from jupyter_mlops.jobs.order import FactsWanted
from jupyter_mlops.jobs.recording import RunReference
from jupyter_mlops.jobs.runner.system_metrics import FILE as SYSTEM
from jupyter_mlops.jobs.store import Store
from jupyter_mlops.jobs.store_rows import StoredJob
from jupyter_mlops.tracking.environment import directed_elsewhere
from jupyter_mlops.tracking.exports import Exports
from jupyter_mlops.tracking.job_facts import JobFacts
from jupyter_mlops.tracking.kept_data import KeptData
from jupyter_mlops.tracking.live_runs import LiveRun, LiveRuns
from jupyter_mlops.tracking.live_samples import LiveSamples
from jupyter_mlops.tracking.records import Records
from jupyter_mlops.tracking.rendering import Renderer
from jupyter_mlops.tracking.run_facts import RunFacts
from jupyter_mlops.tracking.run_record import RunRecord, run_id_of
from jupyter_mlops.tracking.runs import Begun, Runs, States
from jupyter_mlops.tracking.schedule import Schedule
from jupyter_mlops.tracking.sql import RunPlace
from jupyter_mlops.tracking.sync import SETTLE, Sync

log = logging.getLogger(__name__)

#: Seconds between two looks at the metrics of runs that go on.
_METRICS_EVERY = 2.0
#: So many jobs are synced at a time.
_AT_ONCE = 4
_EVERYTHING = 1_000_000


class RunRecorder:
    """See `jobs.recording.Recorder`. Belongs to the daemon's event loop."""

    def __init__(
        self,
        store: Store,
        runs: Runs,
        live: LiveRuns,
        inherited: Mapping[str, str],
        wanted: FactsWanted,
        settle_logged: Callable[[str], Awaitable[None]] | None = None,
        kept: KeptData | None = None,
    ) -> None:
        """Nothing is recorded yet.

        Args:
            store: where jobs are.
            runs: where their runs are.
            live: runs that go on.
            inherited: the daemon's environment.
            wanted: what is recorded of what notebooks read.
            settle_logged: has what a job's kernel has logged recorded first.
            kept: keeps copies of what notebooks read.
        """
        self.kept = kept
        self._store = store
        self._runs = runs
        self._live = live
        self._inherited = dict(inherited)
        self._settle_logged = settle_logged
        self._records = Records(self._inherited)
        self._renderer = Renderer()
        self._schedule = Schedule(self._sync_one, at_once=_AT_ONCE)
        self._exports = Exports(store, self._renderer, self._exported)
        self._facts = JobFacts(wanted, kept)
        self._sync = Sync(store, runs, self._records, self._exports, self._facts)
        self._background = Background()
        #: By their files.
        self._samples: dict[Path, LiveSamples] = {}

    async def start(self) -> None:
        """Take up what a previous daemon left, then work in the background."""
        self._runs.start()
        for stored in await self._store.alive():
            if stored.job.attempt:
                await self._take_up(stored)
        for stored in await self._store.jobs_to_sync(_EVERYTHING):
            self._schedule.add(stored.job.id)
        self._schedule.start()
        self._exports.start()
        self._background.spawn(self._follow_metrics(), "live metrics")
        self._background.spawn(self._reconcile(), "reconcile runs")

    async def stop(self) -> None:
        """Stop; what is left is done by the next daemon."""
        await self._background.stop()
        await self._exports.stop()
        await self._schedule.stop()
        await self._renderer.stop()
        self._facts.close()
        await self._runs.stop()

    def status(self) -> dict[str, Any]:
        """About tracking, for `GET /status`."""
        return {"uri": self._runs.shown_uri, "pending": len(self._schedule), **self._runs.status()}

    def usual_environment(self) -> dict[str, str]:
        """What `begin` adds to every attempt's environment, without what belongs to the job."""
        return self._runs.usual_environment(self._inherited)

    async def add_tags(self, place: RunPlace, tags: Mapping[str, str]) -> None:
        """Set tags of any run.

        Raises:
            MlopsError: it can't be done now.
        """
        await self._runs.record(place, RunFacts(tags=dict(tags)))

    # --- what the dispatcher asks for ---

    async def begin(self, job: Job, attempt: int) -> RunReference:
        """The run of an attempt about to start. Never raises."""
        try:
            async with self._schedule.lock(job.id):
                return await self._begin(job, attempt)
        except Exception:  # a job starts, whatever is wrong with its record
            log.exception("job %s attempt %d: no run can be begun", job.id, attempt)
            return RunReference()

    def changed(self, job_id: str, *, ended: bool) -> None:
        """Something about the job is to be synced; what it is on its way to may wait a little."""
        self._schedule.add(job_id, 0.0 if ended else SETTLE)

    async def forget(self, job_id: str) -> None:
        """The job was deleted. Its run stays, and is ended if that was still to be done."""
        self._exports.forget(job_id)
        self._live.end(job_id)
        self._schedule.add(job_id)

    async def html(self, job: Job) -> Path:
        """The rendered HTML of the job's last saved notebook, rendered now if need be."""
        return await self._renderer.html(job)

    # --- begin ---

    async def _begin(self, job: Job, attempt: int) -> RunReference:
        record, uses_mlflow = await self._record(job, attempt)
        if uses_mlflow:
            self._runs.expect_calls()
        self._live.add(LiveRun(job.id, record.run_id, None, record.params, attempt))
        self._sync.begun(job.id, attempt)
        given = job.spec.env
        begun = await self._runs.begin(job, record, self._inherited | given)
        # The attempt may have been cancelled while its run was made: look once more.
        self._schedule.add(job.id, delay=1.0)
        if begun.run_id is not None:
            self._background.spawn(self._tell_begun(job, record.experiment, begun))
        elsewhere = directed_elsewhere(given) or "MLFLOW_TRACKING_URI" in job.spec.env_from
        return RunReference(
            begun.run_id, begun.experiment_id, {} if elsewhere else begun.environment
        )

    async def _tell_begun(self, job: Job, experiment: str, begun: Begun) -> None:
        """The run can be looked at from now on."""
        tracking = Tracking(
            uri=self._runs.shown_uri,
            experiment_id=begun.experiment_id,
            experiment=experiment,
            run_id=begun.run_id,
        )
        try:
            await self._store.update(job.id, tracking=tracking)
        except MlopsError as error:
            log.warning("job %s: %s", job.id, error.detail)

    async def _take_up(self, stored: StoredJob) -> None:
        record, _ = await self._record(stored.job, stored.job.attempt)
        run = LiveRun(stored.job.id, record.run_id, stored.job.tracking.experiment_id)
        run.params, run.attempt = record.params, stored.job.attempt
        self._live.add(run)
        self._sync.begun(stored.job.id, stored.job.attempt)

    async def _record(self, job: Job, attempt: int) -> tuple[RunRecord, bool]:
        """The record, and whether the notebook seems to use mlflow."""

        def read(db: sqlite3.Connection) -> tuple[RunRecord, bool]:
            raw = store_reader.file_of(db, job.id, NOTEBOOK) or b""
            return self._records.make(job, attempt, raw), b"mlflow" in raw

        return await self._store.read(read)

    # --- in the background ---

    async def _sync_one(self, job_id: str) -> None:
        if self._settle_logged is not None:
            await self._settle_logged(job_id)
        ended, again = await self._sync.bring_to_truth(job_id)
        if ended:
            self._live.end(job_id)
            self._schedule.settled(job_id)
        elif again is not None:
            self._schedule.add(job_id, again)

    def _exported(self, job_id: str) -> None:
        self._schedule.add(job_id)

    async def _follow_metrics(self) -> None:
        told: dict[str, dict[str, float]] = {}
        while True:
            await asyncio.sleep(_METRICS_EVERY)
            live = self._live.all()
            if not live:
                told.clear()
                continue
            await self._bring_samples(live)
            try:
                found = await self._runs.live_metrics([run.run_id for run in live])
                for run in live:
                    metrics = (found or {}).get(run.run_id)
                    if metrics and told.get(run.run_id) != metrics:
                        told[run.run_id] = metrics
                        with contextlib.suppress(NotFound):
                            await self._store.update(run.job_id, metrics=metrics)
            except MlopsError as error:
                log.warning("metrics of running jobs can't be read: %s", error.detail)

    async def _bring_samples(self, live: list[LiveRun]) -> None:
        """The load of jobs that go on; what can't be recorded now comes at the job's end."""
        kept: dict[Path, LiveSamples] = {}
        for run in live:
            file = paths.attempt_dir(run.job_id, max(run.attempt, 1)) / SYSTEM
            kept[file] = self._samples.get(file) or LiveSamples(file, self._runs.record)
        self._samples = kept
        for run, samples in zip(live, kept.values(), strict=True):
            with contextlib.suppress(MlopsError):
                tracking = (await self._store.get(run.job_id)).job.tracking
                if tracking.run_id is not None:
                    place = RunPlace(tracking.run_id, tracking.experiment_id or "", "", "")
                    await samples.bring(place)

    async def _reconcile(self) -> None:
        def ask(db: sqlite3.Connection) -> States:
            jobs = (stored.job for stored in store_reader.jobs_where(db, ""))
            return {
                job.id: (
                    job.state,
                    frozenset(run_id_of(job, number + 1) for number in range(job.attempt)),
                )
                for job in jobs
            }

        async def states() -> States:
            return await self._store.read(ask)

        try:
            for job_id in await self._runs.reconcile(states):
                self._schedule.add(job_id)
        except MlopsError as error:
            log.warning("runs that a crash left can't be looked for: %s", error.detail)
