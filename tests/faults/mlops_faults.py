"""What the tests of faults share: who runs an attempt, and what it has said."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jupyter_mlops import paths
from jupyter_mlops.jobs import identity

#: Prints and leaves a mark for each step, `{steps}` times, ten a second.
COUNTING = """
import pathlib, select
for i in range({steps}):
    print("step", i, flush=True)
    with pathlib.Path("trace.txt").open("a") as file:
        file.write("x")
    select.select([], [], [], 0.1)  # libfaketime breaks time.sleep
"""
#: Goes on until somebody makes the file `go on` beside the notebook.
WAITING = """
import pathlib, time
print("begun", flush=True)
while not pathlib.Path("go on").exists():
    time.sleep(0.02)
print("done")
"""


def runner_of(job_id: str, attempt: int = 1) -> dict[str, Any]:
    """What the runner of an attempt says of itself."""
    found: dict[str, Any] = json.loads(
        (paths.attempt_dir(job_id, attempt) / "runner.json").read_text()
    )
    return found


def events_of(job_id: str, attempt: int = 1) -> list[dict[str, Any]]:
    """Everything that an attempt's runner said; a line that it didn't finish is left out."""
    try:
        data = (paths.attempt_dir(job_id, attempt) / "events.jsonl").read_bytes()
    except FileNotFoundError:
        return []
    return [json.loads(line) for line in data[: data.rfind(b"\n") + 1].splitlines()]


def kinds_of(job_id: str, attempt: int = 1) -> list[str]:
    """Types of what an attempt's runner said."""
    return [event["type"] for event in events_of(job_id, attempt)]


def kernel_of(job_id: str, attempt: int = 1) -> int:
    """The kernel's process id."""
    prepared = next(event for event in events_of(job_id, attempt) if event["type"] == "prepared")
    return int(prepared["kernel"]["pid"])


def gone(pid: int) -> bool:
    """Whether the process is no more (or only waits to be reaped)."""
    return identity.start_time(pid) is None


def wait(condition: Callable[[], bool], patience: float = 30.0) -> None:
    """Wait until it holds."""
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


def memory_of(pid: int, field: str = "VmRSS") -> int:
    """Resident memory of a process, in bytes; `VmHWM` for its peak; 0 when it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    found = status.partition(f"{field}:")[2].split()
    return int(found[0]) * 1024 if found else 0
