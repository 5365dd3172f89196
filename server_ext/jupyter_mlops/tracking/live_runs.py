"""The runs of jobs that are alive, as the mounted MLflow has to know them. Any thread may look."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

#: Seconds for which a job's token is good after the job's end: exit handlers may still report.
GRACE = 60.0


@dataclass(slots=True)
class LiveRun:
    """The run of an attempt that is alive."""

    job_id: str
    run_id: str
    experiment_id: str | None = None
    #: Parameters that we set; the notebook may log another value of each.
    params: Mapping[str, str] = field(default_factory=dict)
    attempt: int = 0


class LiveRuns:
    """Kept by the recorder."""

    def __init__(self) -> None:
        self._of_job: dict[str, LiveRun] = {}
        self._by_run: dict[str, LiveRun] = {}
        self._ended: dict[str, float] = {}
        #: Runs that kernels log into and end themselves.
        self.interactive: set[str] = set()

    def add(self, run: LiveRun) -> None:
        """The job's run from now on."""
        if (before := self._of_job.get(run.job_id)) is not None:
            self._by_run.pop(before.run_id, None)
        self._of_job[run.job_id] = run
        self._by_run[run.run_id] = run
        self._ended.pop(run.job_id, None)

    def end(self, job_id: str) -> None:
        """The job has ended."""
        now = time.monotonic()
        found = self._of_job.pop(job_id, None)
        if found is not None:
            self._by_run.pop(found.run_id, None)
            self._ended[job_id] = now
        for old in [one for one, at in self._ended.items() if now - at > GRACE]:
            del self._ended[old]

    def known(self, job_id: str) -> bool:
        """Whether the job is alive, or was a moment ago."""
        if job_id in self._of_job:
            return True
        ended = self._ended.get(job_id)
        return ended is not None and time.monotonic() - ended <= GRACE

    def of_job(self, job_id: str) -> LiveRun | None:
        """The run of a job that is alive."""
        return self._of_job.get(job_id)

    def by_run(self, run_id: str) -> LiveRun | None:
        """The live run with this id."""
        return self._by_run.get(run_id)

    def all(self) -> list[LiveRun]:
        """All of them."""
        return list(self._of_job.values())
