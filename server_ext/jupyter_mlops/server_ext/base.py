"""What the handlers share: who may do what, and errors as problem documents."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, TypeVar, cast
from urllib.parse import unquote

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.extension.handler import ExtensionHandlerMixin
from tornado import web

from jupyter_mlops import __version__
from jupyter_mlops.errors import InvalidInput, MlopsError, Refused, TooLarge
from jupyter_mlops.server_ext.upstream import Upstream

#: What an authorizer is asked about.
RESOURCE = "mlops"
#: Above this a request is refused before it is read.
LARGEST_BODY = 128 * 2**20
_CONTROL = re.compile(r"[\x00-\x20\x7f\\]")

_Method = TypeVar("_Method", bound=Callable[..., Any])


def allowed(action: str) -> Callable[[_Method], _Method]:
    """Ask the server's authorizer; typed, which the framework's own decorator isn't."""
    return cast("Callable[[_Method], _Method]", authorized(action=action, resource=RESOURCE))


def checked_target(path: str, query: str) -> str:
    """Path and query as the daemon gets them.

    Raises:
        InvalidInput: the path tries to leave its prefix, plainly or in disguise.
    """
    plain = path
    for _ in range(3):
        if _CONTROL.search(plain) or any(part in (".", "..") for part in plain.split("/")):
            raise InvalidInput("The address can't be used.", code="bad_path")
        plain = unquote(plain)
    if _CONTROL.search(query):
        raise InvalidInput("The query can't be used.", code="bad_path")
    return f"{path}?{query}" if query else path


class MlopsHandler(ExtensionHandlerMixin, JupyterHandler):
    """Authenticated, authorized, and never a traceback to the browser."""

    auth_resource = RESOURCE

    @property
    def upstream(self) -> Upstream:
        """The daemon."""
        upstream: Upstream = self.settings["mlops_upstream"]
        return upstream

    @property
    def root(self) -> Path:
        """The folder that this Jupyter server shows.

        Raises:
            InvalidInput: its contents don't lie in a folder of this machine.
        """
        root = getattr(self.contents_manager, "root_dir", "") or ""
        folder = Path(root).expanduser() if root else None
        if folder is None or not folder.is_dir():
            raise InvalidInput(
                "This Jupyter server's files don't lie in a folder of its machine.",
                hint="Jobs need notebooks as files: use a contents manager with a root_dir.",
                code="no_root",
            )
        return folder.resolve()

    def body_checked(self) -> bytes:
        """The request's body.

        Raises:
            TooLarge: over the limit.
        """
        body: bytes = self.request.body or b""
        if len(body) > LARGEST_BODY:
            raise TooLarge(f"The request has more than {LARGEST_BODY // 2**20} MB.")
        return body

    async def prepare(self, *args: Any, **kwargs: Any) -> None:
        """Before the method: the framework's checks."""
        self.set_header("X-Mlops-Version", __version__)
        await super().prepare(*args, **kwargs)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Every refusal as application/problem+json."""
        error = kwargs.get("exc_info", (None, None, None))[1]
        if isinstance(error, MlopsError):
            problem = error
        elif isinstance(error, web.HTTPError) and status_code < 500:
            problem = Refused(
                error.log_message % error.args
                if error.log_message and error.args
                else error.log_message or error.reason or f"HTTP {status_code}",
                code=_CODES.get(status_code, f"http_{status_code}"),
            )
        else:
            problem = MlopsError(
                "The Jupyter server failed.", hint="Its log says why.", code="internal"
            )
        document = problem.to_problem() | {"status": status_code}
        self.clear()
        self.set_status(status_code)
        self.set_header("X-Mlops-Version", __version__)
        self.set_header("Content-Type", "application/problem+json")
        self.finish(json.dumps(document))

    def refuse(self, error: MlopsError) -> None:
        """Answer with an error of ours, and leave a line in the log."""
        self.log.warning(
            "mlops: %s %s refused: %s", self.request.method, self.request.path[:200],
            error.stable_code,
        )  # fmt: skip
        document = error.to_problem()
        self.set_status(error.http_status)
        self.set_header("Content-Type", "application/problem+json")
        self.finish(json.dumps(document))

    def get_login_url(self) -> str:
        """An API never redirects to a page: not being logged in is a 403."""
        raise web.HTTPError(403, "Not logged in.")

    def redirect(self, *_: Any, **__: Any) -> NoReturn:
        """As `get_login_url`."""
        raise web.HTTPError(403, "Not logged in.")


_CODES = {400: "bad_request", 403: "refused", 404: "not_found", 405: "method_not_allowed"}
