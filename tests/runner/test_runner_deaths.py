"""Kernels and runners that die, hang, are stopped or want too much: the truth, in time."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from mlops_runner import PYTHON, RunnerAttempt, alive, code, wait_gone

Make = Callable[..., RunnerAttempt]
SLEEP = "print('asleep', flush=True)\nimport time\nfor _ in range(6000): time.sleep(0.1)"


def test_f01_kernel_killed(make_attempt: Make):
    """The running cell failed, later ones did not run, and the notebook says so."""
    attempt = make_attempt("print('before')", SLEEP, "print('never')").start()
    attempt.wait_for_output("asleep")
    time.sleep(0.7)
    os.kill(attempt.kernel, signal.SIGKILL)
    assert attempt.wait(20) == 1
    failure = attempt.exit["failure"]
    assert failure["code"] == "kernel_died"
    assert failure["cell_index"] == 1
    assert "SIGKILL" in failure["message"]
    assert "Memory peaked" in failure["message"]
    assert attempt.statuses == ["succeeded", "failed", "not_run"]
    metadata = [cell["metadata"]["papermill"]["status"] for cell in attempt.notebook["cells"]]
    assert metadata == ["completed", "failed", "pending"]
    assert attempt.text(1) == "asleep\n"
    assert attempt.result == attempt.notebook


def test_kernel_crash_is_explained(make_attempt: Make):
    """A segmentation fault: its last words are in the failure and in the log."""
    attempt = make_attempt(
        "1",
        "print('here')\nimport ctypes; ctypes.string_at(0)",
        "print('never')",
    )
    failure = attempt.run()["failure"]
    assert failure["code"] == "kernel_died"
    assert "SIGSEGV" in failure["message"]
    assert "Segmentation fault" in failure["hint"]
    assert "Segmentation fault" in attempt.log
    assert "ctypes" in attempt.log
    assert attempt.statuses == ["succeeded", "failed", "not_run"]


def test_kernel_that_exits_by_itself(make_attempt: Make):
    """`os._exit(0)` in a cell is no success."""
    attempt = make_attempt("import os; os._exit(0)", "print('never')")
    failure = attempt.run()["failure"]
    assert failure["code"] == "kernel_died"
    assert "status 0" in failure["message"]
    assert attempt.statuses == ["failed", "not_run"]


def test_f02_runner_killed(make_attempt: Make):
    """With the runner goes the kernel and everything that it started; what was saved parses."""
    attempt = make_attempt(
        "import subprocess\np = subprocess.Popen(['setsid', 'sleep', '9999'])\nprint(p.pid)", SLEEP
    ).start()
    attempt.wait_for_output("asleep")
    grandchild = int(attempt.log.split()[0])
    kernel = attempt.kernel
    attempt.signal(signal.SIGKILL)
    attempt.wait()
    wait_gone(kernel, grandchild)
    assert not (attempt.directory / "exit.json").exists()
    assert attempt.notebook["metadata"]["mlops"]["state"] == "running"
    assert "finished" not in [event["type"] for event in attempt.events]
    # What the killed runner left in the runtime directory goes with the next one.
    assert make_attempt("1").run()["state"] == "succeeded"


@pytest.mark.parametrize("stop", [False, True])
def test_f06_timeout(make_attempt: Make, stop: bool):
    """Interrupted, or killed where it is stopped: the job ends, and says why."""
    attempt = make_attempt(SLEEP, "print('never')", timeout=4.0).start()
    attempt.wait_for_output("asleep")
    if stop:
        os.kill(attempt.kernel, signal.SIGSTOP)
    assert attempt.wait(30) == 1
    failure = attempt.exit["failure"]
    assert failure["code"] == "timeout"
    assert "4 s" in failure["message"]
    assert failure["cell_index"] == 0
    assert attempt.statuses == ["failed", "not_run"]
    if not stop:
        assert attempt.outputs(0)[-1]["ename"] == "KeyboardInterrupt"


def test_f06_stopped_kernel_is_noticed_and_can_be_cancelled(make_attempt: Make):
    """Without a timeout a stopped kernel is waited for, aloud, until somebody cancels."""
    attempt = make_attempt(SLEEP, quiet_after=1.0).start()
    attempt.wait_for_output("asleep")
    os.kill(attempt.kernel, signal.SIGSTOP)
    attempt.wait_for("note")
    attempt.signal(signal.SIGTERM)
    assert attempt.wait(15) == 2
    assert attempt.exit["state"] == "cancelled"


def test_cancel_interrupts_and_saves(make_attempt: Make):
    """SIGTERM: the cell is interrupted, its `finally` runs, the notebook is saved."""
    attempt = make_attempt(
        "import time\ntry:\n    print('asleep', flush=True)\n    time.sleep(600)\n"
        "finally:\n    time.sleep(0.5)\n    print('tidied')",
        "print('never')",
    ).start()
    attempt.wait_for_output("asleep")
    attempt.signal(signal.SIGTERM)
    assert attempt.wait(15) == 2
    assert attempt.exit["state"] == "cancelled"
    assert attempt.exit["failure"] is None
    assert attempt.statuses == ["cancelled", "not_run"]
    assert attempt.text(0) == "asleep\ntidied\n"
    assert attempt.result == attempt.notebook


def test_f10_cancel_of_a_kernel_that_ignores_everything(make_attempt: Make):
    """Interrupt and TERM are ignored: killed after the grace, cancelled within 15 s."""
    attempt = make_attempt(
        "import signal, time\n"
        "for number in (signal.SIGINT, signal.SIGTERM): signal.signal(number, signal.SIG_IGN)\n"
        "print('asleep', flush=True)\nwhile True: time.sleep(1)",
        interrupt_grace=5.0,
    ).start()
    attempt.wait_for_output("asleep")
    begun = time.monotonic()
    attempt.signal(signal.SIGTERM)
    assert attempt.wait(30) == 2
    assert time.monotonic() - begun < 15
    assert attempt.exit["state"] == "cancelled"
    assert attempt.statuses == ["cancelled"]


def test_cancel_between_cells(make_attempt: Make):
    """Hundreds of short cells were sent ahead: none of them goes on for long."""
    attempt = make_attempt(*["import time; time.sleep(0.05)"] * 400).start()
    attempt.wait_for("cell_finished", index=10)
    attempt.signal(signal.SIGTERM)
    assert attempt.wait(15) == 2
    statuses = attempt.statuses
    assert statuses.count("not_run") > 300
    assert set(statuses) <= {"succeeded", "cancelled", "not_run"}
    assert statuses == sorted(statuses, key=["succeeded", "cancelled", "not_run"].index)


def test_cancel_when_the_interrupt_is_swallowed(make_attempt: Make):
    """A cell that catches KeyboardInterrupt ends well; the next ones are interrupted, too."""
    swallow = (
        "import time\nprint('asleep', flush=True)\ntry:\n    time.sleep(600)\n"
        "except KeyboardInterrupt:\n    print('no')"
    )
    attempt = make_attempt(swallow, *["import time; time.sleep(600)"] * 3).start()
    attempt.wait_for_output("asleep")
    attempt.signal(signal.SIGTERM)
    assert attempt.wait(15) == 2
    assert attempt.statuses[0] == "succeeded"
    assert attempt.exit["state"] == "cancelled"
    assert "not_run" in attempt.statuses


def test_cancel_before_the_kernel_speaks(make_attempt: Make):
    """Nothing has run, nothing is left."""
    attempt = make_attempt("1", argv=["sleep", "999"]).start()
    deadline = time.monotonic() + 30
    while not (attempt.directory / "kernel.log").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    attempt.signal(signal.SIGTERM)
    assert attempt.wait(15) == 2
    assert attempt.statuses == ["not_run"]


def test_f11_setsid_grandchildren_are_gone(make_attempt: Make):
    """At the end nothing that the notebook started still runs, whatever session it made."""
    # A duration that no other test sleeps.
    mine = str(10_000_000 + os.getpid())
    attempt = make_attempt(
        "import subprocess, os\n"
        f"a = subprocess.Popen(['setsid', 'sleep', '{mine}']).pid\n"
        f"os.system('(setsid sleep {mine} & echo $!) 2>/dev/null')\n"
        "print(a)\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    if os.fork() == 0:\n"
        f"        os.execvp('sleep', ['sleep', '{mine}'])\n"
        "    os._exit(0)"
    )
    assert attempt.run()["state"] == "succeeded", attempt.said()
    commands = [
        (path.parent.name, path.read_bytes().split(b"\0"))
        for path in Path("/proc").glob("[0-9]*/cmdline")
        if alive(int(path.parent.name))
    ]
    assert [found for found in commands if found[1][:2] == [b"sleep", mine.encode()]] == []


def test_f14_kernel_that_never_answers(make_attempt: Make):
    """The start times out, and what it said is told."""
    attempt = make_attempt(
        "1",
        argv=["sh", "-c", "echo I am confused >&2; exec sleep 999"],
        kernel_start_timeout=2.0,
    )
    failure = attempt.run(30)["failure"]
    assert failure["code"] == "kernel_start_timeout"
    assert "2 s" in failure["message"]
    assert "I am confused" in failure["message"]
    assert attempt.statuses == ["not_run"]
    assert attempt.result["metadata"]["mlops"]["state"] == "failed"


@pytest.mark.parametrize(
    ("argv", "why"),
    [
        (["sh", "-c", "echo broken >&2; exit 3"], "exited with status 3"),
        (["/no/such/program"], "No such file"),
        ([sys.executable, "-c", "raise RuntimeError('no kernel')"], "no kernel"),
    ],
)
def test_kernel_that_cannot_start(make_attempt: Make, argv: list[str], why: str):
    """At once, with the reason."""
    failure = make_attempt("1", argv=argv).run(30)["failure"]
    assert failure["code"] == "kernel_start_failed"
    assert why in failure["message"]


def test_parent_that_is_not_there(make_attempt: Make, tmp_path: Path):
    """A warm parent that has gone means a usual start, and the details say so."""
    attempt = make_attempt(
        "print(1)", kernel={"argv": PYTHON, "parent_socket": str(tmp_path / "nobody.sock")}
    )
    assert attempt.run()["state"] == "succeeded"
    start = attempt.wait_for("prepared")["start"]
    assert start["warm"] is False
    assert "doesn't answer" in start["reason"]


def test_cold_reason_is_kept(make_attempt: Make):
    """Why there was no parent is told as the daemon said it."""
    attempt = make_attempt("1", kernel={"argv": PYTHON, "cold_reason": "warm start is off"})
    attempt.run()
    assert attempt.wait_for("prepared")["start"]["reason"] == "warm start is off"


def test_f17_memory_limit(make_attempt: Make):
    """More memory than allowed: killed, with limit and peak in the message."""
    attempt = make_attempt(
        "data = []\nimport time\n"
        "while True:\n    data.append(bytearray(b'x' * 10**7)); time.sleep(0.01)",
        "print('never')",
        memory_limit=300 * 2**20,
    )
    exit_ = attempt.run()
    failure = exit_["failure"]
    assert failure["code"] == "out_of_memory"
    assert failure["cell_index"] == 0
    assert "of 300 MB" in failure["message"]
    assert 300 * 2**20 < exit_["peak_memory"] < 900 * 2**20
    assert attempt.statuses == ["failed", "not_run"]


def test_memory_of_children_counts(make_attempt: Make):
    """What a subprocess uses is the job's memory."""
    attempt = make_attempt(
        "import subprocess, sys\nsubprocess.run([sys.executable, '-c', "
        "'x = bytearray(b\"x\" * 400 * 2**20); import time; time.sleep(60)'])",
        memory_limit=300 * 2**20,
    )
    assert attempt.run()["failure"]["code"] == "out_of_memory"


def test_memory_error_is_out_of_memory_where_there_is_a_limit(make_attempt: Make):
    """A MemoryError with a limit set says the same, with the line that asked for it."""
    attempt = make_attempt("raise MemoryError('no room')", memory_limit=2**30)
    failure = attempt.run()["failure"]
    assert failure["code"] == "out_of_memory"
    assert failure["ename"] == "MemoryError"
    assert "raise MemoryError" in failure["traceback"]


def test_short_peaks_are_recorded(make_attempt: Make):
    """Memory that was freed before anybody looked is in the peak."""
    attempt = make_attempt("x = bytearray(b'x' * 300 * 2**20); del x")
    assert attempt.run()["peak_memory"] > 300 * 2**20


def test_interrupt_by_message(make_attempt: Make):
    """A kernel that wants messages is interrupted by one."""
    attempt = make_attempt(
        "import signal, time\nprint('asleep', flush=True)\ntime.sleep(600)",
        kernel={"argv": PYTHON, "interrupt_mode": "message"},
        interrupt_grace=20.0,
    ).start()
    attempt.wait_for_output("asleep")
    attempt.signal(signal.SIGTERM)
    assert attempt.wait(15) == 2
    assert attempt.outputs(0)[-1]["ename"] == "KeyboardInterrupt"


def test_a_kernel_without_an_answer_does_not_hang_the_job(make_attempt: Make):
    """A kernel that ends a cell without a reply has failed it."""
    attempt = make_attempt(
        "get_ipython().kernel.do_execute = None", "print('never')", code("print('nor this')")
    )
    failure = attempt.run()["failure"]
    assert failure["ename"] == "KernelError"
    assert failure["cell_index"] == 1
    assert attempt.statuses[:2] == ["succeeded", "failed"]
    assert attempt.text(1) == ""


def test_events_survive_a_torn_end(make_attempt: Make):
    """After a kill at any moment every whole line of the events is JSON."""
    attempt = make_attempt("for i in range(10**7): print(i, flush=True)").start()
    attempt.wait_for("stream")
    time.sleep(0.3)
    attempt.signal(signal.SIGKILL)
    attempt.wait()
    data = (attempt.directory / "events.jsonl").read_bytes()
    for line in data[: data.rfind(b"\n") + 1].splitlines():
        json.loads(line)
    wait_gone(attempt.kernel)
    make_attempt("1").run()
