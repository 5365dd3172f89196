"""Talking to one kernel: its connection file, its sockets, its messages."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import zmq

from jupyter_mlops.jobs.runner.kernel_wire import Message, Wire, WireError

#: Messages of ours that may wait in either process when the kernel waits for slow readers, too.
_HIGH_WATER_MARK = 64
#: Milliseconds between attempts to connect to a kernel that isn't there yet.
_RECONNECT = 5
_PREFIX = "k"


class KernelClient:
    """Sockets to a kernel; receiving never waits."""

    def __init__(self, directory: Path, *, ipc: bool, bounded: bool) -> None:
        """`directory` is for private, short-lived files and sockets (its path must be short).

        `ipc`: unix sockets, otherwise loopback TCP, which every kernel knows. `bounded`: the kernel
        waits when we are slow, so that little needs to be held; other kernels drop messages then,
        so everything that they send is held here.
        """
        self._directory = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=directory))
        key = os.urandom(32).hex()
        self._info: dict[str, str | int] = {
            "transport": "ipc" if ipc else "tcp",
            "ip": str(self._directory / "s") if ipc else "127.0.0.1",
            "key": key,
            "signature_scheme": "hmac-sha256",
            "kernel_name": "",
        }
        names = ("shell_port", "iopub_port", "stdin_port", "control_port", "hb_port")
        ports = list(range(1, 6)) if ipc else _free_ports(5)
        self._info |= dict(zip(names, ports, strict=True))
        self.connection_file = self._directory / "c.json"
        descriptor = os.open(self.connection_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "w") as file:
            json.dump(self._info, file)
        self._wire = Wire(key.encode())
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._hold = _HIGH_WATER_MARK if bounded else 0
        self.iopub = self._socket(zmq.SUB, "iopub_port", monitored=True)
        self.shell = self._socket(zmq.DEALER, "shell_port")
        self.control = self._socket(zmq.DEALER, "control_port")

    def execute(self, code: str, *, stop_on_error: bool) -> str:
        """Ask for `code` to be executed; return the request's id."""
        return self.send(
            "execute_request",
            {
                "code": code,
                "silent": False,
                "store_history": True,
                "user_expressions": {},
                "allow_stdin": False,
                "stop_on_error": stop_on_error,
            },
        )

    def send(self, kind: str, content: dict[str, Any]) -> str:
        """Send on the shell channel; return the message's id."""
        return self._send(self.shell, kind, content)

    def send_control(self, kind: str, content: dict[str, Any]) -> str:
        """Send on the control channel, which is heard while a cell runs; return the id."""
        return self._send(self.control, kind, content)

    def received(self, channel: zmq.Socket[bytes], most: int) -> Iterator[Message]:
        """What has come on `channel`, at most `most` messages; what isn't for us is passed over."""
        for _ in range(most):
            try:
                frames = channel.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            try:
                yield self._wire.unpack(frames)
            except WireError:
                continue

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the sockets and remove the files."""
        self._context.destroy(linger=0)
        shutil.rmtree(self._directory, ignore_errors=True)

    def _send(self, channel: zmq.Socket[bytes], kind: str, content: dict[str, Any]) -> str:
        msg_id, frames = self._wire.pack(kind, content)
        channel.send_multipart(frames)
        return msg_id

    def lost(self) -> bool:
        """Whether what `monitor` says is that the kernel's publisher has gone.

        Everything that it sent is then waiting on `iopub`.
        """
        gone = False
        while True:
            try:
                event = self.monitor.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return gone
            gone = gone or int.from_bytes(event[0][:2], sys.byteorder) == zmq.EVENT_DISCONNECTED

    def _socket(self, kind: int, port: str, *, monitored: bool = False) -> zmq.Socket[bytes]:
        made = self._context.socket(kind)
        made.linger = 0
        made.setsockopt(zmq.RECONNECT_IVL, _RECONNECT)
        made.setsockopt(zmq.SNDHWM, 0)
        made.setsockopt(zmq.RCVHWM, self._hold if kind == zmq.SUB else 0)
        if kind == zmq.SUB:
            made.setsockopt(zmq.SUBSCRIBE, b"")
        if monitored:
            self.monitor = made.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        separator = "-" if self._info["transport"] == "ipc" else ":"
        made.connect(f"{self._info['transport']}://{self._info['ip']}{separator}{self._info[port]}")
        return made


def sweep(directory: Path) -> None:
    """Remove what clients left behind that were killed."""
    for name in os.listdir(directory):  # globbing compiles its pattern, in every process
        pid, dash, _ = name.removeprefix(_PREFIX).partition("-")
        if not (dash and name.startswith(_PREFIX) and pid.isdecimal()):
            continue
        try:
            os.kill(int(pid), 0)
        except ProcessLookupError:
            shutil.rmtree(directory / name, ignore_errors=True)
        except OSError:
            continue  # somebody's: leave it


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        bound = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in bound:
            each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\0" * 8)
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in bound]
