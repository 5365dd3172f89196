"""Jobs: submit, list, show, cancel, rerun, delete."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from starlette.responses import Response

from jupyter_mlops.daemon import submission
from jupyter_mlops.daemon.answers import JobId, Rules, answer, job_answer, with_contents
from jupyter_mlops.daemon.bodies import body_schema, read_body, read_model
from jupyter_mlops.daemon.service import service_of
from jupyter_mlops.jobs.model import Job, JobList, SpecChanges, State, Submission
from jupyter_mlops.jobs.store_reader import PAGE, PAGE_MOST, JobQuery

router = APIRouter(tags=["jobs"])


@router.post(
    "/jobs",
    status_code=201,
    response_model=Job,
    responses={200: {"model": Job, "description": "The key had already made this job"}},
    openapi_extra=body_schema(Submission),
    operation_id="submit_job",
)
async def submit_job(
    request: Request,
    *,
    rules: Rules,
    idempotency_key: Annotated[str | None, Header()] = None,
) -> Response:
    """Submit a job; it is durable when this answers."""
    body = await read_model(request, Submission)
    job, created = await submission.submit(service_of(request), body, idempotency_key, rules)
    return job_answer(job, rules, 201 if created else 200)


@router.get("/jobs", response_model=JobList, operation_id="list_jobs")
async def list_jobs(
    request: Request,
    *,
    rules: Rules,
    state: Annotated[list[State] | None, Query(description="Any of these")] = None,
    name: Annotated[str | None, Query(max_length=250, description="A part of the name")] = None,
    notebook: Annotated[str | None, Query(max_length=4096, description="Its path")] = None,
    limit: Annotated[int, Query(ge=1, le=PAGE_MOST)] = PAGE,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> Response:
    """Jobs, newest first."""
    service = service_of(request)
    version = service.store.last_seq
    path = None if not notebook else str(rules.notebook(notebook, "notebook"))
    query = JobQuery(tuple(state or ()), name, path, limit, cursor)
    page = await service.store.page(query)
    jobs = [with_contents(service.dispatcher.view(stored), rules) for stored in page.jobs]
    return answer(JobList(jobs=jobs, next=page.next, counts=page.counts, version=version))


@router.get("/jobs/{job_id}", response_model=Job, operation_id="get_job")
async def get_job(request: Request, *, job_id: JobId, rules: Rules) -> Response:
    """One job."""
    return job_answer(await service_of(request).dispatcher.get(job_id), rules)


@router.delete(
    "/jobs/{job_id}",
    status_code=204,
    operation_id="delete_job",
)
async def delete_job(request: Request, *, job_id: JobId) -> Response:
    """Delete a job that has ended; what it wrote for the person stays."""
    await service_of(request).dispatcher.delete(job_id)
    return Response(status_code=204)


@router.post(
    "/jobs/{job_id}/cancel",
    response_model=Job,
    operation_id="cancel_job",
)
async def cancel_job(request: Request, *, job_id: JobId, rules: Rules) -> Response:
    """Cancel a job: at once while it waits, in the background while it runs."""
    await read_body(request)
    return job_answer(await service_of(request).dispatcher.cancel(job_id), rules)


@router.post(
    "/jobs/{job_id}/rerun",
    status_code=201,
    response_model=Job,
    openapi_extra=body_schema(SpecChanges, required=False),
    operation_id="rerun_job",
)
async def rerun_job(request: Request, *, job_id: JobId, rules: Rules) -> Response:
    """A new job like this one, with changes."""
    changes = await read_model(request, SpecChanges, optional=True)
    service = service_of(request)
    job = await service.dispatcher.get(job_id)
    return job_answer(await submission.rerun(service, job, changes, rules), rules, 201)
