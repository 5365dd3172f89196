"""HTTP/1.1 over a unix socket, as much of it as the daemon speaks.

`http.client` would do, but pulls in `email` and `ssl`: three times the cost of everything else that
the command line loads. Here: keep-alive, `Content-Length` and chunked bodies, and streams that can
be read with a tick, so that a progress bar moves while nothing arrives.
"""

from __future__ import annotations

import socket
from collections.abc import Generator, Iterator
from pathlib import Path

#: Longest head (status line and headers) of an answer.
HEAD_MAX = 64 * 1024
_PIECE = 256 * 1024


class Unanswered(ConnectionError):
    """The connection ended before a byte of the answer came: asking again may be safe."""


class BrokenOff(ConnectionError):
    """The connection ended in the middle of an answer, or what came isn't HTTP."""


class Connection:
    """One keep-alive connection; not shared between threads while an answer is being read."""

    def __init__(self, path: Path, timeout: float) -> None:
        """Connect.

        Raises:
            OSError: nobody listens there (`FileNotFoundError`, `ConnectionRefusedError`), …
        """
        self._buffer = bytearray()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.settimeout(timeout)
            self._socket.connect(str(path))
        except BaseException:
            self._socket.close()
            raise

    def close(self) -> None:
        """End the connection; may be called twice."""
        self._socket.close()

    def __del__(self) -> None:
        # A client may be dropped with idle connections; that is no reason for a warning.
        if hasattr(self, "_socket"):
            self._socket.close()

    def stale(self) -> bool:
        """Whether the other side has closed it (or said something that nobody asked for)."""
        self._socket.setblocking(False)
        try:
            self._socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            return True
        return True

    def ask(
        self, method: str, target: str, headers: dict[str, str], body: bytes | None, timeout: float
    ) -> Response:
        """Send a request and read the head of its answer.

        Raises:
            Unanswered: the connection ended before the answer began.
            BrokenOff: it ended within the head, or that is not HTTP.
            TimeoutError: nothing came for `timeout` seconds.
        """
        lines = [f"{method} {target} HTTP/1.1", "Host: mlops"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        if not all(map(header_safe, lines)):
            raise ValueError("a request's head can only have printable ASCII")
        head = "\r\n".join(lines).encode() + b"\r\n\r\n"
        self._socket.settimeout(timeout)
        try:
            self._socket.sendall(head + (body or b""))
        except (BrokenPipeError, ConnectionResetError):
            # A server that refuses a large body answers and closes before reading it all.
            if not self._readable():
                raise Unanswered("the connection was closed") from None
        return self._head(timeout)

    def _readable(self) -> bool:
        try:
            return bool(self._socket.recv(1, socket.MSG_PEEK))
        except OSError:
            return False

    def _head(self, timeout: float) -> Response:
        while True:
            while (end := self._buffer.find(b"\r\n\r\n")) < 0:
                if len(self._buffer) > HEAD_MAX:
                    raise BrokenOff("the head of the answer doesn't end")
                begun = bool(self._buffer)
                try:
                    more = self.fill(timeout)
                except ConnectionResetError:
                    more = b""
                if not more:
                    if begun:
                        raise BrokenOff("the answer ended within its head")
                    raise Unanswered("the connection was closed")
            head = bytes(self._buffer[:end]).decode("latin-1")
            del self._buffer[: end + 4]
            status_line, *fields = head.split("\r\n")
            version, _, rest = status_line.partition(" ")
            if not version.startswith("HTTP/1.") or not rest[:3].isdigit():
                raise BrokenOff("the answer isn't HTTP")
            status = int(rest[:3])
            if status < 200:
                continue  # 100 Continue and its like come before the answer itself
            headers = {}
            for field in fields:
                name, _, value = field.partition(":")
                headers[name.strip().lower()] = value.strip()
            return Response(self, status, headers)

    def fill(self, timeout: float | None) -> bytes | None:
        """Wait for more bytes, append them to the buffer and return them; b"" at the end.

        Raises:
            TimeoutError: nothing came for `timeout` seconds.
        """
        self._socket.settimeout(timeout)
        piece = self._socket.recv(_PIECE)
        self._buffer += piece
        return piece

    @property
    def buffer(self) -> bytearray:
        """What has come and wasn't read yet."""
        return self._buffer


class Response:
    """The head of an answer; its body is read once, whole or piece by piece."""

    def __init__(self, connection: Connection, status: int, headers: dict[str, str]) -> None:
        self.connection = connection
        self.status = status
        self.headers = headers
        self.chunked = "chunked" in headers.get("transfer-encoding", "").lower()
        length = headers.get("content-length")
        self.length = int(length) if length is not None and length.isdigit() else None
        if status in (204, 304):
            self.chunked, self.length = False, 0
        #: Set when the body has been read to its end.
        self.complete = False

    @property
    def reusable(self) -> bool:
        """Whether the connection can carry another request."""
        framed = self.chunked or self.length is not None
        closing = self.headers.get("connection", "").lower() == "close"
        return self.complete and framed and not closing

    def read(self, timeout: float) -> bytes:
        """The whole body.

        Raises:
            BrokenOff: it ended early.
            TimeoutError: nothing came for `timeout` seconds.
        """
        return b"".join(piece for piece in self._pieces(timeout, idle=False) if piece)

    def pieces(self, tick: float | None) -> Iterator[bytes]:
        """The body as it arrives; an empty piece whenever nothing came for `tick` seconds.

        Raises:
            BrokenOff: it ended early.
        """
        return self._pieces(tick, idle=True)

    def lines(self, tick: float | None) -> Iterator[bytes]:
        """The body's lines without their ends; an empty one whenever nothing came for `tick`.

        Raises:
            BrokenOff: it ended early.
        """
        rest = bytearray()
        for piece in self._pieces(tick, idle=True):
            if not piece:
                yield b""
                continue
            searched = len(rest)
            rest += piece
            start = 0
            while (end := rest.find(b"\n", max(start, searched))) >= 0:
                if line := bytes(rest[start:end]):
                    yield line
                start = end + 1
            del rest[:start]
        if rest:
            yield bytes(rest)

    def _pieces(self, timeout: float | None, *, idle: bool) -> Iterator[bytes]:
        body = self._chunks(timeout) if self.chunked else self._plain(timeout)
        for piece in body:
            if piece:
                yield piece
            elif idle:
                yield b""
            else:
                raise TimeoutError("the answer stopped coming")
        self.complete = True

    def _more(self, timeout: float | None) -> bool:
        """Whether bytes came; False after `timeout` seconds without any."""
        try:
            piece = self.connection.fill(timeout)
        except TimeoutError:
            return False
        except ConnectionResetError:
            piece = b""
        if not piece:
            raise BrokenOff("the answer ended early")
        return True

    def _plain(self, timeout: float | None) -> Iterator[bytes]:
        if self.length is not None:
            yield from self._exactly(self.length, timeout)
            return
        buffer = self.connection.buffer
        while True:
            if buffer:
                piece = bytes(buffer)
                buffer.clear()
                yield piece
            try:
                if not self._more(timeout):
                    yield b""
            except BrokenOff:
                return  # without a length, the end of the connection is the end

    def _chunks(self, timeout: float | None) -> Iterator[bytes]:
        while True:
            size = (yield from self._line(timeout)).partition(b";")[0].strip()
            try:
                left = int(size, 16)
            except ValueError:
                raise BrokenOff("a chunk's size isn't a number") from None
            if left == 0:
                while (yield from self._line(timeout)):
                    pass  # trailers; an empty line ends them
                return
            yield from self._exactly(left, timeout)
            if (yield from self._line(timeout)):
                raise BrokenOff("a chunk is longer than its size")

    def _exactly(self, left: int, timeout: float | None) -> Iterator[bytes]:
        buffer = self.connection.buffer
        while left > 0:
            if not buffer and not self._more(timeout):
                yield b""
                continue
            piece = bytes(buffer[:left])
            del buffer[: len(piece)]
            left -= len(piece)
            yield piece

    def _line(self, timeout: float | None) -> Generator[bytes, None, bytes]:
        buffer = self.connection.buffer
        while (end := buffer.find(b"\r\n")) < 0:
            if len(buffer) > HEAD_MAX:
                raise BrokenOff("a line between chunks doesn't end")
            if not self._more(timeout):
                yield b""
        line = bytes(buffer[:end])
        del buffer[: end + 2]
        return line


def header_safe(text: str) -> bool:
    """Whether `text` can be sent in a line of a request's head."""
    return text.isascii() and text.isprintable()
