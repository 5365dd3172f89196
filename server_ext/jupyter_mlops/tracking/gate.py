"""In front of MLflow's app: who may come in, and waiting until it is there.

Every request needs a token, whatever it asks for; a `Host` that isn't ours means that a browser was
led here under somebody else's name.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from jupyter_mlops.errors import MlopsError
from jupyter_mlops.tracking.access import Access, Caller
from jupyter_mlops.tracking.embedded_store import EmbeddedStore
from jupyter_mlops.tracking.live_runs import LiveRuns
from jupyter_mlops.tracking.mlflow_app import WITHHELD
from jupyter_mlops.tracking.run_guard import RunGuard, concerns

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger(__name__)
audit = logging.getLogger("jupyter_mlops.audit")

#: Seconds that a request waits for the store and MLflow's app; its client then tries again.
PATIENCE = 100.0
#: MLflow's own limit for these calls is 1 MB.
_BODY_MOST = 4 * 2**20
#: Ours, or of the address that the browser used; MLflow judges the one that it gets from us.
_DROPPED = (b"authorization", b"host", b"origin", b"cookie", b"content-length", b"forwarded")


class Gate:
    """An ASGI app; `opened` returns the store and MLflow's app once they are there."""

    def __init__(
        self,
        access: Access,
        live: LiveRuns,
        opened: Callable[[], Awaitable[tuple[EmbeddedStore, ASGIApp]]],
        used: Callable[[], None],
    ) -> None:
        self._access = access
        self._live = live
        self._opened = opened
        self._used = used
        self._guard = RunGuard(live)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
            return
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        given = dict(headers)
        if given.get(b"host", b"").lower() not in self._access.hosts:
            audit.info("refused MLflow request: its host is not ours")
            await _refuse(send, 403, "PERMISSION_DENIED", "This is not the address of a server.")
            return
        caller = self._access.caller(given.get(b"authorization", b""))
        if caller is None:
            audit.info("refused MLflow request: no valid token")
            await _refuse(send, 401, "UNAUTHENTICATED", "A token of this server is needed.")
            return
        self._used()
        if WITHHELD.match(scope["path"]):
            await _refuse(send, 404, "ENDPOINT_NOT_FOUND", "This is not offered here.")
            return
        try:
            async with asyncio.timeout(PATIENCE):
                store, app = await self._opened()
        except TimeoutError:
            await _refuse(send, 503, "TEMPORARILY_UNAVAILABLE", "MLflow is still being loaded.")
            return
        except MlopsError as error:
            # Not a 5xx: MLflow's client would try for minutes what can't succeed.
            await _refuse(send, 400, "INVALID_STATE", f"{error.detail} {error.hint}")
            return
        if caller.job_id is not None and not self._live.known(caller.job_id):
            audit.info("refused MLflow request: the job of its token has ended")
            await _refuse(send, 401, "UNAUTHENTICATED", "The job of this token has ended.")
            return
        await self._pass_on(caller, store, app, scope, receive, send)

    async def _pass_on(
        self,
        caller: Caller,
        store: EmbeddedStore,
        app: ASGIApp,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        headers = [pair for pair in scope["headers"] if pair[0] not in _DROPPED]
        headers.append((b"host", b"localhost"))
        length = dict(scope["headers"]).get(b"content-length")
        call = concerns(scope["method"], scope["path"])
        if call is not None and not caller.daemon:
            body = await _read(receive)
            if body is None:
                await _refuse(send, 413, "INVALID_PARAMETER_VALUE", "The request is too large.")
                return
            document = _object(body)
            if document is not None:
                revised = await self._guard.revise(store, caller, call, document)
                if revised is not document:
                    body = json.dumps(revised).encode()
            receive = _replay(body, receive)
            length = str(len(body)).encode()
        if length is not None:
            headers.append((b"content-length", length))
        await app({**scope, "headers": headers, "root_path": ""}, receive, send)


async def _read(receive: Receive) -> bytes | None:
    pieces: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return b"".join(pieces)
        pieces.append(message.get("body", b""))
        size += len(pieces[-1])
        if size > _BODY_MOST:
            return None
        if not message.get("more_body", False):
            return b"".join(pieces)


def _replay(body: bytes, receive: Receive) -> Receive:
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return waiting.pop() if waiting else await receive()

    return again


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None  # MLflow says what is wrong with it
    return found if isinstance(found, dict) else None


async def _refuse(send: Send, status: int, code: str, message: str) -> None:
    body = json.dumps({"error_code": code, "message": message}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if status == 503:
        headers.append((b"retry-after", b"1"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
