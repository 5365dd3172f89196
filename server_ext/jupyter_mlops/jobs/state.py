"""The life of a job, pure: an event in, the new record and instructions out. No I/O, no clock.

    QUEUED ──begin──▶ STARTING ──prepared──▶ RUNNING ──ended──▶ SUCCEEDED | FAILED | CANCELLED
      ▲ │                │  └────────────ended───────────────────────▲
      │ └──cancel────────┼────────────────────────────────────▶ CANCELLED
      └──ended, retry────┴──(also from RUNNING)

Every event of an attempt carries its number. One of an earlier attempt changes nothing: that is
the fence that keeps a runner that was given up from touching its successor's result. In a terminal
state every event comes too late and changes nothing. Whatever else doesn't fit raises.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from jupyter_mlops.jobs.model import Failure, State, WarmDetails

#: Failures that another attempt can't mend.
NOT_RETRIED = frozenset(
    {"cancelled", "invalid_input", "notebook_invalid", "kernel_unknown", "refused", "unschedulable"}
)
BACKOFF_FIRST = 1.0
BACKOFF_MOST = 60.0


class IllegalTransition(Exception):
    """An event that can't follow; a mistake in the program, with what the job went through."""

    def __init__(self, record: Record, event: Event, story: str = "") -> None:
        self.record, self.event, self.story = record, event, story
        super().__init__(
            f"job {record.job_id}: {event} can't happen to {record}"
            + (f"\n{story}" if story else "")
        )


@dataclass(frozen=True, slots=True)
class Record:
    """What decides about a job's next state."""

    job_id: str
    state: State
    #: Number of the current or last attempt; 0 before the first.
    attempt: int = 0
    #: New attempts allowed after a failure.
    retries: int = 0
    cancelling: bool = False
    #: A retry waits until this time (epoch seconds).
    not_before: float | None = None
    failure: Failure | None = None


# --- events -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Begin:
    """The dispatcher wants to start attempt number `attempt`."""

    attempt: int
    at: float
    #: GPU indices that were set aside for it.
    gpus: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Prepared:
    """The attempt's kernel is up and the first cell is next."""

    attempt: int
    at: float
    start: WarmDetails = field(default_factory=WarmDetails)


@dataclass(frozen=True, slots=True)
class Ended:
    """The attempt is over; `state` is terminal, `duration` in seconds, `peak_memory` in bytes."""

    attempt: int
    at: float
    state: State
    failure: Failure | None = None
    duration: float | None = None
    peak_memory: int | None = None


@dataclass(frozen=True, slots=True)
class Cancel:
    """Somebody wants the job to stop."""

    at: float


Event = Begin | Prepared | Ended | Cancel


# --- instructions -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OpenAttempt:
    """Store: add the attempt's row."""

    attempt: int
    at: float
    gpus: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class RunAttempt:
    """Store: the attempt is running."""

    attempt: int
    start: WarmDetails


@dataclass(frozen=True, slots=True)
class CloseAttempt:
    """Store: the attempt is over."""

    attempt: int
    at: float
    state: State
    failure: Failure | None
    duration: float | None
    peak_memory: int | None


@dataclass(frozen=True, slots=True)
class StartAttempt:
    """Dispatcher: start a runner; only whoever gets this instruction may."""

    attempt: int


@dataclass(frozen=True, slots=True)
class StopAttempt:
    """Dispatcher: end the runner of this attempt."""

    attempt: int


@dataclass(frozen=True, slots=True)
class QueueAgain:
    """Dispatcher: consider the job again at this time."""

    not_before: float


Instruction = OpenAttempt | RunAttempt | CloseAttempt | StartAttempt | StopAttempt | QueueAgain
Outcome = tuple[Record, tuple[Instruction, ...]]


def backoff(attempt: int) -> float:
    """Seconds to wait after attempt number `attempt` failed: 1, 2, 4 … 60."""
    return min(BACKOFF_MOST, BACKOFF_FIRST * 2.0 ** min(attempt - 1, 10))


def transition(record: Record, event: Event) -> Outcome:
    """What `event` makes of `record`. The same record and no instructions: it came too late.

    Raises:
        IllegalTransition: the event can't have happened to this job.
    """
    if record.state.terminal:
        return record, ()
    match event:
        case Cancel():
            return _cancel(record)
        case Begin():
            return _begin(record, event)
        case Prepared() | Ended():
            if event.attempt > record.attempt or event.attempt < 1:
                raise IllegalTransition(record, event)
            if event.attempt < record.attempt or record.state is State.QUEUED:
                return record, ()
            return (
                _prepared(record, event) if isinstance(event, Prepared) else _ended(record, event)
            )


def _cancel(record: Record) -> Outcome:
    if record.state is State.QUEUED:
        failure = Failure(code="cancelled", message="Cancelled before it ran.")
        if record.attempt:
            failure = Failure(code="cancelled", message="Cancelled while it waited for a retry.")
        return replace(record, state=State.CANCELLED, not_before=None, failure=failure), ()
    if record.cancelling:
        return record, ()
    return replace(record, cancelling=True), (StopAttempt(record.attempt),)


def _begin(record: Record, event: Begin) -> Outcome:
    if event.attempt <= record.attempt:
        return record, ()
    if record.state is not State.QUEUED or event.attempt != record.attempt + 1:
        raise IllegalTransition(record, event)
    begun = replace(record, state=State.STARTING, attempt=event.attempt, not_before=None)
    return begun, (
        OpenAttempt(event.attempt, event.at, event.gpus),
        StartAttempt(event.attempt),
    )


def _prepared(record: Record, event: Prepared) -> Outcome:
    if record.state is not State.STARTING:
        raise IllegalTransition(record, event)
    return replace(record, state=State.RUNNING), (RunAttempt(event.attempt, event.start),)


def _ended(record: Record, event: Ended) -> Outcome:
    if not event.state.terminal:
        raise IllegalTransition(record, event)
    state, failure = event.state, event.failure
    if state is State.FAILED and record.cancelling:
        # However the attempt fell while it was being stopped: it ended because somebody wished so.
        state = State.CANCELLED
    if state is State.CANCELLED and (failure is None or failure.code != "cancelled"):
        failure = Failure(code="cancelled", message="Cancelled.")
    if state is State.FAILED and failure is None:
        failure = Failure(code="runner_died", message="The attempt failed without saying why.")
    if state is State.SUCCEEDED:
        failure = None
    close = CloseAttempt(event.attempt, event.at, state, failure, event.duration, event.peak_memory)
    if (
        state is State.FAILED
        and failure is not None
        and failure.code not in NOT_RETRIED
        and event.attempt <= record.retries
    ):
        not_before = event.at + backoff(event.attempt)
        again = replace(record, state=State.QUEUED, not_before=not_before)
        return again, (close, QueueAgain(not_before))
    return replace(record, state=state, cancelling=False, failure=failure), (close,)
