"""What a run at a tracking server came from and what came out of it; see `run_lineage`.

One page of each is asked for, within the run's own experiment.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from jupyter_mlops.tracking.run_lineage import MOST
from jupyter_mlops.tracking.run_record import JOB_TAG, RERUN_TAG, RunStatus
from jupyter_mlops.tracking.run_views import Lineage, ModelLink, RunLink, RunRow

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

#: Registered models whose aliases are asked for.
_NAMES_MOST = 10


def lineage(client: MlflowClient, run: RunRow, children: Iterable[Run]) -> Lineage:
    """The lineage of a run whose children are known. Raises whatever MLflow's client raises."""
    repeats_job = run.own_tags.get(RERUN_TAG)
    repeats = _tagged(client, run, JOB_TAG, repeats_job) if repeats_job else []
    parent = None if run.parent_id is None else _link(client.get_run(run.parent_id))
    return Lineage(
        parent=parent,
        children=[_link(child) for child in children][:MOST],
        repeats=repeats[-1] if repeats else None,
        repeats_job=repeats_job,
        repeated_by=_tagged(client, run, RERUN_TAG, run.job_id) if run.job_id else [],
        models=[*_registered(client, run.id), *_logged(client, run)],
        models_used=_used(client, run.id),
    )


def _tagged(client: MlflowClient, run: RunRow, key: str, value: str) -> list[RunLink]:
    quoted = value.replace("'", "\\'")
    found = client.search_runs(
        [run.experiment_id],
        filter_string=f"tags.`{key}` = '{quoted}'",
        order_by=["attributes.start_time ASC"],
        max_results=MOST,
    )
    return [_link(one) for one in found]


def _link(run: Run) -> RunLink:
    return RunLink(
        id=run.info.run_id, name=run.info.run_name or "", status=RunStatus(run.info.status)
    )


def _registered(client: MlflowClient, run_id: str) -> list[ModelLink]:
    found = list(client.search_model_versions(f"run_id = '{run_id}'", max_results=MOST))
    # A search tells no aliases.
    aliases: dict[tuple[str, int], list[str]] = {}
    for name in sorted({one.name for one in found})[:_NAMES_MOST]:
        for alias, version in sorted(client.get_registered_model(name).aliases.items()):
            aliases.setdefault((name, int(version)), []).append(alias)
    versions = sorted((one.name, int(one.version)) for one in found)
    return [
        ModelLink(name=name, version=version, aliases=aliases.get((name, version), []))
        for name, version in versions
    ]


def _logged(client: MlflowClient, run: RunRow) -> list[ModelLink]:
    found = client.search_logged_models(
        [run.experiment_id], filter_string=f"source_run_id = '{run.id}'", max_results=MOST
    )
    return [ModelLink(name=one.name, model_id=one.model_id) for one in found]


def _used(client: MlflowClient, run_id: str) -> list[ModelLink]:
    inputs = client.get_run(run_id).inputs
    used = [] if inputs is None else inputs.model_inputs
    found = [client.get_logged_model(one.model_id) for one in used[:MOST]]
    return [ModelLink(name=one.name, model_id=one.model_id) for one in found]
