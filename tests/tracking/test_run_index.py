"""What is known of a tracking server's runs: counted, met on pages, changed, gone. No server."""

from __future__ import annotations

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mlops.tracking.page_tokens import offset_of, token_at
from jupyter_mlops.tracking.run_counting import count
from jupyter_mlops.tracking.run_filter import Entity, Key
from jupyter_mlops.tracking.run_index import GroupedRun, RunIndex
from jupyter_mlops.tracking.run_page import run_query
from jupyter_mlops.tracking.run_record import RunStatus

LR = Key(Entity.PARAM, "lr")
Found = list[tuple[str, GroupedRun]]


def run(value: str | None, status: str = "FINISHED", acc: float = 0.5) -> GroupedRun:
    """A run of a group."""
    return GroupedRun(value, RunStatus(status), 1.0, array("d", [acc]))


def told(index: RunIndex) -> dict[str | None, int]:
    """How many runs each group has."""
    return {one.value: one.count for one in index.groups(run_query()).groups}


@given(
    st.integers(0, 5000), st.integers(0, 100), st.none() | st.integers(0, 6000), st.integers(1, 200)
)
def test_counting(total: int, least: int, guess: int | None, step: int) -> None:
    """The number is found, whatever was guessed, without asking often."""
    asked: list[int] = []

    def one_at(place: int) -> tuple[bool, bool]:
        assert place >= 0
        asked.append(place)
        return place < total, place < total - 1

    found = count(one_at, min(least, total), guess=guess, step=step, now=lambda: 0.0)
    assert found == (total, True)
    assert len(asked) <= 40
    if guess == total and total > 0:
        assert len(asked) == 1


def test_counting_takes_only_so_long() -> None:
    """Of a slow server the number stays unknown, and the next count goes on from what is known."""
    clock = iter(range(0, 1000, 2))
    least, exact = count(lambda place: (True, place < 99_999), 101, now=lambda: float(next(clock)))
    assert (exact, least > 101) == (False, True)


@pytest.mark.parametrize("token", [None, "", "AAAA", "e30=", "eyJvZmZzZXQiOiAiMyJ9", "%", "WzFd"])
def test_tokens_that_tell_nothing(token: str | None) -> None:
    """Another server's tokens aren't taken for places."""
    assert offset_of(token) is None


def test_tokens() -> None:
    """A place and back; the first page has no token."""
    assert offset_of(token_at(300)) == 300
    assert token_at(0) is None


def test_a_walk_page_by_page() -> None:
    """What is known is told after every page; it is complete behind the last."""
    index = RunIndex(LR, ["acc"])
    index.walked([("a", run("0.1")), ("b", run("0.2", acc=0.9))], "next")
    first = index.groups(run_query())
    assert (first.complete, first.total, told(index)) == (False, 2, {"0.1": 1, "0.2": 1})
    index.walked([("c", run("0.2", acc=float("nan")))], None)
    last = index.groups(run_query(columns=["metrics.acc"]))
    assert (last.complete, last.total) == (True, 3)
    metric = next(one for one in last.groups if one.value == "0.2").metrics["acc"]
    assert (metric.count, metric.min, metric.max, metric.mean) == (1, 0.9, 0.9, 0.9)


def test_what_changes_is_seen() -> None:
    """Runs that go on are asked for, and those changed here first; what isn't answered is gone."""
    index = RunIndex(LR, ["acc"])
    index.walked([("a", run("0.1", "RUNNING")), ("b", run("0.1")), ("c", run("0.2"))], None)
    assert index.doubtful() == ["a"]
    index.touch("c")
    assert index.doubtful() == ["c", "a"]
    index.answered(["c", "a"], [("a", run("0.1"))])
    assert (told(index), index.doubtful()) == ({"0.1": 2}, [])


def test_every_running_run_has_its_turn() -> None:
    """Of more than can be asked for at once, those asked for last come last."""
    index = RunIndex(LR, ["acc"])
    many: Found = [(str(n), run("x", "RUNNING")) for n in range(250)]
    index.walked(many, None)
    seen: set[str] = set()
    for _ in range(3):
        asked = index.doubtful()
        seen.update(asked)
        index.answered(asked, [one for one in many if one[0] in asked])
    assert len(seen) == 250


def test_what_a_walk_misses() -> None:
    """A run that a page didn't show any more is asked for before it is forgotten."""
    index = RunIndex(LR, ["acc"])
    index.walked([("a", run("1")), ("b", run("1")), ("c", run("1"))], None)
    index.walked([("a", run("1"))], None)
    assert index.missed
    assert set(index.doubtful()) == {"b", "c"}
    index.answered(["b", "c"], [("c", run("1"))])
    assert (index.missed, told(index)) == (False, {"1": 2})


def test_only_so_many_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of more runs the newest are kept, and that is told."""
    monkeypatch.setattr("jupyter_mlops.tracking.run_index.RUNS_MOST", 4)
    index = RunIndex(LR, ["acc"])
    for start in range(0, 8, 2):
        index.walked([(str(n), run("1")) for n in (start, start + 1)], "more")
        if index.complete:
            break
    assert (len(index), index.walking, index.groups(run_query()).newest_only) == (4, False, True)
    index.seen([("new", run("1"))])
    index.walked([("new", run("1")), ("0", run("1"))], "more")
    index.walked([("1", run("1")), ("2", run("1"))], "more")
    assert len(index) == 4
