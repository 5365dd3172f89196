"""Reports on runs: files to send."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from jupyter_mlops.daemon.answers import answer
from jupyter_mlops.daemon.bodies import body_schema, read_model
from jupyter_mlops.daemon.service import service_of
from jupyter_mlops.errors import MlopsError
from jupyter_mlops.tracking.report_views import ReportFile, ReportRequest

router = APIRouter(tags=["reports"])


@router.post(
    "/reports",
    response_model=ReportFile,
    openapi_extra=body_schema(ReportRequest),
    operation_id="make_report",
)
async def make_report(request: Request) -> Response:
    """Make a report on runs: a notebook, and its page if wanted, that need no server. Nothing is
    kept here.
    """
    body = await read_model(request, ReportRequest)
    tracking = service_of(request).tracking
    if tracking is None:
        raise MlopsError("This daemon keeps no runs.", code="no_tracking")
    return answer(await tracking.reports.make(body))
