"""The parent itself: what it preloads, when it is stale, what it leaves behind."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="warm start is for Linux"
)


def gone(pid: int, patience: float = 10.0) -> bool:
    """Whether the process ends soon."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0]
        except OSError:
            return True
        if state == b"Z":
            return True
        time.sleep(0.02)
    return False


def test_unsafe_libraries_are_left_out_and_named(forking, installed):
    """Threads, open handles, crashes and local code are found by trying; the rest is preloaded."""
    unique = f"x{os.getpid()}"
    installed(
        f"mlops_thread_{unique}",
        "import threading\n"
        "threading.Thread(target=threading.Event().wait, name='watcher', daemon=True).start()",
    )
    installed(f"mlops_open_{unique}", "import os\nf = open('/dev/zero')")
    installed(f"mlops_crash_{unique}", "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)")
    installed(f"mlops_fine_{unique}", "import json")
    parent = forking(
        "decimal", f"mlops_thread_{unique}", f"mlops_open_{unique}", f"mlops_crash_{unique}",
        f"mlops_fine_{unique}", "jupyter_mlops", "not_there_at_all",
    )  # fmt: skip
    state = parent.state()
    assert state["preloaded"] == ["decimal", f"mlops_fine_{unique}"]
    why = state["left_out"]
    assert why[f"mlops_thread_{unique}"] == "starts the thread watcher"
    assert why[f"mlops_open_{unique}"] == "keeps /dev/zero open"
    assert "signal 11" in why[f"mlops_crash_{unique}"]
    assert "may change" in why["jupyter_mlops"]  # an editable install
    assert "not installed" in why["not_there_at_all"]


def test_a_changed_package_makes_the_parent_stale(forking, installed):
    """What was imported is compared with the disk before every fork."""
    module = installed(f"mlops_changes_x{os.getpid()}", "VALUE = 1")
    parent = forking(module.stem)
    connection, said = parent.kernel()
    assert "pid" in said
    connection.close()
    time.sleep(0.2)  # a look at the files holds for a moment
    module.write_text("VALUE = 22")
    connection, said = parent.kernel("again")
    connection.close()
    assert str(module) in said["stale"]


def test_a_changed_configuration_makes_the_parent_stale(forking, tmp_path, monkeypatch):
    """A kernel that is prepared has read the person's configuration of IPython already."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    parent = forking()
    profile = tmp_path / "ipython/profile_default"
    profile.mkdir(parents=True, exist_ok=True)
    (profile / "ipython_kernel_config.py").write_text("c = get_config()\n")
    connection, said = parent.kernel()
    connection.close()
    assert "ipython_kernel_config.py" in said["stale"]


def test_a_new_package_makes_the_parent_stale(forking, installed):
    """Installing something may change what an import finds."""
    parent = forking()
    installed(f"mlops_new_x{os.getpid()}", "")
    connection, said = parent.kernel()
    connection.close()
    assert "site-packages" in said["stale"]


def test_closing_the_connection_kills_the_kernel(forking):
    """The runner that asked has died: so does its kernel, stopped or not; the guard is free."""
    parent = forking()
    connection, said = parent.kernel()
    os.kill(said["pid"], signal.SIGSTOP)
    connection.close()
    assert gone(said["pid"])
    until_free(parent, said["guard_pid"])
    connection, again = parent.kernel("again")
    connection.close()
    assert again["guard_pid"] == said["guard_pid"]
    assert again["pid"] != said["pid"]


def until_free(parent, guard_pid: int) -> None:
    """Wait until the guard has told the parent, or has begun a kernel for whoever comes next."""
    deadline = time.monotonic() + 20
    while parent.state()["free"] == 0:
        assert time.monotonic() < deadline, f"guard {guard_pid} isn't free"
        time.sleep(0.02)


def test_a_dead_kernel_is_told_with_its_status(forking):
    """`kill -9` of the kernel is said at once, with the signal."""
    parent = forking()
    connection, said = parent.kernel()
    os.kill(said["pid"], signal.SIGKILL)
    with connection:
        assert parent.said(connection) == {"exited": -signal.SIGKILL}


def test_a_guard_that_is_killed_is_replaced(forking):
    """Free or at work, its death costs one job at most."""
    parent = forking()
    connection, said = parent.kernel()
    connection.close()
    until_free(parent, said["guard_pid"])
    os.kill(said["guard_pid"], signal.SIGKILL)
    assert gone(said["guard_pid"])
    connection, at_work = parent.kernel("second")
    assert at_work["guard_pid"] != said["guard_pid"]
    os.kill(at_work["guard_pid"], signal.SIGKILL)
    with connection:
        assert connection.recv(1) == b""
    connection, third = parent.kernel("third")
    connection.close()
    assert third["guard_pid"] not in (said["guard_pid"], at_work["guard_pid"])
    os.kill(at_work["pid"], signal.SIGKILL)  # as the daemon does with what is left of a job


def test_guards_that_nobody_needs_leave(forking):
    """Three kernels at once have a guard each; when nothing is asked any more, one is kept."""
    parent = forking()
    asked = [parent.kernel(f"k{number}") for number in range(3)]
    assert len({said["guard_pid"] for _, said in asked}) == 3
    for connection, _ in asked:
        connection.close()
    assert all(gone(said["pid"]) for _, said in asked)
    until_alone(parent)


def test_two_hundred_forks_leave_nothing(forking):
    """No descriptor, zombie or kernel stays in the parent."""
    parent = forking()
    folder = Path(f"/proc/{parent.process.pid}/fd")

    def settled() -> int:
        """Its open descriptors once nothing is under way but the kernel that is prepared."""
        until_alone(parent)
        time.sleep(0.2)  # for the end of our question's own connection
        return len(list(folder.iterdir()))

    before = settled()
    kernels = []
    for number in range(200):
        connection, said = parent.kernel(f"k{number % 4}")
        kernels.append(said["pid"])
        connection.close()
    assert all(gone(pid) for pid in kernels)
    assert settled() == before
    deadline = time.monotonic() + 10
    while len(parent.children()) > 1 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert len(parent.children()) == 1
    assert parent.state()["forks"] == 200


def until_prepared(parent) -> list[int]:
    """The parent's children when a kernel waits for its notebook."""
    deadline = time.monotonic() + 20
    while not parent.state()["prepared"]:
        assert time.monotonic() < deadline
        time.sleep(0.4)  # a parent that is asked something has no time to prepare
    return parent.children()


def until_alone(parent) -> None:
    """Return when no guard is left but that whose kernel waits."""
    deadline = time.monotonic() + 20
    while len(until_prepared(parent)) > 1:
        assert time.monotonic() < deadline
        time.sleep(0.4)


def test_a_prepared_kernel_is_given_to_one_request_only(forking):
    """The first request gets the one that waits, the second another; then one waits again."""
    parent = forking()
    (waiting,) = until_prepared(parent)
    first, said = parent.kernel("first")
    second, said_second = parent.kernel("second")
    assert said["guard_pid"] == waiting
    assert said_second["guard_pid"] not in (0, waiting)
    assert len(until_prepared(parent)) == 3
    first.close()
    second.close()
    assert gone(said["pid"])
    assert gone(said_second["pid"])


def test_in_a_burst_the_next_kernel_begins_at_once(forking):
    """A second request shortly after the first: the third finds its kernel begun already."""
    parent = forking()
    until_prepared(parent)
    kernels = [parent.kernel(name) for name in ("a", "b")]
    assert parent.state()["prepared"]
    third = parent.kernel("c")
    guards = {said["guard_pid"] for _, said in [*kernels, third]}
    assert len(guards) == 3
    for connection, _ in [*kernels, third]:
        connection.close()


def test_a_prepared_kernel_that_dies_is_nobodys_loss(forking):
    """Killed while it waits: its guard leaves, and the next request has a kernel all the same."""
    parent = forking()
    (guard_pid,) = until_prepared(parent)
    (kernel_pid,) = parent.children(guard_pid)
    os.kill(kernel_pid, signal.SIGKILL)
    assert gone(guard_pid)
    connection, said = parent.kernel()
    assert said["pid"] != kernel_pid
    connection.close()
    assert gone(said["pid"])


def test_a_prepared_kernel_ends_with_the_parent(forking):
    """However the parent ends."""
    parent = forking()
    (guard_pid,) = until_prepared(parent)
    (kernel_pid,) = parent.children(guard_pid)
    os.kill(parent.process.pid, signal.SIGKILL)
    assert gone(kernel_pid)
    assert gone(guard_pid)


def test_it_leaves_with_the_daemon_and_what_it_forked_goes_on(forking):
    """Standard input ends: the parent ends and removes its socket; its kernel lives."""
    parent = forking()
    connection, said = parent.kernel()
    with contextlib.closing(connection):
        parent.end()
        assert not parent.socket.exists()
        os.kill(said["pid"], 0)
    assert gone(said["pid"])


def test_another_uid_is_not_served(forking):
    """Even where the socket can be reached."""
    if os.getuid() != 0:
        pytest.skip("needs root to become somebody else")
    parent = forking()
    parent.socket.chmod(0o666)
    parent.folder.chmod(0o755)
    program = (
        "import os, socket, sys\n"
        "os.setuid(65534)\n"
        "s = socket.socket(socket.AF_UNIX); s.settimeout(10); s.connect(sys.argv[1])\n"
        'try: s.sendall(b\'{"op":"state"}\\n\'); print(s.recv(100))\n'
        "except OSError: print(b'')\n"
    )
    said = subprocess.check_output(
        [sys.executable, "-c", program, str(parent.socket)], text=True, timeout=20
    )
    assert said.strip() == "b''"
