"""What `doctor` says of daemon, stores and tracking."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_mlops import paths
from jupyter_mlops.cli import doctor
from jupyter_mlops.cli.checks import service
from jupyter_mlops.cli.checks.finding import Finding
from jupyter_mlops.client import Client

from .mlops_doctor import Patch, broken, only

if TYPE_CHECKING:
    from mlops_script import Script


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
            healthy = self.server.refuses and self.path.endswith("/health")
            self.send_response(200 if healthy else self.server.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        server.status, server.asked, server.refuses = 200, [], False
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


@pytest.mark.slow
def test_a_tracking_server_that_refuses(daemon_process: Any, tracking: Any) -> None:
    """It answers, but not to these credentials: what the daemon was told is said here."""
    tracking.status, tracking.refuses = 401, True
    uri = f"http://127.0.0.1:{tracking.server_port}"
    daemon_process.start(MLFLOW_TRACKING_URI=uri, MLFLOW_HTTP_REQUEST_MAX_RETRIES="0")
    client = Client(start=False)
    client.start_run({"id": "ab" * 16, "experiment": "e", "name": "n"})
    deadline = time.monotonic() + 100
    while not client.status()["tracking"]["runs"]["detail"]:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    broken(service.mlflow(), "warning", "refuses the credentials", "daemon restart")


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
