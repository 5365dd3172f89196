"""Fault 48's neighbours: a tidy hand or a cleaner of temporary files under a living daemon."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlops import paths
from jupyter_mlops.client import Client
from jupyter_mlops.errors import MlopsError

WAITING = """
import pathlib, time
print("begun", flush=True)
while not pathlib.Path("go on").exists():
    time.sleep(0.02)
print("done")
"""


def both_sockets() -> None:
    """What a cleaner of old files does."""
    paths.daemon_socket().unlink()
    paths.doorbell_socket().unlink()


def the_directory() -> None:
    """What a person does who tidies up."""
    shutil.rmtree(paths.runtime_dir())


def the_doorbell() -> None:
    """Nobody but the runners sees this."""
    paths.doorbell_socket().unlink()


def the_lock() -> None:
    """It looks like a leftover."""
    paths.daemon_lock().unlink()


def everything() -> None:
    """All of it at once."""
    the_lock()
    paths.daemon_record().unlink()
    the_directory()


def something_else() -> None:
    """A file in the socket's place."""
    paths.daemon_socket().unlink()
    paths.daemon_socket().write_text("not a socket")


def whole() -> bool:
    """Whether everything is where clients and runners look for it."""
    return (
        paths.daemon_socket().is_socket()
        and paths.doorbell_socket().is_socket()
        and paths.daemon_lock().exists()
        and paths.daemon_record().exists()
    )


def until(condition: Callable[[], bool], patience: float = 30.0) -> None:
    """Wait until it holds."""
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def daemons(directory: Path) -> set[int]:
    """Every daemon process of this data directory that is not just starting or leaving."""
    wanted = f"JUPYTER_MLOPS_DATA_DIR={directory}".encode()
    found = set()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if wanted not in (entry / "environ").read_bytes().split(b"\0"):
                continue
            if b"jupyter_mlops.daemon" in (entry / "cmdline").read_bytes().split(b"\0"):
                found.add(int(entry.name))
        except OSError:
            continue
    return found


@pytest.mark.parametrize(
    "remove", [both_sockets, the_directory, the_doorbell, the_lock, everything, something_else]
)
def test_a_living_daemon_puts_back_what_was_removed(
    daemon: Any, make_notebook: Callable[..., Path], remove: Callable[[], None]
) -> None:
    """Clients that come at any moment reach the same daemon, none stays beside it, and the job
    that runs meanwhile ends as if nothing had been.
    """
    notebook = make_notebook(WAITING)
    job = daemon.client.submit({"notebook": str(notebook)})["id"]
    daemon.wait_for(job, "running")
    pid = daemon.process.pid
    open_before = daemon.client.status()["pid"]  # its connection stays open
    remove()

    def ask(_: int) -> int:
        client = Client()
        try:
            return int(client.status()["pid"])
        finally:
            client.close()

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(ask, range(8))) == {pid} == {open_before}
    until(whole)
    # Started by those who found nobody, they leave as soon as somebody listens.
    until(lambda: daemons(daemon.directory) == {pid})
    assert json.loads(paths.daemon_record().read_text())["pid"] == pid
    assert daemon.client.status()["pid"] == pid
    (notebook.parent / "go on").touch()
    done = daemon.wait_for(job)
    assert (done["state"], done["attempt"]) == ("succeeded", 1), done["failure"]
    again = daemon.client.submit({"notebook": str(notebook)})["id"]
    assert daemon.wait_for(again)["state"] == "succeeded"
    assert daemon.process.poll() is None
    assert daemon.stop() == 0
    assert not paths.daemon_socket().exists()
    assert not paths.doorbell_socket().exists()


def test_of_two_daemons_the_one_without_the_lock_leaves(daemon_process: Any) -> None:
    """The data directory is moved away and a new one begun: the first daemon leaves, and takes
    nothing from the second one with it.
    """
    first = daemon_process.start()
    first.client.close()
    assert first.process is not None
    before, moved = first.process, first.directory.with_name("moved")
    before.send_signal(signal.SIGSTOP)
    first.directory.rename(moved)
    shutil.rmtree(paths.runtime_dir(), ignore_errors=True)
    first.start()
    second = first.process.pid
    before.send_signal(signal.SIGCONT)
    assert before.wait(30) == 0
    assert whole()
    assert Client(start=False).status()["pid"] == second
    assert "another daemon" in (moved / "daemon.log").read_text()


def test_leaving_has_an_end(tmp_path: Path) -> None:
    """A daemon that hangs while it leaves would keep the next one out: it is ended, and the log
    tells where it hung.
    """
    code = (
        "import logging, threading; from jupyter_mlops.daemon.leaving import end_within\n"
        "logging.basicConfig()\n"
        "end_within(0.2)\n"
        "def hangs_here(): threading.Event().wait()\n"
        "hangs_here()\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert ended.returncode == 1
    assert "hangs_here" in ended.stderr


def test_why_it_leaves_is_in_the_log(daemon: Any) -> None:
    """A signal by its name."""
    os.kill(daemon.process.pid, signal.SIGHUP)
    assert daemon.process.wait(30) == 0
    assert "SIGHUP" in paths.daemon_log().read_text()


def test_mlflow_in_the_same_process_takes_nothing_away(
    daemon: Any, make_notebook: Callable[..., Path]
) -> None:
    """Its pages and its API are used while a job runs: the very same sockets are there afterwards,
    with the very same daemon behind them, and nobody wanted it to leave.
    """
    notebook = make_notebook(WAITING)
    job = daemon.client.submit({"notebook": str(notebook)})["id"]
    daemon.wait_for(job, "running")
    places = (paths.daemon_socket(), paths.doorbell_socket(), paths.daemon_lock())
    before = [path.stat().st_ino for path in places]

    def ask(method: str, target: str, body: bytes | None = None) -> int:
        headers = {"Content-Type": "application/json"} if body else {}
        answer = daemon.client.request(
            method, f"/mlflow/{target}", body=body, headers=headers, timeout=100
        )
        answer.read(100)
        return int(answer.status)

    assert ask("GET", "") == 200
    search = "ajax-api/2.0/mlflow/experiments/search"
    for _ in range(3):
        assert ask("POST", search, b'{"max_results": 5}') == 200
    # Broken off in the middle, as a browser does that is closed.
    for _ in range(5):
        daemon.client.request("GET", "/mlflow/", timeout=100).connection.close()
    (notebook.parent / "go on").touch()
    assert daemon.wait_for(job)["state"] == "succeeded"
    assert [path.stat().st_ino for path in places] == before
    assert daemon.client.status()["pid"] == daemon.process.pid
    assert "leave" not in paths.daemon_log().read_text()


def test_leaving_while_mlflow_is_being_loaded(
    daemon: Any, make_notebook: Callable[..., Path]
) -> None:
    """Somebody waits for its page meanwhile: the daemon leaves all the same, and the next one that
    a client starts answers.
    """
    answers: list[int] = []

    def ask() -> None:
        client = Client(start=False)
        try:
            answers.append(client.request("GET", "/mlflow/", timeout=100).status)
        except MlopsError:
            answers.append(0)
        client.close()

    waiting = threading.Thread(target=ask)
    waiting.start()
    until(lambda: daemon.client.status()["tracking"].get("mlflow") == "loading")
    assert daemon.stop(60) == 0
    waiting.join(60)
    assert answers
    client = Client()
    job = client.submit({"notebook": str(make_notebook("print(1)"))})["id"]
    until(lambda: client.job(job)["state"] == "succeeded", 60)
    client.shutdown()
    client.close()
