"""What is new in an attempt that is alive, shared by all who follow it.

Whoever is up to date gets the bytes that the watcher has just read, whoever lags behind reads the
file.
"""

from __future__ import annotations

from jupyter_mlops.jobs.news import News


class Feed:
    """How far an attempt's files have got. Belongs to the event loop."""

    def __init__(self) -> None:
        #: Bytes of `events.jsonl` that hold whole lines.
        self.events = 0
        #: Bytes of `log.txt`.
        self.log = 0
        #: Nothing will be added any more.
        self.ended = False
        self._last: tuple[int, bytes] = (0, b"")
        self._news = News()

    def advance(self, chunk: bytes, log: int) -> None:
        """The watcher has read `chunk`, whole lines that follow those before."""
        if not chunk and log == self.log:
            return
        if chunk:
            self._last = (self.events, chunk)
            self.events += len(chunk)
        self.log = log
        self.wake()

    def end(self) -> None:
        """The attempt is over."""
        self.ended = True
        self._last = (0, b"")
        self.wake()

    def fresh(self, offset: int) -> bytes:
        """The lines that follow `offset`, if they are the ones read last."""
        start, chunk = self._last
        return chunk if start == offset else b""

    async def changed(self) -> None:
        """Return at the next change."""
        if not self.ended:
            await self._news.wait()

    def wake(self) -> None:
        """Let those who wait for a change look."""
        self._news.tell()
