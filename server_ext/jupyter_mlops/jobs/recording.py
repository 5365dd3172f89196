"""What the dispatcher asks of whoever records jobs as runs; `tracking` implements it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from jupyter_mlops.jobs.model import Job


@dataclass(frozen=True, slots=True)
class RunReference:
    """The run that an attempt belongs to."""

    run_id: str | None = None
    experiment_id: str | None = None
    #: Added to the runner's environment (`MLFLOW_RUN_ID`, …); never written to a file.
    environment: dict[str, str] = field(default_factory=dict)


class Recorder(Protocol):
    """Keeps the record of jobs.

    What is to be recorded it reads from the store (`jobs_to_sync`, `mark_synced`, `update`), so
    that a crash loses nothing.
    """

    async def begin(self, job: Job, attempt: int) -> RunReference:
        """The run of an attempt about to start. Fast (no network); never raises."""

    def changed(self, job_id: str, *, ended: bool) -> None:
        """Something about the job is to be synced. Returns at once."""

    async def forget(self, job_id: str) -> None:
        """The job was deleted; stop syncing it. Its run stays."""

    async def html(self, job: Job) -> Path:
        """The rendered HTML of the job's last saved notebook, rendered now if need be.

        Raises:
            NotFound: there is no executed notebook yet.
        """
