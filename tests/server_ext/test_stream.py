"""The multiplexed WebSocket."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import websocket
from mlops_jupyter import TOKEN, Jupyter
from mlops_standin import Request, StandIn

Serve = Callable[[Callable[[Request], None]], StandIn]
Open = Callable[..., "Tab"]
JOB = "0123456789ab"
EVENTS = f"/api/v1/jobs/{JOB}/events?follow=1"
END = {"type": "job", "job": {"id": JOB}}


class Tab:
    """A page's socket."""

    def __init__(self, found: websocket.WebSocket) -> None:
        self.found = found

    def send(self, message: Any) -> None:
        """Say something."""
        self.found.send(message if isinstance(message, str) else json.dumps(message))

    def open(self, number: str, path: str) -> None:
        """Follow a path."""
        self.send({"op": "open", "id": number, "path": path})

    def next(self) -> dict[str, Any]:
        """What comes."""
        found: dict[str, Any] = json.loads(self.found.recv())
        return found

    def until(self, number: str) -> list[dict[str, Any]]:
        """What comes for one subscription up to its end; others must be silent."""
        found = []
        while True:
            message = self.next()
            assert message.pop("id") == number
            found.append(message)
            if "data" not in message:
                return found


@pytest.fixture
def page(jupyter: Jupyter) -> Iterator[Open]:
    """Open sockets."""
    open_ones: list[socket.socket] = []

    def start(**options: Any) -> Tab:
        header = options.pop("header", {"Authorization": f"token {TOKEN}"})
        # A socket of our own: the library leaves its open when it is refused.
        connection = socket.create_connection(("127.0.0.1", jupyter.port), timeout=30)
        open_ones.append(connection)
        if "room" in options:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, options.pop("room"))
        found = websocket.WebSocket()
        address = f"ws://127.0.0.1:{jupyter.port}{jupyter.url('stream')}"
        found.connect(address, header=header, socket=connection, **options)
        return Tab(found)

    yield start
    for found in open_ones:
        found.close()


def lines(*events: Any) -> Callable[[Request], None]:
    """Answers with these lines."""

    def answer(request: Request) -> None:
        request.begin_stream()
        for event in events:
            request.event(event)
        request.chunk(b"")

    return answer


def test_lines_come_with_their_subscription(jupyter: Jupyter, serve: Serve, page: Open) -> None:
    """And its end is told."""
    server = serve(lines({"seq": 1, "text": "é\n"}, END))
    tab = page()
    tab.open("a", EVENTS)
    assert tab.until("a") == [
        {"data": {"seq": 1, "text": "é\n"}},
        {"data": END},
        {"end": True},
    ]
    (request,) = server.requests
    assert request.target == EVENTS
    assert request.headers["x-mlops-root"] == str(jupyter.root)


def test_subscriptions_dont_wait_for_each_other(serve: Serve, page: Open) -> None:
    """One that has nothing to say holds up nobody."""
    go_on = threading.Event()

    def answer(request: Request) -> None:
        request.begin_stream()
        if "after=1" in request.target:
            go_on.wait(30)
        request.event(END)
        request.chunk(b"")

    serve(answer)
    tab = page()
    tab.open("slow", EVENTS + "&after=1")
    tab.open("fast", EVENTS)
    assert tab.until("fast") == [{"data": END}, {"end": True}]
    go_on.set()
    assert tab.until("slow") == [{"data": END}, {"end": True}]


def test_a_long_line_and_many_lines(serve: Serve, page: Open) -> None:
    """Arrive whole and in order."""
    events = [{"seq": n, "text": "x" * (5_000_000 if n == 7 else 10)} for n in range(2000)]
    serve(lines(*events, END))
    tab = page()
    tab.open("a", EVENTS)
    assert [message.get("data") for message in tab.until("a")[:-2]] == events


def test_a_log_comes_as_text(serve: Serve, page: Open) -> None:
    """Characters cut in two are put together again."""
    text = "naïve 🚀\n"

    def answer(request: Request) -> None:
        if request.path.endswith("/log"):
            request.begin_stream()
            for byte in text.encode():
                request.chunk(bytes([byte]))
                time.sleep(0.001)
            request.chunk(b"")
        else:
            request.json({"state": "succeeded", "attempts": []})

    serve(answer)
    tab = page()
    tab.open("log", f"/api/v1/jobs/{JOB}/log?follow=true&offset=0")
    *said, last = tab.until("log")
    assert "".join(message["data"] for message in said) == text
    assert last == {"end": True}


@pytest.mark.parametrize(
    ("path", "first"),
    [
        (EVENTS, {"seq": 1, "type": "saved"}),
        ("/api/v1/events?follow=1", {"type": "hello", "seq": 1}),
        ("/api/v1/events?follow=true&after=3", {"type": "hello", "seq": 1}),
        (f"/api/v1/jobs/{JOB}/log?follow=1", None),
    ],
)
def test_a_daemon_that_leaves_ends_nothing(
    serve: Serve, page: Open, path: str, first: dict[str, Any] | None
) -> None:
    """A stream that has an end of its own ended without it: the page opens it again."""

    def answer(request: Request) -> None:
        if request.path == f"/api/v1/jobs/{JOB}":
            request.json({"state": "running", "attempts": []})
        else:
            lines(*([first] if first else []))(request)

    serve(answer)
    tab = page()
    tab.open("a", path)
    last = tab.until("a")[-1]
    assert last["error"]["code"] == "daemon_gone"


def test_the_log_of_an_earlier_attempt_ends(serve: Serve, page: Open) -> None:
    """With that attempt, though the job goes on: nothing is left to open again."""
    attempts = [{"number": 1, "state": "failed"}, {"number": 2, "state": "running"}]

    def answer(request: Request) -> None:
        if request.path.endswith("/log"):
            request.begin_stream()
            request.chunk(b"first try\n")
            request.chunk(b"")
        else:
            request.json({"state": "running", "attempts": attempts})

    serve(answer)
    tab = page()
    tab.open("log", f"/api/v1/jobs/{JOB}/log?attempt=1&follow=true")
    assert tab.until("log") == [{"data": "first try\n"}, {"end": True}]
    tab.open("log", f"/api/v1/jobs/{JOB}/log?attempt=2&follow=true")
    assert tab.until("log")[-1]["error"]["code"] == "daemon_gone"


def test_a_stream_that_breaks_off(serve: Serve, page: Open) -> None:
    """So does one that is cut."""

    def answer(request: Request) -> None:
        request.begin_stream()
        request.event({"seq": 1})
        request.hang_up()

    serve(answer)
    tab = page()
    tab.open("a", EVENTS)
    assert [*map(set, tab.until("a"))] == [{"data"}, {"error"}]


def test_what_isnt_followed_ends(serve: Serve, page: Open) -> None:
    """Without a last line of its own."""
    serve(lines({"seq": 1}))
    tab = page()
    tab.open("a", f"/api/v1/jobs/{JOB}/events")
    assert tab.until("a")[-1] == {"end": True}


def test_a_refusal_is_told(serve: Serve, page: Open) -> None:
    """With the daemon's own words."""
    problem = {"code": "not_found", "detail": "no such job", "status": 404}
    serve(lambda request: request.json(problem, 404))
    tab = page()
    tab.open("a", EVENTS)
    assert tab.until("a") == [{"error": problem}]


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/status",
        f"/api/v1/jobs/{JOB}",
        f"/api/v1/jobs/{JOB}/cancel",
        f"/api/v1/jobs/{JOB}/notebook",
        "/api/v1/jobs/../events",
        "/api/v1/jobs/%2e%2e/events",
        "/mlflow/",
        "http://evil.example/api/v1/events",
        "//evil.example/api/v1/events",
        "/api/v1/events?a=\r\nX: y",
        "",
    ],
)
def test_a12_only_streams_can_be_followed(serve: Serve, page: Open, path: str) -> None:
    """Anything else is refused, and the socket goes on."""
    server = serve(lambda request: request.json({}))
    tab = page()
    tab.open("a", path)
    (last,) = tab.until("a")
    assert last["error"]["code"] == "bad_address"
    assert server.requests == []


def test_subscriptions_are_counted(serve: Serve, page: Open) -> None:
    """One too many is refused; closing one makes room."""
    ended = threading.Semaphore(0)

    def answer(request: Request) -> None:
        request.begin_stream()
        request.event({"seq": 1})
        if request.connection.recv(1) == b"":
            ended.release()

    serve(answer)
    tab = page()
    for number in "1234":
        tab.open(number, EVENTS)
        assert tab.next() == {"id": number, "data": {"seq": 1}}
    tab.open("5", EVENTS)
    refused = tab.next()
    assert (refused["id"], refused["error"]["code"]) == ("5", "too_many_subscriptions")
    tab.open("4", EVENTS)
    assert tab.next()["error"]["code"] == "conflict"
    tab.send({"op": "close", "id": "2"})
    assert ended.acquire(timeout=30), "closing it ends the daemon's part"
    tab.open("5", EVENTS)
    assert tab.next() == {"id": "5", "data": {"seq": 1}}
    tab.found.close()
    for _ in range(4):
        assert ended.acquire(timeout=30), "a closed page leaves nothing behind"


def test_what_isnt_understood_ends_the_socket(serve: Serve, page: Open) -> None:
    """Rather than being guessed at."""
    serve(lambda request: None)
    for message in (
        "hello",
        "[]",
        "null",
        '{"op":"open"}',
        '{"op":"open","id":1,"path":"/api/v1/events"}',
        '{"op":"open","id":"a","path":7}',
        '{"op":"dance","id":"a"}',
        json.dumps({"op": "open", "id": "a b", "path": EVENTS}),
        json.dumps({"op": "open", "id": "x" * 65, "path": EVENTS}),
        "[" * 60_000,
    ):
        tab = page()
        tab.send(message)
        code, _ = tab.found.recv_data()
        assert code == websocket.ABNF.OPCODE_CLOSE, message


def test_a34_a_long_message_ends_the_socket(serve: Serve, page: Open) -> None:
    """Nobody has that much to ask."""
    serve(lambda request: None)
    tab = page()
    try:
        tab.send({"op": "open", "id": "a", "path": "/" * 10_000_000})
        assert tab.found.recv_data()[0] == websocket.ABNF.OPCODE_CLOSE
    except (ConnectionError, websocket.WebSocketConnectionClosedException):
        pass  # it was hung up on while it spoke


def test_a_page_that_takes_nothing_is_let_go(jupyter: Jupyter, serve: Serve, page: Open) -> None:
    """Its subscription ends at the daemon; nothing piles up in the server."""
    ended = threading.Event()
    sent = 0

    def answer(request: Request) -> None:
        nonlocal sent
        request.begin_stream()
        try:
            while sent < 2**30:
                request.event({"text": "x" * 100_000})
                sent += 100_000
        except OSError:
            ended.set()

    serve(answer)
    tab = page(room=4096)
    tab.open("a", EVENTS)
    assert ended.wait(60)
    assert sent < 2**27


def test_a02_no_socket_without_a_login(jupyter: Jupyter, serve: Serve, page: Open) -> None:
    """Neither without a token nor with a wrong one."""
    serve(lambda request: None)
    for header in ({}, {"Authorization": "token wrong"}):
        with pytest.raises(websocket.WebSocketBadStatusException) as caught:
            page(header=header)
        assert caught.value.status_code == 403


def test_a03_no_socket_without_the_right_to_read(
    jupyter: Jupyter, serve: Serve, page: Open
) -> None:
    """The authorizer is asked for `read`."""
    serve(lambda request: None)
    jupyter.deny("read")
    with pytest.raises(websocket.WebSocketBadStatusException) as caught:
        page()
    assert caught.value.status_code == 403
    assert jupyter.asked() == ["GET read mlops"]


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1.evil:{port}"])
def test_a08_no_socket_for_other_origins(
    jupyter: Jupyter, serve: Serve, page: Open, origin: str
) -> None:
    """With the person's cookies."""
    serve(lambda request: None)
    with pytest.raises(websocket.WebSocketBadStatusException) as caught:
        page(header=jupyter.login(), origin=origin.format(port=jupyter.port))
    assert caught.value.status_code == 403


def test_a08_no_socket_under_other_names(jupyter: Jupyter, serve: Serve, page: Open) -> None:
    """A name that an attacker lets point here (DNS rebinding)."""
    serve(lambda request: None)
    with pytest.raises(websocket.WebSocketBadStatusException) as caught:
        page(host="evil.example")
    assert caught.value.status_code == 403


def test_a_browser_opens_it(jupyter: Jupyter, serve: Serve, page: Open) -> None:
    """With its cookies and this server's own origin."""
    serve(lines(END))
    tab = page(header=jupyter.login(), origin=f"http://127.0.0.1:{jupyter.port}")
    tab.open("a", EVENTS)
    assert tab.until("a") == [{"data": END}, {"end": True}]
