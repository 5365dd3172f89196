"""The daemon itself: status, shutdown, the job spec's schema."""

from __future__ import annotations

from functools import cache
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from jupyter_mlops.daemon.bodies import read_body
from jupyter_mlops.daemon.service import service_of
from jupyter_mlops.jobs.model import JobSpec

router = APIRouter(tags=["daemon"])


@router.get("/status", operation_id="get_status")
async def get_status(request: Request) -> dict[str, Any]:
    """The daemon: version, capacity, counts."""
    service = service_of(request)
    return service.status(await service.store.counts())


@router.post("/shutdown", operation_id="shutdown")
async def shutdown(request: Request) -> dict[str, Any]:
    """Stop the daemon; jobs go on."""
    await read_body(request)
    service_of(request).leave("a client asked for it")
    return {"leaving": True}


@router.get("/job-spec.json", operation_id="get_job_spec_schema")
async def get_job_spec_schema() -> Response:
    """JSON Schema of a spec."""
    return JSONResponse(_schema(), media_type="application/schema+json")


@cache
def _schema() -> dict[str, Any]:
    return JobSpec.model_json_schema()
