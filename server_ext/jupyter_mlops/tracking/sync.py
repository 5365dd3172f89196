"""Bringing one job's run to the truth: what there is to do, in which order, and what was done."""

from __future__ import annotations

import functools
import logging
import sqlite3
import time
from dataclasses import dataclass, replace
from pathlib import Path

from jupyter_mlops import paths
from jupyter_mlops.errors import MlopsError, NotFound
from jupyter_mlops.jobs import store_reader
from jupyter_mlops.jobs.attempt_log import log_file, size_of
from jupyter_mlops.jobs.bundle import NOTEBOOK
from jupyter_mlops.jobs.model import Job, Tracking
from jupyter_mlops.jobs.store import Store
from jupyter_mlops.jobs.store_rows import StoredJob
from jupyter_mlops.tracking.artifacts import artifact_stem
from jupyter_mlops.tracking.exports import Exports
from jupyter_mlops.tracking.job_facts import JobFacts
from jupyter_mlops.tracking.records import Records
from jupyter_mlops.tracking.rendering import executed_notebook
from jupyter_mlops.tracking.run_record import (
    ARTIFACT_DIRECTORY,
    STATUS_OF,
    RunRecord,
    milliseconds,
)
from jupyter_mlops.tracking.runs import Recorded, Runs
from jupyter_mlops.tracking.sql import RunPlace

log = logging.getLogger(__name__)

#: Seconds after its begin in which a job's run is left alone: most short jobs end meanwhile.
SETTLE = 0.5


@dataclass(slots=True)
class _Known:
    """What was done for a job by this daemon."""

    #: The attempt that was begun last, and when.
    begun: int = 0
    begun_at: float = float("-inf")
    stored: StoredJob | None = None
    #: `sync_wanted` that the run was brought to, and where it is.
    applied: int = -1
    place: RunPlace | None = None
    #: `sync_wanted` that its facts were put together for.
    facts_of: int = -1
    #: Whether the HTML is among the run's artifacts, or never will be.
    html_put: bool = False


class Sync:
    """Belongs to the event loop; a job is handled by one task at a time."""

    def __init__(
        self, store: Store, runs: Runs, records: Records, exports: Exports, facts: JobFacts
    ) -> None:
        self._facts = facts
        self._store = store
        self._runs = runs
        self._records = records
        self._exports = exports
        self._known: dict[str, _Known] = {}

    def begun(self, job_id: str, attempt: int) -> None:
        """An attempt has been given a run."""
        known = self._known.setdefault(job_id, _Known())
        known.begun, known.begun_at = attempt, time.monotonic()

    async def bring_to_truth(self, job_id: str) -> tuple[bool, float | None]:
        """Do what there is to do now.

        Returns:
            Whether the job has ended, and in how many seconds to look again (None: when it
            changes).

        Raises:
            MlopsError: it can't be done now.
        """
        known = self._known.setdefault(job_id, _Known())
        try:
            stored, records = await self._store.read(functools.partial(self._read, job_id, known))
        except NotFound:
            await self._of_deleted(job_id)
            return True, None
        known.stored = stored
        job = stored.job
        settles_in = known.begun_at + SETTLE - time.monotonic()
        if not job.state.terminal and settles_in > 0:
            return False, settles_in
        if job.attempt == 0 and not (job.state.terminal and known.begun):
            if job.state.terminal:
                nothing = Tracking(synced=True, detail="It never started, so it has no run.")
                await self._store.mark_synced(job_id, stored.sync_wanted, nothing)
                self._known.pop(job_id, None)
            return job.state.terminal, None
        finished = False
        try:
            finished = await self._advance(stored, records, known)
        except MlopsError as error:
            await self._explain(job, error)
            raise
        finally:
            # However long a tracking server is away. Not before: that it is there would have the
            # job looked at once more, which would want it anew.
            if not finished and job.state.terminal and executed_notebook(job) is not None:
                self._exports.want(job, html_target(stored))
        if finished:
            self._known.pop(job_id, None)
            self._exports.forget(job_id)
        return job.state.terminal, None

    def _read(
        self, job_id: str, known: _Known, db: sqlite3.Connection
    ) -> tuple[StoredJob, list[RunRecord]]:
        """The job, and the runs of its attempts unless they are as they should be."""
        stored = store_reader.one_job(db, job_id)
        job = stored.job
        if known.applied == stored.sync_wanted:
            return stored, []
        raw = store_reader.file_of(db, job.id, NOTEBOOK) or b""
        last = max(job.attempt, known.begun if job.state.terminal else 0)
        return stored, [self._records.make(job, number, raw) for number in range(1, last + 1)]

    async def _advance(self, stored: StoredJob, records: list[RunRecord], known: _Known) -> bool:
        """Whether everything is done that will ever have to be."""
        job = stored.job
        if known.applied != stored.sync_wanted:
            recorded = await self._apply(job, records)
            known.place = recorded.place
            await self._tell(stored, recorded)
            known.applied = stored.sync_wanted
        if not job.state.terminal:
            return False
        assert known.place is not None
        if known.facts_of != known.applied:
            # After the run has ended: they may take seconds, and its status waits for nobody.
            facts = await self._facts.of(job)
            await self._runs.record(known.place, facts)
            await self._facts.recorded(known.place.run_id, facts)
            known.facts_of = known.applied
        if not known.html_put and executed_notebook(job) is not None:
            found = self._exports.result(job.id)
            if found is None:
                return False
            if found[0] is not None:
                name = f"{ARTIFACT_DIRECTORY}/{artifact_stem(job.notebook)}.html"
                await self._runs.put(known.place, {name: found[0]})
        known.html_put = True
        detail = (self._exports.result(job.id) or (None, ""))[1]
        tracking = (await self._store.get(job.id)).job.tracking
        # Everything is where it belongs: the store need not remind anybody any more.
        await self._store.mark_synced(
            job.id, stored.sync_wanted, tracking.model_copy(update={"detail": detail})
        )
        return True

    async def _apply(self, job: Job, made: list[RunRecord]) -> Recorded:
        current = max(job.attempt, 1)
        record = made.pop(current - 1)
        if job.state.terminal:
            # Begun, and cancelled at the same moment: no attempt of the store's.
            ended = milliseconds(job.ended_at or time.time())
            status = STATUS_OF[job.state]
            record, *made = (
                one
                if one.status.terminal
                else replace(one, status=status, ended=max(ended, one.started))
                for one in (record, *made)
            )
        files = self._files(job) if job.state.terminal else {}
        return await self._runs.apply(record, made, files)

    @staticmethod
    def _files(job: Job) -> dict[str, Path]:
        stem = f"{ARTIFACT_DIRECTORY}/{artifact_stem(job.notebook)}"
        found: dict[str, Path] = {}
        notebook = executed_notebook(job)
        if notebook is not None:
            found[f"{stem}.ipynb"] = notebook
        text = log_file(paths.attempt_dir(job.id, max(job.attempt, 1)))
        if size_of(text) and not text.is_symlink():
            found[f"{stem}.log"] = text
        return found

    async def _tell(self, stored: StoredJob, recorded: Recorded) -> None:
        job, place = stored.job, recorded.place
        tracking = Tracking(
            uri=self._runs.shown_uri,
            experiment_id=place.experiment_id,
            experiment=place.experiment,
            run_id=place.run_id,
            synced=True,
        )
        # Also to none: a retry that logs nothing has not the metrics of the try before it.
        changed_metrics = recorded.metrics != job.metrics
        if job.state.terminal or tracking != job.tracking or changed_metrics:
            await self._store.update(
                job.id,
                tracking=tracking,
                metrics=recorded.metrics if changed_metrics else None,
                synced=None if job.state.terminal else stored.sync_wanted,
                seen=stored.sync_wanted,
            )

    async def _explain(self, job: Job, error: MlopsError) -> None:
        """Say in the job why its run is not up to date."""
        detail = f"{error.detail} It is tried again."
        if job.tracking.detail == detail and not job.tracking.synced:
            return
        tracking = job.tracking.model_copy(
            update={"uri": self._runs.shown_uri, "synced": False, "detail": detail}
        )
        try:
            await self._store.update(job.id, tracking=tracking)
        except MlopsError as problem:
            log.warning("job %s: %s", job.id, problem.detail)

    async def _of_deleted(self, job_id: str) -> None:
        """A job was deleted before its run was at the truth: end the run as far as it is known."""
        known = self._known.get(job_id)
        if known is not None and known.stored is not None and known.applied < 0:
            job = known.stored.job
            if job.attempt or known.begun:
                await self._runs.apply(
                    self._records.make(job, max(job.attempt, known.begun), b""), [], {}
                )
        self._known.pop(job_id, None)
        await self._runs.deleted(job_id)


def html_target(stored: StoredJob) -> Path:
    """Where the person finds the HTML: beside the executed notebook."""
    return Path(stored.output_paths.notebook).with_suffix(".html")
