"""A server on the daemon's socket that says exactly what a test tells it to, byte by byte.

For what the real daemon never does: broken answers, odd framing, going away at a chosen moment.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from jupyter_mlops import paths


class Request:
    """What came in, and the connection to answer on."""

    def __init__(self, connection: socket.socket, head: str, body: bytes, number: int) -> None:
        first, *fields = head.split("\r\n")
        self.connection = connection
        self.method, self.target, _ = first.split(" ")
        self.headers = {
            name.lower(): value.strip() for name, _, value in (f.partition(":") for f in fields)
        }
        self.body = body
        #: Number of the connection that it came on, from 1.
        self.on_connection = number

    @property
    def path(self) -> str:
        """The target without the query."""
        return self.target.partition("?")[0]

    def raw(self, data: bytes) -> None:
        """Bytes as they are."""
        self.connection.sendall(data)

    def json(self, document: Any, status: int = 200) -> None:
        """A JSON answer with a length."""
        body = json.dumps(document).encode()
        kind = "application/problem+json" if status >= 400 else "application/json"
        head = f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}"
        self.raw(f"{head}\r\n\r\n".encode() + body)

    def begin_stream(self) -> None:
        """The head of a chunked answer."""
        self.raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")

    def chunk(self, data: bytes) -> None:
        """One chunk; an empty one ends the answer."""
        self.raw(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def event(self, document: Any) -> None:
        """One line of a stream."""
        self.chunk(json.dumps(document).encode() + b"\n")

    def hang_up(self) -> None:
        """End the connection now."""
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)
        self.connection.close()


class StandIn:
    """Listens until `stop`; `answer` is called with every request, in the connection's thread."""

    def __init__(self, answer: Callable[[Request], None]) -> None:
        self.answer = answer
        self.requests: list[Request] = []
        self.connections: list[socket.socket] = []
        paths.private_dir(paths.data_dir())
        directory = paths.private_dir(paths.runtime_dir())
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.bind(str(directory / paths.daemon_socket().name))
        self._socket.listen(64)
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def record(self, **fields: Any) -> None:
        """Write the daemon's record."""
        record = {"pid": os.getpid(), "start_time": time.time(), **fields}
        paths.daemon_record().write_text(json.dumps(record))

    def stop(self) -> None:
        """Close the socket and every connection, and remove the socket's file."""
        paths.daemon_socket().unlink(missing_ok=True)
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for connection in self.connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections.append(connection)
            number = len(self.connections)
            threading.Thread(target=self._serve, args=(connection, number), daemon=True).start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        waiting = b""
        with suppress(OSError), connection:
            while True:
                while b"\r\n\r\n" not in waiting:
                    piece = connection.recv(65536)
                    if not piece:
                        return
                    waiting += piece
                head, _, waiting = waiting.partition(b"\r\n\r\n")
                request = Request(connection, head.decode(), b"", number)
                length = int(request.headers.get("content-length", 0))
                if request.headers.get("x-leave-body") != "1":
                    while len(waiting) < length:
                        piece = connection.recv(65536)
                        if not piece:
                            return
                        waiting += piece
                request.body, waiting = waiting[:length], waiting[length:]
                self.requests.append(request)
                self.answer(request)


@contextmanager
def stand_ins() -> Iterator[Callable[[Callable[[Request], None]], StandIn]]:
    """Starts stand-ins that answer with what it is given, and stops them at the end."""
    running: list[StandIn] = []

    def start(answer: Callable[[Request], None]) -> StandIn:
        running.append(StandIn(answer))
        return running[-1]

    yield start
    for server in running:
        server.stop()
