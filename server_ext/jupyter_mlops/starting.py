"""Starting the daemon when nobody listens. Any number may try at once: its own lock lets one win.

Standard library only: the kernel and the command line load this module.
"""

from __future__ import annotations

import errno
import json
import os
import re
import stat
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from jupyter_mlops import paths
from jupyter_mlops.errors import (
    DaemonUnreachable,
    InvalidInput,
    MlopsError,
    Refused,
    StoreFull,
    StoreUnusable,
)

#: Seconds that a daemon may take from its start to its first accept.
START_TIMEOUT = 30.0
#: Seconds to wait for whoever won the lock before trying once more ourselves.
_WINNER_GRACE = 2.0
_TAIL_BYTES = 4096
_TAIL_LINES = 12
#: How a line of the log begins, other than a message for whoever started the daemon.
_RECORD = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} ")

# What belongs to one kernel or one job, not to a process that outlives both.
_FOREIGN_PREFIXES = ("JPY_", "MLOPS_", "IPYTHON_", "KERNEL_")
_FOREIGN_NAMES = frozenset({"MPLBACKEND", "MLFLOW_RUN_ID", "PYTHONSTARTUP", "PYTHONINSPECT"})


def daemon_environment(given: Mapping[str, str]) -> dict[str, str]:
    """`given` without what belongs to the kernel or job that happens to start the daemon."""
    env = {
        name: value
        for name, value in given.items()
        if name not in _FOREIGN_NAMES and not name.startswith(_FOREIGN_PREFIXES)
    }
    if "MLOPS_JOB_ID" in given:
        # Set for the job by the daemon before: an address of that daemon, or the person's own
        # tracking server. Only the former comes with a token of ours.
        if given.get("MLFLOW_TRACKING_URI", "").startswith("http://127.0.0.1:"):
            env.pop("MLFLOW_TRACKING_URI", None)
            env.pop("MLFLOW_TRACKING_TOKEN", None)
        env.pop("MLFLOW_EXPERIMENT_ID", None)
    if entries := env.get("PYTHONPATH"):
        # The daemon works in "/": what was relative to us has to stay where it is.
        env["PYTHONPATH"] = os.pathsep.join(
            str(Path(e).absolute()) for e in entries.split(os.pathsep)
        )
    return env


def start_daemon(listening: Callable[[], bool], timeout: float = START_TIMEOUT) -> None:
    """Start the daemon, detached from us, and return when `listening()`.

    Raises:
        DaemonUnreachable: it ended or didn't listen in time; the detail has the end of its log.
        StoreUnusable: the store is corrupt or from a newer version.
        InvalidInput: the settings can't be used.
        Refused: the data directory isn't ours alone.
        StoreFull: the disk that holds the data directory is full.
    """
    deadline = time.monotonic() + timeout
    log_start = _log_size()
    while True:
        code = _launch_and_wait(listening, deadline)
        if code is None:
            return
        if code != 0:
            # Perhaps it only lost against one that is listening by now.
            if listening():
                return
            raise _failed(code, log_start)
        # Exit code 0: another one holds the lock. It listens soon, or it was just leaving.
        if _wait(listening, min(deadline, time.monotonic() + _WINNER_GRACE)):
            return
        if time.monotonic() >= deadline:
            raise _unreachable(f"The daemon didn't answer within {timeout:.0f} s", log_start)


def _launch_and_wait(listening: Callable[[], bool], deadline: float) -> int | None:
    """Start one daemon; None when someone listens, else the exit code of the one started."""
    import subprocess  # only where something has to be started
    import threading

    started = time.monotonic()
    log_start = _log_size()
    try:
        paths.private_dir(paths.data_dir())
        log = os.open(paths.daemon_log(), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    except OSError as error:
        raise _unwritable(error) from error
    try:
        process = subprocess.Popen(
            # -P: what lies in the working directory must never be imported instead of the library.
            [sys.executable or "python3", "-P", "-m", "jupyter_mlops.daemon"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env=daemon_environment(os.environ),
            start_new_session=True,
        )
    except OSError as error:
        raise DaemonUnreachable(
            f"The daemon can't be started with {sys.executable}: {error.strerror}.",
            hint="Run `jupyter mlops doctor`: it checks the installation.",
        ) from error
    finally:
        os.close(log)
    # Reaped even in a client that lives for weeks (a kernel, the Jupyter server): no zombies.
    threading.Thread(target=process.wait, name="mlops-daemon-reaper", daemon=True).start()
    ended: list[int] = []

    def settled() -> bool:
        if listening():
            return True
        code = process.returncode
        if code is not None:
            ended.append(code)
        return code is not None

    if not _wait(settled, deadline):
        waited = time.monotonic() - started
        raise _unreachable(f"The daemon didn't answer within {waited:.0f} s", log_start)
    return ended[0] if ended else None


def _wait(condition: Callable[[], bool], deadline: float) -> bool:
    pause = 0.002
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(pause)
        pause = min(pause * 1.4, 0.1)
    return True


def _log_size() -> int:
    try:
        return paths.daemon_log().stat().st_size
    except OSError:
        return 0


def log_tail(start: int = 0) -> str:
    """The last lines of the daemon's log from byte `start` on; empty when there are none."""
    try:
        with paths.daemon_log().open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(start if start <= size else 0, size - _TAIL_BYTES))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-_TAIL_LINES:])


def _failed(code: int, log_start: int) -> MlopsError:
    """Why the daemon ended at its start: its exit codes are those of the errors."""
    kinds: dict[int, type[MlopsError]] = {
        kind.exit_code: kind for kind in (StoreUnusable, Refused, InvalidInput)
    }
    tail = log_tail(log_start)
    # What it says itself; the one before it may still have been writing to the same log.
    said = "\n".join(line for line in tail.splitlines() if not _RECORD.match(line))
    if code in kinds and said:
        return kinds[code](said, hint=f"The daemon's log: {paths.daemon_log()}")
    return _unreachable(f"The daemon ended with exit code {code} at its start", log_start)


def _unreachable(what: str, log_start: int) -> DaemonUnreachable:
    tail = log_tail(log_start)
    return DaemonUnreachable(
        f"{what}:\n{tail}" if tail else f"{what}; it logged nothing.",
        hint=f"`jupyter mlops doctor` checks the installation. The log: {paths.daemon_log()}",
    )


def _unwritable(error: OSError) -> DaemonUnreachable | StoreFull:
    directory = paths.data_dir()
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StoreFull(
            f"The disk that holds {directory} is full.", hint="Free some space and try again."
        )
    return DaemonUnreachable(
        f"{directory} can't be written: {error.strerror}.",
        hint="Mend its permissions, or set JUPYTER_MLOPS_DATA_DIR to a directory of your own.",
    )


def trusted_socket() -> Path:
    """The daemon's socket, if nobody else can have put it there.

    Raises:
        Refused: its directory is another user's, a link, or open to others.
        FileNotFoundError: there is no such directory.
    """
    path = paths.daemon_socket()
    found = os.lstat(path.parent)
    ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
    if not ours or stat.S_IMODE(found.st_mode) & 0o022:
        raise Refused(
            f"{path.parent} isn't a directory that only you can write.",
            hint=f"Make it yours alone (chmod 700 {path.parent}) or remove it, and try again.",
        )
    return path


def lock_held() -> bool:
    """Whether a daemon still has the data directory: it may no longer listen, or not yet."""
    import fcntl  # only where something is stopped

    try:
        file = os.open(paths.daemon_lock(), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False  # such a thing can't be locked here: nobody has
    finally:
        os.close(file)
    return False


def daemon_record() -> dict[str, Any]:
    """What the running daemon says of itself; empty when there is none."""
    try:
        record = json.loads(paths.daemon_record().read_bytes())
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def daemon_pid() -> int | None:
    """The process id in the daemon's record."""
    pid = daemon_record().get("pid")
    return pid if isinstance(pid, int) else None


def running_version() -> str | None:
    """The version in the daemon's record."""
    version = daemon_record().get("version")
    return version if isinstance(version, str) else None


def own_version() -> str:
    """The version of this library."""
    from jupyter_mlops import __version__

    return __version__


def older(version: str | None) -> bool:
    """Whether `version` is a release before ours; development versions count as their release."""
    return version is not None and _release(version) < _release(own_version())


def _release(version: str) -> tuple[int, ...]:
    numbers: list[int] = []
    for part in version.split(".")[:3]:
        digits = part[: len(part) - len(part.lstrip("0123456789"))]
        if not digits:
            break
        numbers.append(int(digits))
        if digits != part:
            break
    return tuple(numbers)
