"""What every address of ours has in common: who may, how much, how it is refused."""

from __future__ import annotations

import json
import os
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, TypeVar, cast
from urllib.parse import quote

from jupyter_core.utils import ensure_async
from jupyter_server.auth.decorator import allow_unauthenticated
from jupyter_server.auth.decorator import authorized as jupyter_authorized
from jupyter_server.base.handlers import APIHandler, JupyterHandler
from jupyter_server.extension.handler import ExtensionHandlerMixin
from jupyter_server.services.contents.fileio import FileManagerMixin
from tornado import web

from jupyter_mlops.errors import MlopsError, Refused, TooLarge
from jupyter_mlops.server_ext.refusals import (
    MEDIA_TYPE,
    MethodNotAllowed,
    NoRoot,
    NoXsrfToken,
    http_problem,
)
from jupyter_mlops.server_ext.upstream import Upstream
from jupyter_mlops.starting import own_version

#: What an Authorizer is asked about.
AUTH_RESOURCE = "mlops"
#: Key of the way to the daemon in the web application's settings.
UPSTREAM = "mlops_upstream"
#: Key of the largest body in bytes.
BODY_LIMIT = "mlops_body_limit"
_LOGGED = 200

Method = TypeVar("Method", bound=Callable[..., Awaitable[None]])


def authorized(action: str) -> Callable[[Method], Method]:
    """jupyter_server's own decorator for this resource; always with the action named, since it
    would keep the first request's for all that follow.
    """
    return cast("Callable[[Method], Method]", jupyter_authorized(action, AUTH_RESOURCE))


def real_root(handler: JupyterHandler) -> str:
    """The real path of the server's root directory.

    Raises:
        NoRoot: the contents don't lie in a directory.
    """
    manager = handler.contents_manager
    # Others inherit a `root_dir` that means nothing: "/" would let everything through.
    root = manager.root_dir if isinstance(manager, FileManagerMixin) else None
    if not root or not os.path.isdir(root):
        raise NoRoot(
            "The files of this Jupyter server don't lie in a directory of this machine, so no "
            "notebook of theirs can run as a job.",
            hint="Use a contents manager that keeps files on disk, or `jupyter mlops run`.",
        )
    return os.path.realpath(root)


def root_header(handler: JupyterHandler) -> tuple[bytes, bytes]:
    """`X-Mlops-Root` for a request of this server.

    Raises:
        NoRoot: as `real_root`.
    """
    return b"x-mlops-root", quote(os.fsencode(real_root(handler))).encode()


class MlopsHandler(ExtensionHandlerMixin, APIHandler):
    """Authenticates, bounds and refuses; what is asked for is the subclass's."""

    auth_resource = AUTH_RESOURCE
    # What this page polls is no sign of a person; `note_activity` tells of what is.
    _track_activity = False
    #: What an Authorizer is asked for, by method; other methods don't exist.
    actions: ClassVar[dict[str, str]] = {
        "GET": "read",
        "POST": "execute",
        "PATCH": "write",
        "DELETE": "write",
    }

    @property
    def upstream(self) -> Upstream:
        """The way to the daemon."""
        return cast("Upstream", self.settings[UPSTREAM])

    @property
    def content_security_policy(self) -> str:
        """Nothing that we pass on may run anything, even when it is opened by itself."""
        return self.strict_policy

    @property
    def strict_policy(self) -> str:
        """No script, no origin, no network: images, fonts and styles of the document's own."""
        return (
            f"{super().content_security_policy}; sandbox; img-src data:; media-src data:; "
            "font-src data:; style-src 'unsafe-inline'"
        )

    def set_default_headers(self) -> None:
        """Headers of every answer, errors included."""
        super().set_default_headers()
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Cross-Origin-Resource-Policy", "same-origin")
        self.set_header("Referrer-Policy", "no-referrer")
        self.set_header("Cache-Control", "no-store")
        self.set_header("X-Mlops-Version", own_version())

    async def prepare(self, **_: Any) -> None:
        """Everything that can be refused before a byte of the body is read."""
        await super().prepare()
        method = self.request.method or ""
        if self._finished or method == "OPTIONS":
            return
        if self.current_user is None:
            raise web.HTTPError(403)
        if method not in self.actions:
            raise MethodNotAllowed(f"This address takes no {method}.")
        if "Service-Worker" in self.request.headers:
            raise Refused("Nothing here can be a service worker.")
        if method == "GET":
            return
        # The method's own decorator asks again, but only once the body has been read.
        action = self.actions[method]
        if not await ensure_async(
            self.authorizer.is_authorized(self, self.current_user, action, AUTH_RESOURCE)
        ):
            raise web.HTTPError(403, f"User is not authorized to {action} on {AUTH_RESOURCE}.")
        declared = self.request.headers.get("Content-Length", "0")
        if declared.isdigit() and int(declared) > self.body_limit:
            raise self.too_large()

    @property
    def body_limit(self) -> int:
        """The largest body, in bytes."""
        return int(self.settings[BODY_LIMIT])

    def too_large(self) -> TooLarge:
        """The error of a body over the limit."""
        return TooLarge(
            f"The request is larger than {self.body_limit // 2**20} MB.",
            hint="Let the notebook read large data from files instead.",
        )

    def check_origin(self, origin_to_satisfy_tornado: str = "") -> bool:
        """As jupyter_server's, but a foreign origin is refused rather than told of nothing."""
        if not super().check_origin(origin_to_satisfy_tornado):
            raise web.HTTPError(403, "Cross-origin request")
        return True

    def check_xsrf_cookie(self) -> None:
        """As jupyter_server's, saying what is wrong."""
        try:
            super().check_xsrf_cookie()
        except web.HTTPError as error:
            if "xsrf" not in str(error.log_message).lower():
                raise
            raise NoXsrfToken(
                "The request doesn't show that a page of this server made it.",
                hint="Reload the page; a script sends a token in its Authorization header.",
            ) from None

    def note_activity(self) -> None:
        """A person did something: culling an idle server starts anew."""
        self._track_activity = True
        self.update_api_activity()
        self._track_activity = False

    def finish(self, *args: Any, **kwargs: Any) -> Any:
        """As jupyter_server's, but the content type stays what it is."""
        kwargs.setdefault("set_content_type", self._headers.get("Content-Type", "text/plain"))
        return super().finish(*args, **kwargs)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Every error is a problem document and a line in the log."""
        error = (kwargs.get("exc_info") or (None, None, None))[1]
        if isinstance(error, MlopsError):
            document = error.to_problem()
        else:
            document = http_problem(status_code)
        status = int(document["status"])
        self.set_status(status)
        if status == 405:
            self.set_header("Allow", ", ".join(self.actions))
        if status == 503:
            self.set_header("Retry-After", "1")
        path = self.request.path[:_LOGGED].encode("unicode_escape").decode()
        self.log.warning(
            "mlops: refused %s %s: %d %s", self.request.method, path, status, document["code"]
        )
        self.set_header("Content-Type", MEDIA_TYPE)
        self.finish(json.dumps(document))

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """A traceback for what is our mistake; `write_error` logs its line for everything.

        tornado's own would name the address with its query, which may hold a login's token.
        """
        if not isinstance(value, (MlopsError, web.HTTPError)):
            self.log.error("mlops: unexpected error", exc_info=(typ, value, tb))

    @allow_unauthenticated
    def options(self, *args: Any, **kwargs: Any) -> None:
        """For preflights; says nothing about what is here."""
        super().options(*args, **kwargs)
