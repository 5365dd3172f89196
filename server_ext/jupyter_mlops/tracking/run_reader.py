"""What the API asks of the place where runs are kept, for people to look at and to annotate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO, NoReturn, Protocol

from jupyter_mlops.errors import MlopsError
from jupyter_mlops.tracking.metric_series import Window
from jupyter_mlops.tracking.run_filter import Key
from jupyter_mlops.tracking.run_groups import GroupList
from jupyter_mlops.tracking.run_page import ExperimentQuery, RunQuery
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
    Series,
)
from jupyter_mlops.tracking.sparklines import Sparkline


@dataclass(slots=True)
class Content:
    """An artifact that was opened."""

    file: BinaryIO
    size: int


class RunReader(Protocol):
    """Methods raise an MlopsError when it can't be answered now. Belongs to one event loop."""

    async def stop(self) -> None:
        """Let go."""

    async def version(self) -> str | None:
        """Another text whenever anything may have changed; None where that can't be known."""

    async def experiments(self, query: ExperimentQuery) -> ExperimentList:
        """A page of experiments."""

    async def experiment(self, experiment_id: str) -> Experiment:
        """One experiment."""

    async def runs(self, query: RunQuery) -> RunList:
        """A page of runs."""

    async def columns(self, query: RunQuery, words: str) -> Columns:
        """Names of what runs have, with `words` in them."""

    async def groups(self, query: RunQuery, by: Key) -> GroupList:
        """Runs that match, put together; metrics are the query's columns."""

    async def detail(self, run_id: str, *, summary: bool) -> RunDetail:
        """One run; with `summary` also its lineage, each metric's extremes and count."""

    async def series(
        self, run_ids: Sequence[str], keys: Sequence[str], window: Window
    ) -> list[Series]:
        """Points of every metric of every run."""

    async def sparklines(
        self, run_ids: Sequence[str], keys: Sequence[str], points: int
    ) -> list[Sparkline]:
        """Some points of every metric of every run that has it."""

    async def compare(self, run_ids: Sequence[str]) -> Comparison:
        """Where runs differ."""

    async def artifacts(self, run_id: str, path: str) -> ArtifactList:
        """What a directory of a run's artifacts holds."""

    async def content(self, run_id: str, path: str) -> Content:
        """An artifact; the caller closes it."""

    async def change_run(self, run_id: str, changes: RunChanges) -> RunDetail:
        """Change a run; it is durable when this answers."""

    async def change_experiment(self, experiment_id: str, changes: ExperimentChanges) -> Experiment:
        """Change an experiment; it is durable when this answers."""


class NoReader:
    """Where runs can't be kept at all; see `RunReader`."""

    def __init__(self, problem: MlopsError) -> None:
        self._problem = problem

    async def stop(self) -> None:
        """Nothing to let go of."""

    async def version(self) -> None:
        """Unknown."""
        return

    async def experiments(self, query: ExperimentQuery) -> NoReturn:  # noqa: ARG002 - see above
        """Say why."""
        raise self._problem

    async def experiment(self, experiment_id: str) -> NoReturn:  # noqa: ARG002
        """Say why."""
        raise self._problem

    async def runs(self, query: RunQuery) -> NoReturn:  # noqa: ARG002
        """Say why."""
        raise self._problem

    async def columns(self, query: RunQuery, words: str) -> NoReturn:  # noqa: ARG002
        """Say why."""
        raise self._problem

    async def groups(self, query: RunQuery, by: Key) -> NoReturn:  # noqa: ARG002
        """Say why."""
        raise self._problem

    async def detail(self, run_id: str, *, summary: bool) -> NoReturn:  # noqa: ARG002
        """Say why."""
        raise self._problem

    async def series(
        self,
        run_ids: Sequence[str],  # noqa: ARG002
        keys: Sequence[str],  # noqa: ARG002
        window: Window,  # noqa: ARG002
    ) -> NoReturn:
        """Say why."""
        raise self._problem

    async def sparklines(
        self,
        run_ids: Sequence[str],  # noqa: ARG002
        keys: Sequence[str],  # noqa: ARG002
        points: int,  # noqa: ARG002
    ) -> NoReturn:
        """Say why."""
        raise self._problem

    async def compare(self, run_ids: Sequence[str]) -> NoReturn:  # noqa: ARG002
        """Say why."""
        raise self._problem

    async def artifacts(self, run_id: str, path: str) -> NoReturn:  # noqa: ARG002
        """Say why."""
        raise self._problem

    async def content(self, run_id: str, path: str) -> NoReturn:  # noqa: ARG002
        """Say why."""
        raise self._problem

    async def change_run(self, run_id: str, changes: RunChanges) -> NoReturn:  # noqa: ARG002
        """Say why."""
        raise self._problem

    async def change_experiment(
        self,
        experiment_id: str,  # noqa: ARG002
        changes: ExperimentChanges,  # noqa: ARG002
    ) -> NoReturn:
        """Say why."""
        raise self._problem
