"""Answers and streams as they come over the wire."""

from __future__ import annotations

import json
import threading
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jupyter_mlops.client import Client
from jupyter_mlops.errors import (
    DaemonUnreachable,
)

from .mlops_logs import JOB, Serve, client

if TYPE_CHECKING:
    from mlops_standin import Request


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
