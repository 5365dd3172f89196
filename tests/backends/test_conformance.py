"""What the dispatcher may expect of a backend (`jobs/launcher.py`), with real runners and kernels.

start, look, cancel, kill, adopt, clean: every backend passes all of it.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from .mlops_backend import Attempt, gone, until

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="processes are told apart and stopped through /proc"
)

Make = Callable[[str], Attempt]
On = Callable[[Callable[[Any], Any]], Any]

#: Says when it has begun, and leaves a mark for each time that it is executed.
ENDLESS = """
import pathlib, time
with pathlib.Path("executed").open("a") as file:
    file.write("x")
print("begun", flush=True)
while True:
    time.sleep(0.05)
"""
#: Its child leaves the session, and the parent forgets it.
WITH_GRANDCHILD = """
import subprocess
child = subprocess.Popen(["setsid", "sleep", "300"])
print("child", child.pid, flush=True)
"""


def executed(attempt: Attempt) -> str:
    """One letter for each time that the cell was begun."""
    mark = attempt.cwd / "executed"
    return mark.read_text() if mark.exists() else ""


# --- start ----------------------------------------------------------------------------------------


def test_a_started_attempt_runs_to_its_end(on: On, attempt: Make) -> None:
    """It is alive until it has said how it ended, and what it wrote is whole."""
    one = attempt("print(6 * 7)")

    async def story(make: Any) -> None:
        backend = await make()
        launched = await one.start(backend)
        assert (await one.ended(launched))["state"] == "succeeded"
        assert not launched.alive()

    on(story)
    notebook = json.loads((one.directory / "notebook.ipynb").read_bytes())
    assert notebook["cells"][0]["outputs"][0]["text"] in ("42\n", ["42\n"])
    assert [event["type"] for event in one.events("finished")] == ["finished"]


def test_starting_twice_executes_once(on: On, attempt: Make) -> None:
    """An answer may be lost and the start repeated: the second runner finds the lease taken."""
    one = attempt(ENDLESS)

    async def story(make: Any) -> None:
        backend = await make()
        first = await one.start(backend)
        await one.printed("begun")
        second = await one.start(backend)
        await until(lambda: not second.alive(), "the second runner's end")
        assert first.alive()
        await first.stop()

    on(story)
    assert executed(one) == "x"
    assert len(one.events("prepared")) == 1
    assert one.exit is not None
    assert one.exit["state"] == "cancelled"


def test_both_started_at_once_execute_once(on: On, attempt: Make) -> None:
    """Neither was there first: the lease decides."""
    one = attempt(ENDLESS)

    async def story(make: Any) -> None:
        backend = await make()
        both = await asyncio.gather(one.start(backend), one.start(backend))
        await one.printed("begun")
        await until(lambda: sum(each.alive() for each in both) == 1, "one runner alone")
        for each in both:
            await each.stop()

    on(story)
    assert executed(one) == "x"


def test_an_attempt_that_has_ended_is_not_begun_again(on: On, attempt: Make) -> None:
    """Its result stands."""
    one = attempt("import pathlib\nwith pathlib.Path('executed').open('a') as f: f.write('x')")

    async def story(make: Any) -> None:
        backend = await make()
        await one.ended(await one.start(backend))
        before = (one.directory / "exit.json").read_bytes()
        again = await one.start(backend)
        await until(lambda: not again.alive(), "the second runner's end")
        assert (one.directory / "exit.json").read_bytes() == before

    on(story)
    assert executed(one) == "x"


# --- look -----------------------------------------------------------------------------------------


def test_a_killed_runner_is_gone(on: On, attempt: Make) -> None:
    """Also while it waits to be reaped; it takes its kernel with it."""
    one = attempt(ENDLESS)

    async def story(make: Any) -> None:
        backend = await make()
        launched = await one.start(backend)
        await one.printed("begun")
        assert launched.alive()
        kernel = int(one.events("prepared")[0]["kernel"]["pid"])
        os.kill(one.runner, signal.SIGKILL)
        await until(lambda: not launched.alive(), "the runner's end")
        await until(lambda: gone(kernel), "the kernel's end")

    on(story)
    assert one.exit is None


def test_f12_a_stranger_with_the_same_pid_is_not_it(on: On, attempt: Make) -> None:
    """Not adopted, not alive, and left alone by stop and kill."""
    one = attempt(ENDLESS)

    async def story(make: Any) -> None:
        backend = await make()
        launched = await one.start(backend)
        await one.printed("begun")
        known = json.loads((one.directory / "runner.json").read_bytes())
        # Adopted while it lives; then it dies, and its pid is another's with a later start.
        adopted = await (await make()).adopt(one.directory)
        assert adopted is not None
        await launched.kill()
        assert not adopted.alive()
        command = ["sleep", "300"]
        with subprocess.Popen(command, start_new_session=True) as stranger:  # noqa: ASYNC220
            record = json.dumps(known | {"pid": stranger.pid})
            (one.directory / "runner.json").write_text(record)
            assert await (await make()).adopt(one.directory) is None
            adopted.pid = stranger.pid
            assert not adopted.alive()
            await adopted.stop()
            await adopted.kill()
            assert not gone(stranger.pid)
            stranger.kill()

    on(story)


# --- cancel ---------------------------------------------------------------------------------------


def test_cancel_saves_and_says_so(on: On, attempt: Make) -> None:
    """The cell is interrupted, what it printed is kept, and nobody is left when `stop` returns."""
    one = attempt(ENDLESS)

    async def story(make: Any) -> None:
        backend = await make()
        launched = await one.start(backend)
        await one.printed("begun")
        kernel = int(one.events("prepared")[0]["kernel"]["pid"])
        await launched.stop()
        assert not launched.alive()
        await until(lambda: gone(kernel), "the kernel's end")

    on(story)
    assert one.exit is not None
    assert one.exit["state"] == "cancelled"
    notebook = json.loads((one.directory / "notebook.ipynb").read_bytes())
    assert "begun" in "".join(notebook["cells"][0]["outputs"][0]["text"])


def test_cancel_of_one_that_is_gone_returns(on: On, attempt: Make) -> None:
    """And changes nothing, twice."""
    one = attempt("print(1)")

    async def story(make: Any) -> None:
        backend = await make()
        launched = await one.start(backend)
        await one.ended(launched)
        before = (one.directory / "exit.json").read_bytes()
        await launched.stop()
        await launched.kill()
        await launched.kill()
        assert (one.directory / "exit.json").read_bytes() == before

    on(story)


# --- kill -----------------------------------------------------------------------------------------


def test_kill_ends_a_stopped_runner_with_all_it_started(on: On, attempt: Make) -> None:
    """A runner in SIGSTOP hears nothing else; a grandchild in a session of its own goes as well."""
    one = attempt(WITH_GRANDCHILD + ENDLESS)

    async def story(make: Any) -> None:
        backend = await make()
        launched = await one.start(backend)
        await one.printed("begun")
        text = "".join(event["text"] for event in one.events("stream"))
        grandchild = int(text.split()[1])
        kernel = int(one.events("prepared")[0]["kernel"]["pid"])
        os.kill(one.runner, signal.SIGSTOP)
        await launched.kill()
        assert not launched.alive()
        await until(lambda: gone(kernel) and gone(grandchild), "the end of the whole tree")

    on(story)
    assert one.exit is None


def test_after_a_kill_nobody_writes(on: On, attempt: Make) -> None:
    """The lease is revoked: a runner that is started late leaves at once."""
    one = attempt(ENDLESS)

    async def story(make: Any) -> None:
        backend = await make()
        launched = await one.start(backend)
        await one.printed("begun")
        await launched.kill()
        before = (one.directory / "events.jsonl").read_bytes()
        late = await one.start(backend)
        await until(lambda: not late.alive(), "the late runner's end")
        assert (one.directory / "events.jsonl").read_bytes() == before

    on(story)
    assert executed(one) == "x"
    assert one.exit is None


# --- adopt ----------------------------------------------------------------------------------------


def test_f03_the_next_dispatcher_adopts_a_runner(on: On, attempt: Make) -> None:
    """Letting go harms no runner; whoever comes next sees it, and can cancel it."""
    one = attempt(ENDLESS)

    async def story(make: Any) -> None:
        before = await make()
        launched = await one.start(before)
        await one.printed("begun")
        await before.close()
        assert launched.alive()
        after = await make()
        adopted = await after.adopt(one.directory)
        assert adopted is not None
        assert adopted.alive()
        assert adopted.pid == one.runner
        await adopted.stop()
        assert not adopted.alive()
        assert not launched.alive()

    on(story)
    assert executed(one) == "x"
    assert one.exit is not None
    assert one.exit["state"] == "cancelled"


def test_what_nobody_runs_is_not_adopted_and_never_comes_back(on: On, attempt: Make) -> None:
    """Neither one that never began, nor one that was killed: a runner that comes late leaves."""
    never, killed = attempt(ENDLESS), attempt("print('begun')" + ENDLESS)

    async def story(make: Any) -> None:
        backend = await make()
        assert await backend.adopt(never.directory) is None
        launched = await killed.start(backend)
        await killed.printed("begun")
        os.kill(killed.runner, signal.SIGKILL)
        await until(lambda: not launched.alive(), "the runner's end")
        assert await backend.adopt(killed.directory) is None
        for one in (never, killed):
            late = await one.start(backend)
            await until(lambda late=late: not late.alive(), "the late runner's end")

    on(story)
    assert never.exit is None
    assert killed.exit is None
    assert executed(never) == "x"  # the one that was killed


def test_a_directory_that_is_gone_is_not_adopted(on: On, attempt: Make) -> None:
    """Whoever removed it: there is nobody, and nothing is made."""
    one = attempt(ENDLESS)

    async def story(make: Any) -> None:
        missing = one.directory.with_name("2")
        assert await (await make()).adopt(missing) is None
        assert not missing.exists()

    on(story)


# --- clean ----------------------------------------------------------------------------------------


def test_closing_leaves_only_runners(on: On, attempt: Make, home: Any) -> None:
    """What a backend keeps for itself goes with it; an attempt that runs goes on to its end."""
    one = attempt("import time\nprint('begun', flush=True)\ntime.sleep(2)")

    async def story(make: Any) -> None:
        backend = await make()
        json.dumps(backend.status())
        parents = [parent["pid"] for parent in backend.status()["parents"]]
        launched = await one.start(backend)
        await one.printed("begun")
        await backend.close()
        assert all(map(gone, parents))
        assert (await one.ended(launched))["state"] == "succeeded"

    on(story)
    runtime = [path.name for path in (home / "run").glob("w*")]
    assert runtime == []


def test_an_attempt_that_cannot_be_started_leaves_nothing(on: On, attempt: Make) -> None:
    """The directory has gone: an error for the dispatcher, and no process."""
    one = attempt(ENDLESS)

    async def story(make: Any) -> None:
        backend = await make()
        one.directory.rename(one.directory.with_name("moved"))
        try:
            launched = await one.start(backend)
        except OSError:
            return
        await until(lambda: not launched.alive(), "the runner's end")

    on(story)
    assert executed(one) == ""
