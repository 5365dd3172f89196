"""What every route that reads runs does first: find who is asked, and whether anything is new."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import Depends, Path, Request
from pydantic import BaseModel
from starlette.responses import Response

from jupyter_mlops.daemon.answers import answer
from jupyter_mlops.daemon.service import service_of
from jupyter_mlops.errors import MlopsError, NotFound
from jupyter_mlops.tracking.run_reader import RunReader

#: What ids of runs are made of, whoever gave them.
_RUN_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")

#: For routes that `unchanged` answers.
UNCHANGED: dict[int | str, dict[str, Any]] = {
    304: {"description": "Nothing has changed since the answer with this ETag"}
}


def reader_of(request: Request) -> RunReader:
    """Who is asked about runs.

    Raises:
        MlopsError: this daemon keeps none.
    """
    tracking = service_of(request).tracking
    if tracking is None:
        raise MlopsError("This daemon keeps no runs.", code="no_tracking")
    return tracking.reader


async def unchanged(request: Request) -> tuple[Response | None, dict[str, str]]:
    """The answer to somebody who knows everything already, and the head of any other.

    The version is asked for before what it is the version of: an answer may be newer than its
    version, never older.
    """
    version = await reader_of(request).version()
    if version is None:
        return None, {}
    headers = {"ETag": f'W/"{version}"'}
    if _knows(request, headers["ETag"]):
        return Response(status_code=304, headers=headers), headers
    return None, headers


async def read(request: Request, ask: Callable[[], Awaitable[BaseModel | bytes]]) -> Response:
    """What `ask` finds, or that nothing is new to somebody who knows everything already."""
    known, headers = await unchanged(request)
    return known if known is not None else read_answer(request, await ask(), headers)


def checked_id(run_id: str) -> str:
    """The id of a run, if it can be one.

    Raises:
        NotFound: MLflow gives no such ids.
    """
    if not _RUN_ID.fullmatch(run_id):
        raise NotFound(
            f"There is no run {run_id[:80]!r}.",
            hint="`jupyter mlops runs` lists them.",
            code="run_not_found",
        )
    return run_id


def checked(run_ids: list[str]) -> list[str]:
    """Ids of runs, each once.

    Raises:
        NotFound: one is no id at all.
    """
    return list(dict.fromkeys(map(checked_id, run_ids)))


def read_answer(request: Request, told: BaseModel | bytes, headers: dict[str, str]) -> Response:
    """An answer with its ETag. Where nobody tells what is new (`headers` has none), the answer is
    its own: it was asked for, and need not be sent, read and drawn again.
    """
    if isinstance(told, bytes):
        found = Response(told, headers=headers, media_type="application/json")
    else:
        found = answer(told, headers=headers)
    if not headers:
        found.headers["ETag"] = f'W/"{hashlib.sha256(found.body).hexdigest()[:32]}"'
        if _knows(request, found.headers["ETag"]):
            return Response(status_code=304, headers={"ETag": found.headers["ETag"]})
    return found


def _knows(request: Request, tag: str) -> bool:
    return tag in {one.strip() for one in request.headers.get("if-none-match", "").split(",")}


# Asynchronous though they wait for nothing: FastAPI calls others in a thread.
async def _run_id(run_id: Annotated[str, Path(description="MLflow's id of a run")]) -> str:
    return checked_id(run_id)


async def _other_id(other_id: Annotated[str, Path(description="Likewise, of another")]) -> str:
    return checked_id(other_id)


RunId = Annotated[str, Depends(_run_id)]
OtherRunId = Annotated[str, Depends(_other_id)]
