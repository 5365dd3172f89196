"""Fault 5: SIGKILL at every fsync and at every rename, of the daemon and of a runner.

strace counts for each thread by itself; each kind of call is gone through on its own, so that the
many fsyncs of one thread don't hide the few renames of another.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlops import paths
from jupyter_mlops.client import Client
from jupyter_mlops.errors import DaemonUnreachable, MlopsError
from jupyter_mlops.jobs.backends.process import revoke_if_free

from .mlops_faults import events_of, gone, wait

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="needs strace, which only Linux has"),
    pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace; .ci/run installs it"),
    pytest.mark.slow,
    pytest.mark.timeout(900),
]

KINDS = {"fsync": "fsync,fdatasync", "rename": "rename,renameat,renameat2"}
#: More such calls than any thread makes.
MOST = 60


def strace(calls: str, nth: int, *options: str) -> list[str]:
    """The command that kills at the nth of these calls.

    -b execve: the program and its threads are traced, what it starts is not.
    """
    return [
        "strace", "-qq", "-f", "-b", "execve", *options, "-e", f"trace={calls}",
        "-e", f"inject={calls}:signal=SIGKILL:when={nth}",
    ]  # fmt: skip


@pytest.fixture(scope="module")
def mlflow_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An embedded store, so that not every daemon has to make one."""
    made = tmp_path_factory.mktemp("prepared") / "mlflow"
    create = [sys.executable, "-m", "jupyter_mlops.tracking.create_store", str(made)]
    subprocess.run(create, check=True, capture_output=True, timeout=300)
    return made


# --- the daemon -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("calls", "count"), [(KINDS["fsync"], 1), (KINDS["rename"], 2)], ids=KINDS)
def test_f05_a_daemon_killed_at_any_point_keeps_its_promises(
    daemon_process: Any,
    make_notebook: Callable[..., Path],
    end_all: Callable[[Path], None],
    monkeypatch: pytest.MonkeyPatch,
    mlflow_store: Path,
    calls: str,
    count: int,
) -> None:
    """From its start to the end of its jobs: the next one brings every acknowledged job to exactly
    one terminal state.
    """
    daemon = daemon_process
    notebook = make_notebook("print(1)")
    for nth in range(1, MOST):
        home = daemon.directory.with_name(f"data-{calls[:3]}-{nth}")
        monkeypatch.setenv("JUPYTER_MLOPS_DATA_DIR", str(home))
        daemon.directory = home
        home.mkdir(mode=0o700)
        shutil.copytree(mlflow_store, home / "mlflow")
        # Warm parents are nothing durable, and booting them for every round takes long.
        (home / "mlops.yaml").write_text("warm: {enabled: false}\n")
        acknowledged = submit_until_killed(
            daemon, tuple(strace(calls, nth, "-o", "/dev/null")), str(notebook), count
        )
        if daemon.process.poll() is None:  # a signal would only reach strace
            with contextlib.suppress(DaemonUnreachable):  # killed after all, while it leaves
                daemon.client.shutdown()
        survived = daemon.process.wait(30) == 0
        daemon.start()
        listed = {job["id"] for job in daemon.client.all_jobs()}
        assert set(acknowledged) <= listed
        for job_id in listed:
            job = daemon.wait_for(job_id)
            assert job["state"] == "succeeded" or job["failure"]["code"] == "interrupted"
            check_story(job_id)
        daemon.stop()
        end_all(home)
        if survived and len(acknowledged) == count:
            assert nth > 1
            return
    pytest.fail("the daemon never lived to the end")


def submit_until_killed(
    daemon: Any, prefix: tuple[str, ...], notebook: str, count: int
) -> list[str]:
    """Submit jobs to a daemon that dies some time; the ids that were acknowledged."""
    acknowledged: list[str] = []
    daemon.client = Client(start=False)
    try:
        daemon.start(prefix=prefix)
        for _ in range(count):
            job = daemon.client.submit({"notebook": notebook, "resources": {"cpus": 2}})
            acknowledged.append(job["id"])
        for job_id in acknowledged:
            daemon.wait_for(job_id)
    except (MlopsError, AssertionError):
        daemon.process.wait(30)
    daemon.client.close()
    return acknowledged


def check_story(job_id: str) -> None:
    """One terminal state, reached legally, with at most one attempt."""
    connection = sqlite3.connect(paths.store_file())
    try:
        rows = connection.execute(
            "SELECT type FROM events WHERE job_id = ? ORDER BY seq", (job_id,)
        ).fetchall()
    finally:
        connection.close()
    told = [row[0] for row in rows]
    assert told[0] == "queued"
    assert told[-1] in {"succeeded", "failed"}
    assert told.count("starting") == 1
    assert sum(one in {"succeeded", "failed", "cancelled"} for one in told) == 1


# --- a runner -------------------------------------------------------------------------------------


@pytest.fixture
def traced_runners(daemon_process: Any, tmp_path: Path) -> Callable[[str, int], Path]:
    """A daemon whose runners are started under strace: `traced_runners(calls, nth)` says how the
    next one is, and returns the file that tells whether it was killed.

    -D: strace watches from the side; the runner itself is the daemon's child.
    """
    wrapper, options = tmp_path / "python-under-strace", tmp_path / "options"
    wrapper.write_text(
        f'#!/bin/sh\n. "{options}"\nexec strace -D "$@" 2>/dev/null\n'.replace(
            '"$@"', f'$STRACE {sys.executable} "$@"'
        )
    )
    wrapper.chmod(wrapper.stat().st_mode | stat.S_IXUSR)
    program = (
        "import sys, types\n"
        "import jupyter_mlops.jobs.backends.process as backend\n"
        f"backend.sys = types.SimpleNamespace(executable={str(wrapper)!r}, platform=sys.platform)\n"
        "from jupyter_mlops.daemon.__main__ import main\n"
        "sys.exit(main())\n"
    )
    daemon_process.directory.mkdir(mode=0o700)
    (daemon_process.directory / "mlops.yaml").write_text("warm: {enabled: false}\n")
    daemon_process.start(program=program)
    numbers = itertools.count()

    def prepare(calls: str, nth: int) -> Path:
        record = tmp_path / f"strace-{next(numbers)}"
        words = " ".join(strace(calls, nth, "-o", str(record))[1:])
        options.write_text(f'STRACE="{words}"\n')
        return record

    return prepare


@pytest.mark.parametrize("calls", KINDS.values(), ids=KINDS)
def test_f05_a_runner_killed_at_any_point_leaves_the_truth(
    daemon_process: Any,
    make_notebook: Callable[..., Path],
    traced_runners: Callable[[str, int], Path],
    calls: str,
) -> None:
    """Whole files or none, nobody left, and a job that says what it was: it succeeded if its runner
    had said so, and was interrupted otherwise.
    """
    daemon = daemon_process
    notebook = make_notebook("print('one', flush=True)", "print('two')")
    ends: set[str] = set()
    for nth in range(1, MOST):
        record = traced_runners(calls, nth)
        job_id = daemon.client.submit({"notebook": str(notebook)})["id"]
        job = daemon.wait_for(job_id)
        killed = "killed by SIGKILL" in record.read_text()
        check_attempt(job)
        if not killed:
            assert job["state"] == "succeeded", job["failure"]
            assert nth > 1
            assert ends <= {"succeeded", "runner_died", "interrupted"}
            return
        ends.add(job["failure"]["code"] if job["failure"] else job["state"])
    pytest.fail("the runner never lived to the end")


def check_attempt(job: dict[str, Any]) -> None:
    """What lies in the attempt's directory and in the person's folder can be read; nobody runs."""
    directory = paths.attempt_dir(job["id"], 1)
    wait(lambda: revoke_if_free(directory))
    events = events_of(job["id"])
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    for event in events:
        if event["type"] == "prepared":
            kernel = int(event["kernel"]["pid"])
            wait(lambda kernel=kernel: gone(kernel))
    exited = directory / "exit.json"
    if exited.exists():
        assert json.loads(exited.read_bytes())["state"] == "succeeded"
        assert job["state"] == "succeeded"
    elif not any(event["type"] == "finished" for event in events):
        assert job["state"] == "failed"
        assert job["failure"]["hint"]
    for place in (directory / "notebook.ipynb", Path(job["outputs"]["directory"]) / "work.ipynb"):
        if place.exists():
            assert len(json.loads(place.read_bytes())["cells"]) == 2
    if job["state"] == "succeeded":
        saved = json.loads(Path(job["outputs"]["notebook"]).read_bytes())
        assert [cell["execution_count"] for cell in saved["cells"]] == [1, 2]
