"""A process of ours that answers one JSON line with one JSON line; started when needed, ended when
idle, killed when it takes too long.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import sys
from collections.abc import Mapping
from typing import Any

from jupyter_mlops.errors import MlopsError

log = logging.getLogger(__name__)

_LINE_MOST = 64 * 2**20


class WorkerDied(MlopsError):
    """The process ended before it answered."""

    code, title = "worker_died", "A helper process died"


class WorkerTooSlow(MlopsError):
    """The process took too long and was killed."""

    code, title = "worker_too_slow", "A helper process took too long"


class WorkerProcess:
    """`python -m <module>`; one request at a time. Belongs to one event loop."""

    def __init__(
        self,
        module: str,
        *,
        environment: Mapping[str, str] | None = None,
        idle: float | None = 30.0,
    ) -> None:
        self._module = module
        self._environment = environment
        self._idle = idle
        self._process: asyncio.subprocess.Process | None = None
        self._errors: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def busy(self) -> bool:
        """Whether it works on something."""
        return self._turn.locked()

    async def ask(self, request: Mapping[str, Any], patience: float) -> dict[str, Any]:
        """The answer.

        Raises:
            WorkerDied: no answer; the next request gets a new process.
            WorkerTooSlow: not within `patience` seconds; likewise.
        """
        async with self._turn:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            process = await self._running()
            answered = False
            try:
                async with asyncio.timeout(patience):
                    line = await self._exchange(process, request)
                answer: dict[str, Any] = json.loads(line)
            except TimeoutError:
                raise WorkerTooSlow(
                    f"{self._module} did not answer within {patience:.0f} s."
                ) from None
            except (ValueError, OSError):
                raise WorkerDied(f"{self._module} ended before it answered.") from None
            else:
                answered = not answer.get("leaving", False)
                return answer
            finally:
                # Whatever it would still say is not the answer to the next request.
                if answered:
                    self._leave_when_idle()
                else:
                    await self._end()

    async def stop(self) -> None:
        """End the process."""
        if self._timer is not None:
            self._timer.cancel()
        await self._end()

    async def _running(self) -> asyncio.subprocess.Process:
        process = self._process
        if process is None or process.returncode is not None:
            process = self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",
                "-m",
                self._module,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=dict(os.environ if self._environment is None else self._environment),
                cwd="/",
                start_new_session=True,
                limit=_LINE_MOST,
            )
            self._errors = asyncio.create_task(self._log_errors(process))
        return process

    @staticmethod
    async def _exchange(process: asyncio.subprocess.Process, request: Mapping[str, Any]) -> bytes:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(dict(request)).encode() + b"\n")
        await process.stdin.drain()
        return await process.stdout.readline()

    async def _log_errors(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        with contextlib.suppress(ValueError):
            while line := await process.stderr.readline():
                log.info("%s: %s", self._module, line.decode("utf-8", "replace").rstrip())

    def _leave_when_idle(self) -> None:
        if self._idle is not None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._idle, self._close)

    def _close(self) -> None:
        if self._process is not None and self._process.stdin is not None and not self.busy:
            self._process.stdin.close()
            self._process = None

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        await process.wait()
        if self._errors is not None:
            self._errors.cancel()
            await asyncio.gather(self._errors, return_exceptions=True)
