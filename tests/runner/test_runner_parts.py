"""Messages, commands, leases, timers, memory and imports of a runner."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import zmq
from jupyter_client.session import Session

from jupyter_mlops.jobs.order import KernelOrder
from jupyter_mlops.jobs.runner import memory
from jupyter_mlops.jobs.runner.kernel_process import KernelCommand, environment, is_ipykernel
from jupyter_mlops.jobs.runner.kernel_wire import Wire, WireError
from jupyter_mlops.jobs.runner.lease import Lease, LeaseLost
from jupyter_mlops.jobs.runner.timers import Timers


def test_messages_are_jupyters():
    """What we pack Session unpacks, and the other way round; a wrong signature is refused."""
    wire, session = Wire(b"key"), Session(key=b"key")
    msg_id, frames = wire.pack("execute_request", {"code": "é\u2028"})
    _, parts = session.feed_identities(frames)
    message = session.deserialize(parts)
    assert message["msg_type"] == "execute_request"
    assert message["msg_id"] == msg_id
    assert message["content"] == {"code": "é\u2028"}
    reply = session.msg("stream", {"name": "stdout", "text": "x"}, parent=message["header"])
    received = wire.unpack([b"topic", *session.serialize(reply), b"buffer"])
    assert (received.kind, received.parent) == ("stream", msg_id)
    assert received.content == {"name": "stdout", "text": "x"}
    assert received.buffers == [b"buffer"]
    with pytest.raises(WireError, match="signature"):
        Wire(b"other").unpack(frames)
    for broken in ([], [b"x"], [b"<IDS|MSG>"] * 6, frames[:-1]):
        with pytest.raises(WireError):
            wire.unpack(broken)


def test_bytes_that_are_no_text_are_read_all_the_same():
    """Some kernels send what was printed as it is."""
    wire = Wire(b"key")
    parts = [b'{"msg_type": "stream"}', b"{}", b"{}", b'{"text": "a\xff"}']
    message = wire.unpack([b"<IDS|MSG>", wire._sign(parts), *parts])
    assert message.content == {"text": "a\ufffd"}
    parts[3] = b"[1]"
    with pytest.raises(WireError):
        wire.unpack([b"<IDS|MSG>", wire._sign(parts), *parts]).content  # noqa: B018


@pytest.mark.parametrize(
    ("argv", "wanted", "batch"),
    [
        (
            ["python", "-m", "ipykernel_launcher", "-f", "{connection_file}"],
            ["python", "B", "-f", "C"],
            True,
        ),
        (
            ["python3.11", "-X", "utf8", "-m", "ipykernel", "-f", "{connection_file}", "--x"],
            ["python3.11", "-X", "utf8", "B", "-f", "C", "--x"],
            True,
        ),
        (
            ["python", "-m", "bash_kernel", "-f", "{connection_file}"],
            ["python", "B", "--module", "bash_kernel", "-f", "C"],
            False,
        ),
        (["python", "-c", "x", "-m", "ipykernel"], ["python", "-c", "x", "-m", "ipykernel"], False),
        (
            ["python", "kernel.py", "-m", "ipykernel"],
            ["python", "kernel.py", "-m", "ipykernel"],
            False,
        ),
        (["R", "--slave", "--args", "{connection_file}"], ["R", "--slave", "--args", "C"], False),
    ],
)
def test_commands_of_kernelspecs(argv: list[str], wanted: list[str], batch: bool):
    """An ipykernel becomes the batch kernel, other modules run below it, the rest stays."""
    kernel = KernelOrder(name="x", language="python", argv=argv)
    command = KernelCommand.of(kernel, Path("C"), "/", {}, Path("log"))
    found = ["B" if word.endswith("batch_kernel.py") else word for word in command.argv]
    assert found == wanted
    assert (command.batch is not None) == batch == is_ipykernel(argv)


def test_snapshot_of_code_in_the_environment():
    """Other Pythons get it through PYTHONPATH; the batch kernel places it itself."""
    base = {"PYTHONPATH": "/mine", "JPY_PARENT_PID": "1", "HOME": "/h"}
    bash = KernelOrder(name="b", language="bash", argv=["python", "-m", "bash_kernel"])
    env = environment(base, bash, {"A": "1"}, "/code")
    assert env == {"PYTHONPATH": "/code:/mine", "HOME": "/h", "A": "1", "MLOPS_CODE_DIR": "/code"}
    usual = KernelOrder(name="p", language="python", argv=["python", "-m", "ipykernel_launcher"])
    assert environment(base, usual, {}, "/code")["PYTHONPATH"] == "/mine"
    assert "MLOPS_CODE_DIR" not in environment(base, usual, {}, None)


def test_leases(tmp_path: Path):
    """Taken once, lost when revoked or removed."""
    lease = Lease.take(tmp_path)
    lease.check()
    with pytest.raises(LeaseLost, match="held"):
        Lease.take(tmp_path)
    (tmp_path / "lease").write_text("revoked")
    with pytest.raises(LeaseLost, match="revoked"):
        lease.check()
    lease.release()
    with pytest.raises(LeaseLost, match="revoked"):
        Lease.take(tmp_path)
    (tmp_path / "lease").unlink()
    lease = Lease.take(tmp_path)
    (tmp_path / "lease").unlink()
    with pytest.raises(LeaseLost, match="gone"):
        lease.check()
    lease.release()


def test_timers_call_what_is_due():
    """Once, again and again, not any more."""
    timers, called = Timers(), []
    timers.after("once", 0, lambda: called.append("once"))
    timers.every("often", 0, lambda: called.append("often"))
    timers.after("never", 0, lambda: called.append("never"))
    timers.after("late", 60, lambda: called.append("late"))
    timers.cancel("never")
    for _ in range(2):
        time.sleep(0.001)
        timers.run()
    assert called == ["once", "often", "often"]
    assert timers.is_set("late")
    wait = timers.wait()
    assert wait is not None
    assert wait < 60
    assert Timers().wait() is None


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
def test_memory_of_a_tree():
    """A child's child counts, shared pages count once."""
    script = "x = bytearray(b'x' * 50 * 2**20); print('up', flush=True); input()"
    outer = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {script!r}])"
    with subprocess.Popen(
        [sys.executable, "-c", outer], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert len(memory.descendants(process.pid)) == 1
        watch = memory.MemoryWatch(process.pid, None, 40 * 2**20)
        assert watch.sample()
        assert 50 * 2**20 < watch.peak < 120 * 2**20
        assert not memory.MemoryWatch(process.pid, None, 2**40).sample()
        assert memory.proportional_size(process.pid) <= memory.resident_size(process.pid)
        process.communicate(b"\n")
    assert memory.resident_size(process.pid) == 0
    assert os.getpid() not in memory.descendants(os.getpid())


def test_preload_starts_nothing():
    """What a forking parent imports starts no thread, opens no context and holds nothing heavy.

    Every fork pays for what its parent has in memory.
    """
    script = (
        "import jupyter_mlops.jobs.runner.preload, threading, zmq, os, sys\n"
        "assert threading.active_count() == 1\n"
        "tasks = os.listdir('/proc/self/task')\n"
        "assert len(tasks) == 1, tasks\n"
        "assert zmq.Context._instance is None\n"
        "assert not {'papermill', 'nbformat', 'IPython', 'numpy'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def test_a_runner_without_a_parent_imports_little():
    """A cold runner doesn't pay for papermill, nbformat or jupyter_client."""
    script = (
        "import sys, jupyter_mlops.jobs.runner.main\n"
        "heavy = {'papermill', 'nbformat', 'jupyter_client'}\n"
        "heavy |= {'IPython', 'traitlets', 'jsonschema'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "[]\n"
    assert zmq.zmq_version_info() >= (4, 3)
