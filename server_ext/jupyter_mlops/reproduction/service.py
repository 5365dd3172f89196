"""Reproductions under way: begun, led from stage to stage, taken up again after a crash.

What was reached is in the record before the next step is made. Preparing is done anew when it was
cut off; the job is submitted under the reproduction's own key, so that there is never a second one.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import Mapping

from jupyter_mlops.converters.reproducible import CANNOT
from jupyter_mlops.errors import Conflict, MlopsError, NotFound
from jupyter_mlops.jobs.background import Background
from jupyter_mlops.reproduction import records
from jupyter_mlops.reproduction.leading import Leading
from jupyter_mlops.reproduction.missing import lacks_now
from jupyter_mlops.reproduction.model import (
    Cancelled,
    CannotReproduce,
    Lack,
    Outcome,
    Reproducibility,
    Reproduction,
    ReproductionOptions,
    ReproductionOrder,
    Stage,
    StageName,
    StageState,
)
from jupyter_mlops.reproduction.rebuilding import Rebuilding
from jupyter_mlops.reproduction.recorded_run import detail_of, recorded_run
from jupyter_mlops.reproduction.space import Cleaning
from jupyter_mlops.reproduction.work import Jobs, Work
from jupyter_mlops.settings import ReproduceSettings
from jupyter_mlops.tracking.service import TrackingService

log = logging.getLogger(__name__)

#: Characters of an outcome's detail; a tag of MLflow's takes as many.
DETAIL_MOST = 5000


class Reproductions:
    """Belongs to the daemon's event loop."""

    def __init__(
        self,
        jobs: Jobs,
        tracking: TrackingService,
        settings: ReproduceSettings,
        environment: Mapping[str, str],
    ) -> None:
        self._jobs = jobs
        self._reader = tracking.reader
        rebuilding = Rebuilding(settings, environment)
        self._lead = Leading(jobs, tracking, rebuilding, settings)
        #: What they leave on the disk.
        self.cleaning = Cleaning(jobs, tracking, rebuilding, settings.environments_limit)
        self._known: dict[str, Reproduction] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._background = Background()

    async def start(self) -> None:
        """Go on with what a previous daemon began."""
        self._known = await asyncio.to_thread(records.load_all)
        await asyncio.to_thread(records.clear_up, list(self._known.values()))
        for record in self._known.values():
            if record.outcome is None:
                log.info("the reproduction %s goes on", record.id)
                self._go(record)
        await self.cleaning.start()

    async def stop(self) -> None:
        """Stop; the next daemon goes on."""
        await self.cleaning.stop()
        await self._background.stop()

    @property
    def busy(self) -> bool:
        """Whether any is under way."""
        return bool(self._tasks)

    # --- what clients ask for ---

    async def begin(self, run_id: str, order: ReproductionOrder) -> Reproduction:
        """Begin to reproduce a run; durable when this returns.

        Raises:
            NotFound: there is no such run.
        """
        found = await self._reader.detail(run_id, summary=False)
        record = Reproduction(
            id=secrets.token_hex(8),
            run_id=found.run.id,
            order=ReproductionOptions.model_validate(order.model_dump()),
            created_at=time.time(),
            stages=[Stage(name=name) for name in StageName],
        )
        record.directory = str(records.directory_of(record.id) / records.WORKSPACE)
        await self._save(record)
        self._known[record.id] = record
        await asyncio.to_thread(records.forget_old, self._known)
        self._go(record)
        return record

    def get(self, reproduction_id: str) -> Reproduction:
        """One.

        Raises:
            NotFound: there is none with this id.
        """
        found = self._known.get(reproduction_id)
        if found is None:
            raise NotFound(
                "There is no such reproduction.",
                hint="GET /runs/{id}/reproductions lists those of a run.",
            )
        return found

    async def of_run(self, run_id: str) -> list[Reproduction]:
        """Those of a run, newest first.

        Raises:
            NotFound: there is no such run.
        """
        found = [one for one in self._known.values() if one.run_id == run_id]
        if not found:
            await self._reader.detail(run_id, summary=False)
        return sorted(found, key=lambda one: (-one.created_at, one.id))

    async def cancel(self, reproduction_id: str) -> Reproduction:
        """Ask for the end of one.

        Raises:
            NotFound: there is none with this id.
            Conflict: it has ended.
        """
        record = self.get(reproduction_id)
        task = self._tasks.get(record.id)
        if record.outcome is not None or task is None:
            raise Conflict(
                f"It has already ended: {(record.outcome or Outcome.CANNOT).value}.",
                hint="There is nothing left to cancel.",
                code="already_ended",
            )
        record.cancelling = True
        await self._save(record)
        if record.stage(StageName.RUNNING).state is StageState.WORKING and record.job_id:
            with contextlib.suppress(Conflict, NotFound):  # it has just ended
                await self._jobs.cancel(record.job_id)
        else:
            task.cancel()
        return record

    async def reproducibility(self, run_id: str) -> Reproducibility:
        """Whether a run could be reproduced, told in advance.

        Raises:
            NotFound: there is no such run.
        """
        try:
            run = await recorded_run(self._reader, run_id)
        except CannotReproduce as why:
            nothing = Lack(
                code="not_recorded",
                what=f"{str(why)[:1].upper()}{str(why)[1:]}.",
                mend="Run the notebook again, as a job.",
                then=CANNOT,
            )
            return Reproducibility(run_id=run_id, exactly=False, possible=False, lacks=[nothing])
        now = await asyncio.to_thread(lacks_now, run)
        found = [Lack(**one.to_json()) for one in now]
        return Reproducibility(
            run_id=run_id,
            exactly=not found,
            possible=not any(one.then == CANNOT for one in found),
            lacks=found,
        )

    # --- in the background ---

    def _go(self, record: Reproduction) -> None:
        task = self._background.spawn(self._carry_out(record), f"reproduction {record.id}")
        self._tasks[record.id] = task
        task.add_done_callback(lambda _: self._tasks.pop(record.id, None))

    async def _carry_out(self, record: Reproduction) -> None:
        work = Work(record, self._save)
        try:
            outcome, detail = await self._lead.reproduce(work)
        except CannotReproduce as why:
            outcome, detail = Outcome.CANNOT, str(why)
        except Cancelled:
            outcome, detail = Outcome.CANCELLED, ""
        except asyncio.CancelledError:
            if not record.cancelling:
                raise  # the daemon leaves; the next one goes on
            outcome, detail = Outcome.CANCELLED, ""
        except MlopsError as error:
            log.warning("the reproduction %s: %s", record.id, error.detail)
            outcome, detail = Outcome.CANNOT, f"{detail_of(error)}. {error.hint}".strip(" .")
        except Exception as error:  # whatever it is, nobody is to wait for ever
            log.exception("the reproduction %s failed", record.id)
            outcome = Outcome.CANNOT
            detail = (
                f"something went wrong in the daemon ({type(error).__name__}); its log says what"
            )
        # A copy: nobody is to see the outcome before the run's badge is there and it is durable.
        ended = record.model_copy(deep=True)
        ended.outcome, ended.detail = outcome, detail[:DETAIL_MOST]
        ended.notes = list(dict.fromkeys(ended.notes))
        ended.ended_at = time.time()
        await self._lead.finish(ended)
        await self._save(ended)
        self._known[ended.id] = ended

    async def _save(self, record: Reproduction) -> None:
        await asyncio.to_thread(records.save, record.model_copy(deep=True))
