"""The one forwarder: a request that may is passed to the daemon, its answer to the browser.

Both bodies are passed on as they come; neither is ever held whole.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import Any

import h11
from tornado import web
from tornado.iostream import StreamClosedError

from jupyter_mlops.errors import MlopsError
from jupyter_mlops.server_ext.addresses import api_target, below
from jupyter_mlops.server_ext.base import MlopsHandler, authorized, root_header
from jupyter_mlops.server_ext.refusals import (
    BadGateway,
    DaemonGone,
    UnsupportedMediaType,
)
from jupyter_mlops.server_ext.upstream import Exchange, Unanswered

#: All that the daemon hears of a request's head.
_REQUEST_HEADERS = ("Accept", "Content-Type", "Idempotency-Key", "If-None-Match", "Range")
#: All that a browser hears of an answer's head. Never: cookies, redirects, other policies.
_RESPONSE_HEADERS = frozenset({
    b"accept-ranges", b"cache-control", b"content-disposition", b"content-language",
    b"content-length", b"content-range", b"content-type", b"etag", b"last-modified",
    b"retry-after", b"x-accel-buffering", b"x-mlops-version",
})  # fmt: skip
_DOCUMENT = re.compile(r"/api/v1/jobs/([0-9a-f]{12})/(html|notebook)")
_SUFFIX = {"html": "html", "notebook": "ipynb"}


@web.stream_request_body
class Forwarder(MlopsHandler, ABC):
    """Passes requests on; a subclass says where to and how an answer is dressed."""

    _exchange: Exchange | None = None
    _received = 0
    _left = False

    @abstractmethod
    def target(self) -> str:
        """The daemon's address of this request.

        Raises:
            BadAddress: it has none.
        """

    def extra_headers(self) -> list[tuple[bytes, bytes]]:
        """What the daemon is told besides."""
        return []

    def check_body(self) -> None:
        """Refuse a body by its head."""

    def dress(self) -> None:
        """Add to the head of the answer what the address calls for."""

    async def prepare(self, **_: Any) -> None:
        """Refuse what can be refused; then, for a body, open the way that it goes."""
        await super().prepare()
        if self._finished or self.request.method == "OPTIONS":
            return
        target = self.target()
        if self.request.method != "GET":
            self.check_body()
            self._exchange = await self._open(target)

    async def data_received(self, chunk: bytes) -> None:
        """A piece of the body."""
        self._received += len(chunk)
        if self._received > self.body_limit:
            # Without a declared length it shows only now.
            self._abandon()
            error = self.too_large()
            self.send_error(413, exc_info=(type(error), error, None))
        elif self._exchange is not None:
            await self._exchange.send(chunk)

    def on_connection_close(self) -> None:
        """The browser has gone: what it asked for is asked no longer."""
        self._left = True
        self._abandon()
        super().on_connection_close()

    def on_finish(self) -> None:
        """Whatever happened, nothing stays open."""
        self._abandon()
        super().on_finish()

    @web.authenticated
    @authorized("read")
    async def get(self, *_: str) -> None:
        """Read."""
        await self._relay()

    @web.authenticated
    @authorized("execute")
    async def post(self, *_: str) -> None:
        """Submit, cancel, rerun."""
        self.note_activity()
        await self._relay()

    @web.authenticated
    @authorized("write")
    async def delete(self, *_: str) -> None:
        """Delete."""
        self.note_activity()
        await self._relay()

    async def _open(self, target: str) -> Exchange:
        headers = [
            (name.lower().encode(), value.encode("latin-1"))
            for name in _REQUEST_HEADERS
            if (value := self.request.headers.get(name)) is not None
        ]
        headers += self.extra_headers()
        if self.request.method != "GET":
            length = self.request.headers.get("Content-Length")
            if length is not None:
                headers.append((b"content-length", length.encode()))
            elif "Transfer-Encoding" in self.request.headers:
                headers.append((b"transfer-encoding", b"chunked"))
            else:
                headers.append((b"content-length", b"0"))
        try:
            return await self.upstream.open(self.request.method or "", target, headers)
        except h11.LocalProtocolError as error:
            raise BadGateway(f"The request can't be passed on: {error}.") from None

    async def _relay(self) -> None:
        reading = self.request.method == "GET"
        if self._exchange is None:
            self._exchange = await self._open(self.target())
        try:
            head = await self._head(self._exchange)
        except Unanswered:
            if self._left:
                return
            if not reading:
                raise DaemonGone(
                    "The daemon went away before it answered.",
                    hint="Look whether it was done before doing it again.",
                ) from None
            # It was just leaving: the next one answers.
            self._exchange.close()
            self._exchange = await self._open(self.target())
            try:
                head = await self._head(self._exchange)
            except Unanswered:
                raise DaemonGone("The daemon went away before it answered.") from None
        await self._answer(self._exchange, head)

    @staticmethod
    async def _head(exchange: Exchange) -> h11.Response:
        await exchange.end()
        return await exchange.head()

    async def _answer(self, exchange: Exchange, head: h11.Response) -> None:
        if 300 <= head.status_code < 400 and head.status_code != 304:
            raise BadGateway("The daemon answered with a redirect; they are not passed on.")
        self.set_status(head.status_code)
        self.clear_header("Content-Type")
        for name, value in head.headers:
            if bytes(name) in _RESPONSE_HEADERS:
                self.set_header(bytes(name).decode(), bytes(value).decode("latin-1"))
        self.dress()
        try:
            # Before the first piece: a stream's head says that it is there.
            await self.flush()
            async for piece in exchange.pieces():
                self.write(piece)
                await self.flush()
            await self.finish()
        except StreamClosedError:
            return  # the browser has gone
        except MlopsError as error:
            if not self._left:
                self.log.warning("mlops: %s", error.detail)
                self._break_off()

    def _break_off(self) -> None:
        """End the connection so that nobody takes half an answer for the whole."""
        self._abandon()
        self._auto_finish = False
        connection = self.request.connection
        if connection is not None:
            self.detach().close()

    def _abandon(self) -> None:
        if self._exchange is not None:
            self._exchange.close()


class ApiHandler(Forwarder):
    """`<base>/mlops/api/v1/…`."""

    @web.authenticated
    @authorized("write")
    async def patch(self, *_: str) -> None:
        """Annotate."""
        self.note_activity()
        await self._relay()

    def target(self) -> str:
        """The same address of the daemon."""
        path = below(self.request.path, self.base_url)
        return api_target(path, self.request.query)

    def extra_headers(self) -> list[tuple[bytes, bytes]]:
        """The directory below which the request's paths lie."""
        return [root_header(self)]

    def check_body(self) -> None:
        """JSON only: a form of another site can't send that."""
        headers = self.request.headers
        empty = headers.get("Content-Length", "0") == "0" and "Transfer-Encoding" not in headers
        kind = headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind != "application/json" and not (empty and not kind):
            raise UnsupportedMediaType(
                "The body must be JSON.", hint="Send it with Content-Type: application/json."
            )

    def dress(self) -> None:
        """Documents are downloads: opened by themselves, they must not be pages of this server."""
        found = _DOCUMENT.fullmatch(below(self.request.path, self.base_url))
        if found and self.get_status() == 200:
            name = f"job-{found[1]}.{_SUFFIX[found[2]]}"
            self.set_header("Content-Disposition", f'attachment; filename="{name}"')
