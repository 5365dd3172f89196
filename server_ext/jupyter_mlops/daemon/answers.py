"""Answers that several nouns share: a job as a client sees it, lines, files."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any, BinaryIO
from urllib.parse import unquote

from fastapi import Depends, Path, Request
from pydantic import BaseModel
from starlette.responses import Response, StreamingResponse

from jupyter_mlops.daemon.root import PathRules
from jupyter_mlops.errors import NotFound
from jupyter_mlops.jobs.model import JOB_ID, ContentsPaths, Job

NDJSON = "application/x-ndjson"
#: Policy of documents that somebody else made: no script, no network, no origin; whatever they
#: contain stays in the page.
SANDBOX = (
    "sandbox; default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'; "
    "font-src data:"
)
_PIECE = 256 * 1024


class Problem(BaseModel):
    """RFC 9457, with a stable `code`, a `hint` what to do, and every place that is wrong."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    hint: str
    problems: list[dict[str, Any]]


#: For every route: its errors.
PROBLEMS: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "Any error",
        "content": {
            "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
        },
    }
}


# Asynchronous though they wait for nothing: FastAPI calls others in a thread.
async def path_rules(request: Request) -> PathRules:
    """The rules of this request (`X-Mlops-Root`, percent-encoded)."""
    root = request.headers.get("x-mlops-root")
    return PathRules(None if root is None else unquote(root))


async def _job_id(job_id: Annotated[str, Path(description="12 hex digits")]) -> str:
    if not JOB_ID.fullmatch(job_id):
        raise NotFound(
            "There is no such job.", hint="Job ids have 12 hex digits; `jupyter mlops jobs` lists."
        )
    return job_id


Rules = Annotated[PathRules, Depends(path_rules)]
JobId = Annotated[str, Depends(_job_id)]


def with_contents(job: Job, rules: PathRules) -> Job:
    """The job with its paths below the Jupyter server's root."""
    if rules.root is None:
        return job
    contents = ContentsPaths(
        notebook=rules.below(job.notebook),
        output_notebook=rules.below(job.outputs.notebook),
        output_html=rules.below(job.outputs.html),
    )
    return job.model_copy(update={"contents": contents})


def answer(model: BaseModel, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A model as JSON."""
    return Response(model.model_dump_json(), status, headers, media_type="application/json")


def job_answer(job: Job, rules: PathRules, status: int = 200) -> Response:
    """A job as this client sees it."""
    headers = {"Location": f"/api/v1/jobs/{job.id}"} if status == 201 else None
    return answer(with_contents(job, rules), status, headers)


def stream(pieces: AsyncIterator[bytes], media_type: str) -> StreamingResponse:
    """Pieces as they come; never kept by anybody on the way."""
    headers = {
        "Cache-Control": "no-store",
        "X-Accel-Buffering": "no",
        "X-Content-Type-Options": "nosniff",
    }
    return StreamingResponse(pieces, headers=headers, media_type=media_type)


async def file_pieces(file: BinaryIO, limit: int | None = None) -> AsyncIterator[bytes]:
    """A file's content, at most `limit` bytes of it; read in threads, closed at the end."""
    left = limit
    with file:
        while left is None or left > 0:
            size = _PIECE if left is None else min(_PIECE, left)
            if not (piece := await asyncio.to_thread(file.read, size)):
                return
            left = None if left is None else left - len(piece)
            yield piece
