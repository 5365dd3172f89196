"""Reproductions of runs: begin, list, show, cancel; and whether a run could be reproduced."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from starlette.responses import Response

from jupyter_mlops.daemon.answers import answer
from jupyter_mlops.daemon.bodies import body_schema, read_body, read_model
from jupyter_mlops.daemon.reading import RunId
from jupyter_mlops.daemon.service import service_of
from jupyter_mlops.errors import MlopsError, NotFound
from jupyter_mlops.reproduction.model import (
    Reproducibility,
    Reproduction,
    ReproductionList,
    ReproductionOrder,
)
from jupyter_mlops.reproduction.records import REPRODUCTION_ID
from jupyter_mlops.reproduction.service import Reproductions

router = APIRouter(tags=["reproductions"])

#: Models of what is sent and of what is answered.
ASKED = (ReproductionOrder,)
SAID = (Reproducibility, Reproduction, ReproductionList)


# Asynchronous though it waits for nothing: FastAPI calls others in a thread.
async def _reproduction_id(
    reproduction_id: Annotated[str, Path(description="16 hex digits")],
) -> str:
    if not REPRODUCTION_ID.fullmatch(reproduction_id):
        raise NotFound(
            "There is no such reproduction.",
            hint="GET /runs/{id}/reproductions lists those of a run.",
        )
    return reproduction_id


ReproductionId = Annotated[str, Depends(_reproduction_id)]


def _reproductions(request: Request) -> Reproductions:
    found = service_of(request).reproductions
    if found is None:
        raise MlopsError("This daemon keeps no runs.", code="no_tracking")
    return found


@router.post(
    "/runs/{run_id}/reproductions",
    status_code=201,
    response_model=Reproduction,
    openapi_extra=body_schema(ReproductionOrder, required=False),
    operation_id="reproduce_run",
)
async def reproduce_run(request: Request, *, run_id: RunId) -> Response:
    """Begin to reproduce a run; it goes on, whatever happens, once this answers."""
    order = await read_model(request, ReproductionOrder, optional=True)
    record = await _reproductions(request).begin(run_id, order)
    return answer(record, 201, {"Location": f"/api/v1/reproductions/{record.id}"})


@router.get(
    "/runs/{run_id}/reproductions",
    response_model=ReproductionList,
    operation_id="list_reproductions",
)
async def list_reproductions(request: Request, *, run_id: RunId) -> Response:
    """Reproductions of a run, newest first."""
    return answer(ReproductionList(reproductions=await _reproductions(request).of_run(run_id)))


@router.get(
    "/runs/{run_id}/reproducibility",
    response_model=Reproducibility,
    operation_id="get_reproducibility",
)
async def get_reproducibility(request: Request, *, run_id: RunId) -> Response:
    """Whether a run could be reproduced, and what would make it so; nothing is done for it."""
    return answer(await _reproductions(request).reproducibility(run_id))


@router.get(
    "/reproductions/{reproduction_id}",
    response_model=Reproduction,
    operation_id="get_reproduction",
)
async def get_reproduction(request: Request, *, reproduction_id: ReproductionId) -> Response:
    """One reproduction as it is now."""
    return answer(_reproductions(request).get(reproduction_id))


@router.post(
    "/reproductions/{reproduction_id}/cancel",
    response_model=Reproduction,
    operation_id="cancel_reproduction",
)
async def cancel_reproduction(request: Request, *, reproduction_id: ReproductionId) -> Response:
    """Cancel a reproduction and its job."""
    await read_body(request)
    return answer(await _reproductions(request).cancel(reproduction_id))
