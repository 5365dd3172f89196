"""`<base>/mlops/stream`: one WebSocket for every live view of a browser."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from jupyter_server.auth.decorator import ws_authenticated
from jupyter_server.base.websocket import WebSocketMixin
from tornado import websocket

from jupyter_mlops.errors import InvalidInput, MlopsError, NotFound
from jupyter_mlops.server_ext.base import MlopsHandler, allowed, checked_target

#: Subscriptions of one browser tab; more is a fault of the page.
_MOST = 64
#: Longest line that is passed on, in bytes.
_LONGEST_LINE = 128 * 2**20
#: Seconds that a browser may take for one message before its subscription is ended.
_PATIENCE = 30.0
_FOLLOWABLE = ("/api/v1/events", "/api/v1/jobs/")


class StreamHandler(WebSocketMixin, websocket.WebSocketHandler, MlopsHandler):
    """Opens followable addresses of the daemon and passes their lines on.

    In: `{"op": "open", "id", "path"}`, `{"op": "close", "id"}`. Out: `{"id", "data"}`, then
    `{"id", "end": true}` or `{"id", "error": problem}`. The browser keeps the cursors.
    """

    _tasks: dict[str, asyncio.Task[None]]

    @ws_authenticated
    @allowed("read")
    async def get(self, *args: Any, **kwargs: Any) -> None:
        """The upgrade."""
        self._tasks = {}
        await super().get(*args, **kwargs)

    async def on_message(self, message: str | bytes) -> None:
        """One request of the browser."""
        try:
            asked = json.loads(message)
            op, key = asked["op"], str(asked["id"])[:64]
        except (ValueError, KeyError, TypeError):
            self.close(1003, "expected {op, id}")
            return
        if op == "close":
            if task := self._tasks.pop(key, None):
                task.cancel()
        elif op == "open":
            if old := self._tasks.pop(key, None):
                old.cancel()
            if len(self._tasks) >= _MOST:
                await self._say(key, error=InvalidInput("Too many subscriptions.").to_problem())
                return
            self._tasks[key] = asyncio.create_task(self._follow(key, str(asked.get("path", ""))))

    def on_close(self) -> None:
        """The browser has gone: so does everything that was followed for it."""
        for task in self._tasks.values():
            task.cancel()
        self._tasks.clear()
        super().on_close()

    async def _follow(self, key: str, path: str) -> None:
        try:
            await self._pass_on(key, path)
        except MlopsError as error:
            await self._say(key, error=error.to_problem())
        except TimeoutError:
            await self._say(key, error=_slow())
        except websocket.WebSocketClosedError:
            return
        finally:
            if self._tasks.get(key) is asyncio.current_task():
                del self._tasks[key]

    async def _pass_on(self, key: str, path: str) -> None:
        address, _, query = path.partition("?")
        if not address.startswith(_FOLLOWABLE):
            raise NotFound("Only /api/v1/events and a job's events can be followed.")
        target = checked_target(address, query)
        headers = [("X-Mlops-Root", str(self.root))]
        async with await self.upstream.ask("GET", target, headers) as answer:
            if answer.status >= 400:
                text = b"".join([piece async for piece in answer.pieces()])
                raise _problem(text, answer.status)
            async for line in answer.lines(_LONGEST_LINE):
                if line.strip():
                    # The line is JSON already: it is wrapped, not read.
                    await self._send(f'{{"id":{json.dumps(key)},"data":{line.decode()}}}')
            await self._say(key, end=True)

    async def _say(self, key: str, **fields: Any) -> None:
        await self._send(json.dumps({"id": key, **fields}))

    async def _send(self, text: str) -> None:
        # Waiting for each message is the back-pressure: a slow browser slows its own stream only.
        await asyncio.wait_for(asyncio.shield(self._write(text)), _PATIENCE)

    async def _write(self, text: str) -> None:
        await self.write_message(text)


def _problem(text: bytes, status: int) -> MlopsError:
    try:
        return MlopsError.from_problem(json.loads(text), status)
    except (ValueError, AttributeError):
        return MlopsError(f"The daemon answered {status}.")


def _slow() -> dict[str, Any]:
    return InvalidInput("The browser reads too slowly.", code="slow_reader").to_problem()
