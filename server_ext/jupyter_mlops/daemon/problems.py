"""Every error as `application/problem+json`; what a client may not see stays in the log."""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Iterable, Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from jupyter_mlops.errors import InvalidInput, MlopsError

log = logging.getLogger(__name__)
audit = logging.getLogger("jupyter_mlops.audit")

MEDIA_TYPE = "application/problem+json"
_SHOWN = 200


def problem_response(error: MlopsError) -> Response:
    """The answer that tells of an error."""
    document = error.to_problem()
    headers = {"Retry-After": "1"} if document["status"] == 503 else None
    return Response(json.dumps(document), document["status"], headers, media_type=MEDIA_TYPE)


def problems_of(
    errors: Iterable[Mapping[str, Any]], prefix: tuple[str, ...] = ()
) -> list[dict[str, Any]]:
    """Pydantic's errors as `problems`: a dotted path and a message each, no input echoed."""
    found: list[dict[str, Any]] = []
    for error in errors:
        parts = [*prefix, *(str(part) for part in error["loc"] if part != "[key]")]
        message = str(error["msg"]).removeprefix("Value error, ")
        entry = {"where": ".".join(parts)[:_SHOWN], "message": message[: 4 * _SHOWN]}
        if entry not in found:
            found.append(entry)
    return found


def invalid(error: ValidationError) -> InvalidInput:
    """A body that doesn't fit its model."""
    found = problems_of(error.errors(include_url=False, include_input=False, include_context=False))
    listed = "; ".join(f"{one['where'] or 'the body'}: {one['message']}" for one in found[:5])
    more = f" (and {len(found) - 5} more)" if len(found) > 5 else ""
    return InvalidInput(
        f"The request can't be used: {listed}{more}.",
        hint="Mend every field that is named and send it again.",
        problems=found,
    )


def note_refusal(request: Request, error: MlopsError) -> None:
    """One line of audit for a refused request; nothing of its content."""
    path = request.url.path[:_SHOWN].encode("unicode_escape").decode()
    status = error.to_problem()["status"]
    audit.info("refused %s %s: %d %s", request.method, path, status, error.stable_code)


def install(app: FastAPI) -> None:
    """Make every error of `app` a problem document."""

    async def ours(request: Request, error: Exception) -> Response:
        assert isinstance(error, MlopsError)
        note_refusal(request, error)
        return problem_response(error)

    async def validation(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        found = problems_of({"loc": one["loc"][1:], "msg": one["msg"]} for one in error.errors())
        listed = "; ".join(f"{one['where']}: {one['message']}" for one in found[:5])
        return await ours(
            request, InvalidInput(f"The request can't be used: {listed}.", problems=found)
        )

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        found = plain_error(error.status_code, request.method)
        note_refusal(request, found)
        response = problem_response(found)
        if error.headers:
            response.headers.update(error.headers)
        return response

    async def unexpected(request: Request, error: Exception) -> Response:
        number = secrets.token_hex(4)
        log.error("error %s: %s %s", number, request.method, request.url.path, exc_info=error)
        return problem_response(unexpected_error(number))

    app.add_exception_handler(MlopsError, ours)
    app.add_exception_handler(RequestValidationError, validation)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(Exception, unexpected)


def unexpected_error(number: str) -> MlopsError:
    """The error of a mistake of ours; the log has the rest under `number`."""
    return MlopsError(
        f"Something went wrong in the daemon (error {number}).",
        hint=f"The daemon's log tells more under this number; please report it. "
        f"`jupyter mlops doctor` names the log. ({number})",
        code="internal_error",
    )


class PlainError(MlopsError):
    """A status of HTTP itself."""

    def __init__(self, status: int, code: str, detail: str, hint: str = "") -> None:
        super().__init__(detail, hint=hint, code=code)
        self.status = status

    def to_problem(self) -> dict[str, Any]:
        """With the status of this one."""
        return super().to_problem() | {"status": self.status}


def plain_error(status: int, method: str) -> MlopsError:
    """The error of a route that doesn't exist, a method that it hasn't and the like."""
    match status:
        case 404:
            return PlainError(404, "not_found", "There is nothing at this address.")
        case 405:
            return PlainError(405, "method_not_allowed", f"This address takes no {method}.")
        case 415:
            return PlainError(
                415,
                "unsupported_media_type",
                "The body must be JSON.",
                "Send it with Content-Type: application/json.",
            )
        case _:
            return PlainError(status, "http_error", f"The request failed with status {status}.")
