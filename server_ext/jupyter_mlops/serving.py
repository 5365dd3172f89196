"""uvicorn as the daemon has it, for its API and for MLflow."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import uvicorn


class HttpServer(uvicorn.Server):
    """Serves an ASGI app on sockets that `serve` is given; no signal handlers of its own."""

    def __init__(self, app: Any, *, keep_alive: int, grace: int, **more: Any) -> None:
        """Nothing is served yet.

        Args:
            app: what answers.
            keep_alive: seconds that an idle connection stays.
            grace: seconds that requests under way may take once it is to end.
            more: as `uvicorn.Config` takes it.
        """
        super().__init__(
            uvicorn.Config(
                app,
                loop="asyncio",
                http="httptools",
                ws="none",
                lifespan="off",
                access_log=False,
                log_config=None,
                server_header=False,
                timeout_keep_alive=keep_alive,
                timeout_graceful_shutdown=grace,
                **more,
            )
        )

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone: the daemon has handlers of its own."""
        yield
