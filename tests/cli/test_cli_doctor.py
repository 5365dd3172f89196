"""`doctor` sees each thing that is broken here, and says how to mend it."""

from __future__ import annotations

import fcntl
import json
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from jupyter_mlops import paths
from jupyter_mlops.cli import doctor
from jupyter_mlops.cli.checks import installation, machine, service
from jupyter_mlops.cli.checks.finding import Finding
from jupyter_mlops.client import Client

if TYPE_CHECKING:
    from mlops_script import Run, Script

Patch = pytest.MonkeyPatch


def only(findings: list[Finding]) -> Finding:
    """The one finding."""
    [found] = findings
    return found


def broken(findings: list[Finding], status: str, said: str, mend: str) -> None:
    """There is a finding of that status which says this and how to mend it."""
    matching = [f for f in findings if f.status == status and said in f.detail]
    assert matching, findings
    assert mend in matching[0].mend


@pytest.fixture
def stopped() -> Iterator[None]:
    """Whatever daemon a test has started is stopped."""
    yield
    Client(start=False).stop_daemon()


def test_all_is_well_on_this_machine(cli: Run, stopped: None) -> None:
    """The whole of it, as JSON: every check has a name, a status and a detail."""
    ran = cli("doctor", "--json", timeout=110)
    document = json.loads(ran.stdout)
    assert ran.returncode == (0 if document["ok"] else 1)
    names = [check["name"] for check in document["checks"]]
    for name in ("python", "packages", "kernels", "data directory", "disk", "socket", "daemon"):
        assert name in names
    well = {check["name"] for check in document["checks"] if check["status"] == "ok"}
    assert {"python", "kernels", "data directory", "disk", "socket", "store", "daemon"} <= well
    assert all(check["mend"] for check in document["checks"] if check["status"] != "ok")
    bad = [check for check in document["checks"] if check["status"] == "problem"]
    assert document["problems"] == len(bad)


def test_as_text(cli: Run, home: Path, stopped: None) -> None:
    """A line a finding, what mends it below, and the verdict; 1 when there is a problem."""
    home.mkdir(mode=0o700)
    (home / "jobs.db").write_bytes(b"not a database" * 100)
    ran = cli("doctor", timeout=110)
    assert ran.returncode == 1
    assert "✔ python" in ran.stdout
    assert f"✘ store             {home}/jobs.db is damaged: file is not a database." in ran.stdout
    assert "sqlite3" in ran.stdout
    assert "what mends each stands below it." in ran.stdout


def test_a_check_that_breaks_is_a_finding(monkeypatch: Patch) -> None:
    """And the others still run."""

    def fragile() -> list[Finding]:
        raise RuntimeError("\x1b[31moops")

    found = only(doctor._run(fragile))
    assert (found.name, found.status) == ("fragile", "problem")
    assert "RuntimeError: oops" in found.detail


# --- Installation ------------------------------------------------------------------------------


class Version(NamedTuple):
    """As `sys.version_info`."""

    major: int
    minor: int
    micro: int


def test_an_old_python(monkeypatch: Patch) -> None:
    """Is a problem."""
    monkeypatch.setattr(sys, "version_info", Version(3, 10, 2))
    broken(installation.python(), "problem", "3.10.2", "3.11")


def test_packages_missing_and_too_old(tmp_path: Path, monkeypatch: Patch) -> None:
    """Each is named with the command that installs it; extras aren't asked for."""
    assert only(installation.packages()).status == "ok"
    metadata = tmp_path / "jupyter_mlops-9.0.0.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text(
        "Metadata-Version: 2.1\nName: jupyter-mlops\nVersion: 9.0.0\n"
        "Requires-Dist: no-such-package-here>=2\nRequires-Dist: packaging<1\n"
        "Requires-Dist: another-missing; extra == 'test'\nRequires-Dist: pip\n"
        "Requires-Dist: !!!\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    found = installation.packages()
    broken(found, "problem", "no-such-package-here is missing", "pip install 'no-such-package")
    broken(found, "problem", "packaging is ", "pip install 'packaging<1'")
    broken(found, "warning", "!!!", "")
    assert len(found) == 3


def test_not_installed(monkeypatch: Patch) -> None:
    """A source tree on the path alone is no installation."""
    monkeypatch.setattr(installation, "_DISTRIBUTION", "jupyter-mlops-elsewhere")
    broken(installation.packages(), "problem", "isn't installed", "pip install")


def test_the_command(tmp_path: Path, monkeypatch: Patch) -> None:
    """Missing from PATH, another installation's, `jupyter` missing, and well."""
    monkeypatch.setenv("PATH", str(tmp_path))
    broken(installation.command(), "warning", "isn't on PATH", "export PATH=")
    program = tmp_path / "jupyter-mlops"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    broken(installation.command(), "warning", "`jupyter` isn't on PATH", "export PATH=")
    shutil.copy(program, tmp_path / "jupyter")
    broken(installation.command(), "warning", f"that of {program}", "export PATH=")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    assert only(installation.command()).status == "ok"


@pytest.fixture
def jupyter(tmp_path: Path, monkeypatch: Patch) -> Path:
    """Jupyter's data and configuration in a directory of the test's own alone."""
    import jupyter_core.paths

    monkeypatch.setattr(
        jupyter_core.paths, "jupyter_path", lambda *parts: [str(tmp_path.joinpath(*parts))]
    )
    monkeypatch.setattr(jupyter_core.paths, "jupyter_config_path", lambda: [str(tmp_path)])
    return tmp_path


def write(path: Path, document: Any) -> Path:
    """A JSON file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))
    return path


def test_the_labextension(jupyter: Path) -> None:
    """Not there, without its files, unreadable, disabled in both forms, and well."""
    check = installation.lab_extension
    broken(check(), "problem", "isn't installed", "jupyter")
    directory = jupyter / "labextensions" / "jupyter-mlops"
    load = {"jupyterlab": {"_build": {"load": "static/remoteEntry.js"}}}
    manifest = write(directory / "package.json", load)
    broken(check(), "problem", "remoteEntry.js is missing", "jupyter")
    (directory / "static").mkdir()
    (directory / "static" / "remoteEntry.js").touch()
    assert only(check()).status == "ok"
    page = jupyter / "labconfig" / "page_config.json"
    for disabled in ({"jupyter-mlops": True}, ["jupyter-mlops:panel"], {"jupyter-mlops:x": True}):
        write(page, {"disabledExtensions": disabled})
        broken(check(), "problem", "disabled", "labextension enable")
    for other in ({"jupyter-mlops": False}, ["other"], {"jupyter-mlops-more": True}):
        write(page, {"disabledExtensions": other})
        assert only(check()).status == "ok"
    manifest.write_text("{")
    broken(check(), "problem", "can't be used", "jupyter")
    manifest.write_text('{"jupyterlab": null}')
    broken(check(), "problem", "can't be used", "jupyter")


def test_the_server_extension(jupyter: Path) -> None:
    """Not enabled, disabled by the main file, and enabled by the one that we install."""
    check = installation.server_extension
    broken(check(), "problem", "No configuration", "server extension enable")
    ours = {"ServerApp": {"jpserver_extensions": {"jupyter_mlops": True}}}
    write(jupyter / "jupyter_server_config.d" / "jupyter_mlops.json", ours)
    assert only(check()).status == "ok"
    theirs = {"ServerApp": {"jpserver_extensions": {"jupyter_mlops": False}}}
    write(jupyter / "jupyter_server_config.json", theirs)
    broken(check(), "problem", "jupyter_server_config.json disables it", "server extension enable")


def kernelspecs(monkeypatch: Patch, **specs: dict[str, Any]) -> None:
    """These are the kernelspecs that there are."""
    from jupyter_client.kernelspec import KernelSpecManager

    found = {name: {"spec": {"language": "python", **spec}} for name, spec in specs.items()}
    monkeypatch.setattr(KernelSpecManager, "get_all_specs", lambda _self: found)


GOOD = {"argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]}


def test_no_kernels(monkeypatch: Patch) -> None:
    """Nothing could run."""
    kernelspecs(monkeypatch)
    broken(installation.kernels(), "problem", "No kernels", "ipykernel install --user")


def test_a_kernel_whose_interpreter_is_gone(monkeypatch: Patch) -> None:
    """Beside a good one it is a warning; alone it is a problem."""
    gone = {"argv": ["/old/venv/bin/python", "-m", "ipykernel_launcher"]}
    kernelspecs(monkeypatch, good=GOOD, gone=gone)
    found = installation.kernels()
    assert (found[0].status, found[0].detail) == ("ok", "good")
    broken(found, "warning", "/old/venv/bin/python doesn't exist", "kernelspec remove gone")
    kernelspecs(monkeypatch, gone=gone)
    broken(installation.kernels(), "problem", "doesn't exist", "ipykernel install --user")


def test_a_kernel_without_ipykernel(tmp_path: Path, monkeypatch: Patch) -> None:
    """It is tried in the kernel's own interpreter and environment."""
    (tmp_path / "ipykernel").mkdir()
    (tmp_path / "ipykernel" / "__init__.py").write_text(
        "raise ModuleNotFoundError(\"No module named 'ipykernel'\")"
    )
    kernelspecs(monkeypatch, bare={**GOOD, "env": {"PYTHONPATH": str(tmp_path)}})
    found = installation.kernels()
    broken(found, "problem", "No module named 'ipykernel'", "-m pip install ipykernel")


def test_kernels_that_are_odd(tmp_path: Path, monkeypatch: Patch) -> None:
    """Without argv, one that hangs, one that dies silently, one of another language."""
    slow = tmp_path / "slow"
    slow.write_text("#!/bin/sh\nsleep 60\n")
    silent = tmp_path / "silent"
    silent.write_text("#!/bin/sh\nexit 3\n")
    for program in (slow, silent):
        program.chmod(0o755)
    monkeypatch.setattr(installation, "_KERNEL_TIMEOUT", 0.5)
    kernelspecs(
        monkeypatch,
        empty={"argv": []},
        slow={"argv": [str(slow), "-m", "ipykernel_launcher"]},
        silent={"argv": [str(silent), "-m", "ipykernel_launcher"]},
        bash={"argv": [str(silent), "-m", "bash_kernel"], "language": "bash"},
    )
    found = installation.kernels()
    assert found[0].detail == "bash"
    broken(found, "warning", "no argv", "remove empty")
    broken(found, "warning", "longer than", "remove slow")
    broken(found, "warning", "exit code 3", "remove silent")


# --- Machine -----------------------------------------------------------------------------------


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


# --- Service -----------------------------------------------------------------------------------


def database(path: Path) -> Path:
    """A whole SQLite file with some pages."""
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE t (x TEXT)")
    connection.executemany("INSERT INTO t VALUES (?)", [("x" * 500,)] * 200)
    connection.commit()
    connection.close()
    return path


def test_f26_a_damaged_store() -> None:
    """None yet, whole, a page overwritten, no database at all; nothing is written to it."""
    assert only(service.store()).detail == "none yet"
    file = database(paths.store_file())
    assert only(service.store()).status == "ok"
    data = bytearray(file.read_bytes())
    data[8192:12288] = os.urandom(4096)
    file.write_bytes(data)
    broken(service.store(), "problem", f"{file} is damaged", ".recover")
    assert file.read_bytes() == data
    file.write_bytes(b"x" * 9000)
    broken(service.store(), "problem", "not a database", ".recover")
    assert sorted(p.name for p in file.parent.iterdir()) == ["jobs.db"]


def test_the_daemon_cant_start_with_its_settings(home: Path, stopped: None) -> None:
    """What it says of them is told."""
    home.mkdir(mode=0o700)
    (home / "mlops.yaml").write_text("idle_timeuot: 5\n")
    found = service.daemon()
    broken(found, "problem", "idle_timeuot", "daemon restart")


def test_the_daemon_starts(stopped: None) -> None:
    """A real one, of our version."""
    found = only(service.daemon())
    assert found.status == "ok", found
    assert Client(start=False).status()["pid"] == int(found.detail.rpartition(" ")[2])


def test_a_daemon_of_another_version(script: Script, monkeypatch: Patch) -> None:
    """Is a warning."""
    monkeypatch.setattr("jupyter_mlops.__version__", "0.0.1")
    broken(service.daemon(), "warning", "0.1.0 runs, 0.0.1 is installed", "daemon restart")


def test_a_damaged_mlflow_store() -> None:
    """Is told by name."""
    assert "none yet" in only(service.mlflow()).detail
    file = database(paths.mlflow_dir() / "mlflow.db")
    assert only(service.mlflow()).status == "ok"
    file.write_bytes(b"x" * 9000)
    broken(service.mlflow(), "problem", "mlflow.db is damaged", "Move")


@pytest.fixture
def tracking() -> Iterator[Any]:
    """A tracking server that answers with a status of the test's."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.server.asked.append((self.path, self.headers.get("Authorization")))
            self.send_response(self.server.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        server.status, server.asked = 200, []
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_the_tracking_server(tracking: Any, monkeypatch: Patch) -> None:
    """It answers, asks for credentials, is broken; a password in its address is never shown."""
    address = f"127.0.0.1:{tracking.server_port}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://me:hunter2@{address}/team/")
    assert only(service.mlflow()) == Finding("mlflow", "ok", f"http://{address}/team/ answers")
    assert tracking.asked == [("/team/health", None)]
    tracking.status = 401
    assert "asks for credentials" in only(service.mlflow()).detail
    tracking.status = 502
    broken(service.mlflow(), "warning", "(502)", "MLFLOW_TRACKING_URI")
    assert "hunter2" not in repr(service.mlflow())


def test_f44_a_tracking_server_that_is_away(monkeypatch: Patch) -> None:
    """Is a warning: jobs run all the same."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    broken(service.mlflow(), "warning", "doesn't answer", "their runs follow later")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://[broken")
    assert only(doctor._run(service.mlflow)).status in {"warning", "problem"}
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "databricks")
    assert only(service.mlflow()).status == "ok"


def test_a_tracking_server_of_the_settings(daemon_process: Any) -> None:
    """The running daemon tells which one it has."""
    daemon_process.directory.mkdir(mode=0o700, parents=True)
    (daemon_process.directory / "mlops.yaml").write_text("tracking_uri: http://127.0.0.1:1\n")
    daemon_process.start()
    broken(service.mlflow(), "warning", "http://127.0.0.1:1 doesn't answer", "tracking_uri")
