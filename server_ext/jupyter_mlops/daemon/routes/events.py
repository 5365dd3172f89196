"""The event stream of all jobs."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from jupyter_mlops.daemon.answers import NDJSON, Rules, stream
from jupyter_mlops.daemon.following import follow_jobs
from jupyter_mlops.daemon.service import service_of

router = APIRouter(tags=["events"])


@router.get(
    "/events",
    response_class=Response,
    responses={200: {"content": {NDJSON: {}}}},
    operation_id="get_events",
)
async def get_events(
    request: Request,
    *,
    rules: Rules,
    after: Annotated[int | None, Query(ge=0, le=2**53)] = None,
    follow: bool = False,
) -> Response:
    """What happened to any job after a sequence number, and what happens."""
    return stream(follow_jobs(service_of(request), after, rules, follow=follow), NDJSON)
