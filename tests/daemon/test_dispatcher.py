"""Jobs in the queue and under way."""

# ruff: noqa: ASYNC110, ASYNC240 - only the test itself waits
from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from jupyter_mlops import paths
from jupyter_mlops.errors import Conflict, NotFound
from jupyter_mlops.jobs.hub import HubEvent

from .mlops_scripted import BrokenError, Stage


def test_a_job_goes_from_submit_to_its_end(on_stage) -> None:
    """Order, environment, states, progress, outputs and what clients are told."""

    async def story(stage: Stage) -> None:
        listener = stage.hub.listen()
        job = await stage.submit(env={"COLOUR": "red"}, parameters={"lr": 0.1}, timeout=60.0)
        runner = await stage.runner()
        order = runner.order
        assert order is not None
        assert json.loads((runner.directory / "order.json").read_text()) == order.model_dump()
        assert (runner.directory / "order.json").stat().st_mode & 0o777 == 0o600
        assert Path(order.notebook).read_bytes() == b'{"cells": []}'
        assert (order.parameters, order.timeout) == ({"lr": 0.1}, 60.0)
        assert order.env == {"COLOUR": "red", "MLOPS_JOB_ID": job.id, "MLOPS_ATTEMPT": "1"}
        assert runner.environment["MLFLOW_RUN_ID"] == f"run-{job.id}"
        assert "MLFLOW_RUN_ID" not in order.env
        runner.prepared(total=2)
        stage.ring(runner)
        running = await stage.until(job.id, "running")
        assert running.attempts[0].start.preloaded == ["numpy"]
        runner.write("cell_started", index=1, source="x = 1")
        runner.write("stream", index=1, name="stdout", text="one\nepoch 2\n\n")
        stage.ring(runner)
        while (now := await stage.dispatcher.get(job.id)).last_output != "epoch 2":
            await asyncio.sleep(0.01)
        assert (now.progress.total, now.progress.current) == (2, 1)
        assert now.progress.current_source == "x = 1"
        runner.write("cell_finished", index=1, status="succeeded", execution_count=1, duration=0.1)
        Path(order.output_notebook).parent.mkdir(parents=True)
        Path(order.output_notebook).write_text("{}")
        runner.finish()
        stage.ring(runner)
        done = await stage.until(job.id, "succeeded")
        assert (done.duration, done.progress.done, done.last_output) == (1.5, 1, "epoch 2")
        assert (done.outputs.notebook, done.outputs.log) == (order.output_notebook, None)
        assert done.attempts[0].peak_memory == 4096
        assert not stage.dispatcher.busy
        assert set(stage.notes.told) == {job.id}
        told = [event async for event in _taken(listener, job.id, done.version)]
        assert told[-1].state == "succeeded"
        assert [one.version for one in told] == sorted({one.version for one in told})

    on_stage(story)


async def _taken(listener, job_id: str, version: int):
    last = 0
    while last < version:
        events: list[HubEvent] = await asyncio.wait_for(listener.take(), 10)
        for event in events:
            assert event.job is not None
            assert event.job.version == event.seq
            last = event.seq
            yield event.job


def test_capacity_is_kept_and_the_queue_is_fair(on_stage) -> None:
    """Two CPUs: a big job that waits is not overtaken for ever by small ones."""

    async def story(stage: Stage) -> None:
        first = await stage.submit()
        big = await stage.submit(resources={"cpus": 2})
        small = await stage.submit()
        runner = await stage.runner(0)
        assert (await stage.until(first.id, "starting")).waiting_for == ""
        await asyncio.sleep(0.1)
        assert len(stage.troupe.runners) == 1
        waiting = await stage.dispatcher.get(big.id)
        assert waiting.waiting_for == "2 CPUs (1 free)"
        assert "other jobs" in (await stage.dispatcher.get(small.id)).waiting_for
        runner.finish()
        stage.ring(runner)
        second = await stage.runner(1)
        assert second.order is not None
        assert second.order.job_id == big.id
        assert stage.dispatcher.use().cpus == 2
        second.finish()
        stage.ring(second)
        third = await stage.runner(2)
        assert third.order is not None
        assert third.order.job_id == small.id

    on_stage(story)


def test_what_an_attempt_held_is_free_once_it_is_released(on_stage) -> None:
    """The next begins while the first one's runner writes results; the first is running still."""

    async def story(stage: Stage) -> None:
        first = await stage.submit(resources={"cpus": 2})
        second = await stage.submit(resources={"cpus": 2})
        runner = await stage.runner(0)
        runner.prepared()
        stage.ring(runner)
        await stage.until(first.id, "running")
        assert len(stage.troupe.runners) == 1
        runner.write("released")
        stage.ring(runner)
        following = await stage.runner(1)
        assert following.order is not None
        assert following.order.job_id == second.id
        assert (await stage.dispatcher.get(first.id)).state == "running"
        runner.finish()
        stage.ring(runner)
        await stage.until(first.id, "succeeded")
        assert stage.dispatcher.use().cpus == 2

    on_stage(story)


def test_a_job_that_waits_for_gpus_lets_others_use_the_cpus(on_stage) -> None:
    """What it waits for is set aside; what it doesn't need is not."""

    async def story(stage: Stage) -> None:
        await stage.submit(resources={"cpus": 1, "gpus": 1})
        waits = await stage.submit(resources={"cpus": 1, "gpus": 1})
        plain = await stage.submit(resources={"cpus": 1})
        holder, other = await stage.runner(0), await stage.runner(1)
        assert holder.order is not None
        assert other.order is not None
        assert other.order.job_id == plain.id
        assert holder.order.env["CUDA_VISIBLE_DEVICES"] == "0"
        assert other.order.env["CUDA_VISIBLE_DEVICES"] == ""
        assert (await stage.dispatcher.get(waits.id)).waiting_for == "1 GPU (0 free)"

    on_stage(story, cpus=3, gpus=1)


def test_a_failed_attempt_is_retried_after_a_wait(on_stage) -> None:
    """The next attempt has a directory of its own and the same snapshot."""

    async def story(stage: Stage) -> None:
        job = await stage.submit(retries=1)
        first = await stage.runner(0)
        first.prepared()
        first.finish("failed", failure={"code": "cell_failed", "message": "It failed."})
        stage.ring(first)
        waiting = await stage.until(job.id, "queued")
        assert "retry" in waiting.waiting_for
        assert waiting.not_before is not None
        second = await stage.runner(1)
        assert second.directory == paths.attempt_dir(job.id, 2)
        assert first.directory.exists()
        second.prepared()
        second.finish()
        stage.ring(second)
        done = await stage.until(job.id, "succeeded")
        assert [one.state for one in done.attempts] == ["failed", "succeeded"]

    on_stage(story)


def test_cancel_in_the_queue_and_while_running(on_stage) -> None:
    """At once where nothing runs; by stopping the runner where something does."""

    async def story(stage: Stage) -> None:
        running = await stage.submit(resources={"cpus": 2})
        queued = await stage.submit()
        runner = await stage.runner()
        assert (await stage.dispatcher.cancel(queued.id)).state == "cancelled"
        runner.prepared()
        stage.ring(runner)
        await stage.until(running.id, "running")
        cancelling = await stage.dispatcher.cancel(running.id)
        assert (cancelling.state, cancelling.cancelling) == ("running", True)
        done = await stage.until(running.id, "cancelled")
        assert runner.stops == 1
        assert done.failure is not None
        assert done.failure.message == "Cancelled while cell 1 was running."
        assert (await stage.dispatcher.cancel(running.id)).state == "cancelled"
        with pytest.raises(NotFound):
            await stage.dispatcher.cancel("000000000000")

    on_stage(story)


def test_cancelling_what_has_ended_is_a_conflict(on_stage) -> None:
    """There is nothing left to cancel."""

    async def story(stage: Stage) -> None:
        job = await stage.submit()
        runner = await stage.runner()
        runner.finish()
        stage.ring(runner)
        await stage.until(job.id, "succeeded")
        with pytest.raises(Conflict):
            await stage.dispatcher.cancel(job.id)

    on_stage(story)


def test_a_job_cancelled_while_it_starts_never_runs(on_stage) -> None:
    """Between the decision to start and the start."""

    async def story(stage: Stage) -> None:
        entered, go = asyncio.Event(), asyncio.Event()
        original = stage.troupe.prepare

        async def slow(*args, **kwargs) -> None:
            entered.set()
            await go.wait()
            await original(*args, **kwargs)

        stage.troupe.prepare = slow
        job = await stage.submit()
        await entered.wait()
        await stage.until(job.id, "starting")
        await stage.dispatcher.cancel(job.id)
        go.set()
        await stage.until(job.id, "cancelled")
        assert stage.troupe.runners == []

    on_stage(story)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (BrokenError("No."), "broken"),
        (OSError(28, "No space"), "disk_full"),
        (RuntimeError("x"), "internal_error"),
    ],
)
def test_a_start_that_fails_ends_the_job(on_stage, error: Exception, code: str) -> None:
    """With a code; nothing stays without an owner, and capacity is free again."""

    async def story(stage: Stage) -> None:
        stage.troupe.error = error
        job = await stage.submit()
        failed = await stage.until(job.id, "failed")
        assert failed.failure is not None
        assert failed.failure.code == code
        assert stage.dispatcher.use().cpus == 0

    on_stage(story)


def test_a_kernelspec_that_vanished_is_not_retried(
    on_stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between submit and start somebody removed the kernel."""
    monkeypatch.setattr("jupyter_mlops.jobs.kernelspecs.installed", dict)

    async def story(stage: Stage) -> None:
        job = await stage.submit(retries=3)
        failed = await stage.until(job.id, "failed")
        assert failed.failure is not None
        assert failed.failure.code == "kernel_unknown"

    on_stage(story)
