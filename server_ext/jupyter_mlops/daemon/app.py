"""The daemon's HTTP application."""

from __future__ import annotations

import time
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from jupyter_mlops._version import __version__
from jupyter_mlops.daemon import problems
from jupyter_mlops.daemon.answers import PROBLEMS, Problem
from jupyter_mlops.daemon.routes import (
    diffs,
    events,
    experiments,
    jobs,
    notebooks,
    reports,
    reproductions,
    results,
    run_notebooks,
    run_table,
    runs,
    space,
    status,
)
from jupyter_mlops.daemon.routes.notebooks import Inspection
from jupyter_mlops.daemon.routes.run_notebooks import RunNotebook
from jupyter_mlops.daemon.routes.runs import OpenRun, RunStart
from jupyter_mlops.daemon.service import Service
from jupyter_mlops.jobs.model import Job, JobList, NotebookInfo, SpecChanges, Submission
from jupyter_mlops.tracking.report_views import ReportFile, ReportRequest

PREFIX = "/api/v1"
#: `run_table` before `experiments`, which would take its addresses for ids of runs.
_NOUNS = (
    jobs,
    results,
    events,
    notebooks,
    runs,
    run_notebooks,
    status,
    run_table,
    experiments,
    diffs,
    reports,
    reproductions,
    space,
)
_ASKED = (
    Submission,
    SpecChanges,
    Inspection,
    RunStart,
    ReportRequest,
    *experiments.ASKED,
    *reproductions.ASKED,
    *space.ASKED,
)
_SAID = (
    Job,
    JobList,
    NotebookInfo,
    OpenRun,
    Problem,
    RunNotebook,
    ReportFile,
    *experiments.SAID,
    *run_table.SAID,
    *diffs.SAID,
    *reproductions.SAID,
    *space.SAID,
)


def make_app() -> FastAPI:
    """The application; `serve_with` gives it the service that its routes work with."""
    app = FastAPI(
        title="jupyter-mlops daemon",
        version=__version__,
        # Nobody browses a unix socket; the document is kept in docs/openapi.json.
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    for noun in _NOUNS:
        app.include_router(noun.router, prefix=PREFIX, responses=PROBLEMS)
    problems.install(app)
    return app


def openapi_document() -> dict[str, Any]:
    """The OpenAPI document of the daemon's API."""
    app = make_app()
    document = get_openapi(
        title=app.title,
        version="1",
        description="JSON over a unix socket; errors are application/problem+json.",
        routes=app.routes,
    )
    # Bodies are read by `bodies.read_model`, which FastAPI doesn't see: the schemas of requests and
    # answers are made together here, so that a model of both has its two forms.
    _, made = models_json_schema(
        [
            *((model, "validation") for model in _ASKED),
            *((model, "serialization") for model in _SAID),
        ],
        ref_template="#/components/schemas/{model}",
    )
    of_parameters = document["components"]["schemas"].items()
    choices = {name: schema for name, schema in of_parameters if "enum" in schema}
    document["components"]["schemas"] = choices | made["$defs"]
    for path in document["paths"].values():
        for operation in path.values():
            operation["responses"].pop("422", None)
    return document


class Counting:
    """Counts the requests under way, streams included: the daemon leaves only when idle."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        service = self._service
        service.active += 1
        try:
            await self._app(scope, receive, _identified(send))
        finally:
            service.active -= 1
            service.last_active = time.monotonic()


def _identified(send: Send) -> Send:
    async def send_with_version(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [
                *message.get("headers", ()),
                (b"x-mlops-version", __version__.encode()),
            ]
        await send(message)

    return send_with_version


def serve_with(app: FastAPI, service: Service) -> ASGIApp:
    """`app` as it is served: with its service, counting what is under way."""
    app.state.service = service
    if service.tracking is not None:
        app.mount("/mlflow", service.tracking.app)
    return Counting(app, service)
