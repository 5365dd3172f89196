"""A warm parent by itself, spoken to as a runner does."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

from jupyter_mlops.jobs.warm.pool import BATCH_KERNEL, PARENT


class Forking:
    """One parent, spoken to as a runner does."""

    def __init__(self, folder: Path, *preload: str) -> None:
        self.socket = folder / "p"
        self.folder = folder
        self.process = subprocess.Popen(
            [
                sys.executable, str(PARENT), "--listen", str(self.socket), "--role", "kernel",
                "--batch-kernel", str(BATCH_KERNEL), "--preload", ",".join(preload),
            ],
            stdin=subprocess.PIPE,
        )  # fmt: skip
        deadline = time.monotonic() + 60
        while not self.socket.exists():
            assert self.process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def ask(self, **request) -> socket.socket:
        """A connection on which the request was sent."""
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(30)
        connection.connect(str(self.socket))
        connection.sendall(json.dumps(request).encode() + b"\n")
        return connection

    def said(self, connection: socket.socket) -> dict:
        """The next line."""
        line = b""
        while not line.endswith(b"\n"):
            piece = connection.recv(1)
            if not piece:
                return {}
            line += piece
        return json.loads(line)

    def state(self) -> dict:
        """What it says of itself."""
        with self.ask(op="state") as connection:
            return self.said(connection)

    def kernel(self, name: str = "k") -> tuple[socket.socket, dict]:
        """A kernel, and what was said of it."""
        connection = self.ask(
            op="kernel",
            argv=["-f", str(self.folder / f"{name}.json")],
            cwd=str(self.folder),
            env=dict(os.environ),
            log=str(self.folder / f"{name}.log"),
        )
        return connection, self.said(connection)

    def children(self, pid: int | None = None) -> list[int]:
        """Of the parent, or of another process."""
        pid = self.process.pid if pid is None else pid
        return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def end(self) -> None:
        """As when the daemon ends."""
        if self.process.stdin and not self.process.stdin.closed:
            self.process.stdin.close()
        self.process.wait(10)
