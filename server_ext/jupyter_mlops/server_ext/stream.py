"""`<base>/mlops/stream`: everything that a page follows, over one WebSocket.

A subscription is one followed request to the daemon. The browser's pace is the daemon's pace: the
next line is read when the last one has been taken. A browser that takes nothing for long loses the
subscription and opens it again from where it was.
"""

from __future__ import annotations

import asyncio
import codecs
import json
import re
from collections.abc import AsyncIterator
from typing import Any, cast
from urllib.parse import parse_qs

from jupyter_server.auth.decorator import ws_authenticated
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.base.websocket import WebSocketMixin
from jupyter_server.extension.handler import ExtensionHandlerMixin
from tornado import web
from tornado.iostream import StreamClosedError
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from jupyter_mlops.client import log_is_whole
from jupyter_mlops.errors import Conflict, MlopsError
from jupyter_mlops.server_ext.addresses import api_target
from jupyter_mlops.server_ext.base import AUTH_RESOURCE, UPSTREAM, authorized, root_header
from jupyter_mlops.server_ext.refusals import (
    PROBLEM_MAX,
    BadAddress,
    DaemonGone,
    SlowReader,
    http_problem,
    read_problem,
)
from jupyter_mlops.server_ext.upstream import Exchange, Unanswered, Upstream

#: Key of the number of subscriptions that a socket may have.
SUBSCRIPTIONS = "mlops_subscriptions"
#: Key of the seconds that a browser may take for one message.
PATIENCE = "mlops_patience"
#: The longest message from the browser, in bytes.
_MESSAGE_MAX = 64 * 1024
#: The longest line from the daemon: one output may have 64 MB, and escapes double it at most.
_LINE_MAX = 160 * 2**20
_ID = re.compile(r"[\x21-\x7e]{1,64}")
_FOLLOWED = re.compile(r"/api/v1/(?:events|jobs/([0-9a-f]{12})/(events|log))")
_ATTEMPT = re.compile(r"[1-9][0-9]{0,3}")
_TRUE = ("1", "true", "on", "yes")


class StreamHandler(ExtensionHandlerMixin, WebSocketMixin, WebSocketHandler, JupyterHandler):
    """One browser's socket."""

    auth_resource = AUTH_RESOURCE

    def initialize(self, *args: Any, **kwargs: Any) -> None:
        """No subscriptions yet."""
        super().initialize(*args, **kwargs)
        self._tasks: dict[str, asyncio.Task[None]] = {}

    @ws_authenticated
    @authorized("read")
    async def get(self, *args: Any, **kwargs: Any) -> None:
        """Open the socket."""
        await super().get(*args, **kwargs)

    async def prepare(self, **_: Any) -> None:
        """Refuse whoever isn't logged in."""
        await super().prepare()
        if self.current_user is None:
            raise web.HTTPError(403)

    def set_default_headers(self) -> None:
        """None: they mean nothing to a WebSocket."""

    def write_error(self, status_code: int, **_: Any) -> None:
        """A socket that wasn't opened."""
        self.set_header("Content-Type", "application/problem+json")
        self.log.warning("mlops: refused a WebSocket: %d", status_code)
        self.finish(json.dumps(http_problem(status_code)))

    @property
    def max_message_size(self) -> int:
        """Requests are short."""
        return _MESSAGE_MAX

    @property
    def upstream(self) -> Upstream:
        """The way to the daemon."""
        return cast("Upstream", self.settings[UPSTREAM])

    async def on_message(self, message: str | bytes) -> None:
        """`open` or `close`; whoever says something else is hung up on."""
        try:
            asked = json.loads(message)
        except (ValueError, RecursionError):
            asked = None
        if not isinstance(asked, dict):
            asked = {}
        operation, number, path = (asked.get(name) for name in ("op", "id", "path"))
        if not isinstance(number, str) or not _ID.fullmatch(number):
            self.close(1003, "not understood")
        elif operation == "open" and isinstance(path, str):
            await self._follow(number, path)
        elif operation == "close":
            if (task := self._tasks.pop(number, None)) is not None:
                task.cancel()
        else:
            self.close(1003, "not understood")

    def on_close(self) -> None:
        """The browser has gone, and what it followed is followed no longer."""
        for task in self._tasks.values():
            task.cancel()
        self._tasks.clear()
        super().on_close()

    async def _follow(self, number: str, path: str) -> None:
        most = int(self.settings[SUBSCRIPTIONS])
        try:
            if number in self._tasks:
                raise Conflict(f"The subscription {number} is open already.")
            if len(self._tasks) >= most:
                raise Conflict(
                    f"This page follows {most} things already.",
                    hint="Close some of its views.",
                    code="too_many_subscriptions",
                )
            subscription = Subscription(self, number, path)
        except MlopsError as error:
            await self.say(number, "error", json.dumps(error.to_problem()))
            return
        task = asyncio.create_task(subscription.run())
        self._tasks[number] = task
        task.add_done_callback(lambda done: self._done(number, done))

    def _done(self, number: str, task: asyncio.Task[None]) -> None:
        if self._tasks.get(number) is task:
            del self._tasks[number]
        if not task.cancelled() and (error := task.exception()) is not None:
            self.log.error("mlops: a subscription failed", exc_info=error)

    async def say(self, number: str, kind: str, value: str) -> None:
        """Send `value` (JSON); returns when there is room for the next.

        Raises:
            SlowReader: the browser doesn't take it.
            WebSocketClosedError, StreamClosedError: it has gone.
        """
        text = f'{{"id":{json.dumps(number)},"{kind}":{value}}}'
        try:
            async with asyncio.timeout(float(self.settings[PATIENCE])):
                await self.write_message(text)
        except TimeoutError:
            raise SlowReader("The browser takes nothing any more.", hint="Open it again.") from None


class Subscription:
    """One followed request."""

    def __init__(self, handler: StreamHandler, number: str, path: str) -> None:
        """Check what is to be followed.

        Raises:
            BadAddress: it can't be followed.
        """
        self._handler = handler
        self._number = number
        address, _, query = path.partition("?")
        self._target = api_target(address, query)
        found = _FOLLOWED.fullmatch(address)
        if found is None:
            raise BadAddress("This address can't be followed.", hint="Ask for it by a plain GET.")
        self._job, self._what = found[1], found[2] or "all"
        asked = parse_qs(query)
        self._follows = (asked.get("follow") or [""])[-1].lower() in _TRUE
        attempt = (asked.get("attempt") or [""])[-1]
        self._attempt = int(attempt) if _ATTEMPT.fullmatch(attempt) else None

    async def run(self) -> None:
        """Pass lines on until there are no more, and say how it ended."""
        handler, number = self._handler, self._number
        try:
            problem = await self._pass_on()
        except MlopsError as error:
            problem = error.to_problem()
        except (WebSocketClosedError, StreamClosedError):
            return
        try:
            if problem is None:
                await handler.say(number, "end", "true")
            else:
                await handler.say(number, "error", json.dumps(problem))
        except SlowReader:
            handler.close(1008, "too slow")
        except (WebSocketClosedError, StreamClosedError):
            return

    async def _pass_on(self) -> dict[str, Any] | None:
        exchange = await self._ask(self._target)
        try:
            try:
                head = await exchange.head()
            except Unanswered:
                raise _gone() from None
            if head.status_code >= 400:
                return read_problem(head.status_code, await exchange.read(PROBLEM_MAX))
            last = ""
            lines = self._text(exchange) if self._what == "log" else self._events(exchange)
            async for value in lines:
                await self._handler.say(self._number, "data", value)
                last = value
        finally:
            exchange.close()
        if self._follows and not await self._complete(last):
            raise _gone()
        return None

    async def _ask(self, target: str) -> Exchange:
        exchange = await self._handler.upstream.open("GET", target, [root_header(self._handler)])
        await exchange.end()
        return exchange

    @staticmethod
    async def _events(exchange: Exchange) -> AsyncIterator[str]:
        async for line in exchange.lines(_LINE_MAX):
            # What the daemon says is JSON; were it not, the page would refuse the whole message.
            yield line.decode("utf-8", "replace")

    @staticmethod
    async def _text(exchange: Exchange) -> AsyncIterator[str]:
        # A character may come in two pieces.
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        async for piece in exchange.pieces():
            if text := decoder.decode(piece):
                yield json.dumps(text)

    async def _complete(self, last: str) -> bool:
        """Whether a followed stream came to its own end: a daemon that leaves ends them, too."""
        if self._what == "all":
            return False  # it has no end of its own
        if self._what == "events":
            return last.startswith('{"type":"job",') or _type(last) == "job"
        exchange = await self._ask(f"/api/v1/jobs/{self._job}")
        try:
            head = await exchange.head()
            if head.status_code != 200:
                return head.status_code == 404
            job = json.loads(await exchange.read(64 * 2**20))
        except (Unanswered, ValueError):
            return False
        finally:
            exchange.close()
        return log_is_whole(job, self._attempt)


def _type(line: str) -> Any:
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event.get("type") if isinstance(event, dict) else None


def _gone() -> DaemonGone:
    return DaemonGone("The daemon went away.", hint="Open the subscription again.")
