"""Runs that kernels log into: beginning one, and having it recorded.

What is logged itself goes through the run's directory (`tracking/logbook.py`), not through here.
"""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import Field, model_validator
from starlette.responses import Response

from jupyter_mlops.daemon.answers import answer
from jupyter_mlops.daemon.bodies import body_schema, read_body, read_model
from jupyter_mlops.daemon.reading import RunId
from jupyter_mlops.daemon.service import service_of
from jupyter_mlops.errors import Conflict, InvalidInput
from jupyter_mlops.jobs.model import JOB_ID, Model
from jupyter_mlops.jobs.order import FactsWanted
from jupyter_mlops.naming import (
    EXPERIMENT_NAME_MOST,
    PARAM_VALUE_MOST,
    RUN_NAME_MOST,
    TAG_VALUE_MOST,
    problem_of_name,
)
from jupyter_mlops.tracking.open_runs import OpenRuns
from jupyter_mlops.tracking.records import user_name
from jupyter_mlops.tracking.run_follower import RunFollower
from jupyter_mlops.tracking.run_log import RunOrder
from jupyter_mlops.tracking.run_record import (
    RUN_NAME_TAG,
    USER_TAG,
    milliseconds,
    run_id_of,
)

router = APIRouter(tags=["runs"])


class RunStart(Model):
    """The body of `POST /runs`: a run of its own, or with `job_id` and `attempt` that of a job."""

    id: str = Field(
        "", pattern=r"^([0-9a-f]{32})?$", description="32 hex digits of the client's choice."
    )
    experiment: str = Field("", max_length=EXPERIMENT_NAME_MOST)
    name: str = Field("", max_length=RUN_NAME_MOST)
    tags: dict[str, str] = Field(default_factory=dict, max_length=10_000)
    params: dict[str, str] = Field(default_factory=dict, max_length=10_000)
    notebook: str = Field("", max_length=4096, description="The notebook's path, if there is one.")
    cwd: str = Field("", max_length=4096, description="The kernel's working directory.")
    job_id: str = Field("", pattern=r"^([0-9a-f]{12})?$", description="The job of this kernel.")
    attempt: int = Field(0, ge=0, le=9999)

    @model_validator(mode="after")
    def _one_of_both(self) -> RunStart:
        if self.job_id:
            if not self.attempt:
                raise ValueError("a job's run is that of an attempt")
        elif not (self.id and self.experiment and self.name):
            raise ValueError("a run has an id, an experiment and a name")
        return self


class OpenRun(Model):
    """A run that a kernel logs into."""

    id: str = Field(description="Ours; in the embedded store also MLflow's.")
    run_id: str | None = Field(description="MLflow's; none while the tracking server is away.")
    experiment_id: str | None
    experiment: str
    name: str
    directory: str = Field(description="Where the kernel writes what it logs.")
    recorded: bool = Field(description="Whether MLflow has all that was logged.")
    ended: bool = Field(description="Whether the run has ended and all of it is recorded.")
    detail: str = Field(description="Why it can't be recorded now; empty otherwise.")
    facts: FactsWanted = Field(description="What the kernel is to tell of itself.")


@router.post(
    "/runs",
    status_code=201,
    response_model=OpenRun,
    openapi_extra=body_schema(RunStart),
    operation_id="start_run",
)
async def start_run(request: Request) -> Response:
    """Begin a run, or go on with it; it is durable when this answers, even if MLflow is away."""
    body = await read_model(request, RunStart)
    follower = await _runs(request).open(await _order(request, body))
    return answer(_shown(request, follower, recorded=follower.place is not None), 201)


@router.post("/runs/{run_id}/sync", response_model=OpenRun, operation_id="sync_run")
async def sync_run(
    request: Request,
    *,
    run_id: RunId,
    patience: Annotated[float, Query(ge=0, le=60, description="Seconds")] = 5.0,
) -> Response:
    """Have recorded what was logged so far; answers when it is, or can't be now."""
    await read_body(request)
    follower = _runs(request).get(run_id)
    follower.try_again()
    recorded = await follower.settle(patience)
    return answer(_shown(request, follower, recorded=recorded))


def _runs(request: Request) -> OpenRuns:
    tracking = service_of(request).tracking
    if tracking is None:
        raise Conflict("Nothing is recorded by this daemon.")
    return tracking.runs


async def _order(request: Request, body: RunStart) -> RunOrder:
    started = milliseconds(time.time())
    if body.job_id:
        assert JOB_ID.fullmatch(body.job_id)
        job = (await service_of(request).store.get(body.job_id)).job
        return RunOrder(run_id_of(job, body.attempt), started, job_id=job.id, attempt=body.attempt)
    problems = [
        {"where": f"{kind}.{name:.100}", "message": problem}
        for kind, named in (("tags", body.tags), ("params", body.params))
        for name in named
        if (problem := problem_of_name(name))
    ]
    if problems:
        raise InvalidInput("MLflow doesn't take these names.", problems=problems)
    user = user_name()
    tags = {
        USER_TAG: user,
        RUN_NAME_TAG: body.name,
        **{name: value[:TAG_VALUE_MOST] for name, value in body.tags.items()},
    }
    return RunOrder(
        id=body.id,
        started=started,
        experiment=body.experiment,
        name=tags[RUN_NAME_TAG],
        user=user,
        params={name: value[:PARAM_VALUE_MOST] for name, value in body.params.items()},
        tags=tags,
        notebook=body.notebook,
        cwd=body.cwd,
    )


def _shown(request: Request, follower: RunFollower, *, recorded: bool) -> OpenRun:
    order, place, problem = follower.order, follower.place, follower.problem
    return OpenRun(
        id=order.id,
        run_id=None if place is None else place.run_id,
        experiment_id=None if place is None else place.experiment_id,
        experiment=order.experiment if place is None else place.experiment or order.experiment,
        name=order.name,
        directory=str(follower.directory),
        recorded=recorded,
        ended=follower.ended.is_set(),
        detail="" if problem is None else f"{problem.detail} {problem.hint}".strip(),
        facts=service_of(request).settings.attempts.facts,
    )
