"""A run that is followed, whatever goes wrong beside it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from jupyter_mlops.tracking import logbook, run_follower
from jupyter_mlops.tracking.logbook import Batch
from jupyter_mlops.tracking.run_follower import RunFollower
from jupyter_mlops.tracking.run_log import RunOrder
from jupyter_mlops.tracking.sql import RunPlace

PLACE = RunPlace("a" * 32, "1", "e", "file:///nowhere")


class Kept:
    """Keeps what is recorded."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []

    async def begin(self, _order: RunOrder) -> RunPlace:
        """It is there."""
        return PLACE

    async def write(self, _order: RunOrder, _place: RunPlace, _at: Path, batch: Batch) -> None:
        """One more."""
        self.batches.append(batch)


class Surroundings:
    """Whose parts fail as they are told to."""

    def __init__(self, failing: str) -> None:
        self._failing = failing
        self.asked: list[str] = []

    def _say(self, part: str) -> None:
        self.asked.append(part)
        if part == self._failing:
            raise ValueError("nobody expected this")

    async def begun(self, *_: object) -> None:
        """The working tree."""
        self._say("begun")

    async def ended(self, *_: object) -> None:
        """The facts."""
        self._say("ended")

    async def sample(self, *_: object) -> None:
        """The load, until it is cancelled."""
        await asyncio.Event().wait()


@pytest.mark.parametrize("failing", ["", "begun", "ended"])
def test_a_run_ends_whatever_its_surroundings_do(
    tmp_path: Path, failing: str, caplog: pytest.LogCaptureFixture
) -> None:
    """What was logged is recorded, the directory goes, and nothing keeps the daemon for ever."""
    directory = tmp_path / "run"
    order = RunOrder("a" * 32, 1)
    run_follower.prepare(directory, order)
    records = [
        {"type": "opened", "pid": 1, "t": 1.0},
        {"type": "points", "points": [["loss", 1.0, 1, 0]]},
        {"type": "ended", "status": "FINISHED", "t": 2.0},
    ]
    lines = "".join(f"{json.dumps(one)}\n" for one in records)
    (directory / logbook.RECORDS).write_text(lines)
    kept, surroundings = Kept(), Surroundings(failing)

    async def follow() -> None:
        follower = RunFollower(directory, order, kept, surroundings)  # type: ignore[arg-type]
        await asyncio.wait_for(follower.follow(), 30)
        assert follower.problem is None

    asyncio.run(follow())
    assert [batch.points for batch in kept.batches] == [[("loss", 1.0, 1, 0)]]
    assert surroundings.asked == ["begun", "ended"]
    assert not directory.exists()
    assert ("nobody expected this" in caplog.text) == bool(failing)
