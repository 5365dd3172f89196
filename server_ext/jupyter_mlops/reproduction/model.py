"""The nouns of a reproduction: what is kept of one, and the REST contract.

Times are seconds since the epoch (UTC).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from jupyter_mlops.jobs.model import Model
from jupyter_mlops.tracking.run_views import MetricValue

#: A tag of the run that is reproduced says how that came out; its value is an `Outcome`.
OUTCOME_TAG = "mlops.reproduction"
DETAIL_TAG = "mlops.reproduction_detail"
TIME_TAG = "mlops.reproduction_time"
JOB_TAG = "mlops.reproduction_job"
RUN_TAG = "mlops.reproduction_run"
#: A tag of the new run names the one that it reproduces.
ORIGINAL_TAG = "mlops.reproduction_of"


class Outcome(StrEnum):
    """How a reproduction ended."""

    REPRODUCED = "reproduced"
    DIFFERS = "differs"
    CANNOT = "cannot"
    CANCELLED = "cancelled"


class StageName(StrEnum):
    """What is done, in this order."""

    ENVIRONMENT = "environment"
    CODE = "code"
    DATA = "data"
    RUNNING = "running"
    COMPARING = "comparing"


class StageState(StrEnum):
    """How far a stage is."""

    WAITING = "waiting"
    WORKING = "working"
    DONE = "done"
    FAILED = "failed"


class Stage(Model):
    """One step."""

    name: StageName
    state: StageState = StageState.WAITING
    detail: str = Field("", description="What was found or done, in words.")
    started_at: float | None = None
    ended_at: float | None = None


class Lack(Model):
    """What a run lacks for an exact reproduction."""

    code: str
    what: str
    mend: str = Field(description="What makes it right for the next run.")
    then: str = Field(
        description="What a reproduction comes to because of it: `cannot`, `while_there` (only as "
        "long as it is still where it was) or `may_differ`."
    )


class Reproducibility(Model):
    """Whether a run could be reproduced, told in advance from what was recorded."""

    run_id: str
    exactly: bool = Field(description="Nothing is lacking.")
    possible: bool = Field(description="Nothing is lacking without which it can't be tried.")
    lacks: list[Lack]


MetricName = Annotated[str, StringConstraints(min_length=1, max_length=250)]


class ReproductionOptions(Model):
    """How two runs are compared, and what stays."""

    tolerance: float | None = Field(
        None,
        ge=0,
        allow_inf_nan=False,
        description="How far metrics and predictions may be away: t + t * |value before|; the "
        "setting `reproduce.tolerance` when left out.",
    )
    tolerances: dict[MetricName, Annotated[float, Field(ge=0, allow_inf_nan=False)]] = Field(
        default_factory=dict, max_length=1000, description="The same of single metrics."
    )
    ignore: list[MetricName] = Field(
        default_factory=list, max_length=1000, description="Metrics that aren't compared."
    )
    keep: bool = Field(False, description="Keep the folder that it ran in.")


class ReproductionOrder(ReproductionOptions):
    """The body of `POST /runs/{id}/reproductions`."""


class ReproductionDifference(Model):
    """Something that came out otherwise; null: there was, or is, none."""

    what: str = Field(description="A metric's name, or `predictions of` a model.")
    before: MetricValue | None
    now: MetricValue | None
    step: int | None = None
    text: str


class Reproduction(Model):
    """One attempt to reproduce a run."""

    id: str
    run_id: str = Field(description="The run that is reproduced.")
    order: ReproductionOptions
    created_at: float
    ended_at: float | None = None
    cancelling: bool = False
    stages: list[Stage]
    outcome: Outcome | None = Field(None, description="None until it has ended.")
    detail: str = Field("", description="What differs or is missing, or what was compared.")
    differences: list[ReproductionDifference] = Field(
        default_factory=list, description="The first ones; `detail` counts them."
    )
    notes: list[str] = Field(default_factory=list, description="What else is worth knowing.")
    job_id: str | None = Field(None, description="The job that does it.")
    new_run_id: str | None = Field(None, description="The job's run.")
    directory: str = Field("", description="Where it ran; gone when it has ended, unless kept.")

    def stage(self, name: StageName) -> Stage:
        """One of its stages."""
        return next(one for one in self.stages if one.name is name)


class ReproductionList(Model):
    """Reproductions of a run, newest first."""

    reproductions: list[Reproduction]


class CannotReproduce(Exception):
    """It can't be done; the text says what is missing."""


class Cancelled(Exception):
    """Somebody has cancelled it."""
