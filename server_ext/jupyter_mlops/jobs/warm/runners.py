"""Forked runners, and those that wait for another attempt: each at the end of a connection.

A runner carries out one attempt at a time and is told each over its connection, by this process
only. So whoever looks after an attempt knows without asking whether the runner is still at it:
until it has said here that it is done, nothing else was given to it, and a signal can't reach
another attempt than the one that it was meant for.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

#: Seconds that a runner may take to answer.
_PATIENCE = 5.0
_ANSWER_MAX = 65_536
#: Seconds that a runner waits for another attempt; a burst has it at once.
_IDLE = 1.0
#: Attempts of one runner: whatever a process gathers in its life comes to an end.
ATTEMPTS_MOST = 50


class Runner:
    """One forked runner, free or at an attempt. Belongs to the event loop."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.attempts = 0
        self.pid = 0
        self.started = 0

    async def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Give it an attempt; what it answers, {} when it doesn't."""
        self.attempts += 1
        try:
            async with asyncio.timeout(_PATIENCE):
                self._writer.write(json.dumps(request).encode() + b"\n")
                await self._writer.drain()
                answer = await self._line()
        except (OSError, TimeoutError):
            answer = {}
        if "pid" in answer:
            self.pid, self.started = int(answer["pid"]), int(answer["start_time"])
        return answer

    async def done(self) -> bool:
        """Return when it has carried out its attempt; whether it may be given another."""
        try:
            said = await self._line()
        except OSError:
            said = {}
        return "done" in said and self.attempts < ATTEMPTS_MOST

    @property
    def gone(self) -> bool:
        """Whether it has left though it was free."""
        return self._reader.at_eof()

    def leave(self) -> None:
        """Let it go once it is free."""
        self._writer.close()

    async def _line(self) -> dict[str, Any]:
        line = await self._reader.readline()
        found: dict[str, Any] = json.loads(line) if line.endswith(b"\n") else {}
        return found


class Runners:
    """Those that this process has had forked, and looks after."""

    def __init__(self) -> None:
        self._free: dict[str, list[Runner]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(
        self, parent: Path, request: Mapping[str, Any]
    ) -> tuple[Runner | None, dict[str, Any]]:
        """Have an attempt carried out by a free runner of `parent` or a new one; its answer."""
        runner = self._take(os.fspath(parent))
        if runner is None:
            try:
                opened = await asyncio.open_unix_connection(os.fspath(parent), limit=_ANSWER_MAX)
            except OSError:
                return None, {}
            runner = Runner(*opened)
        answer = await runner.ask(request)
        if "pid" not in answer:
            runner.leave()
            return None, answer
        return runner, answer

    def look_after(self, runner: Runner, parent: Path, done: Callable[[], None]) -> None:
        """Call `done` when the runner has carried out its attempt or gone; keep it if it may."""
        task = asyncio.create_task(self._look_after(runner, os.fspath(parent), done))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Let go of all: they carry out what they are at, and leave."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for free in self._free.values():
            for runner in free:
                runner.leave()
        self._free.clear()

    def _take(self, parent: str) -> Runner | None:
        free = self._free.get(parent, [])
        while free:
            runner = free.pop()
            if not runner.gone:
                return runner
            runner.leave()
        return None

    async def _look_after(self, runner: Runner, parent: str, done: Callable[[], None]) -> None:
        try:
            again = await runner.done()
        except asyncio.CancelledError:
            runner.leave()
            raise
        done()
        if not again:
            runner.leave()
            return
        free = self._free.setdefault(parent, [])
        free.append(runner)
        turn = runner.attempts
        await asyncio.sleep(_IDLE)
        if runner in free and runner.attempts == turn:
            free.remove(runner)
            runner.leave()
        if not free:
            self._free.pop(parent, None)
