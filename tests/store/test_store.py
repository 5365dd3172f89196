from __future__ import annotations

import asyncio
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlops.errors import Conflict, InvalidInput, NotFound
from jupyter_mlops.jobs import store_changes
from jupyter_mlops.jobs.model import Failure, Outputs, Progress, State, Tracking, WarmDetails
from jupyter_mlops.jobs.state import Begin, Cancel, Ended, IllegalTransition, Prepared
from jupyter_mlops.jobs.store import LastSeen, Store
from jupyter_mlops.jobs.store_reader import JobQuery, lay_out
from jupyter_mlops.jobs.store_writer import Change

from .mlops_store_jobs import FILES, a_job


async def ended_job(store: Store, state: State = State.SUCCEEDED, **given: Any) -> str:
    """A job that ran and ended."""
    stored, _ = await store.submit(a_job(**given), FILES)
    job_id = stored.job.id
    failure = None if state is State.SUCCEEDED else Failure(code="x", message="y")
    await store.apply(job_id, Begin(1, time.time()))
    await store.apply(job_id, Prepared(1, time.time(), WarmDetails(warm=True)))
    await store.apply(job_id, Ended(1, time.time(), state, failure, 1.5, 2**20))
    return job_id


def test_a_job_reads_back_as_it_was_submitted(with_store) -> None:
    """Every field, and the snapshot's files."""

    async def story(store: Store) -> None:
        new = a_job(
            name="a name", retries=2, warnings=("careful",), rerun_of="ba9876543210", git_commit="c"
        )
        stored, created = await store.submit(new, FILES | {"code/a/b.py": b"x = 1"})
        assert created
        assert stored == await store.get(new.id)
        job = stored.job
        assert (job.name, job.state, job.attempt) == ("a name", State.QUEUED, 0)
        assert (job.spec, job.warnings, job.rerun_of) == (new.spec, ["careful"], "ba9876543210")
        assert await store.snapshot_files(new.id) == FILES | {"code/a/b.py": b"x = 1"}

    with_store(story)


def test_a_run_is_recorded_with_its_attempts(with_store) -> None:
    """Times, attempts, failure, progress and last output."""

    async def story(store: Store) -> None:
        stored, _ = await store.submit(a_job(retries=1), FILES)
        job_id = stored.job.id
        await store.apply(job_id, Begin(1, 100.0, (3,)))
        assert (await store.get(job_id)).gpus == (3,)
        failure = Failure(code="kernel_died", message="gone")
        await store.apply(job_id, Ended(1, 101.0, State.FAILED, failure))
        waiting = (await store.get(job_id)).job
        assert (waiting.state, waiting.not_before, waiting.failure) == ("queued", 102.0, None)
        await store.apply(job_id, Begin(2, 103.0))
        await store.apply(job_id, Prepared(2, 104.0))
        seen = LastSeen(Progress(total=3, done=3), "bye", Outputs(directory="/o", notebook="/o/n"))
        await store.apply(job_id, Ended(2, 105.0, State.SUCCEEDED, None, 1.25, 4096), seen)
        job = (await store.get(job_id)).job
        assert (job.started_at, job.ended_at, job.duration) == (100.0, 105.0, 1.25)
        assert [(one.number, one.state) for one in job.attempts] == [
            (1, "failed"),
            (2, "succeeded"),
        ]
        assert job.attempts[0].failure == failure
        assert job.attempts[1].peak_memory == 4096
        assert (job.progress.done, job.last_output, job.outputs.notebook) == (3, "bye", "/o/n")
        story_told = await store.story(job_id)
        assert [line.split()[2] for line in story_told.splitlines()] == [
            "queued", "starting", "queued", "starting", "running", "succeeded",
        ]  # fmt: skip

    with_store(story)


def test_an_illegal_transition_tells_the_story(with_store) -> None:
    """It changes nothing, and its message has what the job went through."""

    async def story(store: Store) -> None:
        stored, _ = await store.submit(a_job(), FILES)
        with pytest.raises(IllegalTransition, match="submitted"):
            await store.apply(stored.job.id, Begin(5, 1.0))
        assert await store.get(stored.job.id) == stored

    with_store(story)


def test_changes_are_told_in_order_before_the_answer(with_store) -> None:
    """A listener knows of a change when the caller does, and nothing of what was refused."""

    async def story(store: Store) -> None:
        told: list[Change] = []
        store.listen(told.append)
        stored, _ = await store.submit(a_job(), FILES)
        job_id = stored.job.id
        assert [change.job_id for change in told] == [job_id]
        await asyncio.gather(
            store.apply(job_id, Begin(1, 1.0)),
            store.apply(job_id, Prepared(1, 2.0)),
            store.apply(job_id, Cancel(3.0)),
        )
        with pytest.raises(Conflict):
            await store.delete(job_id)
        states = [(c.job.job.state.value, c.job.job.cancelling) for c in told if c.job]
        assert states == [
            ("queued", False), ("starting", False), ("running", False), ("running", True),
        ]  # fmt: skip
        versions = [c.job.job.version for c in told if c.job]
        assert versions == sorted(set(versions))

    with_store(story)


def test_a_listener_that_fails_keeps_nobody_waiting(with_store, caplog) -> None:
    """What was asked for is durable and answered; the failure is in the log."""

    async def story(store: Store) -> None:
        def fail(change: Change) -> None:
            raise RuntimeError(f"no news of {change.job_id}")

        store.listen(fail)
        new = a_job()
        stored, _ = await asyncio.wait_for(store.submit(new, FILES), 20)
        assert (await store.get(new.id)).job == stored.job
        assert f"no news of {new.id}" in caplog.text

    with_store(story)


def test_one_bad_operation_does_not_spoil_its_batch(with_store) -> None:
    """Operations that share a commit fail each for itself."""

    async def story(store: Store) -> None:
        good = [a_job() for _ in range(20)]
        double = a_job(id=good[3].id)
        results = await asyncio.gather(
            *(store.submit(new, FILES) for new in [*good, double]), return_exceptions=True
        )
        assert isinstance(results[-1], sqlite3.IntegrityError)
        assert not any(isinstance(one, BaseException) for one in results[:-1])
        assert sum((await store.counts()).values()) == 20

    with_store(story)


def test_f37_the_same_key_a_hundred_times_makes_one_job(with_store) -> None:
    """Also with another body: that one is told of the conflict."""

    async def story(store: Store) -> None:
        same = [a_job(idempotency_key="k", idempotency_body="a" * 64) for _ in range(100)]
        results = await asyncio.gather(*(store.submit(new, FILES) for new in same))
        assert len({stored.job.id for stored, _ in results}) == 1
        assert [created for _, created in results].count(True) == 1
        with pytest.raises(Conflict) as caught:
            await store.submit(a_job(idempotency_key="k", idempotency_body="b" * 64), FILES)
        assert caught.value.stable_code == "idempotency_conflict"
        assert sum((await store.counts()).values()) == 1

    with_store(story)


def test_f36_a_thousand_submits_at_once_are_all_kept(with_store, store_path: Path) -> None:
    """None is lost and none is refused, and they are there after a restart."""

    async def submit_all(store: Store) -> set[str]:
        results = await asyncio.gather(*(store.submit(a_job(), FILES) for _ in range(1000)))
        return {stored.job.id for stored, _ in results}

    ids = with_store(submit_all)
    assert len(ids) == 1000

    async def read_all(store: Store) -> set[str]:
        return {stored.job.id for stored in await store.alive()}

    assert with_store(read_all) == ids


def test_snapshots_are_stored_once_and_go_with_their_last_job(with_store) -> None:
    """Blobs are shared; deleting removes what no other job has."""

    async def blobs(store: Store) -> int:
        return await store.read(lambda db: db.execute("SELECT count(*) FROM blobs").fetchone()[0])

    async def story(store: Store) -> None:
        first = await ended_job(store)
        second = await ended_job(store)
        assert await blobs(store) == 1
        await store.delete(first)
        assert await blobs(store) == 1
        await store.delete(second)
        assert await blobs(store) == 0
        with pytest.raises(NotFound):
            await store.get(first)
        assert [job_id for _, job_id in await store.deleted_since(0)] == [first, second]
        assert await store.was_deleted([first, "000000000000"]) == {first}

    with_store(story)


def test_old_deletions_are_forgotten(with_store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The memory of what was deleted does not grow for ever."""
    monkeypatch.setattr(store_changes, "DELETIONS_KEPT", 3)

    async def story(store: Store) -> None:
        ids = [await ended_job(store) for _ in range(5)]
        for job_id in ids:
            await store.delete(job_id)
        assert [job_id for _, job_id in await store.deleted_since(0)] == ids[-3:]

    with_store(story)


def test_listing_filters_pages_and_counts(with_store) -> None:
    """Newest first, by cursor, with names taken literally."""

    async def story(store: Store) -> None:
        for number in range(25):
            await store.submit(a_job(name=f"run {number}", created_at=1.0 + number), FILES)
        await store.submit(a_job(name="100%_done", created_at=99.0, notebook="/n"), FILES)
        seen: list[str] = []
        cursor = None
        while True:
            page = await store.page(JobQuery(limit=10, cursor=cursor))
            seen += [stored.job.name for stored in page.jobs]
            if (cursor := page.next) is None:
                break
        assert seen == ["100%_done", *[f"run {n}" for n in reversed(range(25))]]
        assert page.counts[State.QUEUED] == 26
        for name, found in (("%", 1), ("_", 1), ("run", 25), ("RUN 2", 6), ("' OR 1=1--", 0)):
            assert len((await store.page(JobQuery(name=name))).jobs) == found, name
        assert len((await store.page(JobQuery(notebook="/n"))).jobs) == 1
        only_failed = await store.page(JobQuery(states=(State.FAILED,)))
        assert (only_failed.jobs, only_failed.counts[State.QUEUED]) == ([], 26)
        with pytest.raises(InvalidInput):
            await store.page(JobQuery(cursor="no cursor"))

    with_store(story)


def test_what_tracking_has_to_know_survives_a_restart(with_store) -> None:
    """A job wants to be synced until exactly what was read has been synced."""

    async def first(store: Store) -> str:
        return await ended_job(store)

    job_id = with_store(first)

    async def second(store: Store) -> None:
        (found,) = await store.jobs_to_sync()
        assert found.job.id == job_id
        stale = found.sync_wanted - 1
        await store.mark_synced(job_id, stale, Tracking(run_id="r"))
        assert len(await store.jobs_to_sync()) == 1
        synced = await store.mark_synced(
            job_id, found.sync_wanted, Tracking(run_id="r", synced=True)
        )
        assert await store.jobs_to_sync() == []
        assert synced.job.tracking.run_id == "r"
        assert synced.job.version > found.job.version
        updated = await store.update(job_id, metrics={"loss": 0.5}, git_dirty=True)
        assert (updated.job.metrics, updated.job.git_dirty) == ({"loss": 0.5}, True)
        assert len(await store.jobs_to_sync()) == 1

    with_store(second)


def test_sequence_numbers_never_come_back(with_store) -> None:
    """Numbers given out for progress are not stored, and yet not used again."""

    async def take(store: Store) -> int:
        return max(store.next_seq() for _ in range(100))

    assert with_store(take) < with_store(take)


def test_what_must_not_be_is_refused_by_the_store_itself(with_store) -> None:
    """Rows that no code of ours would write are impossible, whoever writes them."""
    new_attempt = "INSERT INTO attempts (job_id, number, state, started_at)"
    wrong = [
        "UPDATE jobs SET state = 'queued', ended_at = NULL WHERE state = 'succeeded'",
        "UPDATE jobs SET state = 'failed' WHERE state = 'succeeded'",
        "UPDATE jobs SET state = 'finished'",
        "UPDATE jobs SET attempt = 7 WHERE state = 'queued'",
        "UPDATE jobs SET cancelling = 1 WHERE state = 'queued'",
        "UPDATE jobs SET state = 'starting' WHERE state = 'queued'",
        "UPDATE jobs SET state = 'failed', ended_at = 1 WHERE state = 'queued'",
        "UPDATE jobs SET id = '../../etc'",
        "UPDATE attempts SET state = 'running', ended_at = NULL",
        f"{new_attempt} SELECT job_id, 2, 'running', 1 FROM attempts WHERE state = 'starting'",
        f"{new_attempt} VALUES ('nobody', 1, 'running', 1)",
        "UPDATE blobs SET data = x'00'",
        "DELETE FROM blobs",
    ]

    async def story(store: Store) -> None:
        await ended_job(store)
        await store.submit(a_job(), FILES)
        started, _ = await store.submit(a_job(), FILES)
        await store.apply(started.job.id, Begin(1, 1.0))

    with_store(story)

    async def path(store: Store) -> Path:
        return store.file.path

    connection = sqlite3.connect(with_store(path))
    connection.execute("PRAGMA foreign_keys = 1")
    try:
        for statement in wrong:
            with pytest.raises(sqlite3.IntegrityError):
                connection.execute(statement)
            connection.rollback()
    finally:
        connection.close()


def test_the_snapshot_is_laid_out_whole_and_inside(with_store, tmp_path: Path) -> None:
    """Private directories, exact content, and no way out of the directory."""

    async def story(store: Store) -> None:
        new = a_job()
        await store.submit(new, FILES | {"code/pkg/mod.py": b"y = 2"})
        target = tmp_path / "bundle"
        await store.read(lambda db: lay_out(db, new.id, target))
        assert (target / "code" / "pkg" / "mod.py").read_bytes() == b"y = 2"
        assert (target / "notebook.ipynb").read_bytes() == FILES["notebook.ipynb"]
        assert target.stat().st_mode & 0o777 == 0o700

    with_store(story)
