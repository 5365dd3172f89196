"""`<base>/mlops/api/v1/…` and `<base>/mlops/mlflow/…`: checked here, answered by the daemon."""

from __future__ import annotations

from urllib.parse import urlsplit

from tornado import iostream, web

from jupyter_mlops.errors import DaemonUnreachable, InvalidInput, MlopsError
from jupyter_mlops.server_ext.base import MlopsHandler, allowed, checked_target

#: What a browser may tell the daemon; everything else (cookies first of all) stays here.
_PASSED_ON = (
    "Accept", "Content-Type", "Idempotency-Key", "Range", "If-None-Match", "If-Modified-Since",
)  # fmt: skip
#: What the daemon may tell a browser.
_PASSED_BACK = (
    "accept-ranges", "cache-control", "content-disposition", "content-encoding", "content-length",
    "content-range", "content-type", "etag", "last-modified", "retry-after", "vary",
)  # fmt: skip
#: Written by somebody's notebook: never allowed to act as this origin.
_FOREIGN = (
    "/get-artifact",
    "/mlflow-artifacts/",
    "/model-versions/get-artifact",
    "/logged-models/",
)
_SANDBOX = "sandbox allow-scripts; default-src 'self' 'unsafe-inline' data: blob:"
#: Authorizers know these three words.
_ACTIONS = {"GET": "read", "HEAD": "read", "POST": "execute", "DELETE": "write"}


class ForwardHandler(MlopsHandler):
    """The daemon's API."""

    prefix = "/api/v1/"
    methods = frozenset({"GET", "POST", "DELETE"})

    @web.authenticated
    @allowed("read")
    async def get(self, path: str) -> None:
        """Read."""
        await self.forward(path)

    @web.authenticated
    @allowed("execute")
    async def post(self, path: str) -> None:
        """Submit, cancel, run again."""
        await self.forward(path)

    @web.authenticated
    @allowed("write")
    async def delete(self, path: str) -> None:
        """Delete."""
        await self.forward(path)

    async def forward(self, path: str) -> None:
        """Ask the daemon and stream what it says."""
        try:
            target = checked_target(self.prefix + path, self.request.query)
            body = self.body_checked()
            self.check_body(body)
            answer = await self.upstream.ask(
                self.request.method or "GET", target, self._sent_on(), body
            )
        except MlopsError as error:
            self.refuse(error)
            return
        async with answer:
            self.set_status(answer.status)
            for name in _PASSED_BACK:
                if name in answer.headers:
                    self.set_header(name, answer.headers[name])
            self.protect(path, answer.headers)
            try:
                async for piece in answer.pieces():
                    self.write(piece)
                    await self.flush()
            except DaemonUnreachable:
                # The head is out: a connection that breaks off is all that can be said.
                self.request.connection.finish()  # type: ignore[union-attr]
                return
            except iostream.StreamClosedError:
                return
            if not self._finished:
                self.finish()

    def check_body(self, body: bytes) -> None:
        """JSON only: a form can be sent by any page.

        Raises:
            InvalidInput: 415.
        """
        kind = self.request.headers.get("Content-Type", "").split(";")[0].strip().lower()
        if body and kind != "application/json":
            raise UnsupportedMedia(
                "The request's Content-Type isn't application/json.", code="unsupported_media_type"
            )

    def protect(self, path: str, headers: dict[str, str]) -> None:
        """Documents of a job may have been written by somebody else."""
        del path
        self.set_header("X-Content-Type-Options", "nosniff")
        if "html" in headers.get("content-type", ""):
            self.set_header("Content-Security-Policy", "sandbox allow-scripts")

    def _sent_on(self) -> list[tuple[str, str]]:
        found = [
            (name, self.request.headers[name])
            for name in _PASSED_ON
            if name in self.request.headers
        ]
        return [*found, ("X-Mlops-Root", str(self.root))]


class UnsupportedMedia(InvalidInput):
    """Not JSON."""

    code, http_status, title = "unsupported_media_type", 415, "Unsupported media type"


class MlflowHandler(ForwardHandler):
    """MLflow's own UI and REST, as the same origin."""

    prefix = "/mlflow/"

    @web.authenticated
    @allowed("execute")
    async def put(self, path: str) -> None:
        """MLflow's REST: upload."""
        await self.forward(path)

    @web.authenticated
    @allowed("execute")
    async def patch(self, path: str) -> None:
        """MLflow's REST: change."""
        await self.forward(path)

    @web.authenticated
    @allowed("read")
    async def head(self, path: str) -> None:
        """MLflow's REST: look."""
        await self.forward(path)

    def check_xsrf_cookie(self) -> None:
        """MLflow's pages send no XSRF token; browsers say where a request comes from instead.

        `Sec-Fetch-Site` and `Origin` can't be set by a page's script.
        """
        if not hasattr(self, "_jupyter_current_user") or self.token_authenticated:
            return
        if self.request.method in ("GET", "HEAD"):
            super().check_xsrf_cookie()
            return
        site = self.request.headers.get("Sec-Fetch-Site")
        origin = self.request.headers.get("Origin")
        if site is not None and site != "same-origin":
            raise web.HTTPError(403, "Blocked: the request comes from another site.")
        if origin is not None:
            if urlsplit(origin).netloc.lower() != self.request.host.lower():
                raise web.HTTPError(403, "Blocked: the request comes from another site.")
        elif site is None:
            super().check_xsrf_cookie()

    def check_body(self, body: bytes) -> None:
        """MLflow's REST takes uploads of any kind."""

    def protect(self, path: str, headers: dict[str, str]) -> None:
        """Artifacts are shown, but not as this origin."""
        self.set_header("X-Content-Type-Options", "nosniff")
        if any(part in f"/{path}" for part in _FOREIGN):
            self.set_header("Content-Security-Policy", _SANDBOX)
            if "content-disposition" not in headers:
                self.set_header("Content-Disposition", "attachment")
        else:
            # MLflow's own pages, framed by JupyterLab only.
            self.set_header("Content-Security-Policy", "frame-ancestors 'self'")
            self.clear_header("X-Frame-Options")
