"""A tracking server of its own process, and a wire to it that can be cut, slowed and broken."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import pytest

#: Seconds that each piece takes on a slow wire.
SLOW = 1.5


class Wire:
    """TCP from a port of its own to the server. `mode` holds for what comes from now on.

    pass, slow (every piece takes its time), silent (accepted, never answered), broken (503),
    refused (nobody listens).
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self.mode = "pass"
        #: How many connections came.
        self.came = 0
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self._loop = asyncio.new_event_loop()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    @property
    def uri(self) -> str:
        """What clients are given."""
        return f"http://127.0.0.1:{self.port}"

    def set(self, mode: str) -> None:
        """Behave so from now on; connections that are open end."""
        asyncio.run_coroutine_threadsafe(self._set(mode), self._loop).result(30)

    def close(self) -> None:
        """End."""
        self.set("refused")
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)
        self._loop.close()

    async def _set(self, mode: str) -> None:
        self.mode = mode
        if self._server is not None:
            self._server.close()
            self._server = None
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if mode != "refused":
            self._server = await asyncio.start_server(
                self._serve, "127.0.0.1", self.port, reuse_address=True
            )

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.came += 1
        try:
            with contextlib.suppress(OSError):
                await self._answer(reader, writer)
        except asyncio.CancelledError:
            pass  # `set`: this connection ends
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.mode == "silent":
            await reader.read()
            await asyncio.sleep(3600)
        elif self.mode == "broken":
            await reader.read(65_536)
            writer.write(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()
        else:
            there, back = await asyncio.open_connection("127.0.0.1", self.target)
            try:
                pumps = [self._pump(reader, back), self._pump(there, writer)]
                await asyncio.wait(
                    [asyncio.ensure_future(one) for one in pumps],
                    return_when=asyncio.FIRST_COMPLETED,
                )
            finally:
                back.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while piece := await reader.read(65_536):
                if self.mode == "slow":
                    await asyncio.sleep(SLOW)
                writer.write(piece)
                await writer.drain()


def _plain() -> dict[str, str]:
    """The environment without what MLflow's app leaves in it where it is loaded in this process."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("MLFLOW_SERVER_", "_MLFLOW_SERVER_"))
    }


class TrackingServerProcess:
    """`mlflow server` on loopback, with a store of its own in `directory`."""

    def __init__(self, directory: Path, database: Path, *options: str, **environment: str) -> None:
        """`options` are further ones of the command."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.log = directory / "server.log"
        self._command = [
            sys.executable, "-m", "mlflow", "server",
            "--backend-store-uri", f"sqlite:///{database}",
            "--artifacts-destination", str(directory / "artifacts"),
            "--host", "127.0.0.1", "--port", str(self.port), "--workers", "1",
            *options,
        ]  # fmt: skip
        self._environment = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"} | environment
        self.start()

    def start(self) -> None:
        """Start it, on the same port when it ran before."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=_plain() | self._environment,
                start_new_session=True,
            )

    def wait_until_up(self, patience: float = 240.0) -> None:
        """Return once it answers."""
        deadline = time.monotonic() + patience
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=5):
                    return
            except OSError:
                ended = self.process.poll() is not None
                assert not ended, self.log.read_text()
                assert time.monotonic() < deadline, self.log.read_text()
                time.sleep(0.1)

    def stop(self) -> None:
        """End it with its workers."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, 9)
        self.process.wait()


ServerT = TypeVar("ServerT", bound=TrackingServerProcess)


@contextlib.contextmanager
def serving(made: type[ServerT], factory: pytest.TempPathFactory, store: Path) -> Iterator[ServerT]:
    """A server that is up, in a directory of its own, on a copy of a store (`mlflow.db`)."""
    directory = factory.mktemp("tracking-server")
    shutil.copy(store / "mlflow.db", directory / "server.db")
    found = made(directory, directory / "server.db")
    try:
        found.wait_until_up()
        yield found
    finally:
        found.stop()
