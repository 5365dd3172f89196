"""The command line against the real daemon, real kernels, and no Jupyter server anywhere."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from mlops_script import COMMAND
from mlops_terminal import Terminal

from jupyter_mlops import paths
from jupyter_mlops.client import Client

if TYPE_CHECKING:
    from mlops_script import Run

Make = Callable[..., Path]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

#: Prints its steps until a file appears beside the notebook, or for a minute.
WAITS = """
import os, time
print("it began", flush=True)
for step in range(600):
    if os.path.exists("go-on"):
        break
    time.sleep(0.1)
"""


Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Begin a command line that goes on while the test does something."""
    begun: list[subprocess.Popen[str]] = []

    def begin(*words: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [*COMMAND, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        begun.append(process)
        return process

    yield begin
    for process in begun:
        if process.poll() is None:
            process.kill()
            process.communicate()


def read_until(process: subprocess.Popen[str], text: str) -> str:
    """Its stdout up to a line with that text."""
    assert process.stdout is not None
    read = ""
    for line in process.stdout:
        read += line
        if text in line:
            return read
    _, err = process.communicate()
    raise AssertionError(f"{text!r} wasn't printed: {read}\n{err}")


def gone(pid: int) -> bool:
    """Whether a process ends, within some time."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.02)
    return False


def test_the_whole_journey(cli: Run, make_notebook: Make) -> None:
    """Run with parameters, look at it, run it again with another, delete it."""
    notebook = make_notebook(
        "print(repr(name), lr * 2, layers)", parameters="name: str = 'a'\nlr = 0.1\nlayers = [1]"
    )
    source = notebook.read_bytes()
    words = ["-p", "name=0.5", "-p", "lr=1", "-p", "layers=[64, 64]", "--name", "first"]
    ran = cli("run", str(notebook), *words, "--json", "-q", timeout=120)
    assert ran.returncode == 0, ran.stderr
    job = json.loads(ran.stdout)
    assert (job["state"], job["name"], job["duration"] > 0) == ("succeeded", "first", True)
    assert job["spec"]["parameters"] == {"name": "0.5", "lr": 1.0, "layers": [64, 64]}
    assert notebook.read_bytes() == source
    executed = Path(job["outputs"]["notebook"])
    assert executed.parent.parent == notebook.parent / "jobs"
    assert "'0.5' 2.0 [64, 64]" in executed.read_text()
    assert cli("logs", job["id"]).stdout == "'0.5' 2.0 [64, 64]\n"
    assert "lr = 1.0" in cli("show", job["id"][:6]).stdout
    again = cli("rerun", "@last", "-p", "name=7", "--json", "-q", timeout=120)
    assert json.loads(again.stdout)["rerun_of"] == job["id"]
    assert cli("logs", "@last").stdout == "'7' 2.0 [64, 64]\n"
    listed = json.loads(cli("jobs", "--notebook", str(notebook), "--json").stdout)
    assert [one["id"] for one in listed["jobs"]] == [json.loads(again.stdout)["id"], job["id"]]
    deleted = cli("delete", "--yes", *(one["id"] for one in listed["jobs"]))
    assert deleted.returncode == 0
    assert cli("show", job["id"]).returncode == 4
    assert executed.exists()


def test_progress_and_the_end_in_words(cli: Run, make_notebook: Make) -> None:
    """A line a cell, and the result with its paths."""
    notebook = make_notebook("x = 1", "print('hello')")
    ran = cli("run", str(notebook), timeout=120)
    assert ran.returncode == 0, ran.stderr
    assert "cell 1/2  x = 1" in ran.stdout
    assert "cell 2/2  print('hello')" in ran.stdout
    found = re.search(r"notebook +(.+)", ran.stdout)
    assert found is not None
    assert Path(found[1]).is_file()


def test_a_failing_notebook(cli: Run, make_notebook: Make) -> None:
    """Exit code 1, and the traceback's end on the screen."""
    notebook = make_notebook("x = 1", "raise ValueError('no \\x1b[31m good')", "print('never')")
    ran = cli("run", str(notebook), "-q", timeout=120)
    assert ran.returncode == 1
    assert "ValueError" in ran.stdout
    assert "work failed" in ran.stdout
    assert "\x1b" not in ran.stdout
    assert ran.stderr == ""


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b'{"cells": [', ""),
        (b'{"cells": [' * 100_000, ""),
        (b'{"nbformat": 3, "worksheets": []}', ""),
        (b"PK\x03\x04", ""),
        (b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}', "kernel"),
        (None, "There is no notebook"),
    ],
    ids=["empty", "truncated", "deep", "nbformat3", "zip", "no-kernel", "missing"],
)
def test_f34_bad_notebooks(cli: Run, tmp_path: Path, content: bytes | None, said: str) -> None:
    """Exit code 2 with the file named, never a traceback."""
    notebook = tmp_path / "bad.ipynb"
    if content is not None:
        notebook.write_bytes(content)
    ran = cli("run", str(notebook))
    if ran.returncode == 0:
        assert content is not None  # a notebook without a kernelspec may run with the default
        assert b"cells" in content
        return
    assert ran.returncode == 2
    assert "Traceback" not in ran.stderr
    assert said.lower() in ran.stderr.lower()
    assert ran.stdout == ""


def test_f15_an_unknown_kernel(cli: Run, make_notebook: Make) -> None:
    """Refused with those that there are."""
    ran = cli("run", str(make_notebook("1")), "--kernel", "nope")
    assert ran.returncode == 2
    assert "nope" in ran.stderr
    assert "python3" in ran.stderr


@pytest.mark.parametrize(
    "name",
    ["报告 (1) 🚀.ipynb", "-f.ipynb", "ü" * 124 + ".ipynb", "a\nb.ipynb", "\u202eevil.ipynb"],
)
def test_f35_names(cli: Run, make_notebook: Make, name: str) -> None:
    """They run, or are refused with a reason; what is printed is clean."""
    notebook = make_notebook("print('ran')", name=name)
    ran = cli("run", "-q", "--", notebook.name, cwd=notebook.parent, timeout=120)
    assert ran.returncode in {0, 2}
    assert "Traceback" not in ran.stderr
    assert "\u202e" not in ran.stdout + ran.stderr
    if ran.returncode == 0:
        assert cli("logs", "@last").stdout == "ran\n"


def test_f37_the_same_key_is_the_same_job(cli: Run, make_notebook: Make) -> None:
    """Also from many processes at once, none of which found a daemon."""
    notebook = make_notebook("print('once')")
    words = ["run", str(notebook), "--idempotency-key", "night-7", "--detach"]
    with ThreadPoolExecutor(8) as pool:
        ids = {ran.stdout for ran in pool.map(lambda _: cli(*words), range(8))}
    assert len(ids) == 1
    assert len(json.loads(cli("jobs", "--json").stdout)["jobs"]) == 1
    other = cli(*words, "-p", "x=1")
    assert other.returncode == 5
    assert cli("attach", "@last", "-q", timeout=120).returncode == 0


def test_f38_many_starters_one_daemon(cli: Run) -> None:
    """Twelve commands at once start one daemon, and all of them get their answer."""
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: cli("daemon", "start", "--json"), range(12)))
    assert [answer.returncode for answer in answers] == [0] * 12
    assert len({json.loads(answer.stdout)["pid"] for answer in answers}) == 1


def test_ctrl_c_leaves_the_job_running(cli: Run, make_notebook: Make) -> None:
    """It can be attached to again, and then ends as if nothing had been."""
    notebook = make_notebook(WAITS, "print('done')")
    with Terminal([*COMMAND, "run", str(notebook)]) as terminal:
        terminal.read_until(lambda sent: "it began" in sent, within=60)
        terminal.type("\x03")
        assert terminal.wait() == 130
        found = re.search(r"jupyter mlops attach ([0-9a-f]{12})", terminal.screen)
    assert found is not None
    job_id = found[1]
    assert json.loads(cli("show", job_id, "--json").stdout)["state"] == "running"
    with Terminal([*COMMAND, "attach", job_id]) as terminal:
        terminal.read_until(lambda sent: "0/2" in sent)
        (notebook.parent / "go-on").touch()
        assert terminal.wait(within=60) == 0
        assert "work succeeded" in terminal.screen
    assert cli("logs", job_id).stdout == "it began\ndone\n"


def test_cancel_while_it_is_followed(cli: Run, make_notebook: Make, start: Start) -> None:
    """Whoever follows it is told: exit code 8."""
    notebook = make_notebook(WAITS)
    following = start("run", str(notebook))
    read_until(following, "cell 1/1")
    assert cli("cancel", "@last").returncode == 0
    out, _ = following.communicate(timeout=60)
    assert following.returncode == 8
    assert "work cancelled" in out
    assert cli("cancel", "@last").returncode in {0, 5}


def test_logs_are_followed_to_the_end(cli: Run, make_notebook: Make, start: Start) -> None:
    """As they come, and the command ends with the job."""
    notebook = make_notebook(WAITS, "print('the end')")
    assert cli("run", str(notebook), "--detach").returncode == 0
    following = start("logs", "-f", "@last")
    read_until(following, "it began")
    (notebook.parent / "go-on").touch()
    out, err = following.communicate(timeout=60)
    assert (following.returncode, out, err) == (0, "the end\n", "")


def test_f03_the_daemon_is_killed_while_a_job_is_followed(
    cli: Run, make_notebook: Make, start: Start
) -> None:
    """The follower starts the next one, which adopts the job; each cell is told once."""
    notebook = make_notebook(WAITS, "print('the end')")
    following = start("run", str(notebook))
    read_until(following, "cell 1/2")
    before = Client(start=False).status()["pid"]
    os.kill(before, signal.SIGKILL)
    out = read_until(following, "the daemon was started again")
    (notebook.parent / "go-on").touch()
    rest, err = following.communicate(timeout=90)
    assert following.returncode == 0, out + rest + err
    assert (out + rest).count("cell 2/2") == 1
    assert "cell 1/2" not in out + rest
    after = Client(start=False).status()
    assert after["pid"] != before
    assert len(json.loads(cli("jobs", "--json").stdout)["jobs"]) == 1


def test_the_daemon_is_restarted_under_a_running_job(
    cli: Run, make_notebook: Make, start: Start
) -> None:
    """Stop, status, start: the job goes on, and ends well."""
    notebook = make_notebook(WAITS)
    job_id = cli("run", str(notebook), "--detach").stdout.strip()
    following = start("attach", job_id)
    read_until(following, "cell 1/1")
    first = json.loads(cli("daemon", "status", "--json").stdout)["pid"]
    assert "anew" in cli("daemon", "restart").stdout
    second = json.loads(cli("daemon", "status", "--json").stdout)["pid"]
    assert first != second
    assert gone(first)
    (notebook.parent / "go-on").touch()
    out, err = following.communicate(timeout=90)
    assert following.returncode == 0, out + err


def test_daemon_verbs(cli: Run) -> None:
    """Started, already there, stopped, not there."""
    assert "was started" in cli("daemon", "start").stdout
    assert "already runs" in cli("daemon", "start").stdout
    pid = json.loads(cli("daemon", "status", "--json").stdout)["pid"]
    assert "was stopped" in cli("daemon", "stop").stdout
    assert gone(pid)
    assert "wasn't running" in cli("daemon", "stop").stdout
    assert cli("daemon", "status").returncode == 6


def test_an_older_daemon_is_replaced_by_a_newer_one(cli: Run) -> None:
    """The record says which version runs; the client that is newer hands over."""
    cli("daemon", "start")
    record = json.loads(paths.daemon_record().read_text())
    paths.daemon_record().write_text(json.dumps({**record, "version": "0.0.1"}))
    assert cli("jobs").returncode == 0
    now = json.loads(paths.daemon_record().read_text())
    assert now["pid"] != record["pid"]
    assert now["version"] == record["version"]


@pytest.mark.parametrize("after", ["before", "jobs"])
def test_f26_a_corrupt_store(cli: Run, home: Path, after: str) -> None:
    """Refused with the file named and an exit code of its own; it isn't replaced."""
    if after == "jobs":
        cli("daemon", "start")
        cli("daemon", "stop")
    home.mkdir(mode=0o700, exist_ok=True)
    for leftover in home.glob("jobs.db-*"):
        leftover.unlink()
    garbage = os.urandom(20_000)
    (home / "jobs.db").write_bytes(garbage)
    ran = cli("jobs")
    assert ran.returncode == 7, ran.stderr
    assert str(home / "jobs.db") in ran.stderr
    assert "Traceback" not in ran.stderr
    assert (home / "jobs.db").read_bytes() == garbage


def test_broken_settings(cli: Run, home: Path) -> None:
    """Named by field, as wrong input."""
    home.mkdir(mode=0o700)
    (home / "mlops.yaml").write_text("capacity: {cpus: many}\n")
    ran = cli("jobs")
    assert ran.returncode == 2
    assert "capacity.cpus" in ran.stderr


def test_f08_a_frozen_daemon(cli: Run, home: Path) -> None:
    """Isn't waited for without end; another one isn't started beside it."""
    cli("daemon", "start")
    pid = Client(start=False).status()["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        program = (
            "import sys; from jupyter_mlops import caller, client\n"
            "from jupyter_mlops.errors import DaemonUnreachable\n"
            "try: client.Client(timeout=1).jobs()\n"
            "except DaemonUnreachable as error: print(error.detail)"
        )
        ran = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
        )
        assert "didn't answer within 1 s" in ran.stdout
    finally:
        os.kill(pid, signal.SIGCONT)
    assert cli("jobs").returncode == 0
    assert Client(start=False).status()["pid"] == pid


def test_env_and_secrets(
    cli: Run, make_notebook: Make, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A value that is taken over by name reaches the job, and no file of ours."""
    secret = "canary-5f3a9c"
    notebook = make_notebook("import os; print(os.environ['PLAIN'], len(os.environ['API_TOKEN']))")
    monkeypatch.setenv("API_TOKEN", secret)
    ran = cli("run", str(notebook), "--env", "PLAIN=a=b", "--env", "API_TOKEN", "-q", timeout=120)
    assert ran.returncode == 0, ran.stdout
    assert cli("logs", "@last").stdout == f"a=b {len(secret)}\n"
    shown = cli("show", "@last", "--json").stdout
    assert json.loads(shown)["spec"]["env_from"] == ["API_TOKEN"]
    cli("daemon", "stop")
    for path in home.rglob("*"):
        if path.is_file():
            assert secret.encode() not in path.read_bytes(), path
    assert secret not in shown


def test_works_as_cron_starts_it(make_notebook: Make, home: Path) -> None:
    """With next to no environment, no terminal, another directory."""
    notebook = make_notebook("print('from cron')")
    ran = subprocess.run(
        [*COMMAND, "run", str(notebook), "-q"],
        env={
            "PATH": "/usr/bin:/bin",
            "HOME": str(home.parent),
            "JUPYTER_MLOPS_DATA_DIR": str(home),
            "PYTHONPATH": os.environ["PYTHONPATH"],
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd="/",
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "work succeeded" in ran.stdout


def test_f03_the_daemon_is_killed_while_a_log_is_followed(
    cli: Run, make_notebook: Make, start: Start
) -> None:
    """The log goes on where it was, and no line comes twice."""
    notebook = make_notebook(WAITS, "print('the end')")
    assert cli("run", str(notebook), "--detach").returncode == 0
    following = start("logs", "-f", "@last")
    read_until(following, "it began")
    os.kill(Client(start=False).status()["pid"], signal.SIGKILL)
    assert cli("jobs").returncode == 0
    (notebook.parent / "go-on").touch()
    out, err = following.communicate(timeout=90)
    assert (following.returncode, out, err) == (0, "the end\n", "")
