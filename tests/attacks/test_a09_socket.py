"""Other users of the machine, and other programs at the socket."""

from __future__ import annotations

import os
import socket
import stat
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest

NOBODY = 65534


def modes(directory: Path) -> dict[str, int]:
    """Permissions of everything below a directory, links aside."""
    found = {}
    for path in [directory, *directory.rglob("*")]:
        state = path.lstat()
        if not stat.S_ISLNK(state.st_mode):
            found[str(path.relative_to(directory))] = stat.S_IMODE(state.st_mode)
    return found


def test_a09_a43_everything_is_the_persons_own(site: Any, done_job: dict[str, Any]) -> None:
    """Nobody else can read or write any of it, sockets included."""
    assert done_job["state"] == "succeeded"
    found = modes(site.jupyter.data)
    assert "run/daemon.sock" in found
    assert f"jobs/{done_job['id']}/attempts/1/order.json" in found
    assert {name: oct(mode) for name, mode in found.items() if mode & 0o077} == {}


def ask_as_nobody(path: Path) -> bytes:
    """What another user hears at a socket; b"" when it is hung up on."""
    here, there = os.pipe()
    with warnings.catch_warnings():
        # The interpreter itself isn't readable for others here, so no new one can be started.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        said = b"failed"
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            with socket.socket(socket.AF_UNIX) as asking:
                asking.settimeout(20)
                asking.connect(str(path))
                try:
                    asking.sendall(b"GET /api/v1/status HTTP/1.1\r\nHost: x\r\n\r\n")
                    said = asking.recv(4096)
                except ConnectionError:
                    said = b""
        except PermissionError:
            said = b"not even that"
        finally:
            os.write(there, said or b"hung up")
            os._exit(0)
    os.close(there)
    os.waitpid(child, 0)
    with os.fdopen(here, "rb") as file:
        return file.read()


@pytest.mark.skipif(os.getuid() != 0, reason="becomes another user")
def test_a09_another_user_cant_reach_the_socket(site: Any) -> None:
    """Its directory is closed."""
    site.ask("GET", "api/v1/status")
    assert ask_as_nobody(site.jupyter.data / "run" / "daemon.sock") == b"not even that"


@pytest.mark.skipif(os.getuid() != 0 or sys.platform != "linux", reason="becomes another user")
def test_a09_another_user_is_hung_up_on(site: Any) -> None:
    """Even where every permission is open: the socket itself asks who it is."""
    path = site.jupyter.data / "run" / "daemon.sock"
    site.ask("GET", "api/v1/status")
    opened = [path, *list(path.parents)[:-1]]
    before = {one: stat.S_IMODE(one.stat().st_mode) for one in opened}
    try:
        for one in opened:
            one.chmod(0o777)
        assert ask_as_nobody(path) == b"hung up"
    finally:
        for one, mode in before.items():
            one.chmod(mode)
    assert f"uid {NOBODY}" in (site.jupyter.data / "daemon.log").read_text()
    assert site.ask("GET", "api/v1/status").status == 200


@pytest.mark.parametrize(
    "said",
    [
        b"\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /api/v1/jobs HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"GET /api/v1/jobs HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST /api/v1/jobs HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /" + b"a" * 1_000_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 100_000 + b"\r\n",
    ],
)
def test_odd_things_at_the_socket(site: Any, said: bytes) -> None:
    """Hurt nobody."""
    site.ask("GET", "api/v1/status")
    with socket.socket(socket.AF_UNIX) as asking:
        asking.settimeout(20)
        asking.connect(str(site.jupyter.data / "run" / "daemon.sock"))
        try:
            asking.sendall(said)
            asking.shutdown(socket.SHUT_WR)
            while asking.recv(65536):
                pass
        except ConnectionError:
            pass
    assert site.ask("GET", "api/v1/status").status == 200


@pytest.mark.parametrize(
    "root", ["", "relative", "/", "/nowhere", "%2e%2e", "/proc/self/cwd/nowhere", "\xff"]
)
def test_a09_the_root_is_the_servers_to_tell(site: Any, root: str) -> None:
    """A browser's own header changes nothing."""
    body = {"notebook": str(site.beside / "secret.ipynb")}
    answer = site.ask("POST", "api/v1/notebooks/inspect", body=body, headers={"X-Mlops-Root": root})
    assert answer.status == 403
