"""MLflow's own UI and REST API below `<base>/mlops/mlflow/`, for who may.

Its front end knows nothing of Jupyter's XSRF token, so here a request that changes something has
to come from this very origin, as the browser itself tells. What MLflow serves of other people's
making (artifacts) is never a page of this server.
"""

from __future__ import annotations

from typing import Any, ClassVar
from urllib.parse import urlsplit

from jupyter_server.base.handlers import APIHandler
from tornado import web

from jupyter_mlops.server_ext.addresses import below, mlflow_target
from jupyter_mlops.server_ext.base import MlopsHandler, authorized
from jupyter_mlops.server_ext.forward import Forwarder

#: What a browser would show as a page, or run.
_ACTIVE = ("html", "xml", "svg", "javascript", "ecmascript", "pdf", "flash")
_OWN_PAGES = ("/mlflow/", "/mlflow/index.html")
_OWN_FILES = "/mlflow/static-files/"


class MlflowHandler(Forwarder):
    """MLflow, same origin."""

    actions: ClassVar[dict[str, str]] = {
        "GET": "read",
        "POST": "execute",
        "PUT": "write",
        "PATCH": "write",
        "DELETE": "write",
    }

    @property
    def content_security_policy(self) -> str:
        """MLflow's pages need their scripts; what isn't MLflow's own gets the strict one."""
        return super(APIHandler, self).content_security_policy

    def target(self) -> str:
        """The same address of the daemon."""
        return mlflow_target(below(self.request.path, self.base_url), self.request.query)

    def check_xsrf_cookie(self) -> None:
        """The token, or a browser's word that the request is this origin's own."""
        if self.request.method in self.actions and self.request.method != "GET":
            if not hasattr(self, "_jupyter_current_user"):
                return  # too early; asked again once the user is known
            if self.check_origin() and self._same_origin():
                return
        super().check_xsrf_cookie()

    def _same_origin(self) -> bool:
        site = self.request.headers.get("Sec-Fetch-Site")
        if site is not None:
            return site == "same-origin"
        origin = self.request.headers.get("Origin")
        host = self.request.headers.get("Host")
        return bool(origin and host) and urlsplit(str(origin)).netloc.lower() == str(host).lower()

    @web.authenticated
    @authorized("write")
    async def put(self, *_: str) -> None:
        """Upload an artifact."""
        await self._change()

    @web.authenticated
    @authorized("write")
    async def patch(self, *_: str) -> None:
        """Change."""
        await self._change()

    async def _change(self) -> None:
        self.note_activity()
        await self._relay()

    def dress(self) -> None:
        """Whatever somebody else may have written can neither run nor be shown as a page."""
        path = below(self.request.path, self.base_url)
        kind = str(self._headers.get("Content-Type", "")).lower()
        own = path in _OWN_PAGES or path.startswith(_OWN_FILES)
        if own:
            return
        if "artifact" in path or any(word in kind for word in _ACTIVE):
            self.set_header("Content-Security-Policy", self.strict_policy)
            given = str(self._headers.get("Content-Disposition", ""))
            name = given.partition(";")[2]
            self.set_header("Content-Disposition", f"attachment;{name}" if name else "attachment")


class MlflowRoot(MlopsHandler):
    """`<base>/mlops/mlflow`: MLflow's relative addresses need the slash."""

    @web.authenticated
    @authorized("read")
    async def get(self, *_: Any) -> None:
        """To the address with the slash, and nowhere else."""
        self.redirect(f"{self.base_url}mlops/mlflow/", permanent=False)
