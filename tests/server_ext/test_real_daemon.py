"""The whole way: browser, Jupyter server, daemon, job; and the daemon going away meanwhile."""

from __future__ import annotations

import base64
import json
import os
import pickle
import signal
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import nbformat
import pytest
import websocket
from mlops_jupyter import TOKEN, Jupyter


@pytest.fixture
def site(home: Path, tmp_path: Path) -> Iterator[Jupyter]:
    """A Jupyter server that starts its daemon itself."""
    directory = tmp_path / "server"
    directory.mkdir()
    # The job inherits it, and its log is compared: warnings of ipykernel are none of ours.
    server = Jupyter(directory, home).start(PYTHONWARNINGS="")
    yield server
    server.stop()


@pytest.fixture
def follow(site: Jupyter) -> Iterator[Callable[[str, str], websocket.WebSocket]]:
    """Open the stream and follow a path."""
    open_ones: list[websocket.WebSocket] = []

    def start(number: str, path: str) -> websocket.WebSocket:
        if not open_ones:
            found = websocket.WebSocket()
            found.connect(
                f"ws://127.0.0.1:{site.port}{site.url('stream')}",
                header={"Authorization": f"token {TOKEN}"},
                socket=socket.create_connection(("127.0.0.1", site.port), timeout=60),
            )
            open_ones.append(found)
        open_ones[0].send(json.dumps({"op": "open", "id": number, "path": path}))
        return open_ones[0]

    yield start
    for found in open_ones:
        found.close()


def submission(source: str) -> dict[str, Any]:
    """The body of `POST /jobs` for a cell that lies in no file."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "x"}
    return {"spec": {"notebook": "unsaved.ipynb"}, "content": notebook}


def submit(site: Jupyter, source: str) -> str:
    """Submit a cell; the job's id."""
    answer = site.ask("POST", "api/v1/jobs", body=submission(source))
    assert answer.status == 201, answer
    assert answer.json()["contents"]["notebook"] == "unsaved.ipynb"
    return str(answer.json()["id"])


def daemon_pid(site: Jupyter) -> int:
    """The running daemon's."""
    return int(json.loads((site.data / "daemon.json").read_text())["pid"])


def test_a_job_is_followed_to_its_end(site: Jupyter, follow: Any) -> None:
    """Its events and all jobs' on one socket; the daemon was started by the first request."""
    job = submit(site, "print('hello')")
    socket_ = follow("job", f"/api/v1/jobs/{job}/events?follow=1")
    follow("all", "/api/v1/events?follow=1&after=0")
    seen: dict[str, list[Any]] = {"job": [], "all": []}
    while True:
        message = json.loads(socket_.recv())
        if message.get("end"):
            assert message["id"] == "job"
            break
        seen[message["id"]].append(message["data"])
    assert "hello\n" in [event.get("text") for event in seen["job"]]
    assert seen["job"][-1]["type"] == "job"
    assert seen["job"][-1]["job"]["contents"]["notebook"] == "unsaved.ipynb"
    assert seen["all"][0]["type"] == "hello"
    assert job in [event["job"]["id"] for event in seen["all"] if event.get("type") == "job"]


def test_f03_the_daemon_is_killed_while_it_is_followed(
    site: Jupyter, follow: Any, tmp_path: Path
) -> None:
    """The subscription ends with `daemon_gone`; opened again from where it was, it misses nothing
    and repeats nothing, from the next daemon.
    """
    go_on = tmp_path / "go on"
    job = submit(
        site,
        "import os, time\n"
        "print('one', flush=True)\n"
        f"while not os.path.exists({str(go_on)!r}):\n"
        "    time.sleep(0.02)\n"
        "print('two')",
    )
    path = f"/api/v1/jobs/{job}/events?follow=1"
    found = follow("job", path)
    texts, seq, killed = [], 0, False
    while True:
        message = json.loads(found.recv())
        if "error" in message:
            assert killed
            assert message["error"]["code"] in ("daemon_gone", "daemon_unreachable")
            follow("job", f"{path}&after={seq}")
            go_on.touch()
            continue
        if message.get("end"):
            break
        event = message["data"]
        if "seq" in event:
            assert event["seq"] == seq + 1
            seq = event["seq"]
        if event.get("type") == "stream":
            texts.append(event["text"])
            if not killed:
                killed = True
                os.kill(daemon_pid(site), signal.SIGKILL)
        if event.get("type") == "job":
            assert event["job"]["state"] == "succeeded"
    assert "".join(texts) == "one\ntwo\n"


def test_a_daemon_that_was_stopped_is_started_again(site: Jupyter) -> None:
    """By whatever is asked next; ten at once start one."""
    assert site.ask("GET", "api/v1/status").status == 200
    first = daemon_pid(site)
    assert site.ask("POST", "api/v1/shutdown").status == 200
    deadline = time.monotonic() + 30
    while Path(f"/proc/{first}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: site.ask("GET", "api/v1/status"), range(10)))
    assert {answer.status for answer in answers} == {200}
    assert len({answer.json()["pid"] for answer in answers}) == 1
    assert answers[0].json()["pid"] != first


def test_the_jupyter_server_may_restart(site: Jupyter, tmp_path: Path) -> None:
    """Jobs go on, and the next server finds them."""
    go_on = tmp_path / "go on"
    job = submit(
        site,
        f"import os, time\nwhile not os.path.exists({str(go_on)!r}):\n    time.sleep(0.02)\n",
    )
    pid = daemon_pid(site)
    site.stop()
    site.start()
    assert site.ask("GET", "api/v1/status").json()["pid"] == pid
    go_on.touch()
    deadline = time.monotonic() + 60
    while site.ask("GET", f"api/v1/jobs/{job}").json()["state"] != "succeeded":
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_large_submission_streams_through(site: Jupyter) -> None:
    """Sixty megabytes of variables, in one request."""
    values = base64.b64encode(pickle.dumps({"x": b"\0" * (60 * 2**20)})).decode()
    answer = site.ask("POST", "api/v1/jobs", body=submission("print(len(x))") | {"values": values})
    assert answer.status == 201, answer.body[:500]
    job = answer.json()["id"]
    deadline = time.monotonic() + 90
    while (found := site.ask("GET", f"api/v1/jobs/{job}").json())["state"] != "succeeded":
        assert found["state"] not in ("failed", "cancelled"), found["failure"]
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert site.ask("GET", f"api/v1/jobs/{job}/log").body == b"62914560\n"
