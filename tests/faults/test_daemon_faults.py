"""Faults 3, 4, 7, 8, 12 and 42 with a real daemon, real runners and real kernels."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jupyter_mlops import paths

from .mlops_faults import COUNTING, WAITING, gone, kernel_of, kinds_of, runner_of, wait

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="faults are injected through /proc")

needs_faketime = pytest.mark.skipif(shutil.which("faketime") is None, reason="needs libfaketime")


def test_f03_five_jobs_outlive_a_killed_daemon(daemon, make_notebook) -> None:
    """`kill -9`: they go on, the next daemon adopts them, nothing runs twice."""
    (daemon.directory / "mlops.yaml").write_text("capacity: {cpus: 5}\n")
    daemon.stop()
    daemon.start()
    begin = "with open('trace.txt', 'a') as file:\n    file.write('x')\n"
    notebook = make_notebook(begin + WAITING)
    jobs = [daemon.client.submit({"notebook": str(notebook)})["id"] for _ in range(5)]
    for job_id in jobs:
        daemon.wait_for(job_id, "running")
        wait(lambda job_id=job_id: "stream" in kinds_of(job_id))
    runners = {job_id: runner_of(job_id)["pid"] for job_id in jobs}
    daemon.kill()
    time.sleep(1)
    assert not any(gone(pid) for pid in runners.values())
    daemon.start()
    assert {job["state"] for job in daemon.client.all_jobs()} == {"running"}
    (notebook.parent / "go on").touch()
    for job_id in jobs:
        job = daemon.wait_for(job_id)
        assert (job["state"], job["attempt"]) == ("succeeded", 1), job["failure"]
        assert runner_of(job_id)["pid"] == runners[job_id]
    assert (notebook.parent / "trace.txt").read_text() == "x" * 5


def test_f04_daemon_and_runners_killed_together(daemon, make_notebook) -> None:
    """Five of them. After the restart: interrupted, never running; a retry runs where there is one;
    no kernel is left.
    """
    (daemon.directory / "mlops.yaml").write_text("capacity: {cpus: 5}\n")
    daemon.stop()
    daemon.start()
    notebook = make_notebook(COUNTING.format(steps=600))
    plain = [daemon.client.submit({"notebook": str(notebook)})["id"] for _ in range(4)]
    retried = daemon.client.submit({"notebook": str(notebook), "retries": 1})["id"]
    for job_id in (*plain, retried):
        daemon.wait_for(job_id, "running")
        wait(lambda job_id=job_id: "stream" in kinds_of(job_id))
    kernels = [kernel_of(job_id) for job_id in (*plain, retried)]
    runners = [runner_of(job_id)["pid"] for job_id in (*plain, retried)]
    daemon.kill()
    for pid in runners:
        os.kill(pid, signal.SIGKILL)
    daemon.start()
    for job_id in plain:
        failed = daemon.wait_for(job_id)
        assert (failed["state"], failed["failure"]["code"]) == ("failed", "interrupted")
        assert failed["failure"]["hint"]
        assert failed["last_output"].startswith("step")
    daemon.wait_for(retried, "running")
    job = daemon.client.job(retried)
    assert (job["attempt"], job["attempts"][0]["failure"]["code"]) == (2, "interrupted")
    wait(lambda: all(map(gone, kernels)))
    daemon.client.cancel(retried)
    daemon.wait_for(retried, "cancelled")


def test_f07_a_stopped_runner_loses_its_attempt(daemon_process, make_notebook) -> None:
    """SIGSTOP past its lease: given up, killed with its kernel; SIGCONT finds nobody."""
    daemon = daemon_process
    patience = "import jupyter_mlops.jobs.watcher as w; w.PATIENCE = 4"
    run_with(daemon, patience)
    job_id = daemon.client.submit({"notebook": str(make_notebook(COUNTING.format(steps=600)))})[
        "id"
    ]
    daemon.wait_for(job_id, "running")
    wait(lambda: "stream" in kinds_of(job_id))
    runner, kernel = runner_of(job_id)["pid"], kernel_of(job_id)
    os.kill(runner, signal.SIGSTOP)
    job = daemon.wait_for(job_id, patience=40)
    assert (job["state"], job["failure"]["code"]) == ("failed", "runner_lost")
    if not gone(runner):
        os.kill(runner, signal.SIGCONT)
    wait(lambda: gone(runner) and gone(kernel))
    assert not (paths.attempt_dir(job_id, 1) / "exit.json").exists()


def run_with(daemon, code: str, **given) -> None:
    """Start the daemon with something changed inside."""
    daemon.start(
        program=f"{code}\nfrom jupyter_mlops.daemon.__main__ import main\n"
        "import sys; sys.exit(main())",
        **given,
    )


def test_f08_a_stopped_daemon_finds_its_jobs_alive(daemon_process, make_notebook) -> None:
    """SIGSTOP for longer than its patience: time that it didn't live doesn't count."""
    daemon = daemon_process
    run_with(daemon, "import jupyter_mlops.jobs.watcher as w; w.PATIENCE = 4")
    job_id = daemon.client.submit({"notebook": str(make_notebook(COUNTING.format(steps=120)))})[
        "id"
    ]
    daemon.wait_for(job_id, "running")
    daemon.send(signal.SIGSTOP)
    time.sleep(7)
    daemon.send(signal.SIGCONT)
    job = daemon.wait_for(job_id)
    assert (job["state"], job["attempt"]) == ("succeeded", 1), job["failure"]


def test_a_daemon_without_descriptors_takes_no_job_for_dead(daemon_process, make_notebook) -> None:
    """Nothing more can be opened, not even what tells whether a runner lives: that is no death."""
    few = ("prlimit", "--nofile=60:60")
    notebook = make_notebook(WAITING)
    daemon = daemon_process.start(prefix=few)
    job_id = daemon.client.submit({"notebook": str(notebook)})["id"]
    daemon.wait_for(job_id, "running")
    runner = runner_of(job_id)["pid"]
    daemon.kill()
    # The next daemon (whoever starts it) hasn't started the runner: it is no child of its own.
    run_with(daemon, "import jupyter_mlops.jobs.watcher as w; w.PATIENCE = 6", prefix=few)
    wait(lambda: "goes on" in daemon.said())
    crowd = []
    try:
        for _ in range(100):
            crowd.append(socket.socket(socket.AF_UNIX))
            crowd[-1].setblocking(False)
            crowd[-1].connect(str(paths.daemon_socket()))
        wait(lambda: "Too many open files" in daemon.said())
        time.sleep(9)
    finally:
        for one in crowd:
            one.close()
    assert not gone(runner)
    (notebook.parent / "go on").touch()
    job = daemon.wait_for(job_id)
    assert (job["state"], job["attempt"]) == ("succeeded", 1), job["failure"]


def test_f12_a_stranger_with_the_runners_pid_is_left_alone(daemon, make_notebook) -> None:
    """After the restart the pid belongs to somebody else: not adopted, not killed."""
    job_id = daemon.client.submit({"notebook": str(make_notebook(COUNTING.format(steps=600)))})[
        "id"
    ]
    daemon.wait_for(job_id, "running")
    runner = runner_of(job_id)
    daemon.kill()
    os.kill(runner["pid"], signal.SIGKILL)
    wait(lambda: gone(runner["pid"]))
    with subprocess.Popen(["sleep", "300"], start_new_session=True) as stranger:
        record = paths.attempt_dir(job_id, 1) / "runner.json"
        # As after the counter of pids came round: same pid, another start time.
        record.write_text(json.dumps(runner | {"pid": stranger.pid}))
        daemon.start()
        job = daemon.wait_for(job_id)
        assert (job["state"], job["failure"]["code"]) == ("failed", "interrupted")
        assert not gone(stranger.pid)
        stranger.kill()


@needs_faketime
@pytest.mark.slow
@pytest.mark.parametrize("offset", ["+2h", "-2h"])
def test_f42_a_clock_that_jumps_harms_no_job(
    daemon_process, make_notebook, tmp_path: Path, offset: str
) -> None:
    """Two hours forth or back in the middle: durations and leases go by another clock."""
    daemon = daemon_process
    clock = tmp_path / "clock"
    clock.write_text("+0\n")
    library = next(Path("/usr/lib").rglob("libfaketime.so.1"))
    daemon.start(
        LD_PRELOAD=str(library),
        FAKETIME_TIMESTAMP_FILE=str(clock),
        FAKETIME_CACHE_DURATION="1",
        DONT_FAKE_MONOTONIC="1",
        FAKETIME_DONT_FAKE_MONOTONIC="1",
    )
    good = make_notebook(COUNTING.format(steps=60))
    bad = make_notebook(COUNTING.format(steps=60) + "raise RuntimeError", name="bad.ipynb")
    first = daemon.client.submit({"notebook": str(good)})["id"]
    retried = daemon.client.submit({"notebook": str(bad), "retries": 1})["id"]
    daemon.wait_for(first, "running")
    daemon.wait_for(retried, "running")
    clock.write_text(offset + "\n")
    job = daemon.wait_for(first)
    assert job["state"] == "succeeded", job["failure"]
    assert 5 < job["duration"] < 600
    wait(lambda: daemon.client.job(retried)["attempt"] == 2, 60)
    daemon.client.cancel(retried)
    assert daemon.wait_for(retried)["state"] in {"cancelled", "failed"}


def test_a42_a_canary_in_the_environment_is_nowhere(daemon_process, make_notebook) -> None:
    """Not in the store, the logs, the API, the notebook or any command line."""
    daemon = daemon_process
    canary = "canary-7f3a-secret-value"
    daemon.start(CANARY_SECRET_KEY=canary)
    notebook = make_notebook(
        "import os\nassert len(os.environ['CANARY_SECRET_KEY']) == 24", "print('fine')"
    )
    job_id = daemon.client.submit({"notebook": str(notebook), "env_from": ["CANARY_SECRET_KEY"]})[
        "id"
    ]
    daemon.wait_for(job_id, "running", "succeeded")
    command_lines = [
        path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()
    ]
    job = daemon.wait_for(job_id)
    assert job["state"] == "succeeded", job["failure"]
    broken = make_notebook("raise RuntimeError('x')", name="broken.ipynb")
    daemon.wait_for(daemon.client.submit({"notebook": str(broken)})["id"])
    answers = json.dumps([daemon.client.status(), daemon.client.jobs(), job])
    answers += json.dumps(list(daemon.client.job_events(job_id)))
    daemon.stop()
    assert canary not in answers
    assert not any(canary.encode() in line for line in command_lines)
    searched = 0
    for root in (daemon.directory, notebook.parent):
        for path in root.rglob("*"):
            if path.is_file():
                searched += 1
                assert canary.encode() not in path.read_bytes(), path
    assert searched > 10
