"""Notebooks, before they are jobs."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import Response

from jupyter_mlops.daemon.answers import JobId, Rules, answer
from jupyter_mlops.daemon.bodies import body_schema, read_model
from jupyter_mlops.daemon.service import service_of
from jupyter_mlops.errors import NotFound
from jupyter_mlops.jobs import snapshot
from jupyter_mlops.jobs.bundle import NOTEBOOK
from jupyter_mlops.jobs.model import Model, NotebookInfo

router = APIRouter(tags=["notebooks"])


class Inspection(Model):
    """The body of `POST /notebooks/inspect`."""

    notebook: str = Field(
        min_length=1, max_length=4096, description="Path: absolute, or below the root."
    )


@router.post(
    "/notebooks/inspect",
    response_model=NotebookInfo,
    openapi_extra=body_schema(Inspection),
    operation_id="inspect_notebook",
)
async def inspect_notebook(request: Request, *, rules: Rules) -> Response:
    """What a form needs to know of a notebook, and what would refuse its submit."""
    body = await read_model(request, Inspection)
    notebook = rules.notebook(body.notebook, "notebook")
    return answer(await asyncio.to_thread(snapshot.inspect, str(notebook), rules.root))


@router.get(
    "/jobs/{job_id}/notebook-info",
    response_model=NotebookInfo,
    operation_id="get_notebook_info",
)
async def get_notebook_info(request: Request, *, job_id: JobId) -> Response:
    """The same of a job's own snapshot, for running it again with changes."""
    store = service_of(request).store
    job = (await store.get(job_id)).job
    raw = await store.snapshot_file(job_id, NOTEBOOK)
    if raw is None:
        raise NotFound(f"Job {job_id} has no notebook.")
    return answer(await asyncio.to_thread(snapshot.notebook_info, raw, job.notebook))
