"""A daemon that has the jobs and tells the events that a test gives it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

from mlops_standin import Request, StandIn

from jupyter_mlops.jobs.model import Job, JobList, JobSpec, NotebookInfo, Outputs

#: The command line as a process.
COMMAND = [sys.executable, "-m", "jupyter_mlops.cli"]
Run = Callable[..., "subprocess.CompletedProcess[str]"]
JOB = "0123456789ab"


def make_job(job_id: str = "0123456789ab", state: str = "running", **fields: Any) -> dict[str, Any]:
    """A job as the API tells it."""
    spec = {"notebook": "/proj/train.ipynb", **fields.pop("spec", {})}
    job = Job(
        id=job_id,
        name=fields.pop("name", "train"),
        state=state,
        version=fields.pop("version", 1),
        spec=JobSpec(**spec),
        notebook="/proj/train.ipynb",
        notebook_hash="ab" * 32,
        kernel={"name": "python3", "display_name": "Python 3", "language": "python"},
        created_at=fields.pop("created_at", None) or time.time(),
        outputs=Outputs(**fields.pop("outputs", {"directory": "/proj/jobs/train-0123456789ab"})),
        **fields,
    )
    return json.loads(job.model_dump_json())


class Script:
    """A daemon that has the jobs and tells the events that a test gives it."""

    def __init__(self) -> None:
        self.jobs: dict[str, dict[str, Any]] = {}
        #: Events of a job, each told as soon as asked for; a threading.Event is waited for.
        self.events: dict[str, list[Any]] = {}
        self.logs: dict[str, bytes] = {}
        self.parameters: list[dict[str, Any]] = []
        self.submitted: list[dict[str, Any]] = []
        self.bodies: dict[str, Any] = {}
        self.html_fails = False
        self.server = StandIn(self.answer)

    def add(self, *args: Any, **fields: Any) -> dict[str, Any]:
        """Add a job."""
        job = make_job(*args, **fields)
        self.jobs[job["id"]] = job
        return job

    def answer(self, request: Request) -> None:
        """One request."""
        path = request.path.removeprefix("/api/v1")
        query = parse_qs(urlsplit(request.target).query)
        body = json.loads(request.body) if request.body else None
        self.bodies[f"{request.method} {path}"] = body
        if (found := re.fullmatch(r"/jobs/([^/]+)(/\w[\w-]*)?", path)) and path != "/jobs":
            self._job(request, found[1], found[2] or "", query)
        elif path == "/jobs" and request.method == "POST":
            self.submitted.append(body)
            job = self.add(state="queued", name=body["spec"].get("name") or "train", attempt=0)
            request.json(job, 201)
        elif path == "/jobs":
            self._list(request, query)
        elif path == "/notebooks/inspect":
            self._info(request)
        elif path == "/status":
            request.json({"version": "0.1.0", "pid": 1, "uptime": 2.0, "counts": {"running": 1}})
        else:
            request.json({"code": "not_found", "detail": f"No {path}."}, 404)

    def _info(self, request: Request) -> None:
        info = NotebookInfo(notebook="/proj/train.ipynb", parameters=self.parameters)
        request.json(json.loads(info.model_dump_json()))

    def _list(self, request: Request, query: dict[str, list[str]]) -> None:
        jobs = sorted(self.jobs.values(), key=lambda job: -job["created_at"])
        counts: dict[str, int] = {}
        for job in jobs:
            counts[job["state"]] = counts.get(job["state"], 0) + 1
        chosen = [job for job in jobs if job["state"] in query.get("state", [job["state"]])]
        start, limit = int(query.get("cursor", ["0"])[0]), int(query.get("limit", ["50"])[0])
        page = chosen[start : start + limit]
        following = str(start + limit) if len(chosen) > start + limit else None
        found = JobList(jobs=page, next=following, counts=counts, version=1)
        request.json(json.loads(found.model_dump_json()))

    def _job(self, request: Request, job_id: str, what: str, query: dict[str, list[str]]) -> None:
        job = self.jobs.get(job_id)
        if job is None:
            request.json({"code": "not_found", "detail": f"There is no job {job_id}."}, 404)
        elif what == "/events":
            self._events(request, job_id)
        elif what == "/log":
            request.begin_stream()
            log = self.logs.get(job_id, b"")[int(query.get("offset", ["0"])[0]) :]
            for start in range(0, len(log), 7):
                request.chunk(log[start : start + 7])
            request.chunk(b"")
        elif what == "/html":
            if self.html_fails:
                request.json({"code": "error", "detail": "It can't be rendered."}, 500)
                return
            job["outputs"]["html"] = "/proj/jobs/train-0123456789ab/train.html"
            job["tracking"]["synced"] = True
            request.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
        elif what == "/notebook-info":
            self._info(request)
        elif what == "/rerun":
            request.json(self.add("ba9876543210", "queued", rerun_of=job_id, attempt=0), 201)
        elif what == "/cancel":
            job["cancelling"] = True
            request.json(job)
        elif request.method == "DELETE":
            if job["state"] == "running":
                problem = {"code": "conflict", "detail": "It runs.", "hint": "Cancel it first."}
                request.json(problem, 409)
                return
            del self.jobs[job_id]
            request.raw(b"HTTP/1.1 204 X\r\n\r\n")
        else:
            request.json(job)

    def _events(self, request: Request, job_id: str) -> None:
        request.begin_stream()
        for event in self.events.get(job_id, []):
            if isinstance(event, threading.Event):
                event.wait(30)
                continue
            if event.get("type") == "job":
                self.jobs[job_id] = event["job"]
            request.event(event)
        request.chunk(b"")


def finished(state: str = "succeeded", **fields: Any) -> dict[str, Any]:
    """The last line of a job's events."""
    outputs = {
        "directory": f"/proj/jobs/train-{JOB}",
        "notebook": f"/proj/jobs/train-{JOB}/train.ipynb",
        "log": f"/proj/jobs/train-{JOB}/train.log",
    }
    given = {"outputs": outputs, "duration": 2.5, "attempt": 1, **fields}
    return {"type": "job", "job": make_job(JOB, state, **given)}


def cells(*sources: str, seq: int = 1, stop: int | None = None) -> list[dict[str, Any]]:
    """Events of an attempt that runs these cells, each printing its number."""
    events: list[dict[str, Any]] = [
        {"type": "attempt", "number": 1},
        {"type": "prepared", "total": len(sources), "start": {"warm": True}, "kernel": {}},
    ]
    for index, source in enumerate(sources):
        events += [
            {"type": "cell_started", "index": index, "source": source},
            {"type": "stream", "index": index, "name": "stdout", "text": f"out {index}\n"},
        ]
        if index == stop:
            return _numbered(events, seq)
        done = {"type": "cell_finished", "index": index, "status": "succeeded", "duration": 0.1}
        events.append(done)
    return _numbered([*events, {"type": "finished", "state": "succeeded"}], seq)


def _numbered(events: list[dict[str, Any]], seq: int) -> list[dict[str, Any]]:
    for event in events:
        if event["type"] != "attempt":
            event["seq"], seq = seq, seq + 1
    return events
