"""The daemon stays where its clients look for it.

Somebody who tidies up, or a cleaner of temporary files, may remove the sockets, their directory or
the lock's file while the daemon lives. It would go on, holding the lock, and nobody could reach it
or start another one. So it looks now and then, and puts back what is missing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from jupyter_mlops import paths
from jupyter_mlops.daemon import sockets
from jupyter_mlops.daemon.lock import DaemonLock
from jupyter_mlops.daemon.sockets import Doorbell, OwnUserSocket
from jupyter_mlops.errors import MlopsError

log = logging.getLogger(__name__)

#: Seconds between two looks: a few system calls each.
_EVERY = 1.0


class Presence:
    """The lock, the two sockets and the record of one daemon. Belongs to its event loop."""

    def __init__(
        self,
        lock: DaemonLock,
        listening: OwnUserSocket,
        doorbell: Doorbell,
        *,
        move: Callable[[OwnUserSocket], Awaitable[None]],
        write_record: Callable[[], None],
        superseded: Callable[[], None],
    ) -> None:
        """What is there at the start.

        Args:
            lock: held.
            listening: where the API is served.
            doorbell: bound.
            move: serve the API there instead.
            write_record: write `daemon.json`.
            superseded: another daemon has the lock's file that is there now.
        """
        self._lock = lock
        self._listening = listening
        self._doorbell = doorbell
        self._move = move
        self._write_record = write_record
        self._superseded = superseded
        self._told = ""

    async def watch(self) -> None:
        """Look now and then, until cancelled or superseded."""
        while True:
            await asyncio.sleep(_EVERY)
            try:
                if not await self._look():
                    return
            except (OSError, MlopsError) as error:
                self._tell(f"the daemon's sockets or lock can't be put back: {error}")
            else:
                self._told = ""

    def clear(self) -> None:
        """Remove what is ours, once nothing is served any more."""
        self._listening.close()
        self._listening.place.clear()
        self._doorbell.close()

    async def _look(self) -> bool:
        if not self._lock.in_place():
            if not self._lock.acquire():
                log.error("%s was replaced, and another daemon has it", paths.daemon_lock())
                self._superseded()
                return False
            log.warning("%s had gone; it was made and locked again", paths.daemon_lock())
        if not self._listening.place.holds():
            await self._listen_again()
            log.warning("%s had gone; it was bound again", paths.daemon_socket())
        if not self._doorbell.in_place:
            self._doorbell.bind_again()
            log.warning("%s had gone; it was bound again", paths.doorbell_socket())
        if not paths.daemon_record().exists():
            self._write_record()
        return True

    async def _listen_again(self) -> None:
        fresh = sockets.listen(paths.daemon_socket())
        try:
            await self._move(fresh)
        except BaseException:
            fresh.close()
            fresh.place.clear()
            raise
        before, self._listening = self._listening, fresh
        before.close()

    def _tell(self, what: str) -> None:
        # Once, not every second.
        if what != self._told:
            self._told = what
            log.warning("%s", what)
