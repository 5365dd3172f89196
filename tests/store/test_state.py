from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mlops.jobs.model import Failure, State
from jupyter_mlops.jobs.state import (
    NOT_RETRIED,
    Begin,
    Cancel,
    CloseAttempt,
    Ended,
    Event,
    IllegalTransition,
    OpenAttempt,
    Prepared,
    QueueAgain,
    Record,
    StartAttempt,
    StopAttempt,
    backoff,
    transition,
)

QUEUED = Record("0123456789ab", State.QUEUED)


def after(record: Record, *events: Event) -> Record:
    """The record after these events."""
    for event in events:
        record, _ = transition(record, event)
    return record


def failed(attempt: int, code: str = "cell_failed") -> Ended:
    """A failed attempt."""
    return Ended(attempt, 10.0, State.FAILED, Failure(code=code, message="It failed."))


def test_a_job_that_goes_well() -> None:
    """QUEUED → STARTING → RUNNING → SUCCEEDED, with one instruction to start."""
    begun, told = transition(QUEUED, Begin(1, 1.0, (0,)))
    assert told == (OpenAttempt(1, 1.0, (0,)), StartAttempt(1))
    running = after(begun, Prepared(1, 2.0))
    ended, told = transition(running, Ended(1, 3.0, State.SUCCEEDED, duration=1.0))
    assert [begun.state, running.state, ended.state] == ["starting", "running", "succeeded"]
    assert told == (CloseAttempt(1, 3.0, State.SUCCEEDED, None, 1.0, None),)


def test_a_failure_waits_longer_each_time_and_then_is_final() -> None:
    """Two retries: attempts 1 and 2 queue again after 1 and 2 s, the third failure ends the job."""
    record = Record("0123456789ab", State.QUEUED, retries=2)
    for attempt, delay in ((1, 1.0), (2, 2.0)):
        record, told = transition(after(record, Begin(attempt, 1.0)), failed(attempt))
        assert record.state is State.QUEUED
        assert told[-1] == QueueAgain(10.0 + delay)
        assert record.failure is None
    record = after(record, Begin(3, 1.0), failed(3))
    assert record.state is State.FAILED
    assert record.failure is not None
    assert record.failure.code == "cell_failed"


def test_backoff_grows_to_a_minute() -> None:
    """1, 2, 4 … and never more than 60 s."""
    assert [backoff(n) for n in (1, 2, 3, 4)] == [1.0, 2.0, 4.0, 8.0]
    assert backoff(7) == backoff(20) == backoff(10_000) == 60.0


@pytest.mark.parametrize("code", sorted(NOT_RETRIED))
def test_what_another_attempt_cannot_mend_is_not_retried(code: str) -> None:
    """Invalid input fails at once, however many retries there are."""
    record = Record("0123456789ab", State.QUEUED, retries=5)
    assert after(record, Begin(1, 1.0), failed(1, code)).state is State.FAILED


@pytest.mark.parametrize("code", ["timeout", "runner_lost", "runner_died", "interrupted"])
def test_timeouts_and_losses_are_retried(code: str) -> None:
    """They may go better next time."""
    record = Record("0123456789ab", State.QUEUED, retries=1)
    assert after(record, Begin(1, 1.0), failed(1, code)).state is State.QUEUED


def test_without_retries_an_interrupted_start_is_final() -> None:
    """At most once: nobody knows what the first attempt did."""
    assert after(QUEUED, Begin(1, 1.0), failed(1, "interrupted")).state is State.FAILED


@pytest.mark.parametrize("events", [(), (Begin(1, 1.0),), (Begin(1, 1.0), Prepared(1, 2.0))])
def test_cancel_works_in_every_state(events: tuple[Event, ...]) -> None:
    """At once while it waits, by stopping the runner otherwise, and never retried."""
    record = Record("0123456789ab", State.QUEUED, retries=3)
    record, told = transition(after(record, *events), Cancel(5.0))
    if not events:
        assert record.state is State.CANCELLED
        return
    assert record.cancelling
    assert told == (StopAttempt(1),)
    assert transition(record, Cancel(6.0)) == (record, ())
    assert after(record, failed(1)).state is State.CANCELLED
    assert after(record, Ended(1, 9.0, State.SUCCEEDED)).state is State.SUCCEEDED


def test_cancelling_a_retry_that_waits() -> None:
    """It is cancelled at once and says what it was waiting for."""
    record = Record("0123456789ab", State.QUEUED, retries=1)
    record = after(record, Begin(1, 1.0), failed(1), Cancel(2.0))
    assert record.state is State.CANCELLED
    assert record.not_before is None
    assert record.failure is not None
    assert "retry" in record.failure.message


def test_f07_events_of_an_earlier_attempt_change_nothing() -> None:
    """The fence: what a runner that was given up says is not heard."""
    record = Record("0123456789ab", State.QUEUED, retries=1)
    record = after(record, Begin(1, 1.0), failed(1, "runner_lost"))
    for late in (Prepared(1, 9.0), Ended(1, 9.0, State.SUCCEEDED), failed(1)):
        assert transition(record, late) == (record, ())
    record = after(record, Begin(2, 3.0), Prepared(2, 4.0))
    for late in (Prepared(1, 9.0), Ended(1, 9.0, State.SUCCEEDED), failed(1), Begin(1, 9.0)):
        assert transition(record, late) == (record, ())


@pytest.mark.parametrize(
    ("events", "impossible"),
    [
        ((), Begin(2, 1.0)),
        ((), Prepared(1, 1.0)),
        ((), failed(1)),
        ((Begin(1, 1.0),), Begin(2, 1.0)),
        ((Begin(1, 1.0),), failed(2)),
        ((Begin(1, 1.0), Prepared(1, 2.0)), Prepared(1, 3.0)),
        ((Begin(1, 1.0),), Ended(1, 3.0, State.RUNNING)),
        ((Begin(1, 1.0),), Ended(0, 3.0, State.FAILED)),
    ],
)
def test_what_cannot_have_happened_raises(events: tuple[Event, ...], impossible: Event) -> None:
    """An illegal transition is a mistake of ours and is never passed over."""
    with pytest.raises(IllegalTransition, match="0123456789ab"):
        transition(after(QUEUED, *events), impossible)


EVENTS = st.one_of(
    st.builds(Begin, st.integers(0, 4), st.just(1.0)),
    st.builds(Prepared, st.integers(0, 4), st.just(1.0)),
    st.builds(
        Ended,
        st.integers(0, 4),
        st.just(1.0),
        st.sampled_from([State.SUCCEEDED, State.FAILED, State.CANCELLED]),
        st.none()
        | st.builds(Failure, code=st.sampled_from(["x", "kernel_unknown"]), message=st.just("y")),
    ),
    st.just(Cancel(1.0)),
)


@given(st.lists(EVENTS, max_size=30), st.integers(0, 3))
def test_no_sequence_of_events_breaks_a_promise(events: list[Event], retries: int) -> None:
    """A terminal state is final, attempts count up by one, and one start is told for each."""
    record = Record("0123456789ab", State.QUEUED, retries=retries)
    started: list[int] = []
    for event in events:
        try:
            following, told = transition(record, event)
        except IllegalTransition:
            continue
        if record.state.terminal:
            assert (following, told) == (record, ())
        assert following.attempt in {record.attempt, record.attempt + 1}
        assert not following.cancelling or following.state in {State.STARTING, State.RUNNING}
        failure_wanted = following.state in {State.FAILED, State.CANCELLED}
        assert (following.failure is not None) == failure_wanted
        started += [one.attempt for one in told if isinstance(one, StartAttempt)]
        record = following
    assert started == list(range(1, record.attempt + 1))
    assert record.attempt <= retries + 1
