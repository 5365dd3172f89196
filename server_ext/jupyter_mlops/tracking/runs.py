"""What the recorder needs of the place where runs are kept: the embedded store or a server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from jupyter_mlops.jobs.model import Job, State
from jupyter_mlops.tracking.run_facts import RunFacts
from jupyter_mlops.tracking.run_record import RunRecord
from jupyter_mlops.tracking.sql import RunPlace

#: job → its state and the runs that its attempts have, of every job there is.
States = Mapping[str, tuple[State, frozenset[str]]]


@dataclass(frozen=True, slots=True)
class Begun:
    """What an attempt is told of its run."""

    #: None when there is none in time; it is created afterwards.
    run_id: str | None
    #: None while it isn't known.
    experiment_id: str | None
    #: For the attempt's kernel.
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Recorded:
    """A run as it is now."""

    place: RunPlace
    metrics: dict[str, float]


class Runs(Protocol):
    """Keeps runs. Methods raise an MlopsError when it can't be done now; all may be repeated."""

    #: For people: no credentials. Empty for the embedded store.
    shown_uri: str

    def start(self) -> None:
        """Make ready in the background."""

    async def stop(self) -> None:
        """Let go."""

    async def begin(self, job: Job, record: RunRecord, inherited: Mapping[str, str]) -> Begun:
        """The run of an attempt that is about to start, if there is one within seconds.

        `inherited` is what the kernel's environment holds besides.
        """

    async def apply(
        self, record: RunRecord, earlier: Sequence[RunRecord], files: Mapping[str, Path]
    ) -> Recorded:
        """Bring the run to the truth, and those of earlier attempts; add files to its artifacts.

        Nobody writes into these files any more, so they may be shared.
        """

    async def put(self, place: RunPlace, files: Mapping[str, Path]) -> None:
        """Add files to the run's artifacts; by their paths below these."""

    async def record(self, place: RunPlace, facts: RunFacts) -> None:
        """Add what is recorded without asking to a run; its status stays as it is."""

    async def live_metrics(self, run_ids: Sequence[str]) -> dict[str, dict[str, float]] | None:
        """Metrics of runs that go on; None when nothing is new or asking would cost much."""

    def usual_environment(self, inherited: Mapping[str, str]) -> dict[str, str]:
        """What every job's kernel is given, without what belongs to the job."""

    def expect_calls(self) -> None:
        """A notebook that uses mlflow is about to run."""

    async def deleted(self, job_id: str) -> None:
        """The job is gone: no run of it may stay open."""

    async def reconcile(self, states: Callable[[], Awaitable[States]]) -> set[str]:
        """End runs that a crash left open; returns jobs that have to be synced for it.

        Args:
            states: asked once the open runs are known: a job is there before its run.
        """

    def status(self) -> dict[str, Any]:
        """About it, for `GET /status`."""
