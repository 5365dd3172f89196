"""A tracking server of its own process, and a wire to it that can be cut, slowed and broken."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

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


class TrackingServerProcess:
    """`mlflow server` on loopback, with a store of its own in `directory`."""

    def __init__(self, directory: Path, database: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.log = directory / "server.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    sys.executable, "-m", "mlflow", "server",
                    "--backend-store-uri", f"sqlite:///{database}",
                    "--artifacts-destination", str(directory / "artifacts"),
                    "--host", "127.0.0.1", "--port", str(self.port), "--workers", "1",
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
                start_new_session=True,
            )  # fmt: skip

    def wait_until_up(self, patience: float = 100.0) -> None:
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
