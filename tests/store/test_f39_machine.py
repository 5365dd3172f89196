"""Fault 39: whatever order submit, cancel, finish, crash, retry and delete come in."""

# ruff: noqa: D102 - a rule's name says what happens

from __future__ import annotations

import asyncio
import itertools
import shutil
import sqlite3
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    precondition,
    rule,
)

from jupyter_mlops.errors import Conflict, NotFound
from jupyter_mlops.jobs.model import Failure, State
from jupyter_mlops.jobs.state import Begin, Cancel, Ended, IllegalTransition, Prepared, StartAttempt
from jupyter_mlops.jobs.store import Store

from .mlops_store_jobs import a_job

LEGAL = {
    "queued": {"starting", "cancelled", "deleted"},
    "starting": {"running", "cancelling", "queued", "succeeded", "failed", "cancelled"},
    "running": {"cancelling", "queued", "succeeded", "failed", "cancelled"},
    "cancelling": {"running", "succeeded", "failed", "cancelled"},
    "succeeded": set[str](),
    "failed": set[str](),
    "cancelled": set[str](),
}
FAILURES = st.sampled_from(["cell_failed", "timeout", "runner_died", "kernel_unknown"])


class Jobs(RuleBasedStateMachine):
    """Drives the real store; what was acknowledged is the model."""

    jobs = Bundle("jobs")

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.directory = Path(tempfile.mkdtemp(prefix="f39-"))
        self.path = self.directory / "jobs.db"
        #: What was acknowledged: id → (state, attempt).
        self.known: dict[str, tuple[str, int]] = {}
        self.deleted: set[str] = set()
        self.started: dict[str, list[int]] = {}
        self.terminal: dict[str, str] = {}

    @initialize()
    def open(self) -> None:
        self.store = self.do(Store.open(self.path))

    def do(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    def apply(self, job_id: str, event: Any) -> None:
        try:
            applied = self.do(self.store.apply(job_id, event))
        except NotFound:
            assert job_id in self.deleted
            return
        except IllegalTransition:
            return
        record = applied.stored.record
        self.known[job_id] = (record.state.value, record.attempt)
        for instruction in applied.instructions:
            if isinstance(instruction, StartAttempt):
                self.started[job_id].append(instruction.attempt)
        if record.state.terminal:
            assert self.terminal.setdefault(job_id, record.state.value) == record.state.value

    @rule(target=jobs, retries=st.integers(0, 2), content=st.binary(max_size=3))
    def submit(self, retries: int, content: bytes) -> str:
        new = a_job(retries=retries)
        self.do(self.store.submit(new, {"notebook.ipynb": content}))
        self.known[new.id] = ("queued", 0)
        self.started[new.id] = []
        return new.id

    @rule(job=jobs)
    def begin_the_next(self, job: str) -> None:
        self.apply(job, Begin(self.known.get(job, ("", 0))[1] + 1, 1.0))

    @rule(job=jobs)
    def prepared(self, job: str) -> None:
        self.apply(job, Prepared(self.known.get(job, ("", 0))[1], 2.0))

    @rule(job=jobs)
    def finish(self, job: str) -> None:
        self.apply(job, Ended(self.known.get(job, ("", 0))[1], 3.0, State.SUCCEEDED))

    @rule(job=jobs, code=FAILURES)
    def fail(self, job: str, code: str) -> None:
        failure = Failure(code=code, message="It failed.")
        self.apply(job, Ended(self.known.get(job, ("", 0))[1], 3.0, State.FAILED, failure))

    @rule(job=jobs, back=st.integers(1, 2))
    def a_late_runner_speaks(self, job: str, back: int) -> None:
        before = self.known.get(job)
        self.apply(job, Ended((before or ("", 0))[1] - back, 9.0, State.SUCCEEDED))
        assert self.known.get(job) == before

    @rule(job=jobs)
    def cancel(self, job: str) -> None:
        self.apply(job, Cancel(4.0))

    @rule(job=consumes(jobs))
    def delete(self, job: str) -> None:
        try:
            self.do(self.store.delete(job))
        except Conflict:
            assert job not in self.terminal
        except NotFound:
            assert job in self.deleted
        else:
            assert job in self.terminal
            del self.known[job]
            self.deleted.add(job)

    @rule()
    def crash(self) -> None:
        """Everything in memory is gone; the file is as it was (a copy, with its log)."""
        copy = Path(tempfile.mkdtemp(prefix="f39-"))
        for file in self.directory.iterdir():
            shutil.copy(file, copy)
        self.do(self.store.close())
        shutil.rmtree(self.directory)
        self.directory, self.path = copy, copy / "jobs.db"
        self.store = self.do(Store.open(self.path))

    @invariant()
    @precondition(lambda self: hasattr(self, "store"))
    def what_was_acknowledged_is_there(self) -> None:
        """P1 and P2: every acknowledged job, in exactly the acknowledged state."""
        found = {}
        for job_id in self.known:
            stored = self.do(self.store.get(job_id))
            found[job_id] = (stored.record.state.value, stored.record.attempt)
            alive = [a for a in stored.job.attempts if not a.state.terminal]
            assert len(alive) == (stored.record.state in {State.STARTING, State.RUNNING})
            assert [a.number for a in stored.job.attempts] == self.started[job_id]
            if job_id in self.terminal:
                assert stored.record.state.value == self.terminal[job_id]
        assert found == self.known

    def teardown(self) -> None:
        """Finally: stories are legal, and the file is whole."""
        if hasattr(self, "store"):
            for job_id in self.known:
                told = [line.split()[2] for line in self.do(self.store.story(job_id)).splitlines()]
                assert told[0] == "queued"
                for before, after in itertools.pairwise(told):
                    assert after in LEGAL[before], told
            self.do(self.store.close())
            connection = sqlite3.connect(self.path)
            assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
            connection.close()
        self.loop.close()
        shutil.rmtree(self.directory)


Jobs.TestCase.settings = settings(
    max_examples=40,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestJobs = Jobs.TestCase
TestJobs.__doc__ = "No order of events breaks a promise, and a crash loses nothing acknowledged."
