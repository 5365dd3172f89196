"""Runs on a tracking server, through MLflow's client in processes of their own.

One process begins runs, since a job waits for that (a moment: then it starts without); another does
the rest. When the server is away, nobody waits for it again for a while.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jupyter_mlops.errors import MlopsError
from jupyter_mlops.jobs.model import Job
from jupyter_mlops.tracking import environment
from jupyter_mlops.tracking.remote_process import RemoteProcess
from jupyter_mlops.tracking.run_facts import RunFacts
from jupyter_mlops.tracking.run_record import RunRecord
from jupyter_mlops.tracking.runs import Begun, Recorded, States
from jupyter_mlops.tracking.sql import RunPlace

log = logging.getLogger(__name__)

#: Seconds that a job's start waits for the server, …
BEGIN_PATIENCE = 3.0
#: … and for the first import of MLflow's client before that.
_IMPORT_PATIENCE = 20.0
#: Seconds for which nobody waits for a server that was not there.
_PAUSE = 30.0
#: Seconds after which a process that works on one request is given up.
_BEGIN_MOST, _WORK_MOST = 60.0, 1800.0


class RemoteRuns:
    """See `runs.Runs`. Belongs to the event loop."""

    def __init__(self, uri: str, shown: str, inherited: Mapping[str, str]) -> None:
        """`shown` is the address for people; `inherited` the environment of the processes."""
        self.shown_uri = shown
        self._uri = uri
        self._front = RemoteProcess("remote_worker", uri, inherited)
        self._back = RemoteProcess("remote_worker", uri, inherited)
        self._beginning: dict[tuple[str, int], asyncio.Task[RunPlace]] = {}
        self._places: dict[tuple[str, int], RunPlace] = {}
        self._imported: asyncio.Task[None] | None = None
        self._paused_until = float("-inf")
        self._problem = ""

    def start(self) -> None:
        """Have MLflow's client imported before the first job needs it."""
        if self._imported is None:
            self._imported = asyncio.create_task(self._import())

    async def stop(self) -> None:
        """End the processes."""
        tasks: list[asyncio.Task[Any]] = [*self._beginning.values()]
        if self._imported is not None:
            tasks.append(self._imported)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(self._front.stop(), self._back.stop())

    async def begin(self, job: Job, record: RunRecord, inherited: Mapping[str, str]) -> Begun:
        """The run, if the server answers within seconds; created afterwards otherwise."""
        place = await self.place_in_time(record)
        if place is None:
            log.warning("job %s starts without a run: %s", job.id, self._problem)
        variables = environment.for_remote(
            self._uri,
            run_id=place.run_id if place else None,
            experiment_id=place.experiment_id if place else None,
            experiment=record.experiment,
            inherited=inherited,
        )
        return Begun(
            place.run_id if place else None, place.experiment_id if place else None, variables
        )

    def usual_environment(self, inherited: Mapping[str, str]) -> dict[str, str]:
        """Where the server is."""
        return environment.for_remote(
            self._uri, run_id=None, experiment_id=None, experiment="", inherited=inherited
        )

    async def place_in_time(self, record: RunRecord) -> RunPlace | None:
        """The attempt's run; None when the server takes longer than a job can wait."""
        if time.monotonic() < self._paused_until:
            return None
        self.start()
        assert self._imported is not None
        await asyncio.wait([self._imported], timeout=_IMPORT_PATIENCE)
        key = (record.job_id, record.attempt)
        task = self._beginning.get(key)
        if task is None:
            task = self._beginning[key] = asyncio.create_task(self._begin(record))
            task.add_done_callback(lambda _: self._beginning.pop(key, None))
        await asyncio.wait([task], timeout=BEGIN_PATIENCE)
        if not task.done():
            self._pause(f"{self.shown_uri} does not answer within {BEGIN_PATIENCE:.0f} s")
            return None
        try:
            return task.result()
        except MlopsError as error:
            self._pause(error.detail)
            return None

    async def apply(
        self, record: RunRecord, earlier: Sequence[RunRecord], files: Mapping[str, Path]
    ) -> Recorded:
        """Whatever is missing is created; nothing twice."""
        key = (record.job_id, record.attempt)
        if (beginning := self._beginning.get(key)) is not None:
            # It may have come through although nobody waited for it any more.
            await asyncio.wait([beginning])
        known = self._places.get(key)
        found = await self._work(
            "apply",
            record=dataclasses.asdict(record),
            earlier=[dataclasses.asdict(one) for one in earlier],
            run_id=None if known is None else known.run_id,
            files=_named(files),
        )
        place = self._remember(record, found)
        self._paused_until, self._problem = float("-inf"), ""
        if record.status.terminal:
            self._places.pop(key, None)
        return Recorded(place, found["metrics"])

    async def put(self, place: RunPlace, files: Mapping[str, Path]) -> None:
        """Through the server's artifact store."""
        await self._work("put", run_id=place.run_id, files=_named(files))

    async def record(self, place: RunPlace, facts: RunFacts) -> None:
        """Tags and files, inputs, samples: each may be there already."""
        await self._work(
            "record",
            run_id=place.run_id,
            tags=facts.tags,
            files=_named(facts.files),
            inputs=[dataclasses.asdict(one) for one in facts.inputs],
            samples=facts.samples,
        )

    async def live_metrics(self, run_ids: Sequence[str]) -> None:  # noqa: ARG002 - see `Runs`
        """They would have to be asked for over and over: they come at the end."""
        return

    async def deleted(self, job_id: str) -> None:
        """Nothing is known of a job that is gone; its run was ended while it was there."""

    async def reconcile(
        self,
        states: Callable[[], Awaitable[States]],  # noqa: ARG002 - see `Runs`
    ) -> set[str]:
        """What a crash left to do is found from the jobs: every run here belongs to one."""
        return set()

    def expect_calls(self) -> None:
        """Nothing to make ready."""

    def status(self) -> dict[str, Any]:
        """Whether the server answered when it was asked last."""
        return {"store": "unreachable" if self._problem else "remote", "detail": self._problem}

    async def _import(self) -> None:
        try:
            await self._front.ask("hello", _BEGIN_MOST)
        except MlopsError as error:
            log.warning("MLflow's client can't be started: %s", error.detail)

    async def _begin(self, record: RunRecord) -> RunPlace:
        given = dataclasses.asdict(record)
        return self._remember(
            record, await self._ask(self._front, "begin", _BEGIN_MOST, record=given)
        )

    async def _work(self, op: str, **given: Any) -> Any:
        return await self._ask(self._back, op, _WORK_MOST, **given)

    async def _ask(self, process: RemoteProcess, op: str, patience: float, **given: Any) -> Any:
        try:
            return await process.ask(op, patience, **given)
        except MlopsError as error:
            self._problem = error.detail
            raise

    def _remember(self, record: RunRecord, found: Mapping[str, Any]) -> RunPlace:
        place = RunPlace(**{**found["place"], "experiment": record.experiment})
        self._places[record.job_id, record.attempt] = place
        return place

    def _pause(self, problem: str) -> None:
        self._problem = problem
        self._paused_until = time.monotonic() + _PAUSE


def _named(files: Mapping[str, Path]) -> dict[str, str]:
    return {name: str(path) for name, path in files.items()}
