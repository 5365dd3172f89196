"""The daemon's API over a real unix socket, in front of a dispatcher whose runners are played."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from jupyter_mlops import paths
from jupyter_mlops.daemon import run, sockets
from jupyter_mlops.daemon.app import make_app
from jupyter_mlops.daemon.service import Service
from jupyter_mlops.settings import Settings

from .mlops_scripted import Stage


class Served:
    """A stage and a client of its API."""

    def __init__(self, stage: Stage, service: Service, client: httpx.AsyncClient) -> None:
        self.stage = stage
        self.service = service
        self.client = client

    async def ask(self, method: str, path: str, *, root: Path | None = None, **given: Any) -> Any:
        """The answer to a request; `root` is the Jupyter server's."""
        headers = dict(given.pop("headers", {}))
        if root is not None:
            headers["X-Mlops-Root"] = quote(str(root))
        return await self.client.request(method, f"/api/v1{path}", headers=headers, **given)

    async def submit(self, notebook: Path | str, **spec: Any) -> dict[str, Any]:
        """A job that was accepted."""
        answer = await self.ask("POST", "/jobs", json={"spec": {"notebook": str(notebook), **spec}})
        assert answer.status_code == 201, answer.text
        return answer.json()

    @asynccontextmanager
    async def lines(self, path: str, **given: Any) -> AsyncIterator[Callable[[], Awaitable[Any]]]:
        """A followed stream: call what is given for its next line; None at the end."""
        headers = {}
        if (root := given.pop("root", None)) is not None:
            headers["X-Mlops-Root"] = quote(str(root))
        async with self.client.stream(
            "GET", f"/api/v1{path}", params=given, headers=headers
        ) as answer:
            assert answer.status_code == 200
            iterator = answer.aiter_lines()

            async def following() -> Any:
                try:
                    line = await asyncio.wait_for(anext(iterator), 20)
                except StopAsyncIteration:
                    return None
                return json.loads(line)

            yield following


@asynccontextmanager
async def serve(
    home: Path, settings: Settings | None = None, **given: Any
) -> AsyncIterator[Served]:
    """Serve a stage in `home`."""
    settings = settings or Settings()
    stage = await Stage.open(home, settings=settings, **given)
    service = Service(stage.store, stage.hub, stage.dispatcher, settings)
    app = make_app()
    server = run.make_server(app, service)
    listening = sockets.listen(paths.daemon_socket())
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    transport = httpx.AsyncHTTPTransport(uds=str(paths.daemon_socket()))
    try:
        async with httpx.AsyncClient(
            transport=transport, base_url="http://mlops", timeout=30
        ) as client:
            yield Served(stage, service, client)
    finally:
        service.leaving.set()
        stage.hub.close()
        stage.dispatcher.release_followers()
        server.should_exit = True
        await serving
        listening.close()
        await service.background.stop()
        await stage.close()
