"""Who may use the mounted MLflow: its port and the tokens, kept over restarts.

A job's token names the job and attempt that it was made for. It is worth something only as long as
that job is alive: a notebook that sends its environment somewhere else gives little away.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import hmac
import json
import os
import re
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

#: 0600: `{"port": …, "secret": …, "uri": …, "token": …}`; the last two are what a person's own
#: programs use.
FILE = "access.json"
_JOB_TOKEN = re.compile(r"job\.([0-9a-f]{12})\.([1-9][0-9]{0,3})\.[0-9a-f]{64}")
_OUR_TOKEN = re.compile(_JOB_TOKEN.pattern + r"|person\.[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose token came with a request; a person's names no job."""

    job_id: str | None = None
    attempt: int = 0
    #: The daemon itself, which alone says how jobs' runs end.
    daemon: bool = False


class Access:
    """Port and tokens of one daemon."""

    def __init__(self, port: int, secret: bytes) -> None:
        self.port = port
        self._secret = secret

    @property
    def address(self) -> str:
        """What goes into `MLFLOW_TRACKING_URI`."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def hosts(self) -> frozenset[bytes]:
        """What a `Host` header may say; a name that somebody else's DNS resolves to us may not."""
        port = self.port
        return frozenset((f"127.0.0.1:{port}".encode(), f"localhost:{port}".encode()))

    def person_token(self) -> str:
        """For programs of the person's own that know the file."""
        return f"person.{self._mac('person')}"

    def daemon_token(self) -> str:
        """For processes of the daemon's own; in no file."""
        return f"daemon.{self._mac('daemon')}"

    def job_token(self, job_id: str, attempt: int) -> str:
        """For the kernel of an attempt."""
        return f"job.{job_id}.{attempt}.{self._mac(f'job {job_id} {attempt}')}"

    def caller(self, authorization: bytes) -> Caller | None:
        """Whose `Authorization` header this is; None: nobody's."""
        token = _token_of(authorization)
        if token is None:
            return None
        if (found := _JOB_TOKEN.fullmatch(token)) is not None:
            expected = self.job_token(found[1], int(found[2]))
            caller = Caller(found[1], int(found[2]))
        elif token.startswith("daemon."):
            expected, caller = self.daemon_token(), Caller(daemon=True)
        else:
            expected, caller = self.person_token(), Caller()
        same = hmac.compare_digest(token.encode("utf-8", "replace"), expected.encode())
        return caller if same else None

    def _mac(self, text: str) -> str:
        return hmac.new(self._secret, text.encode(), hashlib.sha256).hexdigest()


def is_ours(environment: Mapping[str, str]) -> bool:
    """Whether a daemon of ours has set the tracking server in an environment."""
    return _OUR_TOKEN.fullmatch(environment.get("MLFLOW_TRACKING_TOKEN", "")) is not None


def open_access(directory: Path) -> tuple[Access, socket.socket]:
    """The daemon's access and its listening socket, on the port it had before if that is free.

    Raises:
        OSError: nothing can be bound, or the file can't be written.
    """
    port, secret = _read(directory / FILE)
    listening = _bind(port) if port and secret else None
    if listening is None:
        # Kernels that know the old port have no use for their tokens any more, but whoever sits
        # there now may have been sent them.
        secret = secrets.token_bytes(32)
        listening = _bind(0)
        assert listening is not None
    try:
        access = Access(listening.getsockname()[1], secret)
        _write(directory / FILE, access, secret)
    except BaseException:
        listening.close()
        raise
    return access, listening


def _bind(port: int) -> socket.socket | None:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", port))
        listening.listen(256)
        listening.setblocking(False)
    except OSError:
        listening.close()
        if port == 0:
            raise
        return None
    return listening


def _read(path: Path) -> tuple[int, bytes]:
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        with open(descriptor, "rb") as file:
            found = json.loads(file.read(4096))
        port, secret = int(found["port"]), bytes.fromhex(found["secret"])
        if 1024 <= port < 65_536 and len(secret) == 32:
            return port, secret
    return 0, b""


def _write(path: Path, access: Access, secret: bytes) -> None:
    beside = path.with_name(f".{path.name}.new")
    beside.unlink(missing_ok=True)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    content = {
        "port": access.port,
        "secret": secret.hex(),
        "uri": access.address,
        "token": access.person_token(),
    }
    with open(descriptor, "w", encoding="utf-8") as file:
        json.dump(content, file)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def _token_of(authorization: bytes) -> str | None:
    kind, _, value = authorization.strip().partition(b" ")
    value = value.strip()
    if kind.lower() == b"bearer":
        return value.decode("latin-1")
    if kind.lower() == b"basic":
        # MLflow's client prefers a name and password, where it has them, to a token.
        try:
            return base64.b64decode(value, validate=True).partition(b":")[2].decode("latin-1")
        except binascii.Error:
            return None
    return None
