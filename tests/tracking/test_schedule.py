"""What is synced when."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from jupyter_mlops.errors import Busy
from jupyter_mlops.tracking import schedule

if TYPE_CHECKING:
    import pytest


def test_work_that_fails_comes_again_and_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ever more rarely; a job is never worked on twice at a time."""
    monkeypatch.setattr(schedule, "_FIRST_WAIT", 0.01)
    monkeypatch.setattr(schedule, "_LONGEST_WAIT", 0.05)

    async def story() -> None:
        done: list[str] = []
        at_work: set[str] = set()
        failures = {"bad": 4}

        async def work(job_id: str) -> None:
            assert job_id not in at_work
            at_work.add(job_id)
            await asyncio.sleep(0.01)
            at_work.discard(job_id)
            if failures.get(job_id, 0) > 0:
                failures[job_id] -= 1
                raise Busy("not now") if failures[job_id] % 2 else KeyError("ours")
            done.append(job_id)

        found = schedule.Schedule(work, at_once=2)
        found.start()
        for name in ("bad", "a", "b", "c", "a"):
            found.add(name)
        deadline = time.monotonic() + 20
        while len(found):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.005)
            found.add("late") if len(done) == 3 and "late" not in done else None
        await found.stop()
        assert set(done) >= {"a", "b", "c", "bad"}
        assert failures == {"bad": 0}

    asyncio.run(story())
