"""The daemon as a process: alone, private, quick to leave, and never with an empty store."""

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
from pathlib import Path

import pytest

from jupyter_mlops import paths
from jupyter_mlops.client import Client
from jupyter_mlops.errors import MlopsError

COMMAND = [sys.executable, "-P", "-m", "jupyter_mlops.daemon"]


def test_f38_of_many_started_at_once_one_stays(home: Path, daemon_process) -> None:
    """The others leave with 0, and everybody reaches the one."""
    many = [
        subprocess.Popen(COMMAND, stderr=subprocess.PIPE, start_new_session=True) for _ in range(6)
    ]
    daemon_process.process = many[0]
    try:
        deadline = time.monotonic() + 60
        while len([one for one in many if one.poll() is None]) > 1:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        (left,) = [one for one in many if one.poll() is None]
        assert [one.returncode for one in many if one is not left] == [0] * 5
        status = Client(start=False).status()
        assert status["pid"] == left.pid
        assert json.loads(paths.daemon_record().read_text())["pid"] == left.pid
        assert subprocess.run(COMMAND, check=False, timeout=30).returncode == 0
    finally:
        for one in many:
            if one.poll() is None:
                one.kill()
            one.communicate()


def test_a_daemon_that_was_killed_leaves_nothing_in_the_way(daemon) -> None:
    """Its socket and its lock file stay, and the next one starts all the same."""
    daemon.kill()
    assert paths.daemon_socket().exists()
    with socket.socket(socket.AF_UNIX) as probe, pytest.raises(ConnectionRefusedError):
        probe.connect(str(paths.daemon_socket()))
    daemon.start()
    assert daemon.client.status()["pid"] == daemon.process.pid


def test_everything_it_makes_is_private(daemon, make_notebook) -> None:
    """0700 directories, 0600 files, in the home and beside the sockets."""
    job = daemon.client.submit({"notebook": str(make_notebook("print(1)"))})
    daemon.wait_for(job["id"])
    found = [*daemon.directory.rglob("*"), *paths.runtime_dir().rglob("*")]
    assert len(found) > 10
    for path in [daemon.directory, paths.runtime_dir(), *found]:
        if path.name != "daemon.stderr" and not path.is_symlink() and path.exists():
            assert path.stat().st_mode & 0o077 == 0, path


@pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("setpriv") is None, reason="needs root to be somebody else"
)
def test_a09_another_user_gets_no_answer(
    daemon_process, end_all, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even where the directories are open: the peer's uid is checked."""
    daemon = daemon_process
    daemon.directory = Path(tempfile.mkdtemp(dir="/tmp"))
    monkeypatch.setenv("JUPYTER_MLOPS_DATA_DIR", str(daemon.directory))
    try:
        daemon.start()
        ask_as_another_user(daemon)
    finally:
        end_all(daemon.directory)
        shutil.rmtree(daemon.directory)


def ask_as_another_user(daemon) -> None:
    """Open everything, and ask for the status as nobody."""
    for directory in (daemon.directory, paths.runtime_dir()):
        directory.chmod(0o755)
    paths.daemon_socket().chmod(0o666)
    ask = (
        "import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]);"
        "s.settimeout(10);"
        "s.sendall(b'GET /api/v1/status HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n'); print(s.recv(100))"
    )
    stranger = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "/usr/bin/python3"]
    if not Path("/usr/bin/python3").exists():
        pytest.skip("needs a Python that everybody can read")
    answer = subprocess.run(
        [*stranger, "-c", ask, str(paths.daemon_socket())],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert "HTTP" not in answer.stdout
    assert "b''" in answer.stdout or "Reset" in answer.stderr or "Broken" in answer.stderr, answer
    assert "uid 65534" in paths.daemon_log().read_text()
    assert daemon.client.status()["pid"] == daemon.process.pid


@pytest.mark.parametrize("times", [1, 2])
def test_f09_sigterm_ends_it_soon_and_cleanly(daemon, make_notebook, times: int) -> None:
    """Also with followers and a job; once or twice; the job goes on and is taken up."""
    notebook = make_notebook("import time\nfor i in range(80):\n    print(i)\n    time.sleep(0.1)")
    job = daemon.client.submit({"notebook": str(notebook)})
    daemon.wait_for(job["id"], "running")
    ends: list[str] = []

    def follow(path: str) -> None:
        client = Client(start=False)
        try:
            if path == "all":
                list(client.events(follow=True))
            else:
                list(client.job_events(job["id"], follow=True))
            ends.append("end")
        except MlopsError as error:
            ends.append(error.stable_code)
        finally:
            client.close()

    threads = [threading.Thread(target=follow, args=(path,)) for path in ("all", "job")]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    begin = time.monotonic()
    for _ in range(times):
        daemon.send(signal.SIGTERM)
        time.sleep(0.05)
    assert daemon.stop() == 0
    assert time.monotonic() - begin < 10
    for thread in threads:
        thread.join(10)
    assert len(ends) == 2
    daemon.start()
    done = daemon.wait_for(job["id"])
    assert (done["state"], done["attempt"]) == ("succeeded", 1)


def test_shutdown_by_the_api(daemon) -> None:
    """As `jupyter mlops daemon stop` does."""
    daemon.client.shutdown()
    assert daemon.process.wait(10) == 0


def test_it_leaves_when_there_is_nothing_to_do(daemon_process, make_notebook) -> None:
    """Not while a job runs or somebody follows."""
    daemon_process.directory.mkdir()
    (daemon_process.directory / "mlops.yaml").write_text("idle_timeout: 1.0\n")
    daemon_process.start()
    notebook = make_notebook("import time\ntime.sleep(3)")
    job = daemon_process.client.submit({"notebook": str(notebook)})
    for event in daemon_process.client.follow(job["id"]):
        if event["type"] == "job":
            assert event["job"]["state"] == "succeeded"
    daemon_process.client.close()
    assert daemon_process.process.wait(15) == 0
    assert "nothing to do" in paths.daemon_log().read_text()


@pytest.mark.parametrize("fault", ["missing", "random", "newer", "settings"])
def test_f25_f26_f27_it_does_not_start_without_its_store(daemon, fault: str) -> None:
    """It says why on stderr, names the file, and has an exit code of its own."""
    assert daemon.stop() == 0
    store = paths.store_file()
    code = 7
    if fault == "missing":
        store.unlink()
    elif fault == "random":
        store.write_bytes(os.urandom(20_000))
    elif fault == "newer":
        subprocess.run(["sqlite3", store, "PRAGMA user_version=999"], check=False)
        import sqlite3

        connection = sqlite3.connect(store)
        connection.execute("PRAGMA user_version = 999")
        connection.close()
    else:
        (daemon.directory / "mlops.yaml").write_text("surprise: 1\n")
        code = 2
    ended = subprocess.run(COMMAND, capture_output=True, text=True, check=False, timeout=30)
    assert ended.returncode == code
    assert ("mlops.yaml" if fault == "settings" else str(store)) in ended.stderr
    assert "Traceback" not in ended.stderr
    assert store.exists() == (fault != "missing")


def test_f16_fifty_submits_at_once_all_run(daemon, make_notebook) -> None:
    """From as many clients, each job once."""
    notebook = make_notebook("print('ran')")
    (daemon.directory / "mlops.yaml").write_text("capacity: {cpus: 4}\n")
    daemon.stop()
    daemon.start()
    ids: list[str] = []

    def submit() -> None:
        client = Client(start=False)
        ids.append(client.submit({"notebook": str(notebook)})["id"])
        client.close()

    threads = [threading.Thread(target=submit) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(ids)) == 50
    for job_id in ids:
        job = daemon.wait_for(job_id, patience=110)
        assert (job["state"], job["attempt"]) == ("succeeded", 1), job["failure"]


def test_its_memory_stays_flat_with_large_notebooks(daemon, make_notebook) -> None:
    """5,000 cells submitted again and again: nothing of them stays."""
    notebook = make_notebook(*["x = 1\n" * 5] * 5000)

    def resident() -> int:
        status = Path(f"/proc/{daemon.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) * 1024

    def submit() -> None:
        job = daemon.client.submit({"notebook": str(notebook), "resources": {"cpus": 2}})
        daemon.client.cancel(job["id"])

    for _ in range(4):
        submit()
    before = resident()
    for _ in range(20):
        submit()
    assert resident() - before < 40 * 2**20


def test_what_the_daemon_imports_stays_light(home: Path) -> None:
    """What is slow to import is imported by those who need it, when they do."""
    code = (
        "import sys; import jupyter_mlops.daemon.run, jupyter_mlops.daemon.__main__;"
        "print(' '.join(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {
        "IPython", "ipykernel", "jupyter_client", "jupyter_server", "jsonschema", "matplotlib",
        "mlflow", "nbclient", "nbconvert", "nbformat", "numpy", "pandas", "papermill", "pynvml",
        "sklearn", "sqlalchemy", "yaml", "zmq",
    }  # fmt: skip
    assert not heavy & set(ran.stdout.split())
