"""Runs and experiments of MLflow's client as we tell them. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from jupyter_mlops.errors import NotFound
from jupyter_mlops.tracking.run_page import UNNAMED_MOST, WHOLE_MOST, short
from jupyter_mlops.tracking.run_record import JOB_TAG, PARENT_TAG, RunStatus
from jupyter_mlops.tracking.run_views import (
    FAVOURITE_TAG,
    NOTE_TAG,
    Experiment,
    RunRow,
    is_own,
    metric_value,
    note_version,
    seconds,
)

if TYPE_CHECKING:
    from mlflow.entities import Experiment as MlflowExperiment
    from mlflow.entities import Run


def row(run: Run, experiment: str) -> dict[str, Any]:
    """A run of an experiment with this name, as a table tells it; with all that it has."""
    tags = dict(run.data.tags)
    note = tags.pop(NOTE_TAG, "")
    return RunRow(
        id=run.info.run_id,
        name=run.info.run_name or "",
        status=RunStatus(run.info.status),
        experiment_id=run.info.experiment_id,
        experiment=experiment,
        # Its client tells the server another name than the tag: "unknown".
        user=tags.get("mlflow.user") or run.info.user_id or "",
        started_at=seconds(run.info.start_time),
        ended_at=seconds(run.info.end_time or None),
        job_id=tags.get(JOB_TAG),
        parent_id=tags.get(PARENT_TAG),
        favourite=tags.get(FAVOURITE_TAG) == "true",
        note=note,
        params=dict(sorted(run.data.params.items())),
        metrics={key: metric_value(value) for key, value in sorted(run.data.metrics.items())},
        tags={key: value for key, value in sorted(tags.items()) if not is_own(key)},
        own_tags={key: value for key, value in sorted(tags.items()) if is_own(key)},
    ).model_dump(mode="json")


def shown(
    told: dict[str, Any], columns: Mapping[str, list[str] | None]
) -> tuple[dict[str, Any], bool]:
    """Only the columns that are wanted, or of all as much as a list tells; whether that cut it."""
    change: dict[str, Any] = {"note": short(told["note"]), "own_tags": _short(told["own_tags"])}
    for kind, names in columns.items():
        have = told[kind]
        kept = [k for k in have if k in names] if names is not None else [*have][:UNNAMED_MOST]
        change[kind] = _short({k: have[k] for k in kept})
    few = {**told, **change}
    return few, few != told and all(names is None for names in columns.values())


def grouped(run: Run, by: tuple[str, str], metrics: Sequence[str]) -> dict[str, Any]:
    """What the group of a run is told by; NaN for a metric that it hasn't logged."""
    entity, name = by
    named = {"params": run.data.params, "tags": run.data.tags}
    return {
        "id": run.info.run_id,
        "value": named[entity].get(name) if entity in named else run.info.status,
        "status": run.info.status,
        "started": run.info.start_time,
        "metrics": [run.data.metrics.get(metric, math.nan) for metric in metrics],
    }


def no_experiment(experiment_id: str) -> NotFound:
    """That it isn't there, or not any more."""
    return NotFound(f"There is no experiment {experiment_id}.", code="experiment_not_found")


def whole(told: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """A run that is shown by itself; whether it has more than is told."""
    kinds = ("metrics", "params", "tags")
    few = {kind: dict(islice(told[kind].items(), WHOLE_MOST)) for kind in kinds}
    return {**told, **few}, any(len(told[kind]) > WHOLE_MOST for kind in kinds)


def _short(values: Mapping[str, Any]) -> dict[str, Any]:
    return {k: short(v) if isinstance(v, str) else v for k, v in values.items()}


def experiment(found: MlflowExperiment) -> dict[str, Any]:
    """An experiment whose runs aren't counted."""
    note = found.tags.get(NOTE_TAG, "")
    return Experiment(
        id=str(found.experiment_id),
        name=found.name,
        counts={},
        created_at=seconds(found.creation_time),
        last_activity=seconds(found.last_update_time or found.creation_time),
        note=note,
        note_version=note_version(note),
        favourite=found.tags.get(FAVOURITE_TAG) == "true",
    ).model_dump(mode="json")
