"""HTTP over a unix socket: framing, kept connections, and everything that can break."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mlops_standin import Request, StandIn

from jupyter_mlops.client import Client
from jupyter_mlops.errors import (
    Busy,
    Conflict,
    DaemonUnreachable,
    InvalidInput,
    MlopsError,
    NotFound,
    StoreFull,
    StoreUnusable,
    TooLarge,
)

Serve = Callable[[Callable[[Request], None]], StandIn]
JOB = "0123456789ab"


def client() -> Client:
    """A client that starts nothing."""
    return Client(start=False, timeout=5)


def test_an_answer_with_a_length(serve: Serve) -> None:
    """A JSON document with Content-Length is read whole."""
    serve(lambda request: request.json({"id": JOB, "name": "报告"}))
    assert client().job(JOB) == {"id": JOB, "name": "报告"}


def test_an_answer_in_chunks(serve: Serve) -> None:
    """Chunk extensions and trailers are understood, and the connection is kept."""

    def answer(request: Request) -> None:
        request.raw(
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n"
            b'4;x=1\r\n{"a"\r\n3\r\n: 1\r\n1\r\n}\r\n0\r\nTrailer: yes\r\nOther: no\r\n\r\n'
        )

    server, asking = serve(answer), client()
    assert asking.status() == {"a": 1}
    assert asking.status() == {"a": 1}
    assert len(server.connections) == 1


def test_an_answer_that_ends_with_its_connection(serve: Serve) -> None:
    """Without a length the end of the connection is the end of the answer."""

    def answer(request: Request) -> None:
        request.raw(b'HTTP/1.0 200 OK\r\n\r\n{"a":')
        time.sleep(0.05)
        request.raw(b" 2}")
        request.hang_up()

    server, asking = serve(answer), client()
    assert asking.status() == {"a": 2}
    assert asking.status() == {"a": 2}
    assert len(server.connections) == 2


def test_an_answer_without_a_body(serve: Serve) -> None:
    """204 has none, and 100 Continue before it is passed over."""
    server = serve(
        lambda request: request.raw(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n")
    )
    asking = client()
    asking.delete(JOB)
    asking.delete(JOB)
    assert [r.method for r in server.requests] == ["DELETE", "DELETE"]
    assert len(server.connections) == 1


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    lines=st.lists(st.dictionaries(st.text(max_size=8), st.text(max_size=40)), max_size=8),
    cuts=st.lists(st.integers(1, 40), max_size=40),
    end=st.booleans(),
)
def test_lines_arrive_however_they_are_cut(
    serve: Serve, lines: list[dict[str, str]], cuts: list[int], end: bool
) -> None:
    """Whatever the chunks are, the same objects come out in the same order."""
    lines = [line for line in lines if line]
    data = b"\n".join(json.dumps(line).encode() for line in lines)
    data += b"\n" if end and data else b""

    def answer(request: Request) -> None:
        request.begin_stream()
        rest, sizes = data, iter(cuts)
        while rest:
            size = next(sizes, len(rest))
            request.chunk(rest[:size])
            rest = rest[size:]
        request.chunk(b"")

    server = serve(answer)
    try:
        assert list(client().job_events(JOB)) == lines
    finally:
        server.stop()


def test_a_stream_ticks_while_nothing_comes(serve: Serve) -> None:
    """A follower gets None while it waits, also in the middle of a line, and loses nothing."""
    released = threading.Event()

    def answer(request: Request) -> None:
        request.begin_stream()
        request.raw(b'1c\r\n{"type": "st')
        released.wait(5)
        request.raw(b'ream", "seq": 1}\r\n1\r\n\n\r\n')
        request.chunk(b"")

    serve(answer)
    seen = []
    for event in client().job_events(JOB, follow=True, tick=0.02):
        seen.append(event)
        released.set()
    assert seen[0] is None
    assert [event for event in seen if event] == [{"type": "stream", "seq": 1}]


def test_a_line_of_many_megabytes(serve: Serve) -> None:
    """A display of 16 MB is one line, and doesn't take the square of its time."""
    text = "x" * (16 * 2**20)

    def answer(request: Request) -> None:
        request.begin_stream()
        data = json.dumps({"text": text}).encode() + b"\n"
        for start in range(0, len(data), 4096):
            request.chunk(data[start : start + 4096])
        request.chunk(b"")

    serve(answer)
    assert list(client().job_events(JOB)) == [{"text": text}]


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000,
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    ],
    ids=["short", "short-chunk", "no-size", "long-chunk", "head", "ssh", "endless-head", "no-json"],
)
def test_a_broken_answer_is_told(serve: Serve, said: bytes) -> None:
    """Whatever breaks off or isn't HTTP is `DaemonUnreachable` with a hint, never a hang."""

    def answer(request: Request) -> None:
        request.raw(said)
        request.hang_up()

    serve(answer)
    with pytest.raises(DaemonUnreachable) as caught:
        client().status()
    assert caught.value.hint


def test_a_stream_that_breaks_off_is_told(serve: Serve) -> None:
    """Events, log and the stream of all jobs say so when they end too early."""

    def answer(request: Request) -> None:
        request.begin_stream()
        request.event({"type": "hello", "seq": 1})
        request.hang_up()

    serve(answer)
    for stream in (client().job_events(JOB), client().events(), client().log(JOB)):
        with pytest.raises(DaemonUnreachable, match="broke off"):
            list(stream)


def test_a_daemon_that_says_nothing(serve: Serve) -> None:
    """A frozen daemon is told after the timeout."""
    released = threading.Event()
    serve(lambda request: bool(released.wait(10)) and None)
    with pytest.raises(DaemonUnreachable, match="within 0 s"):
        Client(start=False, timeout=0.2).status()
    released.set()


def test_an_answer_that_stops_halfway(serve: Serve) -> None:
    """So is one that freezes in the middle of its answer."""
    released = threading.Event()

    def answer(request: Request) -> None:
        request.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{")
        released.wait(10)

    serve(answer)
    with pytest.raises(DaemonUnreachable, match="didn't answer"):
        Client(start=False, timeout=0.2).status()
    released.set()


def test_a_kept_connection_that_was_closed_meanwhile(serve: Serve) -> None:
    """Even a request that must not be sent twice goes through: the end is seen before."""
    server = serve(lambda request: request.json({"id": JOB}))
    asking = client()
    asking.rerun(JOB)
    for connection in server.connections:
        connection.shutdown(2)
    asking.rerun(JOB)
    assert [r.on_connection for r in server.requests] == [1, 2]


def test_a_submit_is_sent_again_with_the_same_key(serve: Serve) -> None:
    """A connection that ends before the answer: the job is submitted again, as the same one."""

    def answer(request: Request) -> None:
        if len(server.requests) == 1:
            request.hang_up()
        else:
            request.json({"id": JOB}, 201)

    server = serve(answer)
    assert client().submit({"notebook": "/n.ipynb"})["id"] == JOB
    first, second = server.requests
    assert first.body == second.body
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    assert len(first.headers["idempotency-key"]) == 32


def test_a_rerun_is_never_sent_twice(serve: Serve) -> None:
    """What has no key might be done twice: it is told instead."""
    server = serve(lambda request: request.hang_up())
    with pytest.raises(DaemonUnreachable, match="before it answered"):
        client().rerun(JOB)
    assert len(server.requests) == 1


def test_a_large_body_is_refused_while_it_is_sent(serve: Serve) -> None:
    """The answer of a server that stops reading is heard, not the broken pipe."""
    problem = {"code": "too_large", "detail": "Over 1 MiB."}
    body = json.dumps(problem).encode()

    def answer(request: Request) -> None:
        request.raw(
            b"HTTP/1.1 413 X\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b"
            % (len(body), body)
        )
        request.hang_up()

    serve(answer)
    asking = client()
    response = asking.request(
        "POST", "/api/v1/jobs", body=b"x" * 30_000_000, headers={"X-Leave-Body": "1"}
    )
    assert response.status == 413
    response.connection.close()


def test_threads_have_connections_of_their_own(serve: Serve) -> None:
    """Eight threads with one client get their own answers."""

    def answer(request: Request) -> None:
        time.sleep(0.01)
        request.json({"id": request.path.rpartition("/")[2]})

    serve(answer)
    asking = client()
    wrong: list[str] = []

    def work(number: int) -> None:
        for count in range(20):
            job_id = f"{number:06x}{count:06x}"
            if asking.job(job_id)["id"] != job_id:
                wrong.append(job_id)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_forked_process_leaves_its_parents_connections_alone(serve: Serve) -> None:
    """The child speaks on a connection of its own."""
    server = serve(lambda request: request.json({"id": JOB}))
    program = (
        "import os; from jupyter_mlops.client import Client\n"
        f"asking = Client(start=False); asking.job('{JOB}'); child = os.fork()\n"
        f"asking.job('{JOB}') if child == 0 else os.waitpid(child, 0)\n"
        f"asking.job('{JOB}') if child else os._exit(0)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)
    assert [r.on_connection for r in server.requests] == [1, 2, 1]


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (422, "invalid_input", InvalidInput),
        (404, "not_found", NotFound),
        (409, "conflict", Conflict),
        (413, "too_large", TooLarge),
        (503, "busy", Busy),
        (507, "store_full", StoreFull),
        (500, "store_unusable", StoreUnusable),
        (404, "a_code_of_the_future", NotFound),
        (418, "teapot", MlopsError),
    ],
)
def test_problems_become_errors(
    serve: Serve, status: int, code: str, kind: type[MlopsError]
) -> None:
    """Each problem document is the error it stands for, with its hint and places."""
    problem = {
        "code": code,
        "detail": "What.",
        "hint": "Do.",
        "problems": [{"where": "a", "message": "b"}],
    }
    serve(lambda request: request.json(problem, status))
    with pytest.raises(MlopsError) as caught:
        client().status()
    error = caught.value
    assert type(error) is kind
    assert (error.detail, error.hint, error.stable_code) == ("What.", "Do.", code)
    assert error.problems == [{"where": "a", "message": "b"}]


def test_an_error_that_isnt_json(serve: Serve) -> None:
    """What the server said is told."""
    serve(lambda r: r.raw(b"HTTP/1.1 500 X\r\nContent-Length: 4\r\n\r\nOops"))
    with pytest.raises(MlopsError, match="answered 500: Oops"):
        client().status()


def test_filters_become_a_query(serve: Serve) -> None:
    """Repeated and special values are encoded; what isn't given is left out."""
    server = serve(lambda request: request.json({"jobs": [], "next": None}))
    client().jobs(states=("queued", "failed"), name="a&b=ü/%", limit=5)
    assert server.requests[0].target == (
        "/api/v1/jobs?state=queued&state=failed&name=a%26b%3D%C3%BC%2F%25&limit=5"
    )


def test_all_jobs_goes_through_the_pages(serve: Serve) -> None:
    """Every page is asked for by the cursor of the one before."""

    def answer(request: Request) -> None:
        last = "cursor=c1" in request.target
        request.json({"jobs": [{"id": "b" if last else "a"}], "next": None if last else "c1"})

    server = serve(answer)
    assert [job["id"] for job in client().all_jobs(name="n")] == ["a", "b"]
    assert [r.target for r in server.requests] == [
        "/api/v1/jobs?name=n",
        "/api/v1/jobs?name=n&cursor=c1",
    ]


@pytest.mark.parametrize("job_id", ["../status", "..", "", "a/b", "a?b=c", "a b\r\nX: y", "%2e%2e"])
def test_a15_an_id_stays_one_part_of_the_path(serve: Serve, job_id: str) -> None:
    """Whatever is given as an id, no other route is reached by it."""
    server = serve(lambda request: request.json({"code": "not_found", "detail": "No."}, 404))
    with pytest.raises(NotFound):
        client().job(job_id)
    target = server.requests[0].target
    assert target.startswith("/api/v1/jobs/")
    assert "/" not in target.removeprefix("/api/v1/jobs/")
    assert ".." not in target
    assert "?" not in target


@pytest.mark.parametrize("key", ["a\r\nX-Mlops-Root: /", "", "x" * 256, "ключ"])
def test_a_key_cant_be_another_header(serve: Serve, key: str) -> None:
    """An idempotency key with a line break would be one; it is refused before anything is sent."""
    server = serve(lambda request: request.json({}))
    with pytest.raises(InvalidInput, match="idempotency key"):
        client().submit({"notebook": "n"}, idempotency_key=key)
    assert server.requests == []


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
