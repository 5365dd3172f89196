"""What reproductions need on the disk: how much, and less of it."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from jupyter_mlops.daemon.answers import answer
from jupyter_mlops.daemon.bodies import body_schema, read_model
from jupyter_mlops.daemon.service import service_of
from jupyter_mlops.errors import MlopsError
from jupyter_mlops.reproduction.space import Cleaned, Cleaning, CleaningOrder, Space

router = APIRouter(tags=["space"])

#: Models of what is sent and of what is answered.
ASKED = (CleaningOrder,)
SAID = (Space, Cleaned)


def _cleaning(request: Request) -> Cleaning:
    found = service_of(request).reproductions
    if found is None:
        raise MlopsError("This daemon keeps no runs.", code="no_tracking")
    return found.cleaning


@router.get("/space", response_model=Space, operation_id="get_space")
async def get_space(request: Request) -> Response:
    """Rebuilt environments and copies of data: how many, how large, and their limits."""
    return answer(await _cleaning(request).space())


@router.post(
    "/space/clean",
    response_model=Cleaned,
    openapi_extra=body_schema(CleaningOrder, required=False),
    operation_id="clean_space",
)
async def clean_space(request: Request) -> Response:
    """Remove what isn't in use; what runs need only where that is asked for."""
    order = await read_model(request, CleaningOrder, optional=True)
    return answer(await _cleaning(request).clean(order))
