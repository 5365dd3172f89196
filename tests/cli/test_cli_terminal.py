"""On a real pseudo-terminal: the live line, Ctrl-C, questions."""

from __future__ import annotations

import json
import subprocess
import threading
from typing import TYPE_CHECKING

import pytest
from mlops_script import COMMAND, JOB, Script, cells, finished
from mlops_terminal import Terminal

from jupyter_mlops.cli.console import width_of

if TYPE_CHECKING:
    from mlops_standin import Request

RUN = [*COMMAND, "run", "nb.ipynb"]


def slow_job(script: Script) -> threading.Event:
    """The next job stops within its second cell until the event is set."""
    go_on = threading.Event()
    events = cells("import os", "model.fit(X, y)", "plot()")
    script.events[JOB] = [*events[:6], go_on, *events[6:], finished(metrics={"loss": 0.5})]
    return go_on


def test_the_live_line_on_a_terminal(script: Script) -> None:
    """It is redrawn in place, keeps to the width, and leaves only the result behind."""
    go_on = slow_job(script)
    with Terminal(RUN, columns=80) as terminal:
        terminal.read_until(lambda sent: "1/3" in sent and "model.fit" in sent)
        # It moves although nothing comes: the time is told.
        terminal.read_until(lambda sent: "0:01" in sent)
        go_on.set()
        assert terminal.wait() == 0
        assert len(terminal.frames) > 5
        assert all(width_of(frame) < 80 for frame in terminal.frames)
        assert "\x1b[32m" in terminal.sent
        screen = terminal.screen
    assert "train succeeded after 2.50 s" in screen
    assert "loss  0.5" in screen
    assert "1/3" not in screen
    assert "writing HTML" not in screen
    assert "train.html" in screen
    assert "0:01" not in screen


def test_the_line_follows_the_width(script: Script) -> None:
    """A terminal that is made narrower while the job runs."""
    go_on = slow_job(script)
    with Terminal(RUN, columns=120) as terminal:
        terminal.read_until(lambda sent: "model.fit" in sent)
        terminal.resize(30)
        before = len(terminal.frames)
        terminal.read_until(lambda _: len(terminal.frames) > before + 4)
        assert width_of(terminal.frames[-1]) < 30
        go_on.set()
        assert terminal.wait() == 0


def test_no_colour_on_a_terminal(script: Script) -> None:
    """NO_COLOR: the line is there, colours aren't."""
    slow_job(script).set()
    with Terminal(RUN, NO_COLOR="1") as terminal:
        assert terminal.wait() == 0
        assert "\x1b[3" not in terminal.sent
        assert "\x1b[1" not in terminal.sent
        assert "\r" in terminal.sent


def test_a_dumb_terminal_gets_lines(script: Script) -> None:
    """Without cursor movements."""
    slow_job(script).set()
    with Terminal(RUN, TERM="dumb") as terminal:
        assert terminal.wait() == 0
        assert "\x1b" not in terminal.sent
        assert "cell 2/3  model.fit(X, y)" in terminal.sent


def test_json_with_the_line_on_stderr(script: Script) -> None:
    """Stdout in a pipe is the document, the line is drawn on the terminal."""
    slow_job(script).set()
    with Terminal(["/bin/sh", "-c", f"{' '.join(RUN)} --json | cat >&2"]) as terminal:
        assert terminal.wait() == 0
        assert "\x1b[K" in terminal.sent
        document = next(line for line in terminal.screen.splitlines() if line.startswith("{"))
        assert json.loads(document)["state"] == "succeeded"


@pytest.mark.parametrize("how", ["key", "signal"])
def test_ctrl_c_detaches(script: Script, how: str) -> None:
    """It says that the job goes on, and how to follow or stop it; nothing is cancelled."""
    slow_job(script)
    with Terminal(RUN) as terminal:
        terminal.read_until(lambda sent: "model.fit" in sent)
        if how == "key":
            terminal.type("\x03")
        else:
            terminal.interrupt()
        assert terminal.wait() == 130
        screen = terminal.screen
    assert "The job goes on" in screen
    assert f"Follow it: jupyter mlops attach {JOB}" in screen
    assert f"Stop it:   jupyter mlops cancel {JOB}" in screen
    assert "Traceback" not in screen
    assert "1/3" not in screen
    assert not any(r.path.endswith("/cancel") for r in script.server.requests)


def test_ctrl_c_without_a_terminal(script: Script) -> None:
    """The same on stderr; with --json the job as it is goes to stdout."""
    slow_job(script)
    for words in ([], ["--json"]):
        process = subprocess.Popen(
            [*RUN, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        stream = process.stderr if words else process.stdout
        assert stream is not None
        for line in stream:
            if "model.fit" in line:
                break
        process.send_signal(2)
        out, err = process.communicate(timeout=30)
        assert process.returncode == 130
        assert "The job goes on" in err
        if words:
            assert json.loads(out)["id"] == JOB


def test_ctrl_c_before_the_job_is_acknowledged(script: Script) -> None:
    """It may have been accepted: that is said, not guessed."""
    asked, usual = threading.Event(), script.server.answer

    def answer(request: Request) -> None:
        asked.set()
        threading.Event().wait(30)

    script.server.answer = answer
    process = subprocess.Popen(RUN, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert asked.wait(30)
    process.send_signal(2)
    _, err = process.communicate(timeout=30)
    script.server.answer = usual
    assert process.returncode == 130
    assert "may have been accepted" in err


def test_ctrl_c_while_a_log_is_followed(script: Script) -> None:
    """Ends quietly; the job goes on."""
    script.add()
    go_on, usual = threading.Event(), script.server.answer

    def answer(request: Request) -> None:
        if not request.path.endswith("/log"):
            usual(request)
            return
        request.begin_stream()
        request.chunk(b"first line\n")
        go_on.wait(30)

    script.server.answer = answer
    with Terminal([*COMMAND, "logs", "-f", JOB]) as terminal:
        terminal.read_until(lambda sent: "first line" in sent)
        terminal.type("\x03")
        assert terminal.wait() == 130
        assert "The job goes on" in terminal.screen
    go_on.set()


@pytest.mark.parametrize(("typed", "left"), [("y\n", []), ("\n", [JOB]), ("no\n", [JOB])])
def test_delete_asks(script: Script, typed: str, left: list[str]) -> None:
    """It names what would go; only yes deletes."""
    script.add(state="failed")
    with Terminal([*COMMAND, "delete", JOB]) as terminal:
        terminal.read_until(lambda sent: "[y/N]" in sent)
        terminal.type(typed)
        assert terminal.wait() == 0
        assert f"{JOB}  failed  train" in terminal.screen
    assert list(script.jobs) == left


def test_a_table_on_a_narrow_terminal(script: Script) -> None:
    """The last column is cut, so that no line wraps."""
    script.add(state="queued", waiting_for="a very long reason " * 20)
    with Terminal([*COMMAND, "jobs"], columns=90) as terminal:
        assert terminal.wait() == 0
        assert all(width_of(line) <= 90 for line in terminal.screen.splitlines())
        assert "a very long" in terminal.screen


def test_detached_on_a_terminal(script: Script) -> None:
    """For a person, with what to type next."""
    with Terminal([*RUN, "--detach"]) as terminal:
        assert terminal.wait() == 0
        assert f"train is submitted: {JOB}" in terminal.screen
        assert f"jupyter mlops attach {JOB}" in terminal.screen


def test_ctrl_c_while_the_html_is_written(script: Script) -> None:
    """The job has ended: how is told, and the exit code is its own."""
    slow_job(script).set()
    asked, usual = threading.Event(), script.server.answer

    def answer(request: Request) -> None:
        if request.path.endswith("/html"):
            asked.set()
            threading.Event().wait(30)
        usual(request)

    script.server.answer = answer
    with Terminal(RUN) as terminal:
        terminal.read_until(lambda sent: "writing HTML" in sent)
        assert asked.wait(30)
        terminal.type("\x03")
        assert terminal.wait() == 0
        assert "train succeeded" in terminal.screen
        assert "The job goes on" not in terminal.screen
        assert "writing HTML" not in terminal.screen


def test_an_error_takes_the_line_away(script: Script) -> None:
    """What went wrong while a job was followed stands on a line of its own."""
    events = cells("a", "b", stop=1)
    script.events[JOB] = [*events, threading.Event()]
    with Terminal(RUN) as terminal:
        terminal.read_until(lambda sent: "1/2" in sent)
        problem = {"code": "store_unusable", "detail": "jobs.db is corrupt."}
        script.server.answer = lambda request: request.json(problem, 500)
        for connection in script.server.connections:
            connection.shutdown(2)
        assert terminal.wait() == 7
        assert "The store can't be used: jobs.db is corrupt." in terminal.screen
        assert "1/2" not in terminal.screen
