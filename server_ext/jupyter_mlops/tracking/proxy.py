"""`/mlflow/…` of the daemon, passed on to a tracking server: the one in this process or a remote.

Bodies are streamed both ways. Credentials are added here, so a browser never has them; redirects
are neither followed nor passed on, so nobody else gets them either.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import unquote_to_bytes

from jupyter_mlops.errors import MlopsError
from jupyter_mlops.tracking.tracking_server import TrackingUnreachable

if TYPE_CHECKING:
    import httpx
    from starlette.types import Receive, Scope, Send

PREFIX = b"/mlflow"
_REQUEST_HEADERS = frozenset({
    b"accept", b"accept-language", b"content-length", b"content-type", b"if-modified-since",
    b"if-none-match", b"range", b"x-mlflow-workspace",
})  # fmt: skip
_RESPONSE_HEADERS = frozenset({
    b"accept-ranges", b"cache-control", b"content-disposition", b"content-language",
    b"content-length", b"content-range", b"content-type", b"etag", b"expires", b"last-modified",
    b"retry-after", b"x-content-type-options", b"x-frame-options",
})  # fmt: skip
_CONNECT, _READ = 5.0, 120.0
_CLIMBS = re.compile(rb"(?:^|[/\\])\.\.(?:[/\\]|$)|[\0\r\n]")


class NoTrackingPages(MlopsError):
    """There is no tracking server whose pages could be shown."""

    code, http_status = "no_tracking_pages", 501
    title: ClassVar[str] = "There are no pages"


class _BadAddress(MlopsError):
    code, http_status, title = "bad_address", 400, "Bad address"


@dataclass(frozen=True, slots=True)
class Target:
    """Where requests go. `shown` is for people: no credentials."""

    url: str
    shown: str
    authorization: Callable[[], str | None]
    #: Whether proxies, certificates and the like are taken from the environment.
    from_environment: bool = False
    #: As httpx takes it: whether to check certificates, or the file of those to trust.
    verify: bool | str = True
    certificate: str | None = None


class Proxy:
    """An ASGI app. Belongs to one event loop."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._client: httpx.AsyncClient | None = None
        self._opening = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            return
        try:
            url = self._url(scope)
            client = await self._opened()
            response = await self._request(client, url, scope, receive)
        except MlopsError as error:
            await send_problem(send, error)
            return
        try:
            await _answer(response, receive, send)
        finally:
            await response.aclose()

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.aclose()

    def _url(self, scope: Scope) -> str:
        path: bytes = scope.get("raw_path") or scope["path"].encode()
        path = path.removeprefix(PREFIX) or b"/"
        decoded = path
        for _ in range(3):
            if _CLIMBS.search(decoded):
                raise _BadAddress("This address can't be used.")
            decoded = unquote_to_bytes(decoded)
        query: bytes = scope.get("query_string", b"")
        ending = path.decode("latin-1") + (f"?{query.decode('latin-1')}" if query else "")
        return self._target.url.rstrip("/") + ending

    async def _opened(self) -> httpx.AsyncClient:
        async with self._opening:
            if self._client is None:
                self._client = await asyncio.to_thread(self._make)
            return self._client

    def _make(self) -> httpx.AsyncClient:
        import httpx  # a tenth of a second that only those pay who look

        target = self._target
        context = httpx.create_ssl_context(
            verify=target.verify, cert=target.certificate, trust_env=target.from_environment
        )
        return httpx.AsyncClient(
            verify=context,
            trust_env=target.from_environment,
            follow_redirects=False,
            timeout=httpx.Timeout(_READ, connect=_CONNECT),
            limits=httpx.Limits(max_connections=64, max_keepalive_connections=16),
        )

    async def _request(
        self, client: httpx.AsyncClient, url: str, scope: Scope, receive: Receive
    ) -> httpx.Response:
        import httpx

        headers = [(k, v) for k, v in scope["headers"] if k in _REQUEST_HEADERS]
        headers.append((b"accept-encoding", b"identity"))
        if (authorization := self._target.authorization()) is not None:
            headers.append((b"authorization", authorization.encode()))
        has_body = any(
            name == b"transfer-encoding" or (name == b"content-length" and value != b"0")
            for name, value in scope["headers"]
        )
        request = client.build_request(
            scope["method"], url, headers=headers, content=_body(receive) if has_body else None
        )
        try:
            response = await client.send(request, stream=True)
        except httpx.TimeoutException as error:
            raise self._unreachable("does not answer in time") from error
        except httpx.HTTPError as error:
            raise self._unreachable("can't be reached") from error
        if 300 <= response.status_code < 400 and response.status_code != 304:
            await response.aclose()
            raise self._unreachable("answered with a redirect; they are not followed")
        return response

    def _unreachable(self, what: str) -> TrackingUnreachable:
        return TrackingUnreachable(
            f"The tracking server {self._target.shown} {what}.",
            hint="Check the server and MLFLOW_TRACKING_URI; jobs run meanwhile.",
        )


async def send_problem(send: Send, error: MlopsError) -> None:
    """An error as the answer."""
    body = json.dumps(error.to_problem()).encode()
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(body)).encode()),
    ]
    await send({"type": "http.response.start", "status": error.http_status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _body(receive: Receive) -> AsyncIterator[bytes]:
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise TrackingUnreachable("The request was broken off.")
        if piece := message.get("body", b""):
            yield piece
        if not message.get("more_body", False):
            return


async def _answer(response: httpx.Response, receive: Receive, send: Send) -> None:
    headers = [(k.lower(), v) for k, v in response.headers.raw if k.lower() in _RESPONSE_HEADERS]
    await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
    sending = asyncio.create_task(_send_all(response, send))
    leaving = asyncio.create_task(_left(receive))
    try:
        await asyncio.wait([sending, leaving], return_when=asyncio.FIRST_COMPLETED)
        if sending.done():
            sending.result()
    finally:
        for task in (sending, leaving):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await task


async def _send_all(response: httpx.Response, send: Send) -> None:
    async for piece in response.aiter_raw():
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def no_pages(scope: Scope, _receive: Receive, send: Send, *, shown: str) -> None:
    """The answer where runs are kept in something that has no pages."""
    if scope["type"] == "http":
        await send_problem(
            send,
            NoTrackingPages(
                f"Runs are kept in {shown}, which is no server that could be shown here.",
                hint="To look at them: mlflow ui --backend-store-uri <MLFLOW_TRACKING_URI>",
            ),
        )
