"""Something that many wait for, again and again."""

from __future__ import annotations

import asyncio


class News:
    """Belongs to the event loop."""

    __slots__ = ("_coming",)

    def __init__(self) -> None:
        self._coming: asyncio.Future[None] | None = None

    async def wait(self) -> None:
        """Return when it is told the next time."""
        if self._coming is None:
            self._coming = asyncio.get_running_loop().create_future()
        await asyncio.shield(self._coming)

    def tell(self) -> None:
        """Let all who wait go on."""
        coming, self._coming = self._coming, None
        if coming is not None and not coming.done():
            coming.set_result(None)
