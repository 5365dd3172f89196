"""The daemon's API in front of a tracking service, without dispatcher and runners."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

import httpx

from jupyter_mlops import paths
from jupyter_mlops.daemon.app import make_app
from jupyter_mlops.daemon.service import Service
from jupyter_mlops.jobs.hub import Hub
from jupyter_mlops.jobs.store import Store
from jupyter_mlops.settings import Settings
from jupyter_mlops.tracking.service import TrackingService, make_tracking


class Looking:
    """A client of the API."""

    def __init__(self, client: httpx.AsyncClient, tracking: TrackingService) -> None:
        self.client = client
        self.tracking = tracking

    async def ask(self, method: str, path: str, /, **given: Any) -> httpx.Response:
        """The answer to a request."""
        return await self.client.request(method, f"/api/v1{path}", **given)

    async def get(self, path: str, /, **params: Any) -> Any:
        """What is answered; it has to be."""
        answer = await self.ask("GET", path, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def refused(self, path: str, status: int, code: str, /, **params: Any) -> dict[str, Any]:
        """The problem that a request has to meet."""
        answer = await self.ask("GET", path, params=params)
        assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
        found: dict[str, Any] = answer.json()
        return found


def looking_at(
    story: Callable[[Looking], Awaitable[Any]],
    environment: Mapping[str, str] | None = None,
    patience: float = 110.0,
) -> Any:
    """Run a story in the home that the environment names."""

    async def opened() -> Any:
        paths.private_dir(paths.data_dir())
        store = await Store.open(paths.store_file())
        settings = Settings()
        tracking = make_tracking(store, settings, {**os.environ, **(environment or {})})
        app = make_app()
        app.state.service = Service(store, Hub(), cast("Any", None), settings, tracking)
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        try:
            await tracking.start()
            async with httpx.AsyncClient(
                transport=transport, base_url="http://mlops", timeout=100
            ) as client:
                return await story(Looking(client, tracking))
        finally:
            await tracking.stop()
            await store.close()

    return asyncio.run(asyncio.wait_for(opened(), patience))
