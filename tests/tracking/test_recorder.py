"""A job's run is true whatever happens to job, daemon and stores."""

# ruff: noqa: ASYNC240 - only the test itself waits

from __future__ import annotations

import asyncio
import fcntl
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlops import paths
from jupyter_mlops.errors import Busy, NotFound
from jupyter_mlops.jobs.model import State
from jupyter_mlops.tracking import artifacts, embedded_runs, schedule
from jupyter_mlops.tracking.embedded_store import EmbeddedStore

from .mlops_tracked import Tracked, mlflow_rows, notebook

Story = Callable[..., Any]


def artifact_files(run_id: str) -> dict[str, str]:
    """Artifacts of a run: name → content."""
    (directory,) = (paths.mlflow_dir() / "artifacts").glob(f"*/{run_id}/artifacts")
    return {
        str(path.relative_to(directory)): path.read_text()
        for path in directory.rglob("*")
        if path.is_file()
    }


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
        assert found.keys() == {"notebook/work.ipynb", "notebook/work.html", "notebook/work.log"}
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

    def put(*_: Any) -> None:
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


def test_html_is_rendered_when_somebody_asks(tracked: Story) -> None:
    """Of a job that runs, as it is then; there is none before anything was saved."""

    async def story(on: Tracked) -> None:
        job = await on.submit()
        with pytest.raises(NotFound):
            await on.recorder.html(job)
        await on.begin(job)
        await on.prepared(job)
        directory = paths.attempt_dir(job.id, 1)
        import json

        (directory / "notebook.ipynb").write_text(json.dumps(notebook("print('so far')")))
        page = await on.recorder.html(await on.job(job))
        assert "so far" in page.read_text()
        assert "running" in page.read_text()
        await on.end(job)
        await on.synced(job)
        final = await on.recorder.html(await on.job(job))
        assert "succeeded" in final.read_text()
        before = final.stat().st_ino
        again = await on.recorder.html(await on.job(job))
        assert again.stat().st_ino == before, "nothing is rendered twice"

    tracked(story)


def test_waiting_jobs_go_before_html(tracked: Story) -> None:
    """Unless somebody asks for it."""

    async def story(on: Tracked) -> None:
        waiting = await on.submit()
        job = await on.submit()
        await on.begin(job)
        await on.end(job)

        async def told() -> bool:
            return (await on.job(job)).tracking.synced

        await on.until(told)
        await asyncio.sleep(1.0)
        assert (await on.job(job)).outputs.html is None
        asked = await on.recorder.html(await on.job(job))
        assert asked.exists()
        await on.cancel(waiting)
        done = await on.synced(job)
        assert done.outputs.html is not None

    tracked(story)


def test_a_notebook_without_html_is_synced_all_the_same(tracked: Story) -> None:
    """Broken by whoever: the job says that there is no HTML, and is done."""

    async def story(on: Tracked) -> None:
        job = await on.submit()
        await on.begin(job)
        (paths.attempt_dir(job.id, 1) / "notebook.ipynb").write_text("{")
        await on.end(job, saved=False)
        done = await on.synced(job)
        assert done.outputs.html is None
        assert "HTML could not be made" in done.tracking.detail
        assert done.tracking.synced

    tracked(story)


def test_f30_an_output_folder_that_is_gone_is_not_made_again(tracked: Story) -> None:
    """The person removed it; the run has everything."""

    async def story(on: Tracked) -> None:
        waiting = await on.submit()  # keeps the export back until the folder is gone
        job = await on.submit()
        reference = await on.begin(job)
        await on.end(job)
        import shutil

        shutil.rmtree(job.outputs.directory)
        await on.cancel(waiting)
        done = await on.synced(job)
        assert not Path(job.outputs.directory).exists()
        assert done.outputs.html is None
        assert "notebook/work.html" in artifact_files(str(reference.run_id))

    tracked(story)


def test_a35_odd_names_make_fit_artifacts(tracked: Story) -> None:
    """Names that MLflow's addresses can't hold."""

    async def story(on: Tracked) -> None:
        directory = paths.data_dir().parent / "work"
        job = await on.submit(notebook=str(directory / "报告 #1 50%?.ipynb"))
        reference = await on.begin(job)
        await on.end(job)
        done = await on.synced(job)
        assert done.tracking.experiment == "报告 #1 50%?"
        assert artifact_files(str(reference.run_id)).keys() == {
            f"notebook/报告 _1 50__.{suffix}" for suffix in ("ipynb", "html", "log")
        }

    tracked(story)


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


# --- the schedule ---


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
