"""Telling the daemon that something is new; starting it again when nobody listens."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

#: Seconds between two attempts to start the daemon.
RESTART_INTERVAL = 10.0
_NOBODY = (errno.ENOENT, errno.ECONNREFUSED, errno.ENOTSOCK, errno.EPROTOTYPE)


class Doorbell:
    """Datagrams, never waited for. A lost one costs a second: the daemon looks by itself."""

    def __init__(self, address: str, message: str, data_dir: Path | None = None) -> None:
        self._address = address
        self._message = message.encode()
        self._data_dir = data_dir
        self._socket: socket.socket | None = None
        self._started: subprocess.Popen[bytes] | None = None
        self._not_before = 0.0

    def ring(self) -> None:
        """Say that there is something new."""
        if not self._address:
            return
        if self._socket is None:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._socket.setblocking(False)
        try:
            self._socket.sendto(self._message, self._address)
        except OSError as error:
            # Anything else (a full queue, above all) means that it is there and busy.
            if error.errno in _NOBODY:
                self._start_daemon()

    def close(self) -> None:
        """Give the socket back."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _start_daemon(self) -> None:
        now = time.monotonic()
        if now < self._not_before:
            return
        self._not_before = now + RESTART_INTERVAL
        environment = dict(os.environ)
        if self._data_dir is not None:
            environment["JUPYTER_MLOPS_DATA_DIR"] = str(self._data_dir)
        if self._started is not None:
            self._started.poll()
        try:
            self._started = subprocess.Popen(
                [sys.executable, "-m", "jupyter_mlops.daemon"],
                cwd="/",
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            sys.stderr.write(f"the daemon can't be started: {error}\n")
