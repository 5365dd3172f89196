"""Streams that grow while they are read. Nobody polls: who is up to date waits for the watcher."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

from jupyter_mlops.daemon.answers import with_contents
from jupyter_mlops.daemon.root import PathRules
from jupyter_mlops.daemon.service import Service, attempt_path
from jupyter_mlops.errors import NotFound
from jupyter_mlops.jobs import attempt_log
from jupyter_mlops.jobs.attempt_log import CHUNK
from jupyter_mlops.jobs.feed import Feed
from jupyter_mlops.jobs.hub import HubEvent

#: Seconds between empty objects in the event stream: what is between us sees that we live.
KEEP_ALIVE = 15.0
#: More sequence numbers than are given out while one change becomes durable.
_IN_FLIGHT = 16_384


async def follow_events(
    service: Service, job_id: str, attempt: int, after: int, rules: PathRules, *, follow: bool
) -> AsyncIterator[bytes]:
    """Lines of an attempt's events after `after`; with `follow` on to the job's end."""
    number = attempt
    while True:
        if number:
            await _seen_here(service, job_id, number)
            async for lines in _attempt_events(service, job_id, number, after, follow=follow):
                yield lines
        if not follow:
            return
        try:
            ended, following = await _next_attempt(service, job_id, number)
        except (NotFound, _LeavingError):
            return  # deleted meanwhile, or to be followed again at the next daemon
        if ended:
            job = with_contents(await service.dispatcher.get(job_id), rules)
            yield b'{"type":"job","job":' + job.model_dump_json().encode() + b"}\n"
            return
        number, after = following, 0
        yield json.dumps({"type": "attempt", "number": number}).encode() + b"\n"


async def follow_log(
    service: Service, job_id: str, attempt: int, offset: int, *, follow: bool, onward: bool
) -> AsyncIterator[bytes]:
    """Bytes of an attempt's log from `offset` on.

    With `follow` as they come, and with `onward` then the logs of later attempts.
    """
    number = attempt
    while True:
        if number:
            await _seen_here(service, job_id, number)
            async for piece in _attempt_log(service, job_id, number, offset, follow=follow):
                yield piece
        if not follow or (number and not onward):
            return
        try:
            ended, following = await _next_attempt(service, job_id, number)
        except (NotFound, _LeavingError):
            return
        if ended:
            return
        if number:
            yield f"--- attempt {following} ---\n".encode()
        number, offset = following, 0


class _LeavingError(Exception):
    """The daemon leaves."""


async def _seen_here(service: Service, job_id: str, number: int) -> None:
    """Wait until an attempt that the store has is one that the dispatcher knows.

    Whoever asks the store can be faster than the news of its change: an attempt without a feed
    would be taken for one that is over.
    """
    while service.dispatcher.has_yet_to_see(job_id, number) and not service.leaving.is_set():
        await service.dispatcher.changed(job_id)


async def _next_attempt(service: Service, job_id: str, number: int) -> tuple[bool, int]:
    """Wait for an attempt after `number`, or the job's end.

    Raises:
        NotFound: the job was deleted.
        _LeavingError: the daemon leaves.
    """
    while True:
        if service.leaving.is_set():
            raise _LeavingError
        changed = asyncio.ensure_future(service.dispatcher.changed(job_id))
        try:
            # The task has to run once before it waits: then nothing that happens after the
            # question can be missed.
            await asyncio.sleep(0)
            job = await service.dispatcher.get(job_id)
            if job.attempt > number:
                return False, number + 1
            if job.state.terminal:
                return True, number
            await changed
        finally:
            changed.cancel()


async def _attempt_events(
    service: Service, job_id: str, number: int, after: int, *, follow: bool
) -> AsyncIterator[bytes]:
    path = attempt_log.events_file(attempt_path(job_id, number))
    offset, skipping = 0, after > 0
    while not service.leaving.is_set():
        feed = service.dispatcher.feed(job_id, number)
        chunk = feed.fresh(offset) if feed is not None else b""
        if not chunk:
            chunk = await asyncio.to_thread(attempt_log.read_lines, path, offset)
        if chunk:
            offset += len(chunk)
            if skipping:
                chunk = await asyncio.to_thread(_after, chunk, after)
                skipping = not chunk
            if chunk:
                yield chunk
            continue
        if feed is None or not follow:
            return
        if feed.events <= offset:
            await _news(service, job_id, number, feed)


async def _attempt_log(
    service: Service, job_id: str, number: int, offset: int, *, follow: bool
) -> AsyncIterator[bytes]:
    path = attempt_log.log_file(attempt_path(job_id, number))
    while not service.leaving.is_set():
        feed = service.dispatcher.feed(job_id, number)
        piece = await asyncio.to_thread(_read_piece, path, offset)
        if piece:
            offset += len(piece)
            yield piece
            continue
        if feed is None or not follow:
            return
        if feed.log <= offset:
            await _news(service, job_id, number, feed)


async def _news(service: Service, job_id: str, number: int, feed: Feed) -> None:
    """Wait until there may be more of an attempt than was read."""
    if not feed.ended:
        await feed.changed()
    elif service.dispatcher.feed(job_id, number) is feed:
        # What it wrote last was read already, or comes once no feed is found any more.
        await service.dispatcher.changed(job_id)


def _after(chunk: bytes, seq: int) -> bytes:
    """The lines whose seq is greater; the rest of a chunk follows once one is."""
    position = 0
    while position < len(chunk):
        end = chunk.index(b"\n", position) + 1
        if attempt_log.line_seq(chunk[position:end]) > seq:
            return chunk[position:]
        position = end
    return b""


def _read_piece(path: Path, offset: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(offset)
            return file.read(CHUNK)
    except OSError:
        return b""


# --- all jobs -------------------------------------------------------------------------------------


async def follow_jobs(
    service: Service, after: int | None, rules: PathRules, *, follow: bool
) -> AsyncIterator[bytes]:
    """What happened to any job after `after`, then (with `follow`) what happens."""
    key = str(rules.root)

    def write(event: HubEvent) -> bytes:
        return event_line(event, rules)

    listener = service.hub.listen()
    try:
        yield json.dumps({"type": "hello", "seq": service.store.last_seq}).encode() + b"\n"
        if after is not None:
            for event in await missed(service, after):
                yield write(event)
        while follow:
            try:
                events = await asyncio.wait_for(listener.take(), KEEP_ALIVE)
            except TimeoutError:
                yield b"{}\n"
                continue
            if not events and listener.closed:
                return
            yield b"".join(event.line(key, write) for event in events)
    finally:
        service.hub.leave(listener)


async def missed(service: Service, after: int) -> list[HubEvent]:
    """Events for whoever knows everything up to `after`; one a job."""
    store = service.store
    if after > store.last_seq:
        after = 0  # of another store: whoever asks has to learn everything
    same = after >= store.first_seq
    # A change gets its number before it is durable and is told under a later one. Whoever left in
    # between knows a number above the stored one, so the question reaches back a little.
    known = max(0, after - _IN_FLIGHT)
    jobs = [*map(service.dispatcher.view, await store.changed_since(known))]
    seen = {job.id for job in jobs}
    jobs += [job for job in service.dispatcher.current() if job.id not in seen]
    events = [HubEvent(job.version, job.id, job) for job in jobs if job.version > after or not same]
    events += [HubEvent(seq, job_id, None) for seq, job_id in await store.deleted_since(known)]
    return sorted(events, key=lambda event: event.seq)


def event_line(event: HubEvent, rules: PathRules) -> bytes:
    """One event as a line of NDJSON."""
    if event.job is None:
        return (
            json.dumps({"seq": event.seq, "type": "job_deleted", "job_id": event.job_id}).encode()
            + b"\n"
        )
    job = with_contents(event.job, rules).model_dump_json()
    return f'{{"seq":{event.seq},"type":"job","job":{job}}}\n'.encode()
