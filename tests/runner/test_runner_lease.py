"""At most one live runner writes, and one that is late does not."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from mlops_runner import RunnerAttempt, alive, wait_gone

Make = Callable[..., RunnerAttempt]


def _names(directory: Path) -> set[str]:
    return {entry.name for entry in directory.iterdir()}


def test_f07_a_runner_that_slept_past_its_lease(make_attempt: Make):
    """Stopped, its lease revoked, continued: it writes nothing more and ends its kernel."""
    attempt = make_attempt(
        "print('asleep', flush=True)\nimport time\n"
        "for i in range(600): print(i, flush=True); time.sleep(0.1)"
    ).start()
    attempt.wait_for_output("asleep")
    kernel = attempt.kernel
    attempt.signal(signal.SIGSTOP)
    (attempt.directory / "lease").write_text("revoked")
    time.sleep(1.5)
    before = {
        name: (attempt.directory / name).read_bytes()
        for name in ("events.jsonl", "log.txt", "notebook.ipynb", "heartbeat")
    }
    attempt.signal(signal.SIGCONT)
    assert attempt.wait(20) == 75
    for name, content in before.items():
        assert (attempt.directory / name).read_bytes() == content, name
    assert not (attempt.directory / "exit.json").exists()
    assert not Path(attempt.order["output_notebook"]).exists()
    wait_gone(kernel)


def test_f07_revoked_before_publishing(make_attempt: Make):
    """Revoked in the last cell: the result isn't written over the next attempt's."""
    attempt = make_attempt("1")
    lease = attempt.directory / "lease"
    notebook = json.loads(Path(attempt.order["notebook"]).read_text())
    notebook["cells"][0]["source"] = f"open({str(lease)!r}, 'w').write('revoked')"
    Path(attempt.order["notebook"]).write_text(json.dumps(notebook))
    output = Path(attempt.order["output_notebook"])
    output.parent.mkdir(parents=True)
    output.write_text("the next attempt's")
    assert attempt.start().wait() == 75
    assert output.read_text() == "the next attempt's"
    assert not (attempt.directory / "exit.json").exists()


def test_a_revoked_attempt_is_not_begun(make_attempt: Make):
    """Nothing is written but why."""
    attempt = make_attempt("1")
    (attempt.directory / "lease").write_text("revoked\n")
    assert attempt.start().wait() == 75
    assert _names(attempt.directory) == {"order.json", "bundle", "lease", "runner.log"}


def test_a_second_runner_leaves(make_attempt: Make):
    """Who finds the lease held goes at once."""
    attempt = make_attempt("1")
    descriptor = os.open(attempt.directory / "lease", os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    assert attempt.start().wait() == 75
    assert _names(attempt.directory) == {"order.json", "bundle", "lease", "runner.log"}
    os.close(descriptor)


def test_an_attempt_is_carried_out_once(make_attempt: Make, tmp_path: Path):
    """A runner started again for the same attempt does nothing, whatever became of the first."""
    witness = tmp_path / "runs"
    attempt = make_attempt(f"open({str(witness)!r}, 'a').write('x')")
    attempt.run()
    before = (attempt.directory / "exit.json").read_bytes()
    assert attempt.start().wait() == 75
    assert witness.read_text() == "x"
    assert (attempt.directory / "exit.json").read_bytes() == before


def test_the_lease_is_held_by_the_runner_alone(make_attempt: Make):
    """Neither the kernel nor its children keep it when the runner has gone."""
    attempt = make_attempt(
        "import subprocess; subprocess.Popen(['sleep', '600'])\nprint('asleep')\n"
        "import time; time.sleep(600)"
    ).start()
    attempt.wait_for_output("asleep")
    descriptor = os.open(attempt.directory / "lease", os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        held = True
    else:
        held = False
    assert held
    attempt.signal(signal.SIGKILL)
    attempt.wait()
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(descriptor)
    wait_gone(attempt.kernel)
    make_attempt("1").run()


def test_heartbeat_counts_while_a_cell_is_silent(make_attempt: Make):
    """The counter goes up by itself, whatever the clock says."""
    attempt = make_attempt("import time; time.sleep(5.5)").start()
    attempt.wait_for("cell_started")
    seen = set()
    while attempt.process is not None and attempt.process.poll() is None:
        seen.add((attempt.directory / "heartbeat").read_bytes())
        time.sleep(0.1)
    assert len(seen) >= 3
    assert all(len(each) == 13 for each in seen)


def test_runner_is_a_session_leader(make_attempt: Make):
    """So that it can be killed by its group, and no terminal's end reaches it."""
    attempt = make_attempt("import time; time.sleep(2)").start()
    attempt.wait_for("cell_started")
    runner = json.loads((attempt.directory / "runner.json").read_bytes())
    assert alive(runner["pid"])
    assert os.getsid(runner["pid"]) == runner["pid"]
    attempt.wait()


def test_a_daemon_is_started_when_nobody_hears(make_attempt: Make, home: Path, tmp_path: Path):
    """The doorbell finds nobody: the daemon is started, once, for this data directory."""
    package = tmp_path / "fake" / "sitecustomize.py"
    package.parent.mkdir()
    started = tmp_path / "started"
    package.write_text(
        "import os, sys\n"
        "if sys.orig_argv[-2:] == ['-m', 'jupyter_mlops.daemon']:\n"
        f"    open({str(started)!r}, 'a').write(os.environ['JUPYTER_MLOPS_DATA_DIR'] + '\\n')\n"
        "    os._exit(0)\n"
    )
    attempt = make_attempt("print(1)", doorbell=str(home / "run" / "nobody.sock"))
    (home / "run").mkdir(mode=0o700, exist_ok=True)
    before = os.environ.get("PYTHONPATH")
    path = str(package.parent) + (os.pathsep + before if before else "")
    assert attempt.run(PYTHONPATH=path)["state"] == "succeeded"
    deadline = time.monotonic() + 20
    while not started.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert started.read_text() == f"{home}\n"
