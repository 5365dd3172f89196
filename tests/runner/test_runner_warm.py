"""Kernels forked from a warm parent, runners forked from theirs: as if started, only sooner."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from mlops_runner import PYTHON, RunnerAttempt, wait_gone

from jupyter_mlops.jobs import warm
from jupyter_mlops.jobs.runner import batch_kernel
from jupyter_mlops.jobs.runner.kernel_process import NOT_PASSED_ON

Make = Callable[..., RunnerAttempt]


@pytest.fixture
def parent(home: Path, steady_packages: None) -> Iterator[Callable[..., Path]]:
    """Starts a warm parent: `parent("kernel", "json,csv")`; its socket."""
    places = Path(tempfile.mkdtemp(prefix="mlops-test-", dir="/tmp"))
    started: list[subprocess.Popen[bytes]] = []

    def start(role: str, preload: str = "") -> Path:
        address = places / f"{role}{len(started)}"
        program = Path(next(iter(warm.__path__))) / "parent.py"
        argv = [sys.executable, str(program), "--listen", str(address), "--role", role]
        if role == "kernel":
            argv += ["--batch-kernel", batch_kernel.__file__, "--preload", preload]
        # As the daemon starts it: without what speaks of the process above.
        env = {k: v for k, v in os.environ.items() if k not in NOT_PASSED_ON}
        process = subprocess.Popen(argv, stdin=subprocess.PIPE, env=env)
        started.append(process)
        deadline = time.monotonic() + 90
        while not address.exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        return address

    yield start
    for process in started:
        process.communicate()
    shutil.rmtree(places)


def _warm(address: Path) -> dict[str, Any]:
    return {"kernel": {"argv": PYTHON, "parent_socket": str(address)}}


def test_a_forked_kernel_does_the_same(make_attempt: Make, parent: Callable[..., Path]):
    """Warm is said, and what the cells show is what a cold kernel shows."""
    cells = [
        "import json, sys\nprint(json.dumps({'a': 1})); 2",
        "!echo shell",
        "%time x = 1",
        "import os; os.system('echo raw'); print(os.path.basename(sys.argv[0]), __name__)",
        "sorted(k for k in globals() if not k.startswith('_'))",
        "1 / 0",
    ]
    address = parent("kernel", "csv,json")
    forked, usual = make_attempt(*cells, **_warm(address)), make_attempt(*cells)
    forked.run()
    usual.run()
    start = forked.wait_for("prepared")["start"]
    assert start["warm"] is True
    assert start["preloaded"] == ["csv", "json"]
    for index in (0, 1, 3, 4):
        assert forked.outputs(index) == usual.outputs(index), cells[index]
    assert forked.exit["failure"]["ename"] == "ZeroDivisionError"
    assert forked.statuses == usual.statuses


def test_many_attempts_of_one_parent(make_attempt: Make, parent: Callable[..., Path]):
    """Each has its own state, random numbers, environment and modules."""
    address = parent("kernel", "random")
    cells = [
        "import random, os, sys\nprint(random.random())",
        "print(os.environ.get('MINE'), 'leak' in globals(), 'secret' in sys.modules)",
        "leak = 1; os.environ['MINE'] = 'changed'; sys.modules['secret'] = sys",
    ]
    attempts = [make_attempt(*cells, env={"MINE": str(n)}, **_warm(address)) for n in range(3)]
    for attempt in attempts:
        attempt.start()
    for number, attempt in enumerate(attempts):
        assert attempt.wait() == 0, attempt.said()
        assert attempt.wait_for("prepared")["start"]["warm"] is True
        assert attempt.text(1) == f"{number} False False\n"
    assert len({attempt.text(0) for attempt in attempts}) == 3


def test_f01_a_forked_kernel_is_killed(make_attempt: Make, parent: Callable[..., Path]):
    """Its death is noticed as a cold one's."""
    attempt = make_attempt("import os; os.kill(os.getpid(), 9)", "2", **_warm(parent("kernel")))
    failure = attempt.run()["failure"]
    assert failure["code"] == "kernel_died"
    assert "SIGKILL" in failure["message"]
    assert attempt.statuses == ["failed", "not_run"]


def test_f02_f11_a_forked_kernels_tree_goes_with_the_runner(
    make_attempt: Make, parent: Callable[..., Path]
):
    """Killed runner, gone kernel, gone grandchildren; the parent goes on."""
    address = parent("kernel")
    attempt = make_attempt(
        "import subprocess, time\n"
        "print(subprocess.Popen(['setsid', 'sleep', '9999']).pid, flush=True)\n"
        "time.sleep(600)",
        **_warm(address),
    ).start()
    attempt.wait_for("stream")
    grandchild, kernel = int(attempt.log), attempt.kernel
    attempt.signal(signal.SIGKILL)
    attempt.wait()
    wait_gone(kernel, grandchild)
    assert make_attempt("1", **_warm(address)).run()["state"] == "succeeded"


def test_snapshot_of_modules_in_a_forked_kernel(
    make_attempt: Make, parent: Callable[..., Path], tmp_path: Path
):
    """Local modules come from the snapshot here, too."""
    code_dir = tmp_path / "snapshot"
    code_dir.mkdir()
    (code_dir / "helper.py").write_text("value = 'snapshot'")
    attempt = make_attempt(
        "import helper; print(helper.value)", code_dir=str(code_dir), **_warm(parent("kernel"))
    )
    (Path(attempt.order["cwd"]) / "helper.py").write_text("value = 'live'")
    assert attempt.run()["state"] == "succeeded", attempt.said()
    assert attempt.wait_for("prepared")["start"]["warm"] is True
    assert attempt.text(0) == "snapshot\n"


def test_memory_of_a_forked_kernel(make_attempt: Make, parent: Callable[..., Path]):
    """What it shares with its parent isn't counted; what it takes is."""
    address = parent("kernel", "sklearn,pandas")
    small = make_attempt("1", memory_limit=120 * 2**20, **_warm(address))
    assert small.run()["state"] == "succeeded", small.said()
    assert small.exit["peak_memory"] < 120 * 2**20
    large = make_attempt(
        "x = []\nwhile True: x.append(bytearray(b'x' * 10**7))",
        memory_limit=300 * 2**20,
        **_warm(address),
    )
    assert large.run()["failure"]["code"] == "out_of_memory"


@pytest.mark.parametrize("answer", [b'{"stale": "json has changed"}\n', b"", None])
def test_a_parent_that_refuses_or_is_silent(
    make_attempt: Make, tmp_path: Path, answer: bytes | None
):
    """Stale, gone in the middle, or hanging: the kernel starts as usual, the reason is kept."""
    places = tempfile.mkdtemp(prefix="mlops-test-", dir="/tmp")
    address = Path(places) / "p"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(address))
        listener.listen()
        held: list[socket.socket] = []

        def serve() -> None:
            connection, _ = listener.accept()
            connection.recv(65_536)
            if answer is None:
                held.append(connection)
                return
            connection.sendall(answer)
            connection.close()

        thread = threading.Thread(target=serve)
        thread.start()
        attempt = make_attempt("print(1)", kernel_start_timeout=20.0, **_warm(address))
        assert attempt.run()["state"] == "succeeded", attempt.said()
        thread.join()
        for connection in held:
            connection.close()
    shutil.rmtree(places)
    start = attempt.wait_for("prepared")["start"]
    assert start["warm"] is False
    assert (
        start["reason"]
        == {
            b'{"stale": "json has changed"}\n': "json has changed",
            b"": "the warm parent went away",
            None: "the warm parent doesn't answer",
        }[answer]
    )


def test_a_forked_runner(make_attempt: Make, parent: Callable[..., Path]):
    """A runner forked from its parent does what a started one does, with its own environment."""
    attempt = make_attempt("import os; print(os.environ['MARK'])")
    env = {k: v for k, v in os.environ.items() if k != "PYTEST_CURRENT_TEST"} | {"MARK": "here"}
    request = {"op": "run", "attempt_dir": str(attempt.directory), "env": env}
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(parent("runner")))
        connection.sendall(json.dumps(request).encode() + b"\n")
        answer = json.loads(connection.makefile().readline())
    deadline = time.monotonic() + 60
    while not (attempt.directory / "exit.json").exists():
        assert time.monotonic() < deadline, attempt.said()
        time.sleep(0.02)
    assert attempt.exit["state"] == "succeeded", attempt.said()
    assert attempt.text(0) == "here\n"
    runner = json.loads((attempt.directory / "runner.json").read_bytes())
    assert (runner["pid"], runner["start_time"]) == (answer["pid"], answer["start_time"])
    wait_gone(runner["pid"])
