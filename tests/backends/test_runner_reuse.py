"""A forked runner that carries out one attempt after the other is a new one each time."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlops.jobs.launcher import Launched
from jupyter_mlops.jobs.runner import main
from jupyter_mlops.jobs.warm import runners

from .conftest import warm_process
from .mlops_backend import Attempt, gone, until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="runners are forked on Linux only")

Make = Callable[[str], Attempt]
ENDLESS = "import time\nprint('begun', flush=True)\nwhile True: time.sleep(0.05)"


def told(story: Callable[[Any], Any]) -> Any:
    """The story on one backend, closed afterwards."""

    async def tell() -> Any:
        backend = await warm_process()
        try:
            return await story(backend)
        finally:
            await backend.close()

    return asyncio.run(asyncio.wait_for(tell(), 110))


async def free(backend: Any, pid: int) -> None:
    """Return when the runner has said that it is done, and waits for another attempt."""
    known = backend._runners._free
    await until(lambda: pid in {one.pid for some in known.values() for one in some}, "its end")


async def carried_out(one: Attempt, backend: Any) -> Launched:
    """The attempt, from its start to its good end."""
    launched = await one.start(backend)
    assert (await one.ended(launched))["state"] == "succeeded"
    return launched


def test_one_runner_after_another_attempt_keeps_nothing_of_it(
    attempt: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither descriptors, nor variables, nor a directory, nor the lease of the one before."""
    monkeypatch.setattr(runners, "_IDLE", 60.0)  # it would leave a machine that is busy
    many = [attempt("print(1)") for _ in range(6)]
    inside: list[tuple[set[str], str]] = []

    async def story(backend: Any) -> None:
        for one in many:
            await carried_out(one, backend)
            process = Path(f"/proc/{one.runner}")
            await free(backend, one.runner)
            opened = {os.readlink(link) for link in (process / "fd").iterdir()}
            inside.append((opened, os.readlink(process / "cwd")))

    told(story)
    assert len({one.runner for one in many}) == 1
    kinds = [{path.split(":")[0] for path in opened} for opened, _ in inside]
    assert len({len(opened) for opened, _ in inside}) == 1, kinds
    for one, (opened, cwd) in zip(many, inside, strict=True):
        others = [str(other.directory) for other in many if other is not one]
        assert not any(path.startswith(tuple(others)) for path in opened)
        assert str(one.directory / "lease") not in opened
        assert cwd == "/"
    assert all(one.events("finished") for one in many)


def test_variables_of_one_attempt_are_not_the_next_ones(attempt: Make) -> None:
    """A kernel that is started as usual has the runner's environment."""
    first, second = (
        attempt("import os; print('there:', os.environ.get('MLOPS_RUN_ID'))") for _ in range(2)
    )
    first.environment["MLOPS_RUN_ID"] = "yes"  # every job has another; one parent forks for all

    async def story(backend: Any) -> None:
        await carried_out(first, backend)
        await carried_out(second, backend)

    told(story)
    assert first.runner == second.runner
    printed = ["".join(e["text"] for e in one.events("stream")) for one in (first, second)]
    assert printed == ["there: yes\n", "there: None\n"]


def test_what_is_meant_for_an_attempt_that_is_done_reaches_no_other(attempt: Make) -> None:
    """Stop, kill and a late signal: the runner's next attempt goes on."""
    first, second = attempt("print(1)"), attempt(ENDLESS)

    async def story(backend: Any) -> None:
        before = await carried_out(first, backend)
        os.kill(first.runner, signal.SIGTERM)
        launched = await second.start(backend)
        await second.printed("begun")
        await before.stop()
        await before.kill()
        await asyncio.sleep(0.3)
        assert launched.alive()
        assert not before.alive()
        await launched.stop()

    told(story)
    assert first.runner == second.runner
    assert second.exit is not None
    assert second.exit["state"] == "cancelled"


def test_a_free_runner_that_was_killed_is_replaced(attempt: Make) -> None:
    """Nobody waits for it."""
    first, second = attempt("print(1)"), attempt("print(2)")

    async def story(backend: Any) -> None:
        await carried_out(first, backend)
        os.kill(first.runner, signal.SIGKILL)
        await until(lambda: gone(first.runner), "the runner's end")
        await carried_out(second, backend)

    told(story)
    assert first.runner != second.runner


def test_a_stopped_free_runner_keeps_no_attempt_waiting(
    attempt: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that doesn't answer is given up; should it wake up, it finds the lease taken."""
    monkeypatch.setattr(runners, "_PATIENCE", 0.5)
    first, second = attempt("print(1)"), attempt("print(2)")

    async def story(backend: Any) -> None:
        await carried_out(first, backend)
        stopped = first.runner
        os.kill(stopped, signal.SIGSTOP)
        await carried_out(second, backend)
        os.kill(stopped, signal.SIGCONT)
        await until(lambda: gone(stopped), "the runner's end")

    told(story)
    assert len(second.events("finished")) == 1
    assert first.runner != second.runner


def test_a_free_runner_leaves_soon(attempt: Make) -> None:
    """It holds memory for a moment only."""
    one = attempt("print(1)")

    async def story(backend: Any) -> None:
        await carried_out(one, backend)
        await until(lambda: gone(one.runner), "the runner's end")

    told(story)


def test_a_runner_ends_with_its_daemon(attempt: Make) -> None:
    """Closing lets go of free runners at once."""
    one = attempt("print(1)")
    told(lambda backend: carried_out(one, backend))
    for _ in range(200):
        if gone(one.runner):
            return
        os.sched_yield()
        signal.sigtimedwait([], 0.02)
    pytest.fail("the runner is still there")


def test_a_runner_has_an_end(attempt: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """After so many attempts a new one is forked."""
    monkeypatch.setattr(runners, "ATTEMPTS_MOST", 2)
    many = [attempt("print(1)") for _ in range(3)]

    async def story(backend: Any) -> None:
        for one in many:
            await carried_out(one, backend)

    told(story)
    assert many[0].runner == many[1].runner != many[2].runner


@pytest.mark.parametrize(
    ("status", "megabytes", "expected"),
    [
        (main.SUCCEEDED, 40, True),
        (main.FAILED, 40, True),
        (main.CANCELLED, 40, True),
        (main.CRASHED, 40, False),
        (main.NOT_OURS, 40, False),
        (main.SUCCEEDED, 500, False),
    ],
)
def test_who_may_go_on(
    monkeypatch: pytest.MonkeyPatch, status: int, megabytes: int, expected: bool
) -> None:
    """Whoever ended his attempt as it should, and hasn't grown."""
    used = type("Usage", (), {"ru_maxrss": megabytes * 1024})
    monkeypatch.setattr(main.resource, "getrusage", lambda _: used)
    monkeypatch.setattr(main.threading, "active_count", lambda: 1)
    assert main.may_go_on(status) is expected
