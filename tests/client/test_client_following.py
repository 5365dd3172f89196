"""Following jobs and logs over daemons that come and go."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from jupyter_mlops.errors import (
    DaemonUnreachable,
)

from .mlops_logs import JOB, Serve, client

if TYPE_CHECKING:
    from mlops_standin import Request, StandIn


def test_following_outlives_the_daemon(serve: Serve) -> None:
    """A stream that breaks off is taken up where it was, and each event comes once."""
    job = {"id": JOB, "state": "succeeded"}

    def answer(request: Request) -> None:
        request.begin_stream()
        if len(server.requests) == 1:
            request.event({"type": "attempt", "number": 1})
            request.event({"seq": 1, "type": "prepared"})
            request.event({"seq": 2, "type": "cell_started"})
            request.hang_up()
        elif len(server.requests) == 2:
            request.chunk(b"")  # it ends well, but the job didn't: the daemon was stopped
        else:
            request.event({"seq": 3, "type": "finished"})
            request.event({"type": "job", "job": job})
            request.chunk(b"")

    server = serve(answer)
    events = [event for event in client().follow(JOB) if event]
    assert [e.get("seq") or e["type"] for e in events] == [
        "attempt", 1, 2, "reconnected", "reconnected", 3, "job",
    ]  # fmt: skip
    assert [r.target.partition("?")[2] for r in server.requests] == [
        "follow=true",
        "attempt=1&after=2&follow=true",
        "attempt=1&after=2&follow=true",
    ]


def test_following_gives_up_on_a_daemon_that_always_goes(serve: Serve) -> None:
    """It isn't taken up for ever."""

    def answer(request: Request) -> None:
        request.begin_stream()
        request.hang_up()

    serve(answer)
    with pytest.raises(DaemonUnreachable, match="again and again"):
        list(client().follow(JOB))


def log_server(serve: Serve, logs: list[list[bytes] | None], jobs: list[dict]) -> StandIn:
    """Answers with these logs one after another (None in one: it breaks off), and these jobs."""
    left_logs, left_jobs = list(logs), list(jobs)

    def answer(request: Request) -> None:
        if not request.path.endswith("/log"):
            request.json(left_jobs.pop(0) if len(left_jobs) > 1 else left_jobs[0])
            return
        request.begin_stream()
        for piece in left_logs.pop(0):
            if piece is None:
                request.hang_up()
                return
            request.chunk(piece)
        request.chunk(b"")

    return serve(answer)


def queries(server: StandIn) -> list[str]:
    """What the log was asked for."""
    asked = [r.target for r in server.requests if "/log" in r.target]
    return [target.partition("?")[2] for target in asked]


def with_attempts(state: str, *states: str) -> dict:
    """A job with attempts in these states."""
    attempts = [{"number": n, "state": s} for n, s in enumerate(states, 1)]
    return {"state": state, "attempt": len(states), "attempts": attempts}


def test_following_a_log_outlives_the_daemon(serve: Serve) -> None:
    """It goes on at the byte where it broke off, or ended although the job hadn't."""
    running, ended = with_attempts("running", "running"), with_attempts("failed", "failed")
    server = log_server(
        serve, [[b"one\ntw", None], [b"o\n"], [b"three\n"]], [running, running, running, ended]
    )
    assert b"".join(client().follow_log(JOB)) == b"one\ntwo\nthree\n"
    assert queries(server) == ["follow=true", "offset=6&follow=true", "offset=8&follow=true"]


def test_following_a_log_while_the_daemon_leaves(serve: Serve) -> None:
    """A daemon that is on its way out ends every log at once: that is waited out."""
    running, ended = with_attempts("running", "running"), with_attempts("failed", "failed")
    gone_at = time.monotonic() + 0.5

    def answer(request: Request) -> None:
        leaving = time.monotonic() < gone_at
        if not request.path.endswith("/log"):
            request.json(running if leaving else ended)
            return
        request.begin_stream()
        if not leaving:
            request.chunk(b"all of it\n")
        request.chunk(b"")

    serve(answer)
    assert b"".join(client().follow_log(JOB)) == b"all of it\n"


def test_following_a_log_into_the_next_attempt(serve: Serve) -> None:
    """An attempt that began meanwhile is read from its beginning, and that is said."""
    jobs = [
        with_attempts("running", "running"),
        with_attempts("running", "failed", "running"),
        with_attempts("succeeded", "failed", "succeeded"),
    ]
    server = log_server(serve, [[b"first\n", None], [b"second\n"]], jobs)
    assert b"".join(client().follow_log(JOB)) == b"first\n--- attempt 2 ---\nsecond\n"
    assert queries(server) == ["follow=true", "follow=true"]


def test_following_the_log_of_one_attempt(serve: Serve) -> None:
    """It ends with that attempt, whatever the job does after."""
    server = log_server(serve, [[b"a", None], [b"b"]], [with_attempts("queued", "failed")])
    assert b"".join(client().follow_log(JOB, attempt=1)) == b"ab"
    assert queries(server) == ["attempt=1&follow=true", "attempt=1&offset=1&follow=true"]


def test_a_log_that_always_breaks_off(serve: Serve) -> None:
    """Is given up."""
    log_server(serve, [[None]] * 9, [with_attempts("running", "running")])
    with pytest.raises(DaemonUnreachable, match="again and again"):
        list(client().follow_log(JOB))
