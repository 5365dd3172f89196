"""Following a job's events and log while the store is ahead of the dispatcher."""

# ruff: noqa: ASYNC110 - only the test itself waits

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from jupyter_mlops.jobs.store_changes import Change

from .mlops_served import Served


@pytest.mark.parametrize("what", ["events", "log"])
def test_an_attempt_that_the_dispatcher_has_not_heard_of_is_followed(
    served, make_notebook, what: str
) -> None:
    """The store has its beginning, and answers questions, before the dispatcher is told."""

    async def story(served: Served) -> None:
        stage, held = served.stage, []
        usual = stage.store._writer.listener

        def hold(change: Change) -> None:
            if held or (change.job is not None and change.job.record.attempt):
                held.append(change)
            else:
                usual(change)

        stage.store.listen(hold)
        job = await served.submit(make_notebook("1"))
        while not held:
            await asyncio.sleep(0.01)
        assert (await stage.store.get(job["id"])).record.attempt == 1
        following = asyncio.create_task(_follow(served, job["id"], what))
        # As many turns as the request takes to be where it has to wait.
        while not served.service.active:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)
        stage.store.listen(usual)
        for change in held:
            usual(change)
        runner = await stage.runner()
        runner.prepared(total=1)
        (runner.directory / "log.txt").write_text("hello\n")
        stage.ring(runner)
        await stage.until(job["id"], "running")
        runner.finish()
        stage.ring(runner)
        expected = "hello\n" if what == "log" else "prepared"
        assert expected in await following

    served(story)


async def _follow(served: Served, job_id: str, what: str) -> Any:
    answer = await served.ask("GET", f"/jobs/{job_id}/{what}", params={"follow": True})
    return answer.text
