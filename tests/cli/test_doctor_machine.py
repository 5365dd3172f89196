"""What `doctor` says of the machine."""

from __future__ import annotations

import fcntl
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_mlops import paths
from jupyter_mlops.cli.checks import machine
from jupyter_mlops.cli.checks.finding import Finding

from .mlops_doctor import Patch, broken, only

if TYPE_CHECKING:
    from mlops_script import Run


def test_the_data_directory(home: Path) -> None:
    """To be made, well, and open to others."""
    assert "will be made" in machine.data_directory()[0].detail
    assert not home.exists()
    home.mkdir(mode=0o700)
    assert machine.data_directory()[0].status == "ok"
    home.chmod(0o755)
    broken(machine.data_directory(), "warning", "open to others (0755)", f"chmod 700 {home}")
    assert list(home.iterdir()) == []


def test_something_in_the_place_of_the_data_directory(home: Path, tmp_path: Path) -> None:
    """A file, or a link."""
    home.touch()
    broken(machine.data_directory(), "problem", "not a directory", "Move it away")
    home.unlink()
    home.symlink_to(tmp_path)
    broken(machine.data_directory(), "problem", "is a link", "JUPYTER_MLOPS_DATA_DIR")
    home.unlink()
    home.symlink_to(tmp_path / "nowhere")
    broken(machine.data_directory(), "problem", "not a directory", "Move it away")


@pytest.mark.skipif(os.getuid() != 0, reason="gives a directory to another user")
def test_another_users_data_directory(home: Path) -> None:
    """Can't be used."""
    home.mkdir(mode=0o700)
    os.chown(home, 12345, 12345)
    broken(machine.data_directory(), "problem", "another user", "JUPYTER_MLOPS_DATA_DIR")


@pytest.mark.parametrize("child", ["", "data"])
def test_a_data_directory_that_cant_be_written(home: Path, child: str) -> None:
    """For somebody who isn't root: neither it nor what it would be made in."""
    home.mkdir(mode=0o500)
    uid = os.getuid() or 65534
    os.chown(home, uid, -1)
    home.parent.chmod(0o755)
    program = (
        "import json, os; from jupyter_mlops.cli.checks.machine import data_directory\n"
        f"os.setresuid({uid}, {uid}, {uid})\n"  # only now: the interpreter may be root's alone
        "print(json.dumps([f._asdict() for f in data_directory()]))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "JUPYTER_MLOPS_DATA_DIR": str(home / child)},
        capture_output=True,
        text=True,
        check=True,
    )
    found = [Finding(**finding) for finding in json.loads(ran.stdout)]
    said = "can't be made" if child else "Permission denied"
    broken(found, "problem", said, "JUPYTER_MLOPS_DATA_DIR")


@pytest.mark.parametrize("flaw", ["ignored", "refused"])
def test_a_disk_without_locks(home: Path, monkeypatch: Patch, flaw: str) -> None:
    """Where a lock doesn't keep others out, two daemons would share one store."""
    home.mkdir(mode=0o700)

    def flock(_file: object, _how: int) -> None:
        if flaw == "refused":
            raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    broken(machine.data_directory(), "problem", "Locks don't work", "local disk")


@pytest.mark.parametrize(("free", "status"), [(2**20, "problem"), (2**30, "warning")])
def test_a_full_disk(home: Path, monkeypatch: Patch, free: int, status: str) -> None:
    """Little is a warning, nothing a problem."""
    home.mkdir(mode=0o700)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=free))
    broken(machine.data_directory(), status, "Only", "Free some space")


def test_network_file_systems(tmp_path: Path) -> None:
    """The mount that holds the directory counts, the last one where two share a point."""
    mounts = (
        "22 1 0:20 / / rw - ext4 /dev/sda rw\n"
        f"23 22 0:21 / {tmp_path} rw shared:1 - tmpfs tmpfs rw\n"
        f"24 22 0:22 / {tmp_path} rw - nfs4 server:/home rw\n"
        "25 22 0:23 / /net\\040share rw - cifs //server/x rw\n"
        "short\n"
    )
    assert machine.filesystem(tmp_path / "data", mounts) == "nfs4"
    assert machine.filesystem(Path("/"), mounts) == "ext4"
    assert machine.filesystem(Path("/net share/x"), mounts) == "cifs"
    assert machine.filesystem(Path("/networks"), mounts) == "ext4"


def test_a_network_file_system_is_a_warning(home: Path, monkeypatch: Patch) -> None:
    """With the advice to move."""
    home.mkdir(mode=0o700)
    monkeypatch.setattr(machine, "filesystem", lambda _directory, _mounts: "nfs4")
    broken(machine.data_directory(), "warning", "is on nfs4", "local disk")


def test_the_sockets(monkeypatch: Patch, tmp_path: Path) -> None:
    """To be made, well, open to others, a link, and too long."""
    assert "will be made" in only(machine.sockets()).detail
    directory = paths.private_dir(paths.private_dir(paths.data_dir()) / "run")
    assert only(machine.sockets()).status == "ok"
    directory.chmod(0o777)
    broken(machine.sockets(), "problem", "open to others (0777)", f"chmod 700 {directory}")
    directory.rmdir()
    directory.symlink_to(tmp_path)
    broken(machine.sockets(), "problem", "a link or another user's", "Remove")
    monkeypatch.setattr(paths, "daemon_socket", lambda: tmp_path / ("x" * 100))
    broken(machine.sockets(), "problem", "longer than 100 bytes", "shorter")


def test_limits(cli: Run) -> None:
    """Few files, few processes, small files: each with its `ulimit`."""
    program = (
        "import json, resource as r; from jupyter_mlops.cli.checks.machine import limits\n"
        "print(json.dumps([f._asdict() for f in limits()]))"
    )

    def lower() -> None:
        for which, value in (
            (resource.RLIMIT_NOFILE, 256),
            (resource.RLIMIT_NPROC, 100),
            (resource.RLIMIT_FSIZE, 2**30),
        ):
            resource.setrlimit(which, (value, resource.getrlimit(which)[1]))

    ran = subprocess.run(
        [sys.executable, "-c", program],
        preexec_fn=lower,
        capture_output=True,
        text=True,
        check=True,
    )
    found = [Finding(**finding) for finding in json.loads(ran.stdout)]
    broken(found, "warning", "256 open files", "ulimit -n")
    broken(found, "warning", "100 processes", "ulimit -u")
    broken(found, "warning", "1.0 GiB", "ulimit -f")


def test_f42_a_clock_that_is_behind(home: Path, monkeypatch: Patch) -> None:
    """Behind what was written, or behind this program."""
    home.mkdir()
    assert only(machine.clock()).status == "ok"
    paths.store_file().touch()
    os.utime(paths.store_file(), (time.time() + 7200,) * 2)
    broken(machine.clock(), "warning", "jobs.db was written at", "Set the clock")
    monkeypatch.setattr(time, "time", lambda: 86400.0)
    broken(machine.clock(), "warning", "It shows 1970", "Set the clock")


def nvml(monkeypatch: Patch, **functions: Callable[..., Any]) -> None:
    """An NVML library that does this."""
    error = type("NVMLError", (Exception,), {})
    module = SimpleNamespace(
        NVMLError=error,
        nvmlInit=lambda: None,
        nvmlShutdown=lambda: None,
        nvmlDeviceGetCount=lambda: 0,
        nvmlDeviceGetHandleByIndex=lambda index: index,
        nvmlDeviceGetName=lambda index: f"GPU {index}".encode(),
    )
    for name, function in functions.items():
        setattr(module, name, function)
    monkeypatch.setitem(sys.modules, "pynvml", module)


def test_gpus(monkeypatch: Patch, tmp_path: Path) -> None:
    """Some, none, a driver that doesn't answer, and no library to ask."""
    nvml(monkeypatch, nvmlDeviceGetCount=lambda: 2)
    assert only(machine.gpus()) == Finding("gpus", "ok", "GPU 0, GPU 1")
    nvml(monkeypatch)
    assert only(machine.gpus()).detail == "none"

    def fail() -> None:
        raise sys.modules["pynvml"].NVMLError("Driver/library version mismatch")

    nvml(monkeypatch, nvmlInit=fail)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert only(machine.gpus()).detail == "none"
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    broken(machine.gpus(), "warning", "version mismatch", "nvidia-smi")
    monkeypatch.setitem(sys.modules, "pynvml", None)
    broken(machine.gpus(), "warning", "can't be counted", "pip install nvidia-ml-py")
