"""Makes run records of jobs and their snapshots."""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from functools import cache

from jupyter_mlops.jobs.model import Job
from jupyter_mlops.tracking.notebook_facts import Facts
from jupyter_mlops.tracking.run_record import RunRecord, parameters, record_of


class Records:
    """`inherited` is the environment that jobs start with."""

    def __init__(self, inherited: Mapping[str, str]) -> None:
        self._inherited = inherited
        self._facts = Facts()

    def make(self, job: Job, attempt: int, notebook: bytes) -> RunRecord:
        """What MLflow is to hold of an attempt as the job is now. Takes milliseconds."""
        return record_of(
            job,
            attempt,
            user=user_name(),
            params=parameters(self._facts.parameters(job, notebook)),
            experiment=self._facts.experiment(job, notebook, self._inherited),
        )


@cache
def user_name() -> str:
    """As MLflow's own clients say it."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
