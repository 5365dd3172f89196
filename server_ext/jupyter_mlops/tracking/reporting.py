"""Reports on runs: what is known of them, read as the API reads it, made into files to send."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jupyter_mlops.converters.report import Chart, Line, Report, ReportRun, report_bytes
from jupyter_mlops.converters.report.chart import LINES_MOST
from jupyter_mlops.errors import MlopsError
from jupyter_mlops.tracking.gathering import DIRECTORY, FACTS
from jupyter_mlops.tracking.metric_series import Axis, Window
from jupyter_mlops.tracking.report_views import ReportFile, ReportRequest
from jupyter_mlops.tracking.run_reader import RunReader
from jupyter_mlops.tracking.run_views import RunDetail
from jupyter_mlops.tracking.worker_process import WorkerProcess

_EXPORTER = "jupyter_mlops.tracking.exporter"
#: Seconds that the page may take.
_PATIENCE = 300.0
#: Metrics that are drawn when none is named, and those that are looked at for that.
_CHARTS, _LOOKED_AT = 12, 36
#: Points of a line; extremes stay.
_POINTS = 200
#: Larger facts (bytes) are left out.
_FACTS_MOST = 4 * 2**20
_NAME = re.compile(r"[^\w.-]+")
_GIT, _DIRTY = "mlflow.source.git.commit", "mlflow.source.git.dirty"
_OUTCOME, _OUTCOME_DETAIL = "mlops.reproduction", "mlops.reproduction_detail"


class Reports:
    """Belongs to the daemon's event loop."""

    def __init__(self, reader: RunReader, pages: str = "") -> None:
        """`pages` is the tracking server's address, without credentials, where it has pages."""
        self._reader = reader
        self._pages = pages.rstrip("/")
        self._exporter = WorkerProcess(_EXPORTER)

    async def make(self, request: ReportRequest) -> ReportFile:
        """A report.

        Raises:
            NotFound: there is no such run.
            MlopsError: runs can't be read now, or the page not be made.
        """
        ids = list(dict.fromkeys(request.runs))
        # One after the other: whoever else looks waits for no report.
        runs = [await self._run(run_id) for run_id in ids]
        left_out: list[str] = []
        charts = await self._charts(runs, request.metrics, left_out)
        experiments = list(dict.fromkeys(run.experiment for run in runs))
        title = request.title.strip() or ", ".join(experiments[:3])
        report = Report(title, time.time(), tuple(runs), tuple(charts), tuple(left_out))
        notebook = await asyncio.to_thread(report_bytes, report)
        page = await asyncio.to_thread(report_bytes, report, heading=False)
        return ReportFile(
            name=f"report-{_NAME.sub('-', title).strip('-.')[:60] or 'runs'}",
            title=title,
            notebook=notebook.decode(),
            html=await self._html(page, title) if request.html else None,
            left_out=left_out,
        )

    async def stop(self) -> None:
        """Let go."""
        await self._exporter.stop()

    async def _run(self, run_id: str) -> ReportRun:
        found = await self._reader.detail(run_id, summary=False)
        row, own = found.run, found.run.own_tags
        facts = await self._facts(run_id)
        return ReportRun(
            id=row.id,
            name=row.name,
            status=row.status.value,
            experiment=row.experiment,
            user=row.user,
            started=row.started_at,
            ended=row.ended_at,
            note=row.note,
            link=self._link(found),
            params=row.params,
            metrics={k: v for k, v in row.metrics.items() if not k.startswith("system/")},
            tags=row.tags,
            ran_on=_ran_on(facts, own),
            badge=_badge(facts, own),
        )

    def _link(self, found: RunDetail) -> str:
        if not self._pages:
            return ""
        experiment = quote(found.run.experiment_id, safe="")
        return f"{self._pages}/#/experiments/{experiment}/runs/{quote(found.run.id, safe='')}"

    async def _facts(self, run_id: str) -> Mapping[str, Any]:
        """What was recorded with the run without asking; nothing where nothing was."""
        try:
            content = await self._reader.content(run_id, f"{DIRECTORY}/{FACTS}")
        except MlopsError:
            return {}  # logged by other means, or its artifacts are away: the report goes without
        with content.file as file:
            if content.size > _FACTS_MOST:
                return {}
            raw = await asyncio.to_thread(file.read, _FACTS_MOST)
        with contextlib.suppress(ValueError, RecursionError):
            found = json.loads(raw)
            if isinstance(found, dict):
                return found
        return {}

    async def _charts(
        self, runs: Sequence[ReportRun], wanted: Sequence[str] | None, left_out: list[str]
    ) -> list[Chart]:
        drawn = runs[:LINES_MOST]
        keys = list(dict.fromkeys(wanted)) if wanted is not None else _usual(runs)
        charts: list[Chart] = []
        undrawn = 0
        for key in keys:
            lines = await self._lines(drawn, key)
            # A single value stands in the table.
            if wanted is None and not any(line.total > 1 for line in lines):
                continue
            if not lines:
                left_out.append(f"No run has points of {key}.")
            elif wanted is None and len(charts) == _CHARTS:
                undrawn += 1
            else:
                charts.append(Chart(key, tuple(lines)))
        if undrawn:
            left_out.append(f"{undrawn} more metrics have points that are not drawn.")
        if charts and len(runs) > LINES_MOST:
            left_out.append(f"Charts have the first {LINES_MOST} of {len(runs)} runs.")
        return charts

    async def _lines(self, runs: Sequence[ReportRun], key: str) -> list[Line]:
        ids = [run.id for run in runs if key in run.metrics or key.startswith("system/")]
        if not ids:
            return []
        found = await self._reader.series(ids, [key], Window(Axis.STEP, None, None, _POINTS))
        return [
            Line(one.run_id, tuple(one.x), tuple(one.y), one.total) for one in found if one.total
        ]

    async def _html(self, notebook: bytes, title: str) -> str:
        directory = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="jupyter-mlops-"))
        source, target = directory / "report.ipynb", directory / "report.html"
        try:
            await asyncio.to_thread(source.write_bytes, notebook)
            asked = {
                "notebook": str(source),
                "target": str(target),
                "title": title,
                "facts": [],
                "base": str(directory),
                "offline": True,
            }
            answer = await self._exporter.ask(asked, _PATIENCE)
            if "error" in answer:
                raise MlopsError.from_problem(answer["error"], 500)
            return await asyncio.to_thread(target.read_text, "utf-8")
        finally:
            await asyncio.to_thread(shutil.rmtree, directory, ignore_errors=True)


def _usual(runs: Sequence[ReportRun]) -> list[str]:
    """Metrics that most runs have first."""
    counted = Counter(key for run in runs for key in run.metrics)
    return sorted(counted, key=lambda key: (-counted[key], key))[:_LOOKED_AT]


def _ran_on(facts: Mapping[str, Any], own: Mapping[str, str]) -> dict[str, str]:
    """By name, as text; what isn't known is left out."""
    machine, python = _part(facts, "machine"), _part(facts, "python")
    code, packages = _part(facts, "code"), _part(facts, "packages")
    gpus = machine.get("gpus")
    listed = gpus if isinstance(gpus, list) else []
    memory = machine.get("memory")
    commit = str(code.get("commit") or own.get(_GIT) or "")
    dirty = " with changes" if own.get(_DIRTY) == "true" else ""
    found = {
        # Its name alone: where it lies is nobody's business who is sent this.
        "notebook": (own.get("mlops.notebook") or own.get("mlflow.source.name") or "")
        .replace("\\", "/")
        .rpartition("/")[2],
        "git commit": f"{commit[:12]}{dirty}" if commit else None,
        "git branch": code.get("branch") or own.get("mlflow.source.git.branch"),
        "python": python.get("version") or own.get("mlops.python"),
        "packages": f"{packages['count']}" if "count" in packages else None,
        "packages (SHA-256)": str(packages.get("sha256") or own.get("mlops.packages") or "")[:12],
        "system": machine.get("system"),
        "processor": machine.get("cpu"),
        "processors": machine.get("cpus"),
        "memory": f"{memory / 2**30:.1f} GiB" if isinstance(memory, int | float) else None,
        "gpus": ", ".join(str(one.get("name")) for one in listed if isinstance(one, dict)),
        "driver": machine.get("driver"),
        "cuda": machine.get("cuda"),
        "job": own.get("mlops.job_id"),
    }
    return {name: str(value) for name, value in found.items() if value not in (None, "")}


def _badge(facts: Mapping[str, Any], own: Mapping[str, str]) -> str:
    if outcome := own.get(_OUTCOME):
        detail = own.get(_OUTCOME_DETAIL, "")
        return f"{outcome}: {detail}" if detail else outcome
    match own.get("mlops.reproducible"):
        case "yes":
            return "could be reproduced"
        case "no":
            lacks = facts.get("lacks")
            codes = [
                str(one.get("code"))
                for one in (lacks if isinstance(lacks, list) else [])
                if isinstance(one, dict)
            ]
            return (
                "lacks " + ", ".join(dict.fromkeys(codes)) if codes else "could not be reproduced"
            )
    return ""


def _part(facts: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = facts.get(name)
    return found if isinstance(found, dict) else {}
