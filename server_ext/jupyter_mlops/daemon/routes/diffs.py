"""Where two runs differ in what they were made of: `run_id` is the first, `other_id` the second.

What it takes seconds to compare is compared when it is asked for, each part by itself.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from jupyter_mlops.daemon.reading import UNCHANGED, OtherRunId, RunId, read
from jupyter_mlops.daemon.service import service_of
from jupyter_mlops.errors import MlopsError
from jupyter_mlops.tracking.diffs.run_diffs import RunDiffs
from jupyter_mlops.tracking.diffs.views import CodeDiff, DataDiff, NotebookDiff, PackageDiff

router = APIRouter(prefix="/runs/{run_id}/diff/{other_id}", tags=["diffs"])

SAID = (CodeDiff, DataDiff, NotebookDiff, PackageDiff)


# Asynchronous though it waits for nothing: FastAPI calls others in a thread.
async def _diffs(request: Request) -> RunDiffs:
    tracking = service_of(request).tracking
    if tracking is None:
        raise MlopsError("This daemon keeps no runs.", code="no_tracking")
    return tracking.diffs


Diffs = Annotated[RunDiffs, Depends(_diffs)]


@router.get(
    "/notebook", response_model=NotebookDiff, responses=UNCHANGED, operation_id="diff_notebooks"
)
async def diff_notebooks(
    request: Request, *, run_id: RunId, other_id: OtherRunId, diffs: Diffs
) -> Response:
    """Where their notebooks differ, cell by cell, outputs too where both were executed."""
    return await read(request, lambda: diffs.notebook(run_id, other_id))


@router.get(
    "/packages", response_model=PackageDiff, responses=UNCHANGED, operation_id="diff_packages"
)
async def diff_packages(
    request: Request, *, run_id: RunId, other_id: OtherRunId, diffs: Diffs
) -> Response:
    """Where the packages of their interpreters differ."""
    return await read(request, lambda: diffs.packages(run_id, other_id))


@router.get("/code", response_model=CodeDiff, responses=UNCHANGED, operation_id="diff_code")
async def diff_code(
    request: Request, *, run_id: RunId, other_id: OtherRunId, diffs: Diffs
) -> Response:
    """Where their code differs: commits, what wasn't committed, modules as they ran."""
    return await read(request, lambda: diffs.code(run_id, other_id))


@router.get("/data", response_model=DataDiff, responses=UNCHANGED, operation_id="diff_data")
async def diff_data(
    request: Request, *, run_id: RunId, other_id: OtherRunId, diffs: Diffs
) -> Response:
    """Where the files and datasets differ that they read."""
    return await read(request, lambda: diffs.data(run_id, other_id))
