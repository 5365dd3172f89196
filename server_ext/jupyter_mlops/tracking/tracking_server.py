"""A tracking server of the person's own: its address, its credentials, how it is shown."""

from __future__ import annotations

import base64
import configparser
import contextlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Self
from urllib.parse import unquote, urlsplit

from jupyter_mlops.errors import InvalidInput, MlopsError, Refused

URI_VARIABLE = "MLFLOW_TRACKING_URI"
_SECRETS = ("MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_PASSWORD", "DATABRICKS_TOKEN")
_USERINFO = re.compile(r"(?<=://)[^/@\s]+@")


class TrackingUnreachable(MlopsError):
    """The tracking server doesn't answer, or not as one."""

    code, http_status, exit_code = "tracking_unreachable", 502, 6
    title: ClassVar[str] = "The tracking server doesn't answer"


class CredentialsRefused(Refused):
    """The tracking server knows no such credentials: wrong, or expired."""

    code, title = "tracking_credentials", "The tracking server refuses the credentials"

    @classmethod
    def told(cls, said: str) -> Self:
        """As the server `said` it."""
        return cls(
            f"The tracking server refuses the credentials: {said}",
            hint="They are wrong or have expired. Renew them in ~/.mlflow/credentials, or set "
            "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN, and "
            "`jupyter mlops daemon restart`. What is to be recorded is kept until then.",
        )


class PermissionMissing(Refused):
    """The tracking server knows the credentials, and doesn't allow it."""

    code, title = "tracking_permission", "The tracking server doesn't allow it"

    @classmethod
    def told(cls, said: str) -> Self:
        """As the server `said` it."""
        return cls(
            f"The tracking server doesn't allow it: {said}",
            hint="Ask for the permission to edit the experiment, or use another account or "
            "experiment. What is to be recorded is kept until then.",
        )


class TrackingServer:
    """What `MLFLOW_TRACKING_URI` names. Credentials are read when they are used, never kept."""

    def __init__(self, uri: str, environment: Mapping[str, str]) -> None:
        """`environment` is the one that jobs inherit.

        Raises:
            InvalidInput: a path in it is relative, so nobody can know what it means.
        """
        self.uri = uri
        self._environment = environment
        self._check_absolute()

    @property
    def shown(self) -> str:
        """For people: no credentials."""
        return redacted(self.uri, self._environment)

    @property
    def is_http(self) -> bool:
        """Whether it has pages that can be shown."""
        return urlsplit(self.uri).scheme in ("http", "https")

    @property
    def url(self) -> str:
        """Its address without credentials."""
        return _USERINFO.sub("", self.uri)

    @property
    def verify(self) -> bool | str:
        """Whether to check certificates, or the file of those to trust."""
        if self._environment.get("MLFLOW_TRACKING_INSECURE_TLS", "").lower() in ("true", "1"):
            return False
        return self._environment.get("MLFLOW_TRACKING_SERVER_CERT_PATH") or True

    @property
    def certificate(self) -> str | None:
        """Our own certificate."""
        return self._environment.get("MLFLOW_TRACKING_CLIENT_CERT_PATH") or None

    def authorization(self) -> str | None:
        """The header that MLflow's client would send; None: none."""
        given = self._environment
        user, password = _credentials_file()
        user = given.get("MLFLOW_TRACKING_USERNAME") or user
        password = given.get("MLFLOW_TRACKING_PASSWORD") or password
        if user and password:
            return _basic(user, password)
        if token := given.get("MLFLOW_TRACKING_TOKEN"):
            return f"Bearer {token}"
        split = urlsplit(self.uri)
        if split.username is not None:
            return _basic(unquote(split.username), unquote(split.password or ""))
        return None

    def _check_absolute(self) -> None:
        scheme, _, rest = self.uri.partition(":")
        relative = False
        if scheme.startswith("sqlite"):
            path = rest.removeprefix("///")
            relative = not path.startswith("/") and path not in ("", ":memory:")
        elif scheme == "file":
            relative = not urlsplit(self.uri).path.startswith("/")
        elif not rest:
            relative = not self.uri.startswith("/") and "databricks" not in self.uri
        if relative:
            raise InvalidInput(
                f"{URI_VARIABLE} names a relative path ({self.shown}).",
                hint="Give an absolute one (sqlite has four slashes then: sqlite:////home/…): "
                "the daemon works in no directory of yours.",
                problems=[{"where": "tracking_uri", "message": "must be absolute"}],
            )


def credentials_path() -> Path:
    """Where MLflow's client reads credentials, each time that it sends something."""
    return Path("~/.mlflow/credentials").expanduser()


def redacted(text: str, environment: Mapping[str, str]) -> str:
    """`text` without credentials: those in addresses and those of the environment."""
    clean = _USERINFO.sub("", text)
    for name in _SECRETS:
        if secret := environment.get(name):
            clean = clean.replace(secret, "***")
    return clean


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _credentials_file() -> tuple[str | None, str | None]:
    """As MLflow's client reads `~/.mlflow/credentials`."""
    parser = configparser.ConfigParser()
    with contextlib.suppress(OSError, configparser.Error):
        parser.read(credentials_path(), "utf-8")
    if "mlflow" not in parser:
        return None, None
    section = parser["mlflow"]
    return section.get("mlflow_tracking_username"), section.get("mlflow_tracking_password")
