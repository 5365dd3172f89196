"""The data directory, sockets, limits, GPUs and the clock."""

from __future__ import annotations

import fcntl
import os
import resource
import shutil
import stat
import tempfile
import time
from pathlib import Path

from jupyter_mlops import paths
from jupyter_mlops.cli.checks.finding import Finding, ok, problem, warning
from jupyter_mlops.cli.render import moment, size

_SPACE_LOW = 2 * 2**30
_SPACE_NONE = 200 * 2**20
_FILES_FEW = 1024
_PROCESSES_FEW = 256
#: Where `flock` and SQLite's WAL aren't to be relied on.
_NETWORK = ("nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "9p", "fuse.sshfs", "fuse.s3fs")
_ELSEWHERE = "Set JUPYTER_MLOPS_DATA_DIR to a directory of your own on a local disk."
#: This was written after it; no clock that is right shows less.
_BUILT = 1_760_000_000
_SLACK = 120.0


def data_directory() -> list[Finding]:
    """The data directory is ours, private, writable, and its disk has room."""
    directory, name = paths.data_dir(), "data directory"
    existing = directory
    while not os.path.lexists(existing) and existing != existing.parent:
        existing = existing.parent
    found = existing.stat() if existing.exists() else None
    if found is None or not stat.S_ISDIR(found.st_mode):
        return [problem(name, f"{existing} is not a directory.", "Move it away.")]
    if existing != directory:
        if not os.access(existing, os.W_OK | os.X_OK):
            return [problem(name, f"{directory} can't be made in {existing}.", _ELSEWHERE)]
        return [ok(name, f"{directory} will be made"), *_space(existing)]
    if directory.is_symlink() or found.st_uid != os.getuid():
        who = "is a link" if directory.is_symlink() else "belongs to another user"
        return [problem(name, f"{directory} {who}.", _ELSEWHERE)]
    findings = []
    if stat.S_IMODE(found.st_mode) & 0o077:
        detail = f"{directory} is open to others ({stat.S_IMODE(found.st_mode):04o})."
        findings.append(warning(name, detail, f"chmod 700 {directory}"))
    try:
        with tempfile.TemporaryFile(dir=directory, prefix=".doctor-") as file:
            file.write(b"x")
            file.flush()
            os.fsync(file.fileno())
            if not _locks_work(directory):
                detail = f"Locks don't work on the disk of {directory}."
                return [*findings, problem(name, detail, _ELSEWHERE)]
    except OSError as error:
        mend = f"chmod u+rwx {directory}, or: {_ELSEWHERE}"
        return [*findings, problem(name, f"{directory}: {error.strerror}.", mend)]
    return [*findings, *([] if findings else [ok(name, str(directory))]), *_space(directory)]


def _locks_work(directory: Path) -> bool:
    """Whether a lock that is held keeps others out."""
    with tempfile.NamedTemporaryFile(dir=directory, prefix=".doctor-") as one:
        try:
            fcntl.flock(one, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        with Path(one.name).open("rb") as other:
            try:
                fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
    return False


def _space(directory: Path) -> list[Finding]:
    free = shutil.disk_usage(directory).free
    detail, mend = f"{size(free)} free for {directory}.", "Free some space on that disk."
    findings = [ok("disk", detail)]
    if free < _SPACE_NONE:
        findings = [problem("disk", f"Only {detail}", mend)]
    elif free < _SPACE_LOW:
        findings = [warning("disk", f"Only {detail}", mend)]
    mounts = Path("/proc/self/mountinfo")
    kind = filesystem(directory, mounts.read_text()) if mounts.exists() else ""
    if kind in _NETWORK:
        detail = f"{directory} is on {kind}: locks and SQLite aren't to be relied on there."
        findings.append(warning("disk", detail, _ELSEWHERE))
    return findings


def filesystem(directory: Path, mountinfo: str) -> str:
    """The type of the file system that holds `directory`; empty when unknown."""
    best, kind = -1, ""
    resolved = directory.resolve()
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - ")
        fields = left.split()
        if len(fields) < 5 or not right:
            continue
        point = Path(fields[4].replace("\\040", " "))
        # A later mount on the same point hides the earlier one.
        if resolved.is_relative_to(point) and len(point.parts) >= best:
            best, kind = len(point.parts), right.split()[0]
    return kind


def sockets() -> list[Finding]:
    """The sockets' directory is ours alone and its path short enough."""
    directory, name = paths.runtime_dir(), "socket"
    length = len(os.fsencode(paths.daemon_socket()))
    if length > paths.SOCKET_PATH_MAX:
        detail = f"{paths.daemon_socket()} is longer than {paths.SOCKET_PATH_MAX} bytes."
        return [problem(name, detail, "Set JUPYTER_MLOPS_DATA_DIR to a shorter path.")]
    if not os.path.lexists(directory):
        return [ok(name, f"{paths.daemon_socket()} will be made")]
    found = os.lstat(directory)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        detail = f"{directory} is a link or another user's."
        return [problem(name, detail, f"Remove {directory}, or: {_ELSEWHERE}")]
    if stat.S_IMODE(found.st_mode) & 0o077:
        detail = f"{directory} is open to others ({stat.S_IMODE(found.st_mode):04o})."
        return [problem(name, detail, f"chmod 700 {directory}")]
    return [ok(name, str(paths.daemon_socket()))]


def limits() -> list[Finding]:
    """Enough open files and processes; files may be large."""
    name = "limits"
    findings = []
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if files != resource.RLIM_INFINITY and files < _FILES_FEW:
        detail = f"Only {files} open files are allowed."
        findings.append(warning(name, detail, f"ulimit -n {_FILES_FEW * 4}"))
    processes = resource.getrlimit(resource.RLIMIT_NPROC)[0]
    if processes != resource.RLIM_INFINITY and processes < _PROCESSES_FEW:
        detail = f"Only {processes} processes are allowed."
        findings.append(warning(name, detail, f"ulimit -u {_PROCESSES_FEW * 4}"))
    largest = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    if largest != resource.RLIM_INFINITY:
        detail = f"Files may only have {size(largest)}: a larger store or notebook fails."
        findings.append(warning(name, detail, "ulimit -f unlimited"))
    return findings or [ok(name, f"{_limit(files)} open files, {_limit(processes)} processes")]


def _limit(value: int) -> str:
    return "unlimited" if value == resource.RLIM_INFINITY else str(value)


def gpus() -> list[Finding]:
    """The NVIDIA GPUs that jobs can be given."""
    name = "gpus"
    try:
        import pynvml
    except ImportError as error:
        return [warning(name, f"GPUs can't be counted: {error}.", "pip install nvidia-ml-py")]
    try:
        pynvml.nvmlInit()
        try:
            count = pynvml.nvmlDeviceGetCount()
            kinds = [_gpu(pynvml, index) for index in range(count)]
        finally:
            pynvml.nvmlShutdown()
    except pynvml.NVMLError as error:
        if Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi"):
            detail = f"There is an NVIDIA driver, but it doesn't answer: {error}."
            return [warning(name, detail, "Run nvidia-smi: it says why; often a reboot mends it.")]
        return [ok(name, "none")]
    return [ok(name, ", ".join(kinds) or "none")]


def _gpu(pynvml: object, index: int) -> str:
    handle = pynvml.nvmlDeviceGetHandleByIndex(index)  # type: ignore[attr-defined]
    kind = pynvml.nvmlDeviceGetName(handle)  # type: ignore[attr-defined]
    return kind.decode() if isinstance(kind, bytes) else str(kind)


def clock() -> list[Finding]:
    """The clock isn't behind what was already written by it."""
    name, now = "clock", time.time()
    mend = "Set the clock (timedatectl set-ntp true); times of jobs are wrong until then."
    if now < _BUILT:
        return [warning(name, f"It shows {moment(now)}.", mend)]
    for path in (paths.store_file(), paths.daemon_log(), paths.daemon_record()):
        try:
            written = path.stat().st_mtime
        except OSError:
            continue
        if written > now + _SLACK:
            detail = f"{path} was written at {moment(written)}, and it is {moment(now)} now."
            return [warning(name, detail, mend)]
    return [ok(name, moment(now))]
