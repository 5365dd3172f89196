"""A real Jupyter server in a process of its own, and plain requests to it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TOKEN = "a-token-that-no-log-may-hold"

CONFIG = '''
import os
from jupyter_server.auth import Authorizer

class Denying(Authorizer):
    """Allows what the file `denied` doesn't name, and notes what it was asked."""

    def is_authorized(self, handler, user, action, resource):
        here = os.environ["MLOPS_TEST_DIR"]
        if resource == "mlops":
            with open(here + "/asked", "a") as file:
                file.write(f"{handler.request.method} {action} {resource}\\n")
        with open(here + "/denied") as file:
            return resource != "mlops" or action not in file.read().split()

c.ServerApp.authorizer_class = Denying
c.ServerApp.ip = "127.0.0.1"
c.ServerApp.open_browser = False
c.ServerApp.allow_root = True
c.ServerApp.port_retries = 0
c.ServerApp.allow_unauthenticated_access = False
c.ServerApp.jpserver_extensions = {"jupyter_mlops": True} | dict.fromkeys(
    ("jupyterlab", "jupyter_lsp", "jupyter_server_terminals", "notebook_shim"), False
)
c.IdentityProvider.token = os.environ["MLOPS_TEST_TOKEN"]
'''


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The code of a problem document."""
        assert self.headers["content-type"] == "application/problem+json", self
        return str(self.json()["code"])


@dataclass
class Jupyter:
    """One server; `directory` holds its configuration, log and root."""

    directory: Path
    data: Path
    base: str = "/user/x%40y/"
    config: str = ""
    process: subprocess.Popen[bytes] | None = None
    port: int = 0
    cookies: dict[str, str] = field(default_factory=dict)

    @property
    def root(self) -> Path:
        """What it serves."""
        return self.directory / "root"

    @property
    def log(self) -> str:
        """What it has logged so far."""
        return (self.directory / "log").read_text("utf-8", "replace")

    def start(self, **environment: str) -> Jupyter:
        """Start it and return once it answers."""
        self.root.mkdir(parents=True, exist_ok=True)
        self.deny()
        (self.directory / "config.py").write_text(CONFIG + self.config)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        env = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("JUPYTER", "JPY_", "MLFLOW_", "MLOPS_"))
        } | {
            "JUPYTER_CONFIG_DIR": str(self.directory / "jupyter"),
            "JUPYTER_RUNTIME_DIR": str(self.directory / "runtime"),
            "JUPYTER_MLOPS_DATA_DIR": str(self.data),
            "MLOPS_TEST_DIR": str(self.directory),
            "MLOPS_TEST_TOKEN": TOKEN,
            "PYTHONWARNINGS": "always",
        }
        with (self.directory / "log").open("wb") as log:
            self.process = subprocess.Popen(
                [
                    sys.executable, "-m", "jupyter_server",
                    "--config", str(self.directory / "config.py"),
                    f"--ServerApp.root_dir={self.root}",
                    f"--ServerApp.port={self.port}",
                    f"--ServerApp.base_url={self.base}",
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=env | environment,
                start_new_session=True,
            )  # fmt: skip
        deadline = time.monotonic() + 60
        while True:
            try:
                if self.ask("GET", "api", own=False).status == 200:
                    return self
            except OSError:
                assert self.process.poll() is None, self.log
            assert time.monotonic() < deadline, self.log
            time.sleep(0.05)

    def stop(self) -> None:
        """End it."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def deny(self, *actions: str) -> None:
        """Have the authorizer deny these actions from now on."""
        (self.directory / "denied").write_text(" ".join(actions))

    def asked(self) -> list[str]:
        """What the authorizer was asked since the last call."""
        path = self.directory / "asked"
        if not path.exists():
            return []
        found = path.read_text().splitlines()
        path.unlink()
        return found

    def url(self, path: str, *, own: bool = True) -> str:
        """The undecoded address of `path` below the base (and below `mlops/`)."""
        return self.base + ("mlops/" if own else "") + path

    def connect(self, timeout: float = 60.0) -> http.client.HTTPConnection:
        """A connection."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def ask(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        headers: dict[str, str] | None = None,
        token: bool = True,
        own: bool = True,
        timeout: float = 60.0,
    ) -> Answer:
        """One request; `body` that isn't bytes is sent as JSON."""
        sent = {"Authorization": f"token {TOKEN}"} if token else {}
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            sent["Content-Type"] = "application/json"
        sent |= headers or {}
        connection = self.connect(timeout)
        try:
            # By hand: http.client would add headers of its own, and refuse odd addresses.
            connection.putrequest(
                method, self.url(path, own=own), skip_host="Host" in sent, skip_accept_encoding=True
            )
            for name, value in sent.items():
                connection.putheader(name, value)
            if body is not None and "Transfer-Encoding" not in sent:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, found, response.read())
        finally:
            connection.close()

    def login(self) -> dict[str, str]:
        """Headers of a browser that has logged in: cookies and, as `_xsrf`, the XSRF token."""
        if not self.cookies:
            # The form sets the XSRF token, the login itself the rest.
            form = self._cookies("login")
            self.cookies = form | self._cookies(f"login?token={TOKEN}", form)
        return {"Cookie": "; ".join(f"{n}={v}" for n, v in self.cookies.items())}

    @property
    def xsrf(self) -> str:
        """The XSRF token of `login`."""
        self.login()
        return self.cookies["_xsrf"]

    def _cookies(self, path: str, sent: dict[str, str] | None = None) -> dict[str, str]:
        connection = self.connect()
        try:
            cookie = "; ".join(f"{n}={v}" for n, v in (sent or {}).items())
            connection.request("GET", self.base + path, headers={"Cookie": cookie})
            response = connection.getresponse()
            response.read()
            found = {}
            for name, value in response.getheaders():
                if name.lower() == "set-cookie":
                    key, _, rest = value.partition("=")
                    found[key] = rest.partition(";")[0]
            return found
        finally:
            connection.close()
