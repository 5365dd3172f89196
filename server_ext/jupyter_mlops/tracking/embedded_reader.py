"""Experiments and runs of the embedded store, by plain SQL; see `run_reader.RunReader`."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from jupyter_mlops.errors import MlopsError
from jupyter_mlops.tracking import (
    artifacts,
    metric_series,
    run_artifacts,
    run_changes,
    run_compare,
    run_groups,
    run_lineage,
    run_query,
    sparklines,
)
from jupyter_mlops.tracking.embedded import Embedded
from jupyter_mlops.tracking.metric_series import Window
from jupyter_mlops.tracking.run_filter import Key
from jupyter_mlops.tracking.run_groups import GroupList
from jupyter_mlops.tracking.run_page import ExperimentQuery, RunQuery
from jupyter_mlops.tracking.run_reader import Content, RunReader
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
from jupyter_mlops.tracking.store_readers import StoreReaders

T = TypeVar("T")

#: Metrics of a run whose points are all looked through.
_SUMMARIES_MOST = 500
#: The largest file that packages are read from, in bytes.
_PACKAGES_MOST = 4 * 2**20


class EmbeddedReader:
    """Through MLflow's client where the store's schema isn't one that we know, and for artifacts
    that lie elsewhere.
    """

    def __init__(self, embedded: Embedded, client: Callable[[], RunReader]) -> None:
        self._embedded = embedded
        self._make_client = client
        self._client: RunReader | None = None
        self._readers: StoreReaders | None = None

    async def stop(self) -> None:
        """Close what was opened."""
        if self._client is not None:
            await self._client.stop()
        if self._readers is not None:
            await asyncio.to_thread(self._readers.close)

    async def version(self) -> str | None:
        """SQLite's own count of commits, of whoever it was."""
        readers = await self._known()
        return None if readers is None else await readers.version()

    async def experiments(self, query: ExperimentQuery) -> ExperimentList:
        """A page of experiments."""
        if (readers := await self._known()) is None:
            return await self._other.experiments(query)
        return await readers.run(lambda db: run_query.experiments(db, query))

    async def experiment(self, experiment_id: str) -> Experiment:
        """One experiment."""
        if (readers := await self._known()) is None:
            return await self._other.experiment(experiment_id)
        return await readers.run(lambda db: run_query.experiment(db, experiment_id))

    async def runs(self, query: RunQuery) -> RunList:
        """A page of runs."""
        if (readers := await self._known()) is None:
            return await self._other.runs(query)
        return await readers.run(lambda db: run_query.runs(db, query))

    async def columns(self, query: RunQuery, words: str) -> Columns:
        """Names of what runs have."""
        if (readers := await self._known()) is None:
            return await self._other.columns(query, words)
        return await readers.run(lambda db: run_query.columns(db, query, words))

    async def groups(self, query: RunQuery, by: Key) -> GroupList:
        """Runs put together."""
        if (readers := await self._known()) is None:
            return await self._other.groups(query, by)
        return await readers.run(lambda db: run_groups.groups(db, query, by))

    async def detail(self, run_id: str, *, summary: bool) -> RunDetail:
        """One run."""
        if (readers := await self._known()) is None:
            return await self._other.detail(run_id, summary=summary)

        def ask(db: sqlite3.Connection) -> RunDetail:
            found = run_query.detail(db, run_id)
            if not summary:
                return found
            told = metric_series.summaries(db, run_id, found.metrics, _SUMMARIES_MOST)
            lineage = run_lineage.lineage(db, found.run)
            return found.model_copy(update={"metrics": told, "lineage": lineage})

        return await readers.run(ask)

    async def series(
        self, run_ids: Sequence[str], keys: Sequence[str], window: Window
    ) -> list[Series]:
        """Several at once: each may walk through a million points."""
        if (readers := await self._known()) is None:
            return await self._other.series(run_ids, keys, window)

        def question(run_id: str, key: str) -> Callable[[sqlite3.Connection], Series]:
            return lambda db: metric_series.series(db, run_id, key, window)

        asked = [readers.run(question(run_id, key)) for run_id in run_ids for key in keys]
        return list(await asyncio.gather(*asked))

    async def sparklines(
        self, run_ids: Sequence[str], keys: Sequence[str], points: int
    ) -> list[Sparkline]:
        """All lines in one question: each is quick."""
        if (readers := await self._known()) is None:
            return await self._other.sparklines(run_ids, keys, points)
        return await readers.run(lambda db: sparklines.sparklines(db, run_ids, keys, points))

    async def compare(self, run_ids: Sequence[str]) -> Comparison:
        """Where runs differ, packages too where their artifacts tell them."""
        if (readers := await self._known()) is None:
            return await self._other.compare(run_ids)

        def ask(db: sqlite3.Connection) -> list[tuple[RunRow, str]]:
            return [
                (run_query.row(db, run_id), run_query.artifact_uri(db, run_id))
                for run_id in run_ids
            ]

        rows = await readers.run(ask)

        def packages() -> list[Mapping[str, str] | None]:
            return [self._packages(uri) for _, uri in rows]

        told = await asyncio.to_thread(packages)
        return run_compare.compare([row for row, _ in rows], told)

    async def artifacts(self, run_id: str, path: str) -> ArtifactList:
        """What a directory of a run's artifacts holds."""
        if (root := await self._place(run_id)) is None:
            return await self._other.artifacts(run_id, path)
        return await asyncio.to_thread(run_artifacts.listed, root, path)

    async def content(self, run_id: str, path: str) -> Content:
        """An artifact."""
        if (root := await self._place(run_id)) is None:
            return await self._other.content(run_id, path)
        return Content(*await asyncio.to_thread(run_artifacts.opened, root, path))

    async def change_run(self, run_id: str, changes: RunChanges) -> RunDetail:
        """Change a run."""
        tags = run_changes.tags_of(changes)
        if await self._known() is None:
            return await self._other.change_run(run_id, changes)
        store = await self._embedded.store()
        await store.run(lambda db: run_changes.change_run(db, run_id, changes, tags))
        return await self.detail(run_id, summary=False)

    async def change_experiment(self, experiment_id: str, changes: ExperimentChanges) -> Experiment:
        """Change an experiment."""
        tags = run_changes.tags_of(changes)
        if await self._known() is None:
            return await self._other.change_experiment(experiment_id, changes)
        store = await self._embedded.store()
        await store.run(lambda db: run_changes.change_experiment(db, experiment_id, changes, tags))
        return await self.experiment(experiment_id)

    @property
    def _other(self) -> RunReader:
        if self._client is None:
            self._client = self._make_client()
        return self._client

    async def _known(self) -> StoreReaders | None:
        """Who reads the tables; None: their schema isn't known."""
        store = await self._embedded.store()
        if not store.known:
            return None
        if self._readers is None:
            self._readers = StoreReaders(store.path)
        return self._readers

    async def _place(self, run_id: str) -> Path | None:
        """The directory of a run's artifacts; None when they lie elsewhere."""
        if (readers := await self._known()) is None:
            return None
        uri = await readers.run(lambda db: run_query.artifact_uri(db, run_id))
        return artifacts.local_directory(self._embedded.artifacts, uri)

    def _packages(self, uri: str) -> Mapping[str, str] | None:
        root = artifacts.local_directory(self._embedded.artifacts, uri)
        if root is None:
            return None
        for name in run_compare.PACKAGE_FILES:
            with contextlib.suppress(MlopsError, OSError):
                file, size = run_artifacts.opened(root, name)
                with file:
                    if size <= _PACKAGES_MOST:
                        return run_compare.packages_of(file.read().decode("utf-8", "replace"))
        return None
