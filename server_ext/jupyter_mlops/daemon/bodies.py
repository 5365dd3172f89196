"""Reading a request's body: bounded, JSON only, straight into its model."""

from __future__ import annotations

import asyncio
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect, Request

from jupyter_mlops.daemon.problems import invalid, plain_error
from jupyter_mlops.daemon.service import service_of
from jupyter_mlops.errors import Busy, InvalidInput, TooLarge

M = TypeVar("M", bound=BaseModel)

#: Bodies above this are validated in a thread, so that nobody else waits meanwhile.
_IN_PLACE = 128 * 1024


async def read_body(request: Request) -> bytes:
    """The body.

    Raises:
        TooLarge: it is over the limit; nothing more of it is read.
    """
    limit = service_of(request).settings.body_limit
    too_large = TooLarge(
        f"The request is larger than {limit // 2**20} MB.",
        hint="Let the notebook read large data from files instead.",
    )
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise too_large
    pieces: list[bytes] = []
    size = 0
    try:
        async for piece in request.stream():
            size += len(piece)
            if size > limit:
                raise too_large
            pieces.append(piece)
    except ClientDisconnect:
        raise Busy("The request ended before it was complete.") from None
    return b"".join(pieces)


async def read_model(request: Request, model: type[M], *, optional: bool = False) -> M:
    """The body as `model`.

    Raises:
        InvalidInput: it doesn't fit; `problems` names every place.
        TooLarge: it is over the limit.
    """
    data = await read_body(request)
    if not data and optional:
        data = b"{}"
    elif request.headers.get("content-type", "").split(";")[0].strip().lower() != (
        "application/json"
    ):
        raise plain_error(415, request.method)
    try:
        if len(data) <= _IN_PLACE:
            return model.model_validate_json(data)
        return await asyncio.to_thread(model.model_validate_json, data)
    except ValidationError as error:
        raise invalid(error) from None
    except RecursionError:
        raise InvalidInput("The request is nested too deeply.") from None


def body_schema(model: type[BaseModel], *, required: bool = True) -> dict[str, Any]:
    """What the OpenAPI document says of a body that `read_model` reads."""
    reference = {"$ref": f"#/components/schemas/{model.__name__}"}
    return {
        "requestBody": {
            "required": required,
            "content": {"application/json": {"schema": reference}},
        }
    }
