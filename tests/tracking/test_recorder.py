"""A job is a run, from its start to its end and beyond."""

# ruff: noqa: ASYNC240 - only the test itself waits
from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlops import paths
from jupyter_mlops.errors import NotFound
from jupyter_mlops.jobs.model import State

from .mlops_runs import Story, artifact_files
from .mlops_tracked import Tracked, notebook


def test_a_job_is_a_run_from_its_start_to_its_end(tracked: Story) -> None:
    """Running with its parameters at once; with times, metrics and artifacts at the end."""

    async def story(on: Tracked) -> None:
        document = notebook("print(lr)", parameters="lr = 0.1\nlayers = [64, 64]")
        job = await on.submit(
            document, parameters={"lr": 0.5}, tags={"team": "a"}, git_commit="abc", git_dirty=True
        )
        reference = await on.begin(job)
        run = on.run(reference.run_id)
        assert run["status"] == "RUNNING"
        assert run["params"] == {"lr": "0.5", "layers": "[64, 64]"}
        assert run["tags"]["mlops.job_id"] == job.id
        assert run["tags"]["mlops.notebook"] == job.notebook
        assert run["tags"]["mlops.notebook_hash"] == job.notebook_hash
        assert run["tags"]["mlops.attempt"] == "1"
        assert run["tags"]["mlops.target"] == "process"
        assert run["tags"]["mlflow.source.git.commit"] == "abc"
        assert run["tags"]["mlops.git_dirty"] == "true"
        assert run["tags"]["team"] == "a"
        assert reference.environment["MLFLOW_RUN_ID"] == reference.run_id
        assert reference.environment["MLFLOW_EXPERIMENT_ID"] == reference.experiment_id
        told = await on.until(lambda: _with_run(on, job))
        assert told.tracking.run_id == reference.run_id
        assert told.tracking.experiment == "work"
        _log_metric(str(reference.run_id), "loss", 0.25)
        await on.prepared(job)
        await on.end(job)
        done = await on.synced(job)
        run = on.run(reference.run_id)
        assert run["status"] == "FINISHED"
        assert run["start"] == int((done.attempts[0].started_at or 0) * 1000)
        assert run["end"] == int((done.attempts[0].ended_at or 0) * 1000)
        assert done.metrics == {"loss": 0.25}
        assert done.tracking.synced
        assert done.tracking.detail == ""
        assert done.outputs.html is not None
        page = Path(done.outputs.html)
        assert page == Path(done.outputs.directory) / "work.html"
        assert "attempt 1" in page.read_text()
        found = artifact_files(str(reference.run_id))
        assert found.keys() == {
            "notebook/work.ipynb",
            "notebook/work.html",
            "notebook/work.log",
            "mlops/facts.json",
        }
        assert found["notebook/work.html"] == page.read_text()

    tracked(story)


async def _with_run(on: Tracked, job: Any) -> Any:
    found = await on.job(job)
    return found if found.tracking.run_id else None


def _log_metric(run_id: str, key: str, value: float) -> None:
    connection = sqlite3.connect(paths.mlflow_dir() / "mlflow.db", timeout=30)
    connection.execute(
        "INSERT OR REPLACE INTO latest_metrics (key, value, timestamp, step, is_nan, run_uuid)"
        " VALUES (?, ?, 0, 0, 0, ?)",
        (key, value, run_id),
    )
    connection.commit()
    connection.close()


@pytest.mark.parametrize(
    ("state", "status", "reason"),
    [(State.FAILED, "FAILED", "cell_failed: Cell 1"), (State.CANCELLED, "KILLED", "cancelled: ")],
)
def test_f45_a_run_ends_as_its_job_does(
    tracked: Story, state: State, status: str, reason: str
) -> None:
    """With the reason in a tag."""

    async def story(on: Tracked) -> None:
        job = await on.submit()
        reference = await on.begin(job)
        if state is State.CANCELLED:
            await on.cancel(job)
        await on.end(job, state, saved=False)
        done = await on.synced(job)
        assert done.state is state
        run = on.run(reference.run_id)
        assert run["status"] == status
        assert run["end"] is not None
        assert run["tags"]["mlops.failure"].startswith(reason)
        assert done.outputs.html is None

    tracked(story)


def test_retries_are_runs_below_the_last_one(tracked: Story) -> None:
    """What two tries log never mixes; while it waits the job's run is neither running nor over."""

    async def story(on: Tracked) -> None:
        job = await on.submit(retries=1)
        first = await on.begin(job)
        _log_metric(str(first.run_id), "loss", 9.0)
        await on.prepared(job)
        await on.end(job, State.FAILED)

        async def scheduled() -> bool:
            return bool(on.run(first.run_id)["status"] == "SCHEDULED")

        await on.until(scheduled)
        waiting = await on.job(job)
        assert waiting.state is State.QUEUED
        second = await on.begin(waiting, 2)
        assert second.run_id != first.run_id
        await on.prepared(job, 2)
        await on.end(job, attempt=2)
        done = await on.synced(job)
        assert done.tracking.run_id == second.run_id
        assert done.metrics == {}
        assert on.run(first.run_id)["status"] == "FAILED"
        assert on.run(first.run_id)["tags"]["mlflow.parentRunId"] == second.run_id
        assert on.run(second.run_id)["status"] == "FINISHED"
        assert on.run(second.run_id)["tags"]["mlops.attempt"] == "2"
        assert "attempt 2" in artifact_files(str(second.run_id))["notebook/work.html"]

    tracked(story)


def test_a_job_that_never_started_has_no_run(tracked: Story) -> None:
    """Cancelled in the queue; nothing stays to be synced."""

    async def story(on: Tracked) -> None:
        job = await on.submit()
        await on.cancel(job)
        done = await on.synced(job)
        assert done.tracking.run_id is None
        assert done.tracking.synced
        assert on.sql("SELECT count(*) FROM runs") == [(0,)]

    tracked(story)


def test_cancelled_at_the_moment_of_its_begin_the_run_ends_as_well(tracked: Story) -> None:
    """The run is made while the store decides that there is no attempt."""

    async def story(on: Tracked) -> None:
        job = await on.submit()
        reference = await on.recorder.begin(job, 1)

        async def begun() -> bool:
            # The store may only just have been opened: then the row follows.
            found = on.sql("SELECT status FROM runs WHERE run_uuid = ?", reference.run_id)
            return found == [("RUNNING",)]

        await on.until(begun)
        await on.cancel(job)
        await on.synced(job)

        async def ended() -> bool:
            return bool(on.run(reference.run_id)["status"] == "KILLED")

        await on.until(ended)

    tracked(story)


def test_a_deleted_jobs_run_stays(tracked: Story) -> None:
    """What was learnt isn't lost with the job; and a run never stays open without one."""

    async def story(on: Tracked) -> None:
        job = await on.submit()
        reference = await on.begin(job)
        await on.end(job)
        await on.store.delete(job.id)
        await on.recorder.forget(job.id)

        async def ended() -> bool:
            return bool(on.run(reference.run_id)["status"] != "RUNNING")

        await on.until(ended)
        with pytest.raises(NotFound):
            await on.store.get(job.id)
        assert on.run(reference.run_id)["stage"] == "active"

    tracked(story)


def test_what_is_learnt_later_reaches_the_run(tracked: Story) -> None:
    """Whether the work tree was dirty takes git a while to say."""

    async def story(on: Tracked) -> None:
        job = await on.submit(git_commit="abc")
        reference = await on.begin(job)
        await on.end(job)
        await on.synced(job)
        assert "mlops.git_dirty" not in on.run(reference.run_id)["tags"]
        await on.store.update(job.id, git_dirty=True)
        await on.synced(job)
        assert on.run(reference.run_id)["tags"]["mlops.git_dirty"] == "true"

    tracked(story)


def test_metrics_come_while_it_runs(tracked: Story) -> None:
    """Read from MLflow's tables when somebody has written; system metrics are left out."""

    async def story(on: Tracked) -> None:
        job = await on.submit()
        reference = await on.begin(job)
        await on.prepared(job)
        _log_metric(str(reference.run_id), "loss", 0.5)
        _log_metric(str(reference.run_id), "system/cpu", 0.5)

        async def seen() -> bool:
            return (await on.job(job)).metrics == {"loss": 0.5}

        await on.until(seen)

    tracked(story)
