"""`python -m jupyter_mlops.jobs.runner <attempt directory>`, and the same in a forked process."""

from __future__ import annotations

import contextlib
import os
import resource
import sys
import threading
import traceback
from pathlib import Path

from jupyter_mlops.jobs import identity
from jupyter_mlops.jobs.model import Failure, State
from jupyter_mlops.jobs.order import AttemptOrder
from jupyter_mlops.jobs.runner import files
from jupyter_mlops.jobs.runner.attempt import Attempt
from jupyter_mlops.jobs.runner.jsontext import compact
from jupyter_mlops.jobs.runner.lease import Lease, LeaseLost
from jupyter_mlops.jobs.runner.wake import Wake

#: Exit statuses; what the attempt came to is in `exit.json`.
SUCCEEDED, FAILED, CANCELLED, CRASHED, NOT_OURS = 0, 1, 2, 70, 75
#: Bytes of memory that a process may have needed for one attempt and still carry out another.
_MEMORY_MOST = 128 * 2**20
#: Linux counts kilobytes, macOS bytes.
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024
_STATUS = {State.SUCCEEDED: SUCCEEDED, State.FAILED: FAILED, State.CANCELLED: CANCELLED}


def run_attempt(attempt_dir: str) -> int:
    """Carry out the attempt whose `order.json` lies in `attempt_dir`; return the exit status.

    For a process of its own: it becomes a session leader, and its output goes to `runner.log`.
    """
    directory = Path(attempt_dir)
    if os.getsid(0) != os.getpid():
        with contextlib.suppress(PermissionError):  # a group leader can't, and needn't
            os.setsid()
    _redirect(directory / "runner.log")
    with Wake() as wake, contextlib.ExitStack() as held:
        try:
            lease = Lease.take(directory)
            held.callback(lease.release)
            _check_fresh(directory)
            files.replace(directory / "runner.json", [compact(identity.describe())], durable=False)
            order = AttemptOrder.model_validate_json((directory / "order.json").read_bytes())
            return _STATUS[Attempt(order, lease, wake).carry_out()]
        except LeaseLost as lost:
            sys.stderr.write(f"nothing done: {lost}\n")
            return NOT_OURS
        except Exception:  # noqa: BLE001 - the process's edge: it leaves a word, whatever happened
            traceback.print_exc()
            _say_crashed(directory)
            return CRASHED


def may_go_on(status: int) -> bool:
    """Whether a process in which an attempt ended with this status may carry out another."""
    if status not in _STATUS.values() or threading.active_count() > 1:
        return False
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RSS_UNIT < _MEMORY_MOST


def main() -> None:
    """The command line."""
    if len(sys.argv) != 2:
        sys.stderr.write("usage: python -m jupyter_mlops.jobs.runner <attempt directory>\n")
        raise SystemExit(64)
    status = run_attempt(os.path.abspath(sys.argv[1]))
    sys.stderr.flush()
    # Everything is closed and on the disk; taking hundreds of modules apart helps nobody.
    os._exit(status)


def _check_fresh(directory: Path) -> None:
    """An attempt is carried out once: whoever finds its traces is late."""
    if (directory / "exit.json").exists() or (directory / "events.jsonl").exists():
        raise LeaseLost(f"{directory} was carried out before")


def _redirect(log: Path) -> None:
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    for descriptor, replaced in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(descriptor, replaced)
    os.close(output)
    os.close(nothing)


def _say_crashed(directory: Path) -> None:
    failure = Failure(
        code="runner_failed",
        message="The runner met an error of its own; it is described in runner.log.",
        hint=f"Please report it with {directory / 'runner.log'}.",
    )
    ended = {
        "state": State.FAILED.value,
        "failure": failure.model_dump(),
        "duration": None,
        "peak_memory": None,
    }
    try:
        (directory / "reserve").unlink(missing_ok=True)
        files.replace(directory / "exit.json", [compact(ended), b"\n"])
    except OSError:
        traceback.print_exc()


if __name__ == "__main__":
    main()
