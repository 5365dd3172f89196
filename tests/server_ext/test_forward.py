"""What the forwarder tells the daemon, and what it tells the browser."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mlops_jupyter import TOKEN, Jupyter
from mlops_standin import Request, StandIn

Serve = Callable[[Callable[[Request], None]], StandIn]
JOB = "0123456789ab"


def test_the_daemon_hears_what_it_needs_and_nothing_else(jupyter: Jupyter, serve: Serve) -> None:
    """Neither credentials nor the browser's own headers; the root is ours to tell."""
    server = serve(lambda request: request.json({"jobs": []}))
    answer = jupyter.ask(
        "GET",
        f"api/v1/jobs?state=running&token={TOKEN}&limit=3",
        headers={
            "Accept": "application/json",
            "If-None-Match": '"1"',
            "Range": "bytes=0-1",
            "Cookie": "a=b",
            "X-Mlops-Root": "/",
            "X-Forwarded-For": "1.2.3.4",
            "User-Agent": "test",
        },
    )
    assert (answer.status, answer.json()) == (200, {"jobs": []})
    (request,) = server.requests
    assert request.target == "/api/v1/jobs?state=running&limit=3"
    assert request.headers == {
        "host": "localhost",
        "connection": "close",
        "accept": "application/json",
        "if-none-match": '"1"',
        "range": "bytes=0-1",
        "x-mlops-root": str(jupyter.root),
    }


def test_a_body_is_passed_on(jupyter: Jupyter, serve: Serve) -> None:
    """With its type, its length and the idempotency key."""
    server = serve(lambda request: request.json({"id": JOB}, 201))
    body = {"spec": {"notebook": "a.ipynb", "parameters": {"x": "é" * 100_000}}}
    answer = jupyter.ask("POST", "api/v1/jobs", body=body, headers={"Idempotency-Key": "k1"})
    assert (answer.status, answer.json()) == (201, {"id": JOB})
    (request,) = server.requests
    assert json.loads(request.body) == body
    assert request.headers["content-type"] == "application/json"
    assert request.headers["idempotency-key"] == "k1"


def test_a_body_without_a_length_is_passed_on(jupyter: Jupyter, serve: Serve) -> None:
    """In chunks, too."""

    def answer(request: Request) -> None:
        request.json({})
        while request.connection.recv(65536):
            pass
        raise ConnectionAbortedError  # the stand-in itself doesn't know chunks

    server = serve(answer)
    chunked = b"2\r\n{}\r\n0\r\n\r\n"
    found = jupyter.ask(
        "POST",
        "api/v1/jobs",
        body=chunked,
        headers={"Transfer-Encoding": "chunked", "Content-Type": "application/json"},
    )
    assert found.status == 200
    assert server.requests[0].headers["transfer-encoding"] == "chunked"


def test_a_post_without_a_body(jupyter: Jupyter, serve: Serve) -> None:
    """Cancelling needs none."""
    server = serve(lambda request: request.json({}))
    assert jupyter.ask("POST", f"api/v1/jobs/{JOB}/cancel").status == 200
    assert server.requests[0].headers["content-length"] == "0"


def test_only_safe_headers_come_back(jupyter: Jupyter, serve: Serve) -> None:
    """No cookies, no policies, no rights for other origins; the version of whoever answered."""

    def answer(request: Request) -> None:
        request.raw(
            b'HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nETag: "1"\r\n'
            b"Set-Cookie: a=b\r\nAccess-Control-Allow-Origin: *\r\nX-Odd: 1\r\n"
            b"Content-Security-Policy: none\r\nX-Mlops-Version: 9.9\r\nContent-Length: 2\r\n\r\nok"
        )

    serve(answer)
    found = jupyter.ask("GET", "api/v1/status")
    assert found.body == b"ok"
    assert found.headers["etag"] == '"1"'
    assert found.headers["content-type"] == "text/plain; charset=utf-8"
    assert found.headers["x-mlops-version"] == "9.9"
    assert found.headers["x-content-type-options"] == "nosniff"
    assert found.headers["cache-control"] == "no-store"
    assert "sandbox" in found.headers["content-security-policy"]
    assert "x-odd" not in found.headers
    assert "a=b" not in found.headers.get("set-cookie", "")
    assert found.headers.get("access-control-allow-origin", "") != "*"


@pytest.mark.parametrize(("what", "suffix"), [("html", "html"), ("notebook", "ipynb")])
def test_a39_documents_are_downloads(
    jupyter: Jupyter, serve: Serve, what: str, suffix: str
) -> None:
    """Sandboxed, under a name of ours."""

    def answer(request: Request) -> None:
        request.raw(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 30\r\n"
            b'Content-Disposition: inline; filename="x\x01.html"\r\n\r\n'.replace(b"\x01", b"")
            + b"<script>alert(1)</script>     "
        )

    serve(answer)
    found = jupyter.ask("GET", f"api/v1/jobs/{JOB}/{what}")
    assert found.headers["content-disposition"] == f'attachment; filename="job-{JOB}.{suffix}"'
    policy = found.headers["content-security-policy"].split("; ")
    assert "sandbox" in policy
    assert "default-src 'none'" in policy
    assert not [part for part in policy if part.startswith("script-src")]


def test_problems_are_passed_on(jupyter: Jupyter, serve: Serve) -> None:
    """Status, type and document."""
    problem = {"code": "conflict", "detail": "no", "status": 409}
    serve(lambda request: request.json(problem, 409))
    found = jupyter.ask("DELETE", f"api/v1/jobs/{JOB}")
    assert (found.status, found.code, found.json()) == (409, "conflict", problem)


def test_an_answer_without_a_body(jupyter: Jupyter, serve: Serve) -> None:
    """A deletion's."""
    serve(lambda request: request.raw(b"HTTP/1.1 204 No Content\r\n\r\n"))
    found = jupyter.ask("DELETE", f"api/v1/jobs/{JOB}")
    assert (found.status, found.body) == (204, b"")


def test_redirects_are_not_passed_on(jupyter: Jupyter, serve: Serve) -> None:
    """Wherever they lead."""
    head = b"HTTP/1.1 307 X\r\nLocation: http://evil/\r\nContent-Length: 0\r\n\r\n"
    serve(lambda request: request.raw(head))
    found = jupyter.ask("GET", "api/v1/status")
    assert (found.status, found.code) == (502, "bad_gateway")
    assert "location" not in found.headers


@pytest.fixture
def streaming(jupyter: Jupyter) -> Iterator[Callable[[str], http.client.HTTPResponse]]:
    """Open an answer without reading it."""
    connections: list[http.client.HTTPConnection] = []

    def begin(path: str) -> http.client.HTTPResponse:
        connection = jupyter.connect()
        connections.append(connection)
        connection.request("GET", jupyter.url(path), headers={"Authorization": f"token {TOKEN}"})
        response = connection.getresponse()
        response.leave = connection.close
        return response

    yield begin
    for connection in connections:
        connection.close()


def test_answers_are_not_held_back(
    jupyter: Jupyter, serve: Serve, streaming: Callable[[str], http.client.HTTPResponse]
) -> None:
    """Each piece comes before the next is there."""
    go_on = threading.Event()

    def answer(request: Request) -> None:
        request.begin_stream()
        request.event({"n": 1})
        assert go_on.wait(30)
        request.event({"n": 2})
        request.chunk(b"")

    serve(answer)
    response = streaming(f"api/v1/jobs/{JOB}/events?follow=1")
    assert response.readline() == b'{"n": 1}\n'
    go_on.set()
    assert response.read() == b'{"n": 2}\n'


def test_an_answer_that_breaks_off_is_no_whole_answer(
    jupyter: Jupyter, serve: Serve, streaming: Callable[[str], http.client.HTTPResponse]
) -> None:
    """The browser sees that something is missing."""

    def answer(request: Request) -> None:
        request.begin_stream()
        request.event({"n": 1})
        request.hang_up()

    serve(answer)
    response = streaming(f"api/v1/jobs/{JOB}/log?follow=1")
    assert response.readline() == b'{"n": 1}\n'
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        response.read()


def test_what_nobody_reads_any_more_is_asked_for_no_longer(
    jupyter: Jupyter, serve: Serve, streaming: Callable[[str], http.client.HTTPResponse]
) -> None:
    """A page that is closed leaves no followed request behind."""
    ended = threading.Event()

    def answer(request: Request) -> None:
        request.begin_stream()
        request.event({"n": 1})
        if request.connection.recv(1) == b"":
            ended.set()

    serve(answer)
    response = streaming(f"api/v1/jobs/{JOB}/events?follow=1")
    response.readline()
    response.close()
    response.leave()
    assert ended.wait(30)


def test_a_daemon_that_leaves_is_asked_again(jupyter: Jupyter, serve: Serve) -> None:
    """For reading; the next one answers."""

    def answer(request: Request) -> None:
        if len(server.requests) == 1:
            request.hang_up()
        else:
            request.json({"n": len(server.requests)})

    server = serve(answer)
    assert jupyter.ask("GET", "api/v1/status").json() == {"n": 2}


def test_nothing_is_done_twice(jupyter: Jupyter, serve: Serve) -> None:
    """A daemon that leaves over a POST may have done it."""
    server = serve(lambda request: request.hang_up())
    found = jupyter.ask("POST", f"api/v1/jobs/{JOB}/rerun", body={})
    assert (found.status, found.code) == (503, "daemon_gone")
    assert found.headers["retry-after"] == "1"
    assert len(server.requests) == 1


def test_a_daemon_that_cant_be_started_is_a_problem(jupyter: Jupyter) -> None:
    """With the reason, and the server goes on."""
    blocked = jupyter.data.with_name("blocked")
    jupyter.data.rename(blocked) if jupyter.data.exists() else None
    try:
        jupyter.data.write_text("not a directory")
        found = jupyter.ask("GET", "api/v1/status")
        assert (found.status, found.code) == (503, "daemon_unreachable")
        assert jupyter.ask("GET", "api", own=False).status == 200
    finally:
        jupyter.data.unlink()
        if blocked.exists():
            blocked.rename(jupyter.data)


def test_a_socket_that_others_could_have_made_is_refused(jupyter: Jupyter, serve: Serve) -> None:
    """Nothing is sent there."""
    server = serve(lambda request: request.json({}))
    directory = jupyter.data / "run"
    directory.chmod(0o777)
    try:
        found = jupyter.ask("GET", "api/v1/status")
    finally:
        directory.chmod(0o700)
    assert (found.status, found.code) == (403, "refused")
    assert server.requests == []


def test_an_answer_that_isnt_http(jupyter: Jupyter, serve: Serve) -> None:
    """Is a problem, not a traceback."""

    def answer(request: Request) -> None:
        request.raw(b"hello\r\n\r\n")
        request.hang_up()

    serve(answer)
    found = jupyter.ask("GET", "api/v1/status")
    assert (found.status, found.code) == (502, "bad_gateway")
    assert "Traceback" not in found.body.decode()


def test_the_root_is_the_real_one(jupyter: Jupyter, serve: Serve, tmp_path: Path) -> None:
    """With its links resolved and encoded as the daemon expects."""
    server = serve(lambda request: request.json({}))
    real = tmp_path / "Größe 1"
    real.mkdir()
    jupyter.root.rmdir()
    jupyter.root.symlink_to(real)
    try:
        jupyter.ask("GET", "api/v1/status")
    finally:
        jupyter.root.unlink()
        jupyter.root.mkdir()
    expected = str(real).replace("ö", "%C3%B6").replace("ß", "%C3%9F").replace(" ", "%20")
    assert server.requests[0].headers["x-mlops-root"] == expected


def test_files_that_lie_nowhere_cant_run(tmp_path: Path) -> None:
    """A contents manager without a directory is told so; `/` would let everything through."""
    server = Jupyter(tmp_path / "server", tmp_path / "data")
    server.config = """
from jupyter_server.services.contents.manager import AsyncContentsManager
class Elsewhere(AsyncContentsManager):
    pass
c.ServerApp.contents_manager_class = Elsewhere
"""
    (tmp_path / "server").mkdir()
    server.start()
    try:
        found = server.ask("GET", "api/v1/status")
    finally:
        server.stop()
    assert (found.status, found.code) == (501, "no_root")
    assert not (tmp_path / "data" / "daemon.sock").exists()


def test_concurrent_streams_dont_wait_for_each_other(
    jupyter: Jupyter, serve: Serve, streaming: Callable[[str], http.client.HTTPResponse]
) -> None:
    """Twenty followed answers and a question besides."""
    done = threading.Event()

    def answer(request: Request) -> None:
        if "events" in request.target:
            request.begin_stream()
            request.event({"type": "hello"})
            done.wait(30)
            request.chunk(b"")
        else:
            request.json({"ok": True})

    serve(answer)
    open_ones = [streaming("api/v1/events?follow=1") for _ in range(20)]
    assert [response.readline() for response in open_ones] == [b'{"type": "hello"}\n'] * 20
    assert jupyter.ask("GET", "api/v1/status").json() == {"ok": True}
    done.set()
    assert [response.read() for response in open_ones] == [b""] * 20


def test_a10_no_log_holds_a_secret(jupyter: Jupyter, serve: Serve) -> None:
    """Not even that of an unexpected error: token, cookies, XSRF token."""
    serve(lambda request: request.json({"code": "internal_error"}, 500))
    headers = jupyter.login() | {"Referer": f"http://x/?token={TOKEN}"}
    jupyter.ask("GET", f"api/v1/status?token={TOKEN}", token=False, headers=headers)
    jupyter.ask("GET", f"api/v1/%2e%2e?token={TOKEN}", token=False, headers=headers)
    deadline = time.monotonic() + 10
    while "500 GET" not in jupyter.log and time.monotonic() < deadline:
        time.sleep(0.05)
    assert "500 GET" in jupyter.log
    assert TOKEN not in jupyter.log
    for value in jupyter.cookies.values():
        assert value.strip('"') not in jupyter.log
