"""Runners and daemons that die, and what the next daemon makes of it."""

# ruff: noqa: ASYNC110 - only the test itself waits
from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from jupyter_mlops import paths
from jupyter_mlops.jobs import watcher
from jupyter_mlops.jobs.model import Job

from .mlops_scripted import Runner, Stage, Troupe


def test_f02_a_runner_that_dies_silently_is_noticed(on_stage) -> None:
    """No doorbell rings; what it wrote until then counts."""

    async def story(stage: Stage) -> None:
        job = await stage.submit()
        runner = await stage.runner()
        runner.prepared()
        runner.write("stream", index=0, name="stdout", text="the last words\n")
        runner.living = False
        failed = await stage.until(job.id, "failed")
        assert failed.failure is not None
        assert failed.failure.code == "runner_died"
        assert failed.failure.hint
        assert failed.last_output == "the last words"
        assert runner.kills == 1

    on_stage(story)


def test_f07_a_runner_without_a_heartbeat_is_given_up(
    on_stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After so many ticks of our own clock; it is killed before its successor may start."""
    monkeypatch.setattr(watcher, "PATIENCE", 3)

    async def story(stage: Stage) -> None:
        job = await stage.submit(retries=1)
        runner = await stage.runner()
        runner.prepared()
        for counter in range(2, 6):  # heartbeats: nothing happens
            await asyncio.sleep(1.0)
            runner.beat(counter)
        assert runner.kills == 0
        waiting = await stage.until(job.id, "queued")
        assert runner.kills >= 1
        failure = waiting.attempts[0].failure
        assert failure is not None
        assert failure.code == "runner_lost"
        runner.finish()  # too late
        assert (await stage.until(job.id, "queued", "starting")).attempts[0].state == "failed"

    on_stage(story)


def test_f08_ticks_that_piled_up_count_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A daemon that was stopped for a minute does not find its jobs silent."""
    monkeypatch.setattr(watcher, "PATIENCE", 2)

    async def story() -> None:
        from concurrent.futures import ThreadPoolExecutor

        from jupyter_mlops.jobs.attempt_log import Digest
        from jupyter_mlops.jobs.feed import Feed

        runner = Runner(tmp_path)
        runner.prepared()
        with ThreadPoolExecutor(1) as threads:
            watching = watcher.Watcher(
                tmp_path, runner, Digest(), Feed(), threads,
                prepared=lambda _: None, released=lambda: None, progressed=lambda: None,
            )  # fmt: skip
            task = asyncio.create_task(watching.watch())
            for _ in range(500):
                watching.tick()
            await asyncio.sleep(0.2)
            assert not task.done()
            for _ in range(3):
                watching.tick()
                await asyncio.sleep(0.2)
            assert (await task).failure.code == "runner_lost"

    asyncio.run(story())


def test_f03_jobs_under_way_are_taken_up_again(on_stage) -> None:
    """The next daemon adopts what lives, reads on from the beginning, and runs nothing twice."""
    left: dict[str, Runner] = {}

    async def before(stage: Stage) -> Job:
        job = await stage.submit(resources={"cpus": 2})
        await stage.submit()
        runner = await stage.runner()
        runner.prepared(total=5)
        runner.write("cell_finished", index=0, status="succeeded", execution_count=1, duration=1)
        stage.ring(runner)
        left[str(runner.directory)] = runner
        return await stage.until(job.id, "running")

    job = on_stage(before)

    def adopt(troupe: Troupe) -> None:
        troupe.adoptable = left

    async def after(stage: Stage) -> None:
        (runner,) = left.values()
        while (now := await stage.dispatcher.get(job.id)).progress.done != 1:
            await asyncio.sleep(0.01)
        assert (now.state, now.progress.total, now.attempt) == ("running", 5, 1)
        assert stage.dispatcher.use().cpus == 2
        assert stage.troupe.runners == []
        runner.finish()
        stage.ring(runner)
        await stage.until(job.id, "succeeded")
        await stage.runner(0)  # the other one has its turn now

    on_stage(after, prepare=adopt)


@pytest.mark.parametrize("said", ["nothing", "exit", "finished"])
def test_f04_jobs_that_nobody_runs_any_more_end_truthfully(on_stage, said: str) -> None:
    """As their runner said, or `interrupted`; never RUNNING without an owner."""

    async def before(stage: Stage) -> Job:
        job = await stage.submit()
        runner = await stage.runner()
        runner.prepared()
        stage.ring(runner)
        return await stage.until(job.id, "running")

    job = on_stage(before)
    runner = Runner(paths.attempt_dir(job.id, 1), seq=1)
    if said != "nothing":
        runner.finish()
    if said == "finished":
        (runner.directory / "exit.json").unlink()

    async def after(stage: Stage) -> None:
        ended = await stage.until(job.id, "succeeded", "failed")
        if said == "nothing":
            assert ended.failure is not None
            assert ended.failure.code == "interrupted"
        else:
            assert ended.state == "succeeded"

    on_stage(after)


def test_a_start_that_a_crash_interrupted_is_not_repeated(on_stage, home: Path) -> None:
    """At most once: the store says "starting", nobody knows more."""

    async def before(stage: Stage) -> Job:
        return await stage.submit(resources={"cpus": 2})

    # As a crash leaves it: begun in the store, no runner.
    job = on_stage(before, cpus=1)
    connection = sqlite3.connect(paths.store_file())
    with connection:
        connection.execute("UPDATE jobs SET state = 'starting', attempt = 1, started_at = 1")
        connection.execute(
            "INSERT INTO attempts (job_id, number, state, started_at) VALUES (?, 1, 'starting', 1)",
            (job.id,),
        )
    connection.close()

    async def after(stage: Stage) -> None:
        failed = await stage.until(job.id, "failed")
        assert failed.failure is not None
        assert failed.failure.code == "interrupted"
        assert stage.troupe.runners == []

    on_stage(after)


def test_f40_an_end_is_recorded_once_the_store_can_be_written(on_stage, monkeypatch) -> None:
    """The store is locked while a job runs and ends: nothing is lost, nothing is killed."""
    monkeypatch.setattr("jupyter_mlops.jobs.store_file.LOCK_PATIENCE", 0.1)

    async def story(stage: Stage) -> None:
        job = await stage.submit()
        runner = await stage.runner()
        other = sqlite3.connect(paths.store_file(), isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        runner.prepared()
        runner.finish()
        stage.ring(runner)
        await asyncio.sleep(0.8)
        assert (await stage.dispatcher.get(job.id)).state == "starting"
        other.execute("ROLLBACK")
        other.close()
        await stage.until(job.id, "succeeded")

    on_stage(story)


def test_a17_deleting_removes_only_a_link_in_the_place_of_the_directory(
    on_stage, tmp_path: Path
) -> None:
    """What it leads to is not ours."""
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis.txt").write_text("years of work")

    async def story(stage: Stage) -> None:
        ids = []
        for number in range(2):
            job = await stage.submit()
            runner = await stage.runner(number)
            runner.finish()
            stage.ring(runner)
            await stage.until(job.id, "succeeded")
            ids.append(job.id)
        (paths.job_dir(ids[0]) / "link").symlink_to(precious)
        paths.job_dir(ids[1]).rename(tmp_path / "moved")
        paths.job_dir(ids[1]).symlink_to(precious)
        for job_id in ids:
            await stage.dispatcher.delete(job_id)
            with pytest.raises(FileNotFoundError):
                paths.job_dir(job_id).lstat()
        assert (precious / "thesis.txt").read_text() == "years of work"
        assert stage.notes.forgotten == ids

    on_stage(story)


def test_directories_of_deleted_jobs_are_swept_up_at_the_start(on_stage) -> None:
    """A crash between the store's deletion and the directory's; others are left alone."""

    async def before(stage: Stage) -> Job:
        job = await stage.submit()
        runner = await stage.runner()
        runner.finish()
        stage.ring(runner)
        await stage.until(job.id, "succeeded")
        await stage.store.delete(job.id)
        return job

    job = on_stage(before)
    stranger = paths.data_dir() / "jobs" / "0123456789ab"
    stranger.mkdir()

    async def after(stage: Stage) -> None:
        assert not paths.job_dir(job.id).exists()
        assert stranger.exists()

    on_stage(after)


def test_progress_is_told_a_few_times_a_second_and_states_at_once(on_stage) -> None:
    """A flood of output is not a flood of events."""

    async def story(stage: Stage) -> None:
        listener = stage.hub.listen()
        job = await stage.submit()
        runner = await stage.runner()
        runner.prepared()
        loop = asyncio.get_running_loop()
        begin, told, number = loop.time(), 0, 0
        while loop.time() < begin + 1.5:
            number += 1
            runner.write("stream", index=0, name="stdout", text=f"line {number}\n")
            stage.ring(runner)
            await asyncio.sleep(0.005)
            if listener._waiting:
                told += len(await listener.take())
        assert number > 100
        assert told <= 12
        runner.finish()
        stage.ring(runner)
        await stage.until(job.id, "succeeded")

    on_stage(story)
