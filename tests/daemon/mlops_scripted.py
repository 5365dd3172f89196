"""A dispatcher whose runners are played by the test: they write what a real one would write."""

# ruff: noqa: ASYNC110 - only the test itself waits

from __future__ import annotations

import asyncio
import json
import os
import secrets
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_mlops import paths
from jupyter_mlops.errors import MlopsError, NotFound
from jupyter_mlops.jobs.capacity import Amount
from jupyter_mlops.jobs.dispatcher import Dispatcher
from jupyter_mlops.jobs.hub import Hub
from jupyter_mlops.jobs.model import Job, JobSpec, Kernel, Outputs, Resources
from jupyter_mlops.jobs.order import AttemptOrder
from jupyter_mlops.jobs.recording import RunReference
from jupyter_mlops.jobs.store import Store
from jupyter_mlops.jobs.store_rows import NewJob, OutputPaths, Preload
from jupyter_mlops.settings import Settings

FILES = {"notebook.ipynb": b'{"cells": []}'}


@dataclass(eq=False)
class Runner:
    """One played runner."""

    directory: Path
    order: AttemptOrder | None = None
    environment: dict[str, str] = field(default_factory=dict)
    living: bool = True
    stops: int = 0
    kills: int = 0
    obedient: bool = True
    seq: int = 0

    def alive(self) -> bool:
        """As the dispatcher asks."""
        return self.living

    async def stop(self) -> None:
        """SIGTERM."""
        self.stops += 1
        if self.obedient:
            failure = {"code": "cancelled", "message": "Cancelled while cell 1 was running."}
            self.finish("cancelled", failure=failure)

    async def kill(self) -> None:
        """SIGKILL."""
        self.kills += 1
        self.living = False

    def write(self, kind: str, **fields: Any) -> None:
        """One event."""
        self.seq += 1
        event = {"seq": self.seq, "t": time.time(), "type": kind, **fields}
        with (self.directory / "events.jsonl").open("a") as file:
            file.write(json.dumps(event) + "\n")

    def prepared(self, total: int = 2) -> None:
        """The kernel is up."""
        self.beat(1)
        self.write("prepared", total=total, start={"warm": True, "preloaded": ["numpy"]})

    def beat(self, counter: int) -> None:
        """A heartbeat."""
        (self.directory / "heartbeat").write_text(str(counter))

    def finish(self, state: str = "succeeded", **fields: Any) -> None:
        """The end, as a runner says it."""
        record = {"state": state, "failure": None, "duration": 1.5, "peak_memory": 4096} | fields
        self.write("finished", **record)
        (self.directory / "exit.json").write_text(json.dumps(record))
        self.living = False


class Troupe:
    """Launches played runners."""

    def __init__(self) -> None:
        self.runners: list[Runner] = []
        self.error: Exception | None = None
        self.adoptable: dict[str, Runner] = {}
        self.launched = asyncio.Event()

    async def prepare(
        self, order: AttemptOrder, environment: dict[str, str], preload: Preload, *, warm: bool
    ) -> None:
        """No warm parents on stage."""
        order.kernel.cold_reason = f"warm={warm}"

    async def launch(self, order: AttemptOrder, environment: dict[str, str]) -> Runner:
        """A runner of the test's."""
        if self.error is not None:
            raise self.error
        runner = Runner(Path(order.directory), order, environment)
        self.runners.append(runner)
        self.launched.set()
        return runner

    async def adopt(self, directory: Path) -> Runner | None:
        """One that the test left for it."""
        return self.adoptable.get(str(directory))

    def status(self) -> dict[str, Any]:
        """Nothing to tell."""
        return {}

    async def close(self) -> None:
        """Nothing to let go."""


class Notes:
    """A recorder that only notes what it was told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.forgotten: list[str] = []

    async def begin(self, job: Job, attempt: int) -> RunReference:
        """A run for every attempt."""
        return RunReference(f"run-{job.id}", "1", {"MLFLOW_RUN_ID": f"run-{job.id}"})

    def changed(self, job_id: str, *, ended: bool) -> None:
        """Note it."""
        self.told.append(job_id)

    async def forget(self, job_id: str) -> None:
        """Note it."""
        self.forgotten.append(job_id)

    async def html(self, job: Job) -> Path:
        """Nothing is rendered here."""
        raise NotFound(f"There is no HTML of {job.id}.")


@dataclass(eq=False)
class Stage:
    """Store, hub and dispatcher, opened for one story."""

    store: Store
    hub: Hub
    troupe: Troupe
    notes: Notes
    dispatcher: Dispatcher

    @classmethod
    async def open(
        cls,
        home: Path,
        *,
        cpus: float = 2,
        memory: int = 2**34,
        gpus: int = 0,
        prepare: Any = None,
        settings: Settings | None = None,
    ) -> Stage:
        """Open a store in `home` and dispatch what is in it; `prepare` sees the troupe before."""
        store = await Store.open(paths.store_file())
        hub, troupe, notes = Hub(), Troupe(), Notes()
        if prepare is not None:
            prepare(troupe)
        dispatcher = Dispatcher(
            store,
            hub,
            troupe,
            notes,
            settings or Settings(),
            Amount(cpus, memory, gpus),
            dict(os.environ),
        )
        await dispatcher.start()
        return cls(store, hub, troupe, notes, dispatcher)

    async def close(self) -> None:
        """Leave; as a daemon does."""
        self.hub.close()
        await self.dispatcher.stop()
        await self.store.close()

    async def submit(self, **given: Any) -> Job:
        """A job."""
        resources = Resources(**given.pop("resources", {}))
        job_id = secrets.token_hex(6)
        directory = paths.data_dir().parent / "out" / job_id
        spec = JobSpec(notebook="/home/me/work.ipynb", resources=resources, **given)
        new = NewJob(
            id=job_id,
            name="work",
            spec=spec,
            notebook=spec.notebook,
            notebook_hash="0" * 64,
            kernel=Kernel(name="python3"),
            cwd="/",
            outputs=Outputs(directory=str(directory)),
            output_paths=OutputPaths(str(directory / "work.ipynb"), str(directory / "work.log")),
            created_at=time.time(),
        )
        job, _ = await self.dispatcher.submit(new, FILES)
        return job

    async def runner(self, number: int = 0) -> Runner:
        """The runner that was launched as number `number`, once it is."""
        while len(self.troupe.runners) <= number:
            self.troupe.launched.clear()
            await asyncio.wait_for(self.troupe.launched.wait(), 20)
        return self.troupe.runners[number]

    async def until(self, job_id: str, *states: str) -> Job:
        """The job once it is in one of these states."""
        async with asyncio.timeout(20):
            while (job := await self.dispatcher.get(job_id)).state.value not in states:
                await asyncio.sleep(0.01)
            return job

    def ring(self, runner: Runner) -> None:
        """The doorbell of a runner."""
        assert runner.order is not None
        self.dispatcher.ring(runner.order.job_id, runner.order.attempt)


class BrokenError(MlopsError):
    """Something that a launcher may raise."""

    code = "broken"
