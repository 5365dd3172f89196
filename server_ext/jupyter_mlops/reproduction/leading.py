"""Leads a reproduction: environment, code, data, the job, the comparison, the badge."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import shutil
import time
from pathlib import Path

from pydantic import ValidationError

from jupyter_mlops.converters.reproducible import CANNOT, is_python
from jupyter_mlops.converters.tolerance import Tolerance
from jupyter_mlops.errors import InvalidInput, MlopsError, NotFound
from jupyter_mlops.jobs import kernelspecs
from jupyter_mlops.jobs.bundle import NOTEBOOK
from jupyter_mlops.jobs.model import Job, State
from jupyter_mlops.jobs.working_tree import DIFF
from jupyter_mlops.reproduction import model, records
from jupyter_mlops.reproduction.comparing import (
    TOLD_MOST,
    Compared,
    check_data,
    compare_errors,
    compare_metrics,
    compare_outputs,
    compare_predictions,
)
from jupyter_mlops.reproduction.model import (
    Cancelled,
    CannotReproduce,
    Outcome,
    Reproduction,
    StageName,
)
from jupyter_mlops.reproduction.new_job import notebook_again, spec_again
from jupyter_mlops.reproduction.predictions import Unasked, of_both, predictions, tables
from jupyter_mlops.reproduction.rebuilding import FoundEnvironment, Rebuilding
from jupyter_mlops.reproduction.recorded_run import (
    RecordedRun,
    detail_of,
    fetched,
    recorded_run,
    verified,
)
from jupyter_mlops.reproduction.work import Jobs, Work, patiently
from jupyter_mlops.reproduction.workspace import Workspace
from jupyter_mlops.settings import ReproduceSettings
from jupyter_mlops.tracking.gathering import CODE_ZIP, FACTS_TAG, LOCK
from jupyter_mlops.tracking.service import TrackingService

log = logging.getLogger(__name__)

#: Seconds that the record of the new run may take after its job's end.
_RECORDED_WITHIN = 900.0
#: Reproductions that are prepared or compared at a time; their jobs wait in the queue as all do.
_AT_ONCE = 2


class Leading:
    """Leads one reproduction after the other to its outcome. Belongs to the daemon's event loop."""

    def __init__(
        self,
        jobs: Jobs,
        tracking: TrackingService,
        rebuilding: Rebuilding,
        settings: ReproduceSettings,
    ) -> None:
        self._jobs = jobs
        self._tracking = tracking
        self._reader = tracking.reader
        self._rebuilding = rebuilding
        self._settings = settings
        self._turn = asyncio.Semaphore(_AT_ONCE)

    async def reproduce(self, work: Work) -> tuple[Outcome, str]:
        """Do what is left to do of it; how it came out, and what is to be said about it.

        Raises:
            CannotReproduce: something is missing.
        """
        record = work.record
        run = await patiently(lambda: recorded_run(self._reader, record.run_id))
        if found := [one.what for one in run.lacks if one.then == CANNOT]:
            raise CannotReproduce(" ".join(found).rstrip("."))
        if record.job_id is None:
            record.job_id = await self._jobs.of_key(_key(record))
        if record.job_id is None:
            record.notes = []
            async with self._turn:
                with contextlib.ExitStack() as held:
                    self._hold_copies(run, held)
                    environment = await self._environment(work, run, held)
                    held.enter_context(self._rebuilding.used(environment.kernel))
                    notebook = await self._code(work, run)
                    await self._data(work, run)
                    await self._submit(work, run, environment, notebook)
        # Its job keeps the environment while it runs.
        job = await self._run(work, run)
        with contextlib.ExitStack() as held:
            self._hold_copies(run, held)
            held.enter_context(self._rebuilding.used(job.kernel.name))
            async with self._turn:
                return await self._compare(work, run, job)

    async def finish(self, record: Reproduction) -> None:
        """Put the badge on the run, and clear up."""
        if record.outcome is not Outcome.CANCELLED:
            try:
                await patiently(functools.partial(self._badge, record))
            except NotFound:
                log.info("the run %s is gone: it gets no badge", record.run_id)
            except MlopsError as error:
                record.notes.append(f"the run's badge can't be set: {detail_of(error)}")
        if not record.order.keep:
            workspace = Path(record.directory)
            try:
                await asyncio.to_thread(records.remove, workspace)
            except FileNotFoundError:
                record.directory = ""
            except (OSError, MlopsError) as error:
                record.notes.append(f"{workspace} can't be removed: {error}")
            else:
                record.directory = ""
        try:
            await self._rebuilding.make_room(await self._jobs.kernels_in_use())
        except (OSError, MlopsError) as error:
            log.warning("rebuilt environments can't be looked through: %s", error)

    # --- stages ---

    def _hold_copies(self, run: RecordedRun, held: contextlib.ExitStack) -> None:
        """Its data isn't to make room for other data now."""
        if self._tracking.kept is not None:
            digests = {str(one.get("sha256", "")) for one in run.datasets}
            held.enter_context(self._tracking.kept.using(digests))

    async def _environment(
        self, work: Work, run: RecordedRun, held: contextlib.ExitStack
    ) -> FoundEnvironment:
        async with work.stage(StageName.ENVIRONMENT) as stage:
            if not is_python(run.facts):
                found = self._rebuilding.as_it_is(run.facts)
                stage.detail = found.said
                return found
            lock = await patiently(lambda: verified(self._reader, run.id, LOCK, run.artifacts))
            found = await self._rebuilding.find(run.facts, lock.decode("utf-8", "replace"), held)
            stage.detail = found.said
            work.record.notes += found.notes
            return found

    async def _code(self, work: Work, run: RecordedRun) -> str:
        """Returns the path of the notebook."""
        record, facts = work.record, run.facts
        async with work.stage(StageName.CODE) as stage:
            directory = records.directory_of(record.id)
            await asyncio.to_thread(_fresh, directory)
            workspace = _workspace(record, run)
            about = facts.get("notebook") or {}
            path, cwd = str(about.get("path") or ""), str(facts.get("cwd") or "")
            if not path:
                raise CannotReproduce("the run was logged without a notebook")
            raw = await patiently(lambda: verified(self._reader, run.id, NOTEBOOK, run.artifacts))
            archive = diff = None
            if CODE_ZIP in run.artifacts:
                archive = await self._fetch(run, CODE_ZIP, directory)
            if DIFF in run.artifacts:
                diff = await self._fetch(run, DIFF, directory)

            def restore() -> tuple[str, str]:
                said = workspace.restore_tree(facts.get("code") or {}, diff)
                if archive is not None:
                    count = workspace.restore_modules(archive, cwd)
                    modules = f"{count} local module{'' if count == 1 else 's'}"
                    said = f"{said}, {modules}" if said else modules
                return str(workspace.put(path, notebook_again(raw, facts))), said

            placed, said = await asyncio.to_thread(restore)
            stage.detail = said or "the notebook, which imports no local modules"
            record.notes += workspace.notes
            return placed

    async def _fetch(self, run: RecordedRun, name: str, directory: Path) -> Path:
        target = directory / name
        target.unlink(missing_ok=True)
        return await fetched(self._reader, run.id, name, run.artifacts, target)

    async def _data(self, work: Work, run: RecordedRun) -> None:
        async with work.stage(StageName.DATA) as stage:
            workspace = _workspace(work.record, run)
            total = len(run.datasets)

            def told(count: int) -> None:
                stage.detail = f"{count} of {total} files"

            came = await asyncio.to_thread(workspace.restore_data, run.datasets, told)
            listed = ", ".join(f"{count} from {where}" for where, count in came.items())
            files = f"{total} file{'' if total == 1 else 's'}"
            stage.detail = f"{files}: {listed}" if total else "it read no files"
            work.record.notes += workspace.notes

    async def _submit(
        self, work: Work, run: RecordedRun, environment: FoundEnvironment, notebook: str
    ) -> None:
        record = work.record
        try:
            spec = spec_again(record, run, environment, notebook)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            raise CannotReproduce(f"its parameters can't be used: {first['msg']}") from None
        try:
            job = await self._jobs.submit(spec, _key(record))
        except InvalidInput as error:
            raise CannotReproduce(f"it can't run here: {detail_of(error)}") from error
        record.job_id = job.id
        await work.save()

    async def _run(self, work: Work, run: RecordedRun) -> Job:
        record = work.record
        assert record.job_id is not None
        async with work.stage(StageName.RUNNING) as stage:
            stage.detail = f"job {record.job_id}"
            await work.save()
            try:
                while not (job := await self._jobs.get(record.job_id)).state.terminal:
                    await self._jobs.changed(record.job_id)
            except NotFound:
                raise CannotReproduce(f"its job {record.job_id} was deleted") from None
            if job.state is State.CANCELLED:
                raise Cancelled
            failure = job.failure
            as_before = run.failed and failure is not None and failure.code == "cell_failed"
            if job.state is State.FAILED and not as_before:
                why = "" if failure is None else f": {failure.message}".rstrip(".")
                record.new_run_id = job.tracking.run_id
                raise CannotReproduce(f"the job {job.id} failed{why}")
            return job

    async def _compare(self, work: Work, run: RecordedRun, job: Job) -> tuple[Outcome, str]:
        record = work.record
        async with work.stage(StageName.COMPARING) as stage:
            stage.detail = "waits for the record of the new run"
            await work.save()
            now = await self._recorded(job)
            record.new_run_id = now.id
            stage.detail = "data"
            record.notes += check_data(run, now, record.directory)
            tolerance = Tolerance(
                self._settings.tolerance
                if record.order.tolerance is None
                else record.order.tolerance,
                record.order.tolerances,
                frozenset(record.order.ignore),
            )
            compared = Compared()
            stage.detail = "metrics"
            seeded = not any(one.code == "no_seed" for one in run.lacks)
            await patiently(
                lambda: compare_metrics(
                    self._reader, run.detail, now.detail, tolerance, compared, series=seeded
                )
            )
            compare_errors(run, now, compared)
            stage.detail = "predictions"
            await work.save()
            if is_python(run.facts):
                await self._predictions(record, run, now, job, tolerance, compared)
            if not compared.what and not compared.differences:
                await compare_outputs(self._reader, run.id, now.id, record.directory, compared)
            record.notes += compared.notes
            record.differences = compared.differences[:TOLD_MOST]
            outcome, detail = _verdict(compared, tolerance)
            if not is_python(run.facts):
                # On the badge: who reads no more is to know it.
                detail += f"; environment not rebuilt: kernel {job.kernel.name}"
            stage.detail = detail
        return outcome, detail

    async def _recorded(self, job: Job) -> RecordedRun:
        """The new run, once everything of it is recorded."""
        deadline = time.monotonic() + _RECORDED_WITHIN
        while True:
            job = await self._jobs.get(job.id)
            run_id = job.tracking.run_id
            if run_id is not None and job.tracking.synced:
                detail = await patiently(
                    functools.partial(self._reader.detail, run_id, summary=False)
                )
                if FACTS_TAG in detail.run.own_tags:
                    return await patiently(
                        functools.partial(recorded_run, self._reader, run_id, finished=False)
                    )
            if time.monotonic() > deadline:
                why = f": {job.tracking.detail}" if job.tracking.detail else ""
                raise CannotReproduce(f"the new run could not be recorded{why}")
            await asyncio.sleep(0.2)

    async def _predictions(
        self,
        record: Reproduction,
        run: RecordedRun,
        now: RecordedRun,
        job: Job,
        tolerance: Tolerance,
        compared: Compared,
    ) -> None:
        ask = functools.partial(
            predictions,
            kernelspecs.find(job.kernel.name).order().argv[0],
            records.directory_of(record.id),
            Path(job.notebook).parent,
            self._tracking.client_environment,
            patience=self._settings.predict_timeout,
        )
        workspace = _workspace(record, run)
        cwd = str(run.facts.get("cwd") or "/")
        data = await asyncio.to_thread(tables, run.datasets, cwd, workspace)
        try:
            told = await of_both(run.id, now.id, data, lambda wanted: ask(wanted=wanted))
        except Unasked as why:
            raise CannotReproduce(f"the models can't be compared: {why}") from None
        compare_predictions(*told, tolerance, compared)

    async def _badge(self, record: Reproduction) -> None:
        assert record.outcome is not None
        detail = await self._reader.detail(record.run_id, summary=False)
        ended = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.ended_at))
        tags = {
            model.OUTCOME_TAG: record.outcome.value,
            model.DETAIL_TAG: record.detail,
            model.TIME_TAG: ended,
            model.JOB_TAG: record.job_id or "",
            model.RUN_TAG: record.new_run_id or "",
        }
        await self._tracking.tag_run(detail, tags)


# ---------------------------------------------------------------- parts


def _key(record: Reproduction) -> str:
    return f"reproduction-{record.id}"


def _workspace(record: Reproduction, run: RecordedRun) -> Workspace:
    cwd = str(run.facts.get("cwd") or "")
    return Workspace(Path(record.directory), cwd, str(run.facts.get("real_cwd") or cwd))


def _fresh(directory: Path) -> None:
    workspace = directory / records.WORKSPACE
    if workspace.exists():
        records.remove(workspace)
    workspace.mkdir(mode=0o700, parents=True)
    shutil.rmtree(directory / records.RESULT, ignore_errors=True)


def _verdict(compared: Compared, tolerance: Tolerance) -> tuple[Outcome, str]:
    if compared.differences:
        texts = [one.text for one in compared.differences]
        more = f"; and {len(texts) - 5} more" if len(texts) > 5 else ""
        return Outcome.DIFFERS, "; ".join(texts[:5]) + more
    if not compared.what:
        raise CannotReproduce("it logged nothing that could be compared: no metric, no model")
    how = "to the last bit" if compared.identical else f"within {tolerance.usual:g}"
    return Outcome.REPRODUCED, f"the same {how}: {' and '.join(compared.what)}"
