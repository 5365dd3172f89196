"""Experiments and runs of a tracking server, through MLflow's client in a process of its own; see
`run_reader.RunReader`.

Never more than one page of anything at a time: what the server can't count or search cheaply is
told as unknown.
"""

from __future__ import annotations

import asyncio
import json
import math
import shutil
import tempfile
import time
from asyncio import to_thread
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jupyter_mlops.errors import NotFound
from jupyter_mlops.jobs.careful import open_regular
from jupyter_mlops.tracking import (
    mlflow_syntax,
    run_artifacts,
    run_changes,
    run_compare,
    sparklines,
)
from jupyter_mlops.tracking.metric_series import Axis, Point, Window, made, thin
from jupyter_mlops.tracking.remote_groups import RemoteGroups
from jupyter_mlops.tracking.remote_process import RemoteProcess
from jupyter_mlops.tracking.run_filter import Entity, Key
from jupyter_mlops.tracking.run_groups import GroupList
from jupyter_mlops.tracking.run_page import (
    COLUMNS_LISTED,
    ExperimentQuery,
    RunQuery,
    read_cursor,
    write_cursor,
)
from jupyter_mlops.tracking.run_reader import Content
from jupyter_mlops.tracking.run_views import (
    ArtifactList,
    Columns,
    Comparison,
    Experiment,
    ExperimentChanges,
    ExperimentList,
    RunChanges,
    RunDetail,
    RunList,
    RunRow,
    Series,
)
from jupyter_mlops.tracking.sparklines import Sparkline

#: Seconds that somebody who looks waits, MLflow's import included; and for an artifact.
_PATIENCE, _FETCH_PATIENCE = 60.0, 600.0
#: Listings whose number of runs is remembered.
_TOTALS_MOST = 64
#: Seconds for which an answer is that of everybody who asks the same.
_SAME = 1.0


class RemoteReader:
    """Its process starts when somebody looks."""

    def __init__(self, uri: str, inherited: Mapping[str, str]) -> None:
        """`inherited` is the environment of the process, credentials included."""
        self._process = RemoteProcess("remote_read_worker", uri, inherited, refused=60.0)
        self._groups = RemoteGroups(self._ask)
        #: How many runs matched the last time, by the listing.
        self._totals: OrderedDict[str, int] = OrderedDict()
        #: What is asked, or was a moment ago, by the question: until when it is good.
        self._looks: dict[str, tuple[float, asyncio.Future[Any]]] = {}

    async def stop(self) -> None:
        """End the process."""
        for _, task in self._looks.values():
            task.cancel()
        await asyncio.gather(*(task for _, task in self._looks.values()), return_exceptions=True)
        await self._process.stop()

    async def version(self) -> None:
        """Nobody tells what is new on a server."""
        return

    async def experiments(self, query: ExperimentQuery) -> ExperimentList:
        """A page of experiments, by their last change."""
        mark = repr(query.words)
        token, before = _place(mark, query.cursor)
        found = await self._look(
            "experiments",
            words=mlflow_syntax.words_text(query.words),
            limit=query.limit,
            token=token,
        )
        known = before + len(found["experiments"])
        return ExperimentList(
            experiments=found["experiments"],
            next=_next(mark, found["token"], known),
            total=None if found["token"] else known,
            at_server=True,
        )

    async def experiment(self, experiment_id: str) -> Experiment:
        """One experiment."""
        found = await self._look("experiment", experiment_id=experiment_id)
        return Experiment.model_validate(found)

    async def runs(self, query: RunQuery) -> RunList:
        """A page of runs."""
        token, before = _place(query.mark, query.cursor)
        found = await self._look(
            "runs",
            experiments=query.experiments,
            names=query.experiment_names,
            text=mlflow_syntax.filter_text(query.clauses, query.id_prefix),
            order=mlflow_syntax.order_texts(query.orders),
            limit=query.limit,
            place={
                "token": token,
                "offset": query.offset or before,
                "guess": self._totals.get(query.mark),
            },
            columns=_columns(query),
        )
        self._totals[query.mark] = found["total"]
        self._totals.move_to_end(query.mark)
        if len(self._totals) > _TOTALS_MOST:
            self._totals.popitem(last=False)
        reached = (query.offset or before) + len(found["runs"])
        return RunList(
            runs=found["runs"],
            next=_next(query.mark, found["token"], reached),
            total=found["total"] if found["exact"] else None,
            cut=found["cut"],
            words_in=["name"] if query.has_words else [],
            at_server=True,
        )

    async def columns(self, query: RunQuery, words: str) -> Columns:
        """Of the newest runs."""
        found = await self._look(
            "columns", experiments=query.experiments, names=query.experiment_names
        )
        kinds = ("metrics", "params", "tags")
        named = {
            kind: [name for name in found[kind] if words.lower() in name.lower()] for kind in kinds
        }
        cut = found["cut"] or any(len(names) > COLUMNS_LISTED for names in named.values())
        few = {kind: names[:COLUMNS_LISTED] for kind, names in named.items()}
        return Columns.model_validate({**few, "cut": cut})

    async def groups(self, query: RunQuery, by: Key) -> GroupList:
        """A page further with every request, until all runs are counted; then kept up to date."""
        return await self._groups.groups(query, by)

    async def detail(self, run_id: str, *, summary: bool) -> RunDetail:
        """One run; without least and greatest values: all points would have to be fetched."""
        return RunDetail.model_validate(await self._look("detail", run_id=run_id, lineage=summary))

    async def series(
        self, run_ids: Sequence[str], keys: Sequence[str], window: Window
    ) -> list[Series]:
        """Thinned out by the server, which may leave out extremes."""
        steps = None
        if window.axis is Axis.STEP and (window.start, window.end) != (None, None):
            low = -(2**53) if window.start is None else math.ceil(window.start)
            high = 2**53 if window.end is None else math.floor(window.end)
            steps = [low, max(low, high)]
        by_key = [
            await self._look(
                "series",
                run_ids=run_ids,
                key=key,
                points=window.points,
                steps=steps,
                starts=window.axis is Axis.RELATIVE,
            )
            for key in keys
        ]
        return [
            _series(run_id, key, found, window)
            for run_id in run_ids
            for key, found in zip(keys, by_key, strict=True)
        ]

    async def sparklines(
        self, run_ids: Sequence[str], keys: Sequence[str], points: int
    ) -> list[Sparkline]:
        """One request a metric."""
        return sparklines.of_series(await self.series(run_ids, keys, Window(points=points)))

    async def compare(self, run_ids: Sequence[str]) -> Comparison:
        """Where runs differ; packages would have to be fetched and stay unknown."""
        rows = [RunRow.model_validate(one) for one in await self._look("rows", run_ids=run_ids)]
        return run_compare.compare(rows, [None] * len(rows))

    async def artifacts(self, run_id: str, path: str) -> ArtifactList:
        """What a directory of a run's artifacts holds."""
        run_artifacts.parts_of(path)
        return ArtifactList.model_validate(await self._ask("artifacts", run_id=run_id, path=path))

    async def content(self, run_id: str, path: str) -> Content:
        """An artifact, fetched into a file that nobody else has."""
        if not run_artifacts.parts_of(path):
            raise NotFound("A directory has no content.", code="artifact_not_found")
        directory = await to_thread(tempfile.mkdtemp, prefix="jupyter-mlops-")
        try:
            found = await self._ask(
                "fetch", _FETCH_PATIENCE, run_id=run_id, path=path, directory=directory
            )
            file = await to_thread(open_regular, Path(found["path"]))
        finally:
            # What is open stays readable.
            await to_thread(shutil.rmtree, directory, ignore_errors=True)
        return Content(file, file.seek(0, 2) + file.seek(0))

    async def change_run(self, run_id: str, changes: RunChanges) -> RunDetail:
        """Change a run."""
        run_changes.tags_of(changes)
        try:
            found = await self._ask("change_run", run_id=run_id, changes=changes.model_dump())
        finally:
            # Also what was refused half of the way may have changed something.
            self._looks.clear()
            self._groups.changed(run_id)
        return RunDetail.model_validate(found)

    async def change_experiment(self, experiment_id: str, changes: ExperimentChanges) -> Experiment:
        """Change an experiment."""
        run_changes.tags_of(changes)
        found = await self._ask(
            "change_experiment", experiment_id=experiment_id, changes=changes.model_dump()
        )
        self._looks.clear()
        return Experiment.model_validate(found)

    async def _look(self, op: str, **given: Any) -> Any:
        """As `_ask`; tabs that ask for the same within a moment are one question."""
        key = json.dumps([op, given], sort_keys=True)
        now = time.monotonic()
        for old in [one for one, (at, task) in self._looks.items() if task.done() and now > at]:
            del self._looks[old]
        if key not in self._looks:
            task = asyncio.ensure_future(self._ask(op, **given))
            self._looks[key] = (now + _SAME, task)
            # Not for the next one who asks, nor for anybody to hear of where nobody waits.
            task.add_done_callback(lambda done: self._forget_failed(key, done))
        return await asyncio.shield(self._looks[key][1])

    def _forget_failed(self, key: str, task: asyncio.Future[Any]) -> None:
        if (task.cancelled() or task.exception() is not None) and key in self._looks:
            del self._looks[key]

    async def _ask(self, op: str, patience: float = _PATIENCE, **given: Any) -> Any:
        return await self._process.ask(op, patience, **given)


def _place(mark: str, cursor: str | None) -> tuple[str | None, int]:
    """Where a page begins: the server's token, and how many there are before it."""
    if cursor is None:
        return None, 0
    token, before = read_cursor(mark, cursor, 2)
    return str(token), before if isinstance(before, int) else 0


def _next(mark: str, token: str | None, before: int) -> str | None:
    return None if token is None else write_cursor(mark, [token, before])


def _columns(query: RunQuery) -> dict[str, list[str] | None]:
    """The names that are wanted of each kind; None: all."""
    return {
        "params": query.names(Entity.PARAM),
        "metrics": query.names(Entity.METRIC),
        "tags": query.names(Entity.TAG),
    }


def _series(run_id: str, key: str, found: Mapping[str, Any], window: Window) -> Series:
    zero = (found["starts"].get(run_id) or 0) if window.axis is Axis.RELATIVE else 0
    scale = 1 if window.axis is Axis.STEP else 1000
    low = -math.inf if window.start is None else window.start * scale + zero
    high = math.inf if window.end is None else window.end * scale + zero
    points: list[Point] = []
    nan: list[int] = []
    for stamp, step, value in found["points"][run_id]:
        x = int(step if window.axis is Axis.STEP else stamp)
        if not low <= x <= high:
            continue
        if math.isnan(value):
            nan.append(x)
        else:
            points.append((x, value, int(step)))
    points.sort()
    total = len(points) + len(nan)
    kept = thin(points, window.points)
    told = made(run_id, key, kept, (sorted(nan), len(nan)), total, window, zero)
    return told.model_copy(update={"exact": bool(found["whole"])})
