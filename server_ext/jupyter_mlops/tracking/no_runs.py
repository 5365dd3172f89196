"""Where runs can't be kept at all: jobs run, and each says why it has no run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from jupyter_mlops.errors import MlopsError
from jupyter_mlops.jobs.model import Job
from jupyter_mlops.tracking.logbook import Batch
from jupyter_mlops.tracking.run_facts import RunFacts
from jupyter_mlops.tracking.run_log import RunOrder
from jupyter_mlops.tracking.run_record import RunRecord
from jupyter_mlops.tracking.runs import Begun, States
from jupyter_mlops.tracking.sql import RunPlace


class NoRuns:
    """See `runs.Runs`."""

    shown_uri = ""

    def __init__(self, problem: MlopsError) -> None:
        self._problem = problem

    def start(self) -> None:
        """Nothing to make ready."""

    async def stop(self) -> None:
        """Nothing to let go of."""

    async def begin(
        self,
        job: Job,  # noqa: ARG002 - see `Runs`, as all below
        record: RunRecord,  # noqa: ARG002
        inherited: Mapping[str, str],  # noqa: ARG002
    ) -> Begun:
        """No run; the kernel has the environment that it would have without us."""
        return Begun(None, None)

    async def apply(
        self,
        record: RunRecord,  # noqa: ARG002
        earlier: Sequence[RunRecord],  # noqa: ARG002
        files: Mapping[str, Path],  # noqa: ARG002
    ) -> NoReturn:
        """Say why."""
        raise self._problem

    async def put(self, place: RunPlace, files: Mapping[str, Path]) -> None:
        """There is no run to add to."""

    async def record(self, place: RunPlace, facts: RunFacts) -> None:
        """There is no run to add to."""

    async def live_metrics(self, run_ids: Sequence[str]) -> None:  # noqa: ARG002
        """None."""
        return

    def usual_environment(self, inherited: Mapping[str, str]) -> dict[str, str]:  # noqa: ARG002
        """Nothing."""
        return {}

    async def deleted(self, job_id: str) -> None:
        """Nothing was kept."""

    async def reconcile(
        self,
        states: Callable[[], Awaitable[States]],  # noqa: ARG002
    ) -> set[str]:
        """Nothing was left."""
        return set()

    def expect_calls(self) -> None:
        """Nothing to make ready."""

    def status(self) -> dict[str, Any]:
        """Why."""
        return {"store": "unusable", "detail": f"{self._problem.detail} {self._problem.hint}"}


class NoLog:
    """See `run_log.RunLog`."""

    def __init__(self, problem: MlopsError) -> None:
        self._problem = problem

    async def begin(self, order: RunOrder) -> NoReturn:  # noqa: ARG002
        """Say why; what is logged is kept until runs can be."""
        raise self._problem

    async def write(
        self,
        order: RunOrder,  # noqa: ARG002
        place: RunPlace,  # noqa: ARG002
        directory: Path,  # noqa: ARG002
        batch: Batch,  # noqa: ARG002
    ) -> NoReturn:
        """Say why."""
        raise self._problem

    async def stop(self) -> None:
        """Nothing to let go of."""
