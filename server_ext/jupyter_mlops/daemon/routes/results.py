"""What an attempt wrote: its log, its events, the executed notebook, the HTML."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from jupyter_mlops.daemon.answers import NDJSON, SANDBOX, JobId, Rules, file_pieces, stream
from jupyter_mlops.daemon.following import follow_events, follow_log
from jupyter_mlops.daemon.service import attempt_path, service_of
from jupyter_mlops.errors import NotFound
from jupyter_mlops.jobs.attempt_log import notebook_file
from jupyter_mlops.jobs.careful import open_regular
from jupyter_mlops.jobs.model import Job

router = APIRouter(tags=["results"])

AttemptNumber = Annotated[
    int | None, Query(ge=1, le=9999, description="The current one when left out")
]


def _chosen(job: Job, attempt: int | None) -> int:
    """The attempt that is meant.

    Raises:
        NotFound: the job has had no such attempt.
    """
    if attempt is None:
        return job.attempt
    if attempt > job.attempt:
        raise NotFound(
            f"Job {job.id} has no attempt {attempt}.", hint=f"It has had {job.attempt} so far."
        )
    return attempt


@router.get(
    "/jobs/{job_id}/log",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}}},
    operation_id="get_log",
)
async def get_log(
    request: Request,
    *,
    job_id: JobId,
    attempt: AttemptNumber = None,
    offset: Annotated[int, Query(ge=0, le=2**53, description="Bytes to leave out")] = 0,
    follow: bool = False,
) -> Response:
    """What the cells printed; with `follow` until the job has ended."""
    service = service_of(request)
    job = await service.dispatcher.get(job_id)
    number = _chosen(job, attempt)
    pieces = follow_log(service, job_id, number, offset, follow=follow, onward=attempt is None)
    return stream(pieces, "text/plain; charset=utf-8")


@router.get(
    "/jobs/{job_id}/events",
    response_class=Response,
    responses={200: {"content": {NDJSON: {}}}},
    operation_id="get_job_events",
)
async def get_job_events(
    request: Request,
    *,
    job_id: JobId,
    rules: Rules,
    attempt: AttemptNumber = None,
    after: Annotated[int, Query(ge=0, le=2**53, description="Leave out up to this seq")] = 0,
    follow: bool = False,
) -> Response:
    """An attempt's events as NDJSON; with `follow` on to the next ones and the job's end."""
    service = service_of(request)
    job = await service.dispatcher.get(job_id)
    number = _chosen(job, attempt)
    return stream(follow_events(service, job_id, number, after, rules, follow=follow), NDJSON)


@router.get(
    "/jobs/{job_id}/notebook",
    response_class=Response,
    responses={200: {"content": {"application/json": {}}}},
    operation_id="get_notebook",
)
async def get_notebook(
    request: Request, *, job_id: JobId, attempt: AttemptNumber = None
) -> Response:
    """The executed notebook as saved last."""
    service = service_of(request)
    number = _chosen(await service.dispatcher.get(job_id), attempt)
    if number == 0:
        raise NotFound(
            f"Job {job_id} has not started yet.", hint="Its notebook is there once it runs."
        )
    try:
        file = await asyncio.to_thread(open_regular, notebook_file(attempt_path(job_id, number)))
    except NotFound:
        raise NotFound(
            f"Attempt {number} of job {job_id} has saved no notebook.",
            hint="It is saved as soon as the kernel is up.",
        ) from None
    return stream(file_pieces(file), "application/json")


@router.get(
    "/jobs/{job_id}/html",
    response_class=Response,
    responses={200: {"content": {"text/html": {}}}},
    operation_id="get_html",
)
async def get_html(request: Request, *, job_id: JobId) -> Response:
    """The executed notebook as HTML, rendered now if need be; sandboxed."""
    service = service_of(request)
    job = await service.dispatcher.get(job_id)
    path = await service.dispatcher.recorder.html(job)
    file = await asyncio.to_thread(open_regular, path)
    response = stream(file_pieces(file), "text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = SANDBOX
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
