"""Where things are kept. Standard library only: the kernel and the command line load this module.

The data directory is ``$JUPYTER_MLOPS_DATA_DIR`` or ``<jupyter data dir>/mlops``; everything
durable lies in it. The runtime directory (sockets) follows from it, so one variable moves all.
"""

from __future__ import annotations

import contextlib
import functools
import os
import stat
import sys
from pathlib import Path

from jupyter_mlops.errors import Refused

#: Longest path that fits `sockaddr_un.sun_path` everywhere (macOS has 104 with the NUL).
SOCKET_PATH_MAX = 100
#: Room for the longest socket name that we put into the runtime directory.
_SOCKET_NAME_ROOM = 34
#: Where Linux has a file system in memory, everybody's like /tmp.
_MEMORY = Path("/dev/shm")  # noqa: S108 - a directory of our own in it, checked by `private_dir`


def jupyter_data_dir() -> Path:
    """As `jupyter_core.paths.jupyter_data_dir`, without its imports."""
    if given := os.environ.get("JUPYTER_DATA_DIR"):
        return Path(given)
    home = Path.home()
    if sys.platform == "darwin" and not os.environ.get("JUPYTER_PLATFORM_DIRS"):
        return home / "Library" / "Jupyter"
    base = os.environ.get("XDG_DATA_HOME")
    return Path(base) / "jupyter" if base else home / ".local" / "share" / "jupyter"


def data_dir() -> Path:
    """The directory of everything durable; not created here."""
    given = os.environ.get("JUPYTER_MLOPS_DATA_DIR")
    if not given:
        return jupyter_data_dir().absolute() / "mlops"
    return _known(given) if os.path.isabs(given) else Path(given).absolute()


@functools.lru_cache(maxsize=8)
def _known(given: str) -> Path:
    # Asked a dozen times for each job, and a path takes its time to make.
    return Path(given)


def runtime_dir() -> Path:
    """The directory of sockets: ``<data dir>/run``, or a short one where that is too long."""
    natural = data_dir() / "run"
    if len(os.fsencode(natural)) + _SOCKET_NAME_ROOM <= SOCKET_PATH_MAX:
        return natural
    # Rare, and dear to import.
    import hashlib

    digest = hashlib.sha256(os.fsencode(data_dir())).hexdigest()[:12]
    # Not $TMPDIR: a job or a login with another one has to find the same socket. One level, so
    # that /tmp's sticky bit and the check in `private_dir` are all the protection it needs.
    return Path("/tmp") / f"jupyter-mlops-{os.getuid()}-{digest}"  # noqa: S108


def sockets_dir(otherwise: Path) -> Path:
    """A private directory for sockets that live as long as a kernel: in memory where that is.

    A disk's file system remembers for minutes what was removed and slows down with it. `otherwise`
    is taken where there is no such place for us.
    """
    if _MEMORY.is_dir():
        with contextlib.suppress(OSError, Refused):
            return private_dir(_MEMORY / f"jupyter-mlops-{os.getuid()}")
    return private_dir(otherwise)


def daemon_socket() -> Path:
    """The daemon's API: HTTP over a unix socket, 0600."""
    return runtime_dir() / "daemon.sock"


def doorbell_socket() -> Path:
    """Datagrams "something is new in this attempt" from runners to the daemon."""
    return runtime_dir() / "doorbell.sock"


def daemon_lock() -> Path:
    """The file whose OS lock makes the daemon alone."""
    return data_dir() / "daemon.lock"


def daemon_record() -> Path:
    """JSON about the running daemon: pid, start time, version, tracking port."""
    return data_dir() / "daemon.json"


def daemon_log() -> Path:
    """What the daemon logs."""
    return data_dir() / "daemon.log"


def store_file() -> Path:
    """The jobs' SQLite store."""
    return data_dir() / "jobs.db"


def job_dir(job_id: str) -> Path:
    """Everything of one job."""
    return data_dir().joinpath("jobs", job_id)


def attempt_dir(job_id: str, attempt: int) -> Path:
    """What one attempt was given and wrote; attempts count from 1."""
    return data_dir().joinpath("jobs", job_id, "attempts", str(attempt))


def hashes_dir() -> Path:
    """Content hashes of data files that were read before; may be removed at any time."""
    return data_dir() / "hashes"


def environments_dir() -> Path:
    """Packages of interpreters that jobs ran in; may be removed at any time."""
    return data_dir() / "environments"


def rebuilt_dir() -> Path:
    """Environments that were rebuilt from locks; may be removed while nothing is reproduced."""
    return data_dir() / "rebuilt"


def kept_data_dir() -> Path:
    """Copies of small data files that runs have read, by their content's hash."""
    return data_dir() / "kept-data"


def reproductions_dir() -> Path:
    """A directory for each reproduction of a run."""
    return data_dir() / "reproductions"


def mlflow_dir() -> Path:
    """The embedded MLflow store (`mlflow.db`) and its `artifacts/`."""
    return data_dir() / "mlflow"


def logs_dir() -> Path:
    """A directory for each run that a kernel logs into."""
    return data_dir() / "runs"


def run_log_dir(run_id: str) -> Path:
    """What a kernel has logged into one run and the daemon has not yet recorded."""
    return logs_dir() / run_id


def private_dir(path: Path) -> Path:
    """Create `path` as 0700 and ours.

    Raises:
        Refused: it exists and is a link, another user's, or open to others and can't be closed.
    """
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = os.lstat(path)
    if not stat.S_ISDIR(found.st_mode):
        raise Refused(f"{path} is not a directory.", hint="Move it away and try again.")
    if found.st_uid != os.getuid():
        raise Refused(
            f"{path} belongs to another user.",
            hint="Set JUPYTER_MLOPS_DATA_DIR to a directory of your own.",
        )
    if stat.S_IMODE(found.st_mode) & 0o077:
        path.chmod(0o700)
    return path
