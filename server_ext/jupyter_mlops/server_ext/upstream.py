"""Requests to the daemon from the Jupyter server's event loop: nothing here ever blocks it.

An exchange is opened, given its body and ended; then the head and the pieces of its answer are
read. Whatever happened, it has to be closed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import h11

from jupyter_mlops import paths
from jupyter_mlops.client import Client
from jupyter_mlops.errors import DaemonUnreachable
from jupyter_mlops.server_ext.refusals import BadGateway, DaemonGone
from jupyter_mlops.starting import trusted_socket

Headers = Sequence[tuple[bytes, bytes]]

#: Seconds until an answer must have begun: MLflow's first one waits for its import, HTML for its
#: rendering.
HEAD_TIMEOUT = 300.0
_PIECE = 64 * 1024
_HEAD_MAX = 64 * 1024
_NOBODY = (FileNotFoundError, ConnectionRefusedError)


class Unanswered(Exception):
    """The connection ended before the answer began."""


class Exchange:
    """One request and its answer on a connection of its own."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_HEAD_MAX)
        self._refusing = False
        self._answered = False

    async def begin(self, method: str, target: str, headers: Headers) -> None:
        """Send the head of the request."""
        given = [(b"host", b"localhost"), (b"connection", b"close"), *headers]
        await self._send(h11.Request(method=method, target=target, headers=given))

    async def send(self, data: bytes) -> None:
        """Send a piece of the body; returns when there is room for the next.

        Where the daemon takes no more, pieces are dropped: its answer says why.
        """
        await self._send(h11.Data(data=data))

    async def end(self) -> None:
        """The request is complete."""
        await self._send(h11.EndOfMessage())

    async def head(self) -> h11.Response:
        """The head of the answer.

        Raises:
            Unanswered: the connection ended before it began.
            DaemonGone: nothing came in time.
            BadGateway: what came isn't HTTP.
        """
        try:
            async with asyncio.timeout(HEAD_TIMEOUT):
                while True:
                    event = await self._event()
                    if isinstance(event, h11.Response):
                        return event
        except TimeoutError:
            raise DaemonGone(
                f"The daemon didn't answer within {HEAD_TIMEOUT:.0f} s.",
                hint="`jupyter mlops daemon restart` starts it anew; running jobs go on.",
            ) from None
        except (ConnectionError, h11.RemoteProtocolError) as error:
            if not self._answered:
                raise Unanswered from None
            raise BadGateway(f"The daemon's answer can't be read: {error}.") from None

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body as it comes.

        Raises:
            DaemonGone: it broke off.
        """
        try:
            while True:
                event = await self._event()
                if isinstance(event, h11.Data):
                    yield bytes(event.data)
                elif isinstance(event, (h11.EndOfMessage, h11.ConnectionClosed)):
                    return
        except (ConnectionError, h11.RemoteProtocolError):
            raise DaemonGone("The daemon's answer broke off.", hint="Ask again.") from None

    async def lines(self, longest: int) -> AsyncIterator[bytes]:
        """The body's lines without their ends.

        Raises:
            DaemonGone: it broke off.
            BadGateway: a line is longer than `longest` bytes.
        """
        rest = bytearray()
        async for piece in self.pieces():
            searched = len(rest)
            rest += piece
            start = 0
            while (end := rest.find(b"\n", max(start, searched))) >= 0:
                if end > start:
                    yield bytes(rest[start:end])
                start = end + 1
            del rest[:start]
            if len(rest) > longest:
                raise BadGateway("The daemon sent a line that is too long.")
        if rest:
            yield bytes(rest)

    async def read(self, limit: int) -> bytes:
        """The body up to `limit` bytes."""
        found = bytearray()
        async for piece in self.pieces():
            found += piece
            if len(found) >= limit:
                break
        return bytes(found[:limit])

    def close(self) -> None:
        """End the connection; may be called twice, and while somebody reads."""
        self._writer.close()

    async def _send(self, event: h11.Event) -> None:
        data = self._http.send(event)
        if not data or self._refusing:
            return
        try:
            self._writer.write(data)
            await self._writer.drain()
        except ConnectionError:
            self._refusing = True

    async def _event(self) -> h11.Event:
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                data = await self._reader.read(_PIECE)
                self._answered = self._answered or bool(data)
                self._http.receive_data(data)
            elif isinstance(event, h11.Event):
                return event
            else:
                raise BadGateway("The daemon said something after its answer.")


class Upstream:
    """The way to the daemon; starts it when nobody listens. One a server."""

    def __init__(self) -> None:
        self._starting: asyncio.Task[None] | None = None
        self._seen = False

    async def open(self, method: str, target: str, headers: Headers) -> Exchange:
        """A connection with the head of a request sent; close it when done.

        Raises:
            DaemonUnreachable: nobody listens and the daemon can't be started.
            Refused: the socket's directory isn't ours alone.
        """
        if not self._seen:
            # Once a server's life: an older daemon is replaced by one of our version.
            await self.ensure()
            self._seen = True
        try:
            exchange = await self._connect()
        except _NOBODY:
            await self.ensure()
            try:
                exchange = await self._connect()
            except _NOBODY as error:
                raise DaemonUnreachable(
                    "The daemon goes away as soon as it is started.",
                    hint="`jupyter mlops doctor` checks the installation.",
                ) from error
        try:
            await exchange.begin(method, target, headers)
        except BaseException:
            exchange.close()
            raise
        return exchange

    async def ensure(self) -> None:
        """Return when a daemon listens; any number of requests wait for one start.

        Raises:
            DaemonUnreachable: it can't be started.
        """
        if self._starting is None:
            self._starting = asyncio.ensure_future(asyncio.to_thread(_ensure_daemon))
            self._starting.add_done_callback(self._started)
        await asyncio.shield(self._starting)

    def _started(self, task: asyncio.Task[None]) -> None:
        self._starting = None
        if not task.cancelled():
            task.exception()  # whoever waits gets it; nobody may be waiting any more

    @staticmethod
    async def _connect() -> Exchange:
        try:
            reader, writer = await asyncio.open_unix_connection(trusted_socket())
        except _NOBODY:
            raise
        except OSError as error:
            raise DaemonUnreachable(
                f"The daemon can't be reached at {paths.daemon_socket()}: {error.strerror}.",
                hint="`jupyter mlops doctor` checks the installation.",
            ) from error
        return Exchange(reader, writer)


def _ensure_daemon() -> None:
    client = Client()
    try:
        client.ensure_daemon()
    finally:
        client.close()
