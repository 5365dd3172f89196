"""The parts of the runner by themselves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import nbformat
import pytest
import zmq
from hypothesis import given, settings
from hypothesis import strategies as st
from jupyter_client.session import Session

from jupyter_mlops.jobs.order import KernelOrder, OutputLimits
from jupyter_mlops.jobs.runner import files, jsontext, memory, notebook_file
from jupyter_mlops.jobs.runner.eventlog import EventLog
from jupyter_mlops.jobs.runner.kernel_process import KernelCommand, environment, is_ipykernel
from jupyter_mlops.jobs.runner.kernel_wire import Wire, WireError
from jupyter_mlops.jobs.runner.lease import Lease, LeaseLost
from jupyter_mlops.jobs.runner.logfile import LogFile
from jupyter_mlops.jobs.runner.outputs import Budget, OutputList
from jupyter_mlops.jobs.runner.rawlog import RawLog
from jupyter_mlops.jobs.runner.text import LogText, strip_controls
from jupyter_mlops.jobs.runner.timers import Timers

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


# ---------------------------------------------------------------- text


@pytest.mark.parametrize(
    ("given_", "wanted"),
    [
        ("plain\ttext\n", "plain\ttext\n"),
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07x\x1b]8;;http://a\x1b\\link\x1b]8;;\x1b\\", "xlink"),
        ("a\x1bPq#0\x1b\\b\x1b_x\x1b\\c\x9b2Jd", "abcd"),
        ("\x1b(Ba\x1b=b\x1b7c\x1bMd", "abcd"),
        ("a\0b\x08c\x7fd\x85e", "abcde"),
        ("one\r\ntwo\rthree", "one\ntwo\nthree"),
        ("\x1b", ""),
        ("\x1b[31", "31"),
    ],
)
def test_a32_control_sequences_are_removed(given_: str, wanted: str):
    """What a terminal would act on isn't in the text any more; the words are."""
    assert strip_controls(given_) == wanted


@given(st.text(max_size=200))
def test_nothing_of_control_is_left(text: str):
    """Whatever comes in, only tab and newline come out."""
    assert not [c for c in strip_controls(text) if ord(c) < 32 and c not in "\t\n"]
    assert not [c for c in strip_controls(text) if 0x7F <= ord(c) < 0xA0]


@given(st.text(st.sampled_from("ab\n\r\t"), max_size=60), st.lists(st.integers(0, 60), max_size=6))
def test_log_text_does_not_depend_on_the_pieces(text: str, cuts: list[int]):
    """Fed in one piece or in many, the same lines come out."""
    whole = LogText()
    wanted = whole.feed(text) + whole.overdue()
    pieces = LogText()
    places = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    found = "".join(pieces.feed(text[a:b]) for a, b in pairwise(places))
    assert found + pieces.overdue() == wanted


def test_progress_bars_leave_their_last_state():
    """Overwritten lines show what was on the screen in the end."""
    log = LogText()
    said = "".join(log.feed(f"\r{number}%") for number in range(0, 101, 10))
    assert said == ""
    assert log.feed("\ndone\r\nnext") == "100%\ndone\n"
    assert log.overdue() == "next\n"
    assert log.overdue() == ""


def test_a_line_without_an_end_is_written_in_pieces():
    """Memory doesn't grow with a line that never ends."""
    log = LogText()
    written = sum(len(log.feed("x" * 1000)) for _ in range(3000))
    assert written > 2_000_000


# ---------------------------------------------------------------- outputs


def _list(**limits: int) -> OutputList:
    whole = OutputLimits(
        **({"cell_bytes": 1000, "total_bytes": 5000, "single_bytes": 600} | limits)
    )
    return OutputList([], whole, Budget(whole.total_bytes))


def test_text_is_cut_where_the_limit_is():
    """The beginning, a marker with the size, the end."""
    outputs = _list()
    assert outputs.stream("stdout", "a" * 900) == "a" * 900
    assert outputs.stream("stdout", "b" * 200) == "b" * 100
    assert outputs.overflowing
    outputs.omit(json.dumps({"name": "stdout", "text": "the end\n"}).encode())
    added = outputs.close()
    assert [name for name, _ in added] == ["stdout"] * 3
    (output,) = outputs.outputs
    assert output["text"].startswith("a" * 900 + "b" * 100 + "\n[0.0 MB omitted")
    assert output["text"].endswith("the end\n")


def test_a_clear_makes_room():
    """What is cleared doesn't count any more."""
    outputs = _list()
    for number in range(50):
        outputs.clear(wait=True)
        assert outputs.before_output()
        assert outputs.stream("stdout", f"{number} " + "x" * 800)
    outputs.close()
    assert outputs.outputs[0]["text"].startswith("49 ")
    assert len(outputs.outputs) == 1


def test_errors_are_never_left_out():
    """Whatever the limit, the error that ended a cell is there, its end if it is long."""
    outputs = _list()
    outputs.stream("stdout", "x" * 2000)
    outputs.error("E", "why", ["first " + "x" * 2**20, "last line"])
    error = outputs.outputs[-1]
    assert error["traceback"][-1] == "last line"
    assert sum(map(len, error["traceback"])) <= 2**20


def test_text_is_whole_whatever_follows():
    """Text in pieces is put together before the next output, of any kind."""
    outputs = _list()
    outputs.stream("stdout", "a")
    outputs.stream("stdout", "b\n")
    for _ in range(2):
        outputs.display({"output_type": "display_data", "data": {}, "metadata": {}}, 0)
    outputs.stream("stderr", "c")
    outputs.stream("stderr", "d")
    outputs.error("E", "why", [])
    outputs.error("E", "why", [])
    assert [output.get("text") for output in outputs.outputs] == [
        "ab\n",
        None,
        None,
        "cd",
        *[None] * 2,
    ]


@given(
    st.lists(
        st.tuples(st.sampled_from(["stdout", "stderr", "display", "clear", "wait"]), TEXT),
        max_size=40,
    )
)
def test_outputs_never_exceed_their_limits(steps: list[tuple[str, str]]):
    """Whatever is printed, shown and cleared, what is held stays within the limit and a marker."""
    outputs = _list(cell_bytes=700)
    for kind, text in steps:
        if kind in ("clear", "wait"):
            outputs.clear(wait=kind == "wait")
            continue
        outputs.before_output()
        if kind == "display":
            outputs.display({"output_type": "display_data", "data": {}, "metadata": {}}, len(text))
        else:
            outputs.stream(kind, text)
    outputs.close()
    held = sum(len(output.get("text", "")) for output in outputs.outputs)
    assert held <= 700 + 200 + 4 * 60 * 40
    assert all(isinstance(output.get("text", ""), str) for output in outputs.outputs)


# ---------------------------------------------------------------- files


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
BUNDLE = st.fixed_dictionaries(
    {},
    optional={
        "text/plain": TEXT,
        "text/html": TEXT,
        "image/png": TEXT,
        "image/svg+xml": TEXT,
        "application/json": JSON,
        "application/javascript": TEXT,
    },
)
OUTPUT = st.one_of(
    st.builds(
        lambda n, t: {"output_type": "stream", "name": n, "text": t},
        st.sampled_from(["stdout", "stderr"]),
        TEXT,
    ),
    st.builds(lambda d: {"output_type": "display_data", "data": d, "metadata": {}}, BUNDLE),
    st.builds(
        lambda d: {
            "output_type": "execute_result",
            "data": d,
            "metadata": {},
            "execution_count": 1,
        },
        BUNDLE,
    ),
    st.builds(
        lambda t: {"output_type": "error", "ename": "E", "evalue": t, "traceback": [t]}, TEXT
    ),
)
CELL = st.one_of(
    st.builds(
        lambda s, o: {
            "cell_type": "code",
            "id": "a",
            "metadata": {"trusted": True, "tags": []},
            "source": s,
            "outputs": o,
            "execution_count": None,
        },
        TEXT,
        st.lists(OUTPUT, max_size=4),
    ),
    st.builds(lambda s: {"cell_type": "markdown", "id": "a", "metadata": {}, "source": s}, TEXT),
    st.builds(
        lambda s, b: {
            "cell_type": "markdown",
            "id": "a",
            "metadata": {},
            "source": s,
            "attachments": {"a": b},
        },
        TEXT,
        BUNDLE,
    ),
)


@settings(max_examples=200)
@given(st.lists(CELL, max_size=4), st.dictionaries(TEXT, JSON, max_size=3))
def test_notebooks_are_written_as_nbformat_writes_them(cells: list[Any], metadata: dict[str, Any]):
    """Byte by byte, whatever is in them."""
    document = {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    node = nbformat.from_dict(json.loads(json.dumps(document)))
    wanted = nbformat.v4.nbjson.writes(node) + "\n"
    assert notebook_file.encode(document).decode() == wanted


def test_only_changed_cells_are_encoded_again(tmp_path: Path):
    """A cell is written from memory until somebody says that it has changed."""
    cells = [{"cell_type": "markdown", "metadata": {}, "source": f"{n}"} for n in range(3)]
    document = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}
    file = notebook_file.NotebookFile(document, tmp_path / "nb.ipynb")
    file.save()
    cells[0]["source"] = cells[1]["source"] = "new"
    file.changed(1)
    file.save()
    written = json.loads((tmp_path / "nb.ipynb").read_text())
    assert [cell["source"] for cell in written["cells"]] == [["0"], ["new"], ["2"]]


def test_a_failed_write_leaves_the_old_file(tmp_path: Path):
    """Whatever happens on the way, the old content is there, and nothing else."""
    path = tmp_path / "file"
    files.replace(path, [b"old"])

    def broken():
        yield b"new"
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        files.replace(path, broken())
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_json_is_for_everybody():
    """No NaN, no lone surrogates."""
    value = {"a": [float("nan"), float("inf")], "b": "x\ud800y", "c": (1,)}
    assert json.loads(jsontext.compact(value)) == {"a": ["nan", "inf"], "b": "x?y", "c": [1]}
    assert json.loads(jsontext.pretty(value)) == {"a": ["nan", "inf"], "b": "x?y", "c": [1]}


def test_events_are_whole_lines(tmp_path: Path):
    """Text is gathered, long text is split, the order is kept, numbers have no gap."""
    log = EventLog(tmp_path / "events.jsonl")
    log.append("a")
    for piece in ("x", "y", "z" * (3 << 20)):
        log.stream(0, "stdout", piece)
    log.stream(0, "stderr", "e")
    log.stream(1, "stderr", "f")
    assert log.waiting
    log.settle()
    assert log.seq == 7
    log.append("b", value=float("nan"))
    log.flush()
    log.close()
    events = [json.loads(line) for line in (tmp_path / "events.jsonl").read_bytes().splitlines()]
    assert [event["seq"] for event in events] == list(range(1, 9))
    assert [list(event)[:3] for event in events] == [["seq", "t", "type"]] * 8
    texts = [event.get("text", "") for event in events]
    assert "".join(texts[1:5]) == "xy" + "z" * (3 << 20)
    assert texts[5:7] == ["e", "f"]


def test_log_is_capped_and_says_so(tmp_path: Path):
    """Its last line says that it ends; notes still come."""
    log = LogFile(tmp_path / "log.txt", 1000)
    for _ in range(100):
        log.stream("stdout", "x" * 99 + "\n")
    log.note("a\nnote")
    log.flush()
    log.close()
    lines = (tmp_path / "log.txt").read_text().splitlines()
    assert len(lines) == 13
    assert "ends here" in lines[10]
    assert lines[11:] == ["[jupyter-mlops] a", "[jupyter-mlops] note"]


def test_raw_log_tells_what_no_cell_claims(tmp_path: Path):
    """Lines that are in the log already aren't told twice."""
    (tmp_path / "kernel.log").write_bytes(b"printed\n\x1b[31mcrash\x1b[0m\n\nmore\n")
    (tmp_path / "log.txt").write_text("printed\nother\n")
    raw = RawLog(tmp_path / "kernel.log")
    assert raw.unclaimed(tmp_path / "log.txt") == ["crash", "more"]
    assert raw.tail() == "printed\ncrash\nmore"
    assert RawLog(tmp_path / "none").tail() == ""


# ---------------------------------------------------------------- the rest


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
