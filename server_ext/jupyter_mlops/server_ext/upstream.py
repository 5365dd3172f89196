"""Requests to the daemon from the Jupyter server's event loop: HTTP/1.1 over its unix socket."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Iterable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self

import h11

from jupyter_mlops.client import Client
from jupyter_mlops.errors import DaemonUnreachable
from jupyter_mlops.starting import trusted_socket

_PIECE = 64 * 1024
_GONE = (FileNotFoundError, ConnectionRefusedError)

Headers = Iterable[tuple[str, str]]


class Answer:
    """The head of an answer; its body is read piece by piece, never held whole."""

    def __init__(
        self, connection: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._connection = connection
        self._reader = reader
        self._writer = writer
        self.status = 0
        self.headers: dict[str, str] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # Closing is how the daemon learns that nobody listens any more.
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    async def head(self) -> None:
        """Read up to the body.

        Raises:
            DaemonUnreachable: the daemon went away.
        """
        event = await self._next()
        while isinstance(event, h11.InformationalResponse):
            event = await self._next()
        if not isinstance(event, h11.Response):
            raise DaemonUnreachable("The daemon went away before it answered.", code="daemon_gone")
        self.status = event.status_code
        self.headers = {
            name.decode("latin-1").lower(): value.decode("latin-1") for name, value in event.headers
        }

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body.

        Raises:
            DaemonUnreachable: it was broken off.
        """
        while True:
            event = await self._next()
            if isinstance(event, h11.Data):
                yield bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                return
            else:
                raise DaemonUnreachable("The daemon went away.", code="daemon_gone")

    async def lines(self, longest: int) -> AsyncIterator[bytes]:
        """The body line by line; one longer than `longest` bytes is refused by ValueError."""
        rest = bytearray()
        async for piece in self.pieces():
            rest += piece
            *whole, last = rest.split(b"\n")
            for line in whole:
                yield bytes(line)
            rest = last
            if len(rest) > longest:
                raise ValueError(f"a line of more than {longest} bytes")
        if rest:
            yield bytes(rest)

    async def _next(self) -> object:
        while True:
            try:
                event = self._connection.next_event()
            except h11.RemoteProtocolError as error:
                raise DaemonUnreachable("The daemon went away.", code="daemon_gone") from error
            if event is not h11.NEED_DATA:
                return event
            try:
                data = await self._reader.read(_PIECE)
            except OSError as error:
                raise DaemonUnreachable("The daemon went away.", code="daemon_gone") from error
            self._connection.receive_data(data)


class Upstream:
    """The one daemon of this person, started when nobody listens."""

    def __init__(self) -> None:
        # Starting a daemon blocks for a moment; the event loop never does.
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="mlops-start")

    def close(self) -> None:
        """No more starting."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def ask(self, method: str, target: str, headers: Headers, body: bytes = b"") -> Answer:
        """Send a request; the answer's head has been read when this returns.

        Raises:
            DaemonUnreachable: it can't be started, or went away.
        """
        reader, writer = await self._connect()
        connection = h11.Connection(h11.CLIENT)
        sent = [
            ("Host", "localhost"),
            ("Connection", "close"),
            ("Content-Length", str(len(body))),
            *headers,
        ]
        answer = Answer(connection, reader, writer)
        try:
            writer.write(
                connection.send(h11.Request(method=method, target=target, headers=sent)) or b""
            )
            if body:
                writer.write(connection.send(h11.Data(data=body)) or b"")
            writer.write(connection.send(h11.EndOfMessage()) or b"")
            with contextlib.suppress(OSError):
                # Refused before it was read whole: what it said is still to be read.
                await writer.drain()
            await answer.head()
        except BaseException:
            writer.close()
            raise
        return answer

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        for attempt in range(2):
            try:
                path = trusted_socket()
                return await asyncio.open_unix_connection(os.fspath(path), limit=2 * _PIECE)
            except _GONE:
                if attempt:
                    break
                loop = asyncio.get_running_loop()
                await loop.run_in_executor(self._threads, Client().ensure_daemon)
        raise DaemonUnreachable(
            "The daemon doesn't answer.", hint="`jupyter mlops doctor` checks the installation."
        )
