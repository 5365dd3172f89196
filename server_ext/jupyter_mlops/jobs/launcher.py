"""What the dispatcher needs of whoever starts runners."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from jupyter_mlops.jobs.order import AttemptOrder
from jupyter_mlops.jobs.store_rows import Preload


class Launched(Protocol):
    """One runner, dead or alive."""

    def alive(self) -> bool:
        """Whether it is still at its attempt. Never waits."""

    async def stop(self) -> None:
        """Ask it to end (interrupt, save, exit), and end it when it doesn't; return when gone."""

    async def kill(self) -> None:
        """End it and everything it started at once; nothing to do when it is gone."""


class Launcher(Protocol):
    """Starts runners and finds them again."""

    async def prepare(
        self, order: AttemptOrder, environment: dict[str, str], preload: Preload, *, warm: bool
    ) -> None:
        """Fill in `order.kernel`'s warm parent, or why there is none. Never raises.

        `environment` is the runner's; with `warm` False nobody wants a warm parent.
        """

    async def launch(self, order: AttemptOrder, environment: dict[str, str]) -> Launched:
        """Start the runner of an order that is written into its directory.

        Raises:
            MlopsError, OSError: it could not be started; nothing was left behind.
        """

    async def adopt(self, directory: Path) -> Launched | None:
        """The runner of an attempt started earlier; None: it is gone and can't come back."""

    def status(self) -> dict[str, Any]:
        """About the warm parents."""

    async def close(self) -> None:
        """Let go of the runners (they go on) and end the warm parents."""
