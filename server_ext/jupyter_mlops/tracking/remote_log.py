"""What kernels log, on a tracking server: through MLflow's client in a process of its own."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from jupyter_mlops.tracking.logbook import ARTIFACTS, Batch
from jupyter_mlops.tracking.remote_process import RemoteProcess
from jupyter_mlops.tracking.run_log import RunOrder, document
from jupyter_mlops.tracking.sql import RunPlace

#: Seconds after which a process that works on one request is given up.
_BEGIN_MOST, _WRITE_MOST = 120.0, 1800.0


class RemoteLog:
    """See `run_log.RunLog`. Belongs to the event loop."""

    def __init__(self, uri: str, inherited: Mapping[str, str]) -> None:
        """`inherited` is the environment of the process."""
        self._process = RemoteProcess("remote_log_worker", uri, inherited)

    async def begin(self, order: RunOrder) -> RunPlace:
        """See `RunLog`."""
        found = await self._process.ask("begin", _BEGIN_MOST, order=document(order))
        return RunPlace(**found["place"])

    async def write(self, order: RunOrder, place: RunPlace, directory: Path, batch: Batch) -> None:
        """See `RunLog`."""
        await self._process.ask(
            "write",
            _WRITE_MOST,
            order=document(order),
            run_id=place.run_id,
            files=str(directory / ARTIFACTS),
            batch=dataclasses.asdict(batch),
        )

    async def stop(self) -> None:
        """See `RunLog`."""
        await self._process.stop()
