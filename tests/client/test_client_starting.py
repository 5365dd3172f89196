"""Starting, replacing and stopping the daemon."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import stat
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from mlops_standin import Request, StandIn

from jupyter_mlops import paths
from jupyter_mlops.client import Client
from jupyter_mlops.errors import (
    DaemonUnreachable,
    InvalidInput,
    MlopsError,
    Refused,
    StoreUnusable,
)
from jupyter_mlops.starting import daemon_environment, log_tail, older, own_version

Serve = Callable[[Callable[[Request], None]], StandIn]


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Put a script in the place of the interpreter that the daemon is started with."""

    def use(body: str) -> Path:
        script = tmp_path / "program"
        script.write_text(f"#!{sys.executable}\n{textwrap.dedent(body)}")
        script.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(script))
        return script

    return use


#: Listens at the daemon's socket, answers one request, and ends.
LISTENER = """
import os, socket, sys, json
data = os.environ["JUPYTER_MLOPS_DATA_DIR"]
os.makedirs(data + "/run", mode=0o700, exist_ok=True)
path = data + "/run/daemon.sock"
if os.path.exists(path):
    os.unlink(path)
listener = socket.socket(socket.AF_UNIX)
listener.bind(path)
listener.listen()
listener.settimeout(20)
while True:
    connection, _ = listener.accept()
    if connection.recv(65536):
        break
body = json.dumps({"argv": sys.argv[1:], "cwd": os.getcwd(), "sid": os.getsid(0),
                   "pid": os.getpid(), "stdin": os.readlink("/proc/self/fd/0")}).encode()
connection.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(body) + body)
os.unlink(path)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_daemon_is_started_detached(program: Callable[[str], Path], home: Path) -> None:
    """In a session of its own, without our stdin and directory, its log private."""
    program(LISTENER)
    said = Client(timeout=20).status()
    assert said["argv"] == ["-P", "-m", "jupyter_mlops.daemon"]
    assert said["cwd"] == "/"
    assert said["sid"] == said["pid"] != os.getsid(0)
    assert said["stdin"] == os.devnull
    assert stat.S_IMODE(paths.daemon_log().stat().st_mode) == 0o600
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_ended_daemon_is_no_zombie_of_ours(program: Callable[[str], Path]) -> None:
    """A kernel or server that started it reaps it, so that its process id means something."""
    program(LISTENER)
    pid = Client(timeout=20).status()["pid"]
    deadline = time.monotonic() + 20
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not Path(f"/proc/{pid}").exists()


def test_a_daemon_that_fails_is_told_with_the_end_of_its_log(
    program: Callable[[str], Path], home: Path
) -> None:
    """The exit code and its last lines; what an earlier one logged isn't blamed on it."""
    home.mkdir()
    paths.daemon_log().write_text("an earlier complaint\n")
    program("import sys\nprint('no such module: sums', file=sys.stderr)\nsys.exit(9)")
    with pytest.raises(DaemonUnreachable) as caught:
        Client().status()
    assert "exit code 9" in caught.value.detail
    assert "no such module: sums" in caught.value.detail
    assert "earlier" not in caught.value.detail
    assert str(paths.daemon_log()) in caught.value.hint


@pytest.mark.parametrize(("code", "kind"), [(7, StoreUnusable), (3, Refused), (2, InvalidInput)])
def test_f26_the_daemons_own_error_is_ours(
    program: Callable[[str], Path], code: int, kind: type[MlopsError]
) -> None:
    """A store that it refuses is that error here too, with the file that it named."""
    program(f"import sys\nsys.exit(print('/data/jobs.db is corrupt.', file=sys.stderr) or {code})")
    with pytest.raises(kind, match=r"jobs\.db is corrupt") as caught:
        Client().status()
    assert type(caught.value) is kind


def test_f26_what_another_daemon_logs_meanwhile_is_not_the_reason(
    program: Callable[[str], Path],
) -> None:
    """The one before it may still write its last lines into the same log."""
    program(
        """\
        import sys
        print("2026-11-23 17:37:03,881 INFO uvicorn.error: Shutting down", file=sys.stderr)
        print("/data/jobs.db is corrupt.", file=sys.stderr)
        sys.exit(7)
        """
    )
    with pytest.raises(StoreUnusable) as caught:
        Client().status()
    assert caught.value.detail == "/data/jobs.db is corrupt."


def test_a_daemon_that_never_listens_is_given_up(program: Callable[[str], Path]) -> None:
    """After the time given, and the log's end is told."""
    program("import time\nprint('thinking', flush=True)\ntime.sleep(3)")
    with pytest.raises(DaemonUnreachable, match="thinking"):
        Client().ensure_daemon(timeout=1)


def test_a_starter_that_lost_waits_for_the_winner(program: Callable[[str], Path]) -> None:
    """Exit code 0 says that another one holds the lock; it listens a little later."""
    program("pass")
    paths.private_dir(paths.data_dir())
    paths.private_dir(paths.runtime_dir())
    listener = socket.socket(socket.AF_UNIX)

    def listen() -> None:
        time.sleep(0.5)
        listener.bind(str(paths.daemon_socket()))
        listener.listen()

    threading.Thread(target=listen).start()
    Client().ensure_daemon(timeout=10)
    listener.close()


def test_one_that_was_just_leaving_is_followed_by_ours(
    program: Callable[[str], Path], home: Path
) -> None:
    """When the winner turns out to leave, another one is started."""
    script = program(
        "import os, sys\n"
        "marker = os.environ['JUPYTER_MLOPS_DATA_DIR'] + '/tried'\n"
        "if not os.path.exists(marker):\n"
        "    open(marker, 'w').close()\n"
        "    sys.exit(0)\n" + LISTENER
    )
    assert script.exists()
    assert Client(timeout=20).status()["pid"]
    assert (home / "tried").exists()


def test_nothing_is_started_when_told_so(home: Path) -> None:
    """`start=False` only says that it doesn't run, and leaves nothing behind."""
    with pytest.raises(DaemonUnreachable, match="isn't running"):
        Client(start=False).status()
    assert not home.exists()


def test_an_interpreter_that_cant_be_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Is named."""
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(DaemonUnreachable, match="/nowhere/python"):
        Client().status()


def test_a_data_directory_that_cant_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Is named, with what can be done."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("JUPYTER_MLOPS_DATA_DIR", str(tmp_path / "file" / "data"))
    with pytest.raises(DaemonUnreachable, match="can't be written") as caught:
        Client().status()
    assert "JUPYTER_MLOPS_DATA_DIR" in caught.value.hint


def test_a_directory_open_to_others_is_refused(serve: Serve) -> None:
    """Another user could have put the socket there, and would read what we send."""
    server = serve(lambda request: request.json({}))
    paths.runtime_dir().chmod(0o777)
    with pytest.raises(Refused, match="only you can write"):
        Client(start=False).status()
    assert server.requests == []


@pytest.mark.skipif(os.getuid() != 0, reason="gives a directory to another user")
def test_another_users_directory_is_refused(serve: Serve) -> None:
    """So is one that belongs to somebody else."""
    server = serve(lambda request: request.json({}))
    os.chown(paths.runtime_dir(), 12345, 12345)
    with pytest.raises(Refused):
        Client(start=False).status()
    assert server.requests == []


def test_a_link_in_the_place_of_the_directory_is_refused(serve: Serve, tmp_path: Path) -> None:
    """And one that only points to a directory of ours."""
    server = serve(lambda request: request.json({}))
    moved = tmp_path / "elsewhere"
    paths.runtime_dir().rename(moved)
    paths.runtime_dir().symlink_to(moved)
    with pytest.raises(Refused):
        Client(start=False).status()
    assert server.requests == []


def test_an_older_daemon_is_replaced(serve: Serve, program: Callable[[str], Path]) -> None:
    """It is asked to leave, and one of our version is started."""
    program(LISTENER)

    def answer(request: Request) -> None:
        request.json({})
        server.stop()

    server = serve(answer)
    server.record(version="0.0.9")
    assert Client(timeout=20).status()["argv"]
    assert [(r.method, r.path) for r in server.requests] == [("POST", "/api/v1/shutdown")]


@pytest.mark.parametrize("version", [own_version(), "99.0.0", None])
def test_a_daemon_as_new_as_we_stays(serve: Serve, version: str | None) -> None:
    """Only an older one is replaced."""
    server = serve(lambda request: request.json({"version": version}))
    server.record(version=version)
    assert Client().status() == {"version": version}
    assert [r.path for r in server.requests] == ["/api/v1/status"]


def test_a_daemon_that_doesnt_leave_is_told(serve: Serve) -> None:
    """With its process id, and how to end it."""
    server = serve(lambda request: request.json({}))
    server.record(version="0.0.9", pid=4242)
    with pytest.raises(DaemonUnreachable, match="4242") as caught:
        Client(start=False).stop_daemon(timeout=0.3)
    assert "kill -KILL 4242" in caught.value.hint


def test_stopping_waits_until_the_store_is_closed(serve: Serve) -> None:
    """A daemon that listens no more still closes its store; a copy made then would be torn."""
    closed = threading.Event()

    def answer(request: Request) -> None:
        request.json({})
        server.stop()

    server = serve(answer)
    paths.private_dir(paths.data_dir())
    with paths.daemon_lock().open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(DaemonUnreachable, match="doesn't stop"):
            Client(start=False).stop_daemon(timeout=0.5)
    server = serve(answer)
    with paths.daemon_lock().open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)

        def close() -> None:
            time.sleep(0.3)
            closed.set()
            fcntl.flock(lock, fcntl.LOCK_UN)

        closing = threading.Thread(target=close)
        closing.start()
        assert Client(start=False).stop_daemon() is True
        assert closed.is_set()
        closing.join()


def test_stopping_what_doesnt_run() -> None:
    """Says that nothing ran."""
    assert Client(start=False).stop_daemon() is False


@pytest.mark.parametrize(
    ("version", "expected"),
    [("0.0.1", True), ("0.0.1rc1", True), ("0.1.0.dev3", False), ("0.2", False), ("junk", True)],
)
def test_what_is_older(version: str, expected: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Releases are compared, not texts; a development version counts as its release."""
    monkeypatch.setattr("jupyter_mlops.__version__", "0.1.0")
    assert older(version) is expected
    monkeypatch.setattr("jupyter_mlops.__version__", "0.10.0")
    assert older("0.9.0") is True


def test_what_belongs_to_a_kernel_isnt_passed_on() -> None:
    """Neither a kernel's backend nor a job's run may end up in every later job."""
    given = {
        "HOME": "/home/me",
        "JPY_PARENT_PID": "1",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "MLFLOW_RUN_ID": "r",
        "MLOPS_JOB_ID": "j",
        "MLFLOW_TRACKING_URI": "http://127.0.0.1:4000",
        "MLFLOW_TRACKING_TOKEN": "secret",
        "PYTHONPATH": "src",
    }
    env = daemon_environment(given)
    assert env == {"HOME": "/home/me", "PYTHONPATH": str(Path("src").absolute())}


def test_a_persons_own_tracking_server_is_passed_on() -> None:
    """Also from within a job, where it is the same one."""
    given = {"MLFLOW_TRACKING_URI": "https://mlflow.example.org", "MLFLOW_TRACKING_TOKEN": "t"}
    assert daemon_environment(given) == given
    assert daemon_environment({**given, "MLOPS_JOB_ID": "j"}) == given


def test_the_end_of_a_log_that_isnt_text() -> None:
    """A log with bytes of anything is read, and a missing one is empty."""
    assert log_tail() == ""
    paths.private_dir(paths.data_dir())
    paths.daemon_log().write_bytes(b"\xff\xfe" + b"line\n" * 5000)
    assert log_tail().count("line") == 12
    assert json.dumps(log_tail())
