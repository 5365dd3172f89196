"""The second net: processes of an attempt that outlived its runner and its guard."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
from pathlib import Path

from jupyter_mlops.jobs import identity
from jupyter_mlops.jobs.attempt_log import read_small

#: Seconds that a guard may take to do its work after the runner has gone.
_GUARD_PATIENCE = 3.0


def kill_leftovers(directory: Path) -> list[int]:
    """Kill what still belongs to the attempt in `directory`; the pids that were killed.

    First the guard is given its chance; then whoever has the attempt's variables in its
    environment is killed. Processes of other attempts, jobs and users never match.
    """
    order = read_small(directory / "order.json")
    if not order or not sys.platform.startswith("linux"):
        return []
    env = json.loads(order).get("env", {})
    marks = {
        f"{name}={env[name]}".encode() for name in ("MLOPS_JOB_ID", "MLOPS_ATTEMPT") if name in env
    }
    if len(marks) != 2:
        return []
    deadline = time.monotonic() + _GUARD_PATIENCE
    while (found := _marked(marks)) and time.monotonic() < deadline:
        time.sleep(0.02)
    killed = []
    while found:
        for pid, started in found:
            if identity.is_alive(pid, started):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
                    killed.append(pid)
        time.sleep(0.02)
        found = [one for one in _marked(marks) if one[0] not in killed]
    return killed


def _marked(marks: set[bytes]) -> list[tuple[int, int]]:
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) == os.getpid():
            continue
        try:
            environment = Path(f"/proc/{name}/environ").read_bytes()
        except OSError:
            continue
        if marks <= set(environment.split(b"\0")) and (started := identity.start_time(int(name))):
            found.append((int(name), started))
    return found
