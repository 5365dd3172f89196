"""What crashes, full disks and unusable stores leave of a run."""

from __future__ import annotations

import asyncio
import fcntl
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_mlops import paths
from jupyter_mlops.tracking import artifacts, embedded_runs, schedule
from jupyter_mlops.tracking.embedded_store import EmbeddedStore

from .mlops_runs import Story, artifact_files
from .mlops_tracked import Tracked, mlflow_rows, notebook

if TYPE_CHECKING:
    import pytest


def test_f04_what_a_crash_left_is_done_by_the_next_daemon(tracked: Story) -> None:
    """Ended but not synced; begun, unknown to the store; made by a notebook and left open."""
    known: dict[str, Any] = {}

    async def before(on: Tracked) -> None:
        job = await on.submit()
        known["reference"] = await on.begin(job)
        orphan = await on.submit()
        known["orphan"] = await on.recorder.begin(orphan, 1)
        on.recorder.changed = lambda job_id: None  # type: ignore[method-assign]
        await on.recorder._schedule.stop()
        await on.end(job)
        await on.cancel(orphan)
        known["job"], known["cancelled"] = job, orphan
        connection = sqlite3.connect(paths.mlflow_dir() / "mlflow.db", timeout=30)
        connection.execute(
            "INSERT INTO runs (run_uuid, status, lifecycle_stage, source_type, experiment_id)"
            " VALUES ('left', 'RUNNING', 'active', 'LOCAL', 0)"
        )
        connection.execute("INSERT INTO tags VALUES ('mlops.created_by_job', ?, 'left')", (job.id,))
        connection.commit()
        connection.close()

    async def after(on: Tracked) -> None:
        done = await on.synced(known["job"])
        assert done.metrics == {}
        assert on.run(known["reference"].run_id)["status"] == "FINISHED"
        assert done.outputs.html is not None

        async def ended() -> bool:
            left = [on.run(one)["status"] for one in (known["orphan"].run_id, "left")]
            return "RUNNING" not in left

        await on.until(ended)
        await on.synced(known["cancelled"])

    tracked(before)
    assert mlflow_rows("SELECT count(*) FROM runs WHERE status = 'RUNNING'") == [(3,)]
    tracked(after)


def test_f03_a_job_that_goes_on_keeps_its_run(tracked: Story) -> None:
    """A new daemon takes it up: the run stays open, its token stays good."""
    known: dict[str, Any] = {}

    async def before(on: Tracked) -> None:
        job = await on.submit(notebook("1", parameters="lr = 0.1"))
        known["reference"], known["job"] = await on.begin(job), job

    async def after(on: Tracked) -> None:
        job = known["job"]
        live = on.recorder._live.of_job(job.id)
        assert live is not None
        assert live.run_id == known["reference"].run_id
        assert live.params == {"lr": "0.1"}
        await asyncio.sleep(0.5)
        assert on.run(live.run_id)["status"] == "RUNNING"
        await on.end(job)
        await on.synced(job)
        assert on.run(live.run_id)["status"] == "FINISHED"
        assert not any(run.job_id == job.id for run in on.recorder._live.all())

    tracked(before)
    tracked(after)


def test_a_run_that_begins_while_leftovers_are_looked_for_goes_on(tracked: Story) -> None:
    """Which runs are open is asked first, and whose they are after it: a new one is no leftover."""

    async def story(on: Tracked) -> None:
        begun: list[str | None] = []

        async def states() -> dict[str, Any]:
            begun.append((await on.begin(await on.submit())).run_id)
            return {}

        left = await on.begin(await on.submit())
        assert await on.recorder._runs.reconcile(states) == set()
        assert on.run(begun[0])["status"] == "RUNNING"
        assert on.run(left.run_id)["status"] == "KILLED"

    tracked(story)


def test_f20_a_full_disk_only_delays_the_record(
    tracked: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job says why; when there is room again, everything follows by itself."""
    monkeypatch.setattr(schedule, "_FIRST_WAIT", 0.05)
    full = OSError(28, "No space left on device")

    def put(*_: Any, **__: Any) -> None:
        raise full

    async def story(on: Tracked) -> None:
        job = await on.submit()
        reference = await on.begin(job)
        with monkeypatch.context() as broken:
            broken.setattr(artifacts, "put", put)
            await on.end(job)

            async def told() -> bool:
                return "no space" in (await on.job(job)).tracking.detail

            await on.until(told)
            assert not (await on.job(job)).tracking.synced
            assert on.run(reference.run_id)["status"] == "FINISHED"
        done = await on.synced(job)
        assert done.tracking.synced
        assert done.tracking.detail == ""
        assert "notebook/work.ipynb" in artifact_files(str(reference.run_id))

    tracked(story)


def test_f40_a_locked_store_only_delays_the_record(
    tracked: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The start of a job doesn't wait for it for long, and no other job's."""
    monkeypatch.setattr(schedule, "_FIRST_WAIT", 0.05)
    monkeypatch.setattr(embedded_runs, "_ROW_PATIENCE", 0.2)

    async def story(on: Tracked) -> None:
        job = await on.submit()
        await on.until(lambda: _ready(on))
        other = sqlite3.connect(paths.mlflow_dir() / "mlflow.db", isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        reference = await on.begin(job)
        assert reference.run_id is not None
        assert reference.environment["MLFLOW_EXPERIMENT_NAME"] == "work"
        await on.end(job)
        other.execute("COMMIT")
        other.close()
        done = await on.synced(job)
        assert on.run(done.tracking.run_id)["status"] == "FINISHED"

    tracked(story)


async def _ready(on: Tracked) -> bool:
    return bool(on.service.status()["store"] == "ready")


def test_the_first_job_does_not_wait_for_the_store(home: Path, prepared_store: Path) -> None:
    """On a fresh machine making it takes seconds: the run's id is known, its row follows."""
    import shutil

    from .mlops_tracked import tracked_in

    async def story(on: Tracked) -> None:
        embedded = on.recorder._runs._embedded  # type: ignore[attr-defined]
        job = await on.submit()
        reference = await asyncio.wait_for(on.begin(job), 10)
        assert on.service.status()["store"] == "preparing"
        assert reference.run_id is not None
        assert reference.environment["MLFLOW_EXPERIMENT_NAME"] == "work"
        await on.end(job)
        embedded._opening.cancel()
        shutil.rmtree(paths.mlflow_dir())
        shutil.copytree(prepared_store, paths.mlflow_dir())
        store = EmbeddedStore(paths.mlflow_dir() / "mlflow.db")
        embedded.ready.set_result(store)
        done = await on.synced(job)
        assert on.run(reference.run_id)["status"] == "FINISHED"
        assert done.tracking.experiment == "work"

    # Whoever makes the store waits for this, however fast it is.
    with (paths.private_dir(paths.mlflow_dir()) / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        tracked_in(story)


def test_a_store_that_can_not_be_used_fails_no_job(mlflow_home: Path, tracked: Story) -> None:
    """Jobs run, and say why they have no run."""
    connection = sqlite3.connect(paths.mlflow_dir() / "mlflow.db")
    connection.execute("DROP TABLE runs")
    connection.commit()
    connection.close()

    async def story(on: Tracked) -> None:
        job = await on.submit()
        reference = await on.begin(job)
        assert reference.environment["MLFLOW_TRACKING_URI"].startswith("http://127.0.0.1:")
        await on.end(job)

        async def told() -> bool:
            return "can't be used" in (await on.job(job)).tracking.detail

        await on.until(told)
        assert (await on.job(job)).outputs.html is not None or await on.until(
            lambda: _html(on, job)
        ), "the HTML needs no MLflow"
        assert on.service.status()["store"] == "unusable"

    tracked(story)


async def _html(on: Tracked, job: Any) -> Any:
    return (await on.job(job)).outputs.html


def test_a_relative_server_is_told_and_fails_no_job(tracked: Story) -> None:
    """The daemon works in no directory of the person's."""

    async def story(on: Tracked) -> None:
        job = await on.submit()
        assert (await on.begin(job)).run_id is None
        await on.end(job)

        async def told() -> bool:
            return "relative path" in (await on.job(job)).tracking.detail

        await on.until(told)

    tracked(story, environment={"MLFLOW_TRACKING_URI": "sqlite:///mlflow.db"})


def test_a_recorder_never_raises(tracked: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is wrong, a job starts."""

    async def story(on: Tracked) -> None:
        job = await on.submit()

        async def broken(*_: Any) -> Any:
            raise RuntimeError("surprise")

        monkeypatch.setattr(on.store, "read", broken)
        assert (await on.recorder.begin(job, 1)).run_id is None

    tracked(story)
