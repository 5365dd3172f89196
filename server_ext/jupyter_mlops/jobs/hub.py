"""What happens to jobs, told to everybody who listens.

Each event is the job as it is then, so a listener that is slow gets the latest state of each job
and nothing piles up for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from jupyter_mlops.jobs.model import Job


@dataclass(slots=True)
class HubEvent:
    """A job as it is at `seq`, or (None) that it was deleted."""

    seq: int
    job_id: str
    job: Job | None
    _lines: dict[str, bytes] = field(default_factory=dict)

    def line(self, key: str, write: Callable[[HubEvent], bytes]) -> bytes:
        """What `write` makes of it, made once for all listeners with the same `key`."""
        found = self._lines.get(key)
        if found is None:
            found = self._lines[key] = write(self)
        return found


class Listener:
    """One listener's view; used in one task."""

    def __init__(self) -> None:
        self._waiting: dict[str, HubEvent] = {}
        self._arrived = asyncio.Event()
        self.closed = False

    def put(self, event: HubEvent) -> None:
        """Keep the event until it is taken; a later one of the same job replaces it."""
        self._waiting.pop(event.job_id, None)
        self._waiting[event.job_id] = event
        self._arrived.set()

    def close(self) -> None:
        """No more events will come."""
        self.closed = True
        self._arrived.set()

    async def take(self) -> list[HubEvent]:
        """Everything that has come, in order, once there is something; empty at the end."""
        await self._arrived.wait()
        taken = list(self._waiting.values())
        self._waiting.clear()
        if not self.closed:
            self._arrived.clear()
        return taken


class Hub:
    """Hands events to the listeners of the moment."""

    def __init__(self) -> None:
        self._listeners: set[Listener] = set()
        self._closed = False

    def __len__(self) -> int:
        return len(self._listeners)

    def listen(self) -> Listener:
        """From now on, collect events for a new listener; give it back with `leave`."""
        listener = Listener()
        if self._closed:
            listener.close()
        self._listeners.add(listener)
        return listener

    def leave(self, listener: Listener) -> None:
        """Stop collecting for it."""
        self._listeners.discard(listener)

    def publish(self, event: HubEvent) -> None:
        """Tell every listener."""
        for listener in self._listeners:
            listener.put(event)

    def close(self) -> None:
        """Let every listener finish, those to come as well."""
        self._closed = True
        for listener in self._listeners:
            listener.close()
