"""Where what a kernel logs is recorded: the embedded store here, a server in `remote_log.py`."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import os
import sqlite3
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from jupyter_mlops.errors import Busy, Conflict, StoreFull
from jupyter_mlops.jobs.runner.files import is_full, replace_with_copy
from jupyter_mlops.tracking import artifacts, logged_sql, sql
from jupyter_mlops.tracking.embedded import Embedded
from jupyter_mlops.tracking.live_runs import LiveRuns
from jupyter_mlops.tracking.logbook import ARTIFACTS, Batch
from jupyter_mlops.tracking.run_record import RunRecord, RunStatus, milliseconds
from jupyter_mlops.tracking.sql import RunPlace

log = logging.getLogger(__name__)

#: Says on a server, which chooses its own ids, which run is ours.
RUN_TAG = "mlops.run_id"


@dataclass(frozen=True, slots=True)
class RunOrder:
    """A run as its kernel began it; times are milliseconds since the epoch."""

    #: Ours; in the embedded store the run's own.
    id: str
    started: int
    experiment: str = ""
    name: str = ""
    user: str = ""
    params: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    #: A job's own run: the job begins and ends it.
    job_id: str = ""
    attempt: int = 0
    #: Of a run of its own: the notebook's path ("" for a program) and the working directory.
    notebook: str = ""
    cwd: str = ""

    @property
    def of_job(self) -> bool:
        """Whether the run is a job's."""
        return bool(self.job_id)

    def record(self) -> RunRecord:
        """The run at its beginning."""
        return RunRecord(
            job_id=self.job_id,
            attempt=self.attempt,
            run_id=self.id,
            experiment=self.experiment,
            name=self.name,
            user=self.user,
            status=RunStatus.RUNNING,
            started=self.started,
            params=self.params,
            tags=self.tags,
        )


class RunDeleted(Conflict):
    """Nothing can be recorded in a run that was deleted, or whose experiment was."""

    code, title = "run_deleted", "The run was deleted"


class RunLog(Protocol):
    """Records what kernels log. Methods raise an MlopsError when it can't be done now; all may be
    repeated: what is there already stays as it is.
    """

    async def begin(self, order: RunOrder) -> RunPlace:
        """Create the run unless it is there.

        Raises:
            Busy: a job's run that isn't there yet.
            RunDeleted: it was deleted.
        """

    async def write(self, order: RunOrder, place: RunPlace, directory: Path, batch: Batch) -> None:
        """Record a batch; the files that it names lie in the run's directory."""

    async def stop(self) -> None:
        """Let go."""


class EmbeddedLog:
    """By SQL, in one transaction a batch."""

    def __init__(self, embedded: Embedded, live: LiveRuns, client: RunLog) -> None:
        """`client` goes through MLflow, for a schema that we don't know."""
        self._embedded = embedded
        self._live = live
        self._client = client

    async def begin(self, order: RunOrder) -> RunPlace:
        """See `RunLog`."""
        store = await self._embedded.store()
        if not store.known:
            return await self._client.begin(order)
        return await store.run(lambda db: _place(db, order), durable=False)

    async def write(self, order: RunOrder, place: RunPlace, directory: Path, batch: Batch) -> None:
        """See `RunLog`."""
        store = await self._embedded.store()
        target = artifacts.local_directory(self._embedded.artifacts, place.artifact_uri)
        if not store.known or (batch.artifacts and target is None):
            await self._client.write(order, place, directory, batch)
            return
        if batch.artifacts and target is not None:
            # Before the rows: whoever sees that the run has ended finds its files.
            await asyncio.to_thread(_move, directory / ARTIFACTS, target, batch.artifacts)
        live = self._live.by_run(order.id)
        ours = {} if live is None else live.params

        def work(db: sqlite3.Connection) -> None:
            _place(db, order)  # it may have been deleted, or lost with the power, since
            logged_sql.log_points(db, order.id, batch.points)
            logged_sql.log_params(db, order.id, batch.params, ours)
            sql.set_tags(db, order.id, batch.tags)
            logged_sql.rename(db, order.id, batch.tags)
            logged_sql.log_datasets(db, order.id, int(place.experiment_id), batch.datasets)
            if batch.status is not None and not order.of_job:
                logged_sql.set_status(db, order.id, batch.status, batch.at)

        await store.run(work, durable=batch.ended)

    async def stop(self) -> None:
        """See `RunLog`."""
        await self._client.stop()


def _place(db: sqlite3.Connection, order: RunOrder) -> RunPlace:
    match logged_sql.active(db, order.id):
        case None if order.of_job:
            raise Busy(f"The run of job {order.job_id} isn't there yet.")
        case None:
            return sql.begin(db, order.record(), milliseconds(time.time()))
        case False:
            raise RunDeleted(
                f"The run {order.id}, or its experiment, was deleted in MLflow.",
                hint="Restore it there: what was logged meanwhile is kept and follows.",
            )
    found = sql.place(db, order.id)
    assert found is not None
    return found


def _move(source: Path, target: Path, names: list[str]) -> None:
    """Blocking."""
    for name in dict.fromkeys(names):
        try:
            _move_one(source / name, source, target / name, target)
        except OSError as error:
            if is_full(error):
                raise StoreFull(
                    f"There is no space left for artifacts in {target}.",
                    hint="Free some space; then they follow.",
                ) from error
            raise Busy(f"An artifact can't be moved: {error.strerror or error}.") from error


def _move_one(source: Path, root: Path, path: Path, directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    if not (inside(source, root) and inside(path, directory)):
        # A link that leads elsewhere; nobody who can be asked has made it.
        log.warning("%s is left out: it doesn't lie where a run's artifacts do", source)
        return
    if not source.is_file():
        return  # moved already: these records are read a second time
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.replace(source, path)
    except OSError as error:
        if is_full(error) or isinstance(error, FileNotFoundError):
            raise
        # Another file system.
        replace_with_copy(path, source)
        with contextlib.suppress(FileNotFoundError):
            source.unlink()


def inside(path: Path, root: Path) -> bool:
    """Whether a path, links followed, is below `root` and no link itself."""
    real = Path(os.path.realpath(root))
    return Path(os.path.realpath(path)).is_relative_to(real) and not path.is_symlink()


def document(order: RunOrder) -> dict[str, object]:
    """As JSON."""
    return dataclasses.asdict(order)
