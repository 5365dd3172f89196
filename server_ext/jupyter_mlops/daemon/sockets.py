"""The daemon's sockets: the API, for processes of its own user only, and the doorbell."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import socket
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_mlops.paths import private_dir

log = logging.getLogger(__name__)

_RING = re.compile(rb"([0-9a-f]{12})/([1-9][0-9]{0,3})")
_RUN = re.compile(rb"run/([0-9a-f]{32})")


def peer_uid(connection: socket.socket) -> int | None:
    """The user at the other end of a unix socket; None where the system doesn't tell."""
    if hasattr(socket, "SO_PEERCRED"):
        size = struct.calcsize("3i")
        data = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
        return int(struct.unpack("3i", data)[1])
    if sys.platform == "darwin":
        # struct xucred: version, uid, …; SOL_LOCAL and LOCAL_PEERCRED have no names in `socket`.
        data = connection.getsockopt(0, 1, 76)
        return int(struct.unpack_from("=II", data)[1])
    return None


@dataclass(frozen=True)
class Place:
    """Where a socket was bound and which file that made: names may be removed, or another's."""

    path: Path
    device: int
    inode: int

    @classmethod
    def of(cls, path: Path) -> Place:
        """What is there now."""
        found = os.lstat(path)
        return cls(path, found.st_dev, found.st_ino)

    def holds(self) -> bool:
        """Whether the path still leads there."""
        try:
            return Place.of(self.path) == self
        except OSError:
            return False

    def clear(self) -> None:
        """Remove the file, unless it is somebody else's by now."""
        if self.holds():
            _remove_socket(self.path)


class OwnUserSocket(socket.socket):
    """A listening socket that hangs up on every other user before a byte is read."""

    place: Place

    def accept(self) -> tuple[socket.socket, Any]:
        """Accept a connection of our own user.

        Raises:
            ConnectionAbortedError: it was another user's; asyncio takes the next one.
        """
        connection, address = super().accept()
        try:
            uid = peer_uid(connection)
        except OSError:
            uid = None
        if uid != os.getuid():
            connection.close()
            log.warning("refused: a connection of uid %s", "unknown" if uid is None else uid)
            raise ConnectionAbortedError("not our user")
        return connection, address


def listen(path: Path) -> OwnUserSocket:
    """Listen at `path`, 0600. A socket left there is removed: call this holding the lock only."""
    private_dir(path.parent)
    _remove_socket(path)
    listening = OwnUserSocket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listening.place = _bind_private(listening, path)
        listening.listen(1024)
        listening.setblocking(False)
    except BaseException:
        listening.close()
        raise
    return listening


class Doorbell:
    """Receives datagrams: `<job id>/<attempt>` of runners, `run/<run id>` of kernels that log;
    anything else is dropped.
    """

    def __init__(
        self,
        path: Path,
        ring: Callable[[str, int], None],
        ring_run: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._path = path
        self._ring = ring
        self._ring_run = ring_run
        self._bind()

    @property
    def in_place(self) -> bool:
        """Whether runners still find it."""
        return self._place.holds()

    def bind_again(self) -> None:
        """Be where runners look for it.

        Raises:
            OSError, Refused: that can't be now; whoever has found it before still can ring.
        """
        before = self._socket
        self._bind()
        asyncio.get_running_loop().remove_reader(before)
        before.close()

    def close(self) -> None:
        """Stop listening; runners that ring then find nobody."""
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()
        self._place.clear()

    def _bind(self) -> None:
        private_dir(self._path.parent)
        _remove_socket(self._path)
        bound = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            self._place = _bind_private(bound, self._path)
            bound.setblocking(False)
        except BaseException:
            bound.close()
            raise
        self._socket = bound
        asyncio.get_running_loop().add_reader(bound, self._read)

    def _read(self) -> None:
        for _ in range(256):
            try:
                data = self._socket.recv(64)
            except BlockingIOError:
                return
            except OSError as error:
                log.warning("doorbell: %s", error)
                return
            if found := _RING.fullmatch(data):
                self._ring(found[1].decode(), int(found[2]))
            elif found := _RUN.fullmatch(data):
                self._ring_run(found[1].decode())


def _bind_private(unbound: socket.socket, path: Path) -> Place:
    # The directory is 0700, so nobody can come in between bind and chmod.
    unbound.bind(str(path))
    path.chmod(0o600)
    return Place.of(path)


def _remove_socket(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
