"""`python -m jupyter_mlops.tracking.remote_worker`: runs of jobs; see `remote_process`.

→ `{"op": "hello"}` · `{"op": "begin", "record": …}`
→ `{"op": "apply", "record": …, "earlier": […], "run_id": … or null, "files": {name: path}}`
→ `{"op": "put", "run_id": …, "files": {path below the artifacts: path}}`
→ `{"op": "record", "run_id": …, "tags": {…}, "files": {…}, "inputs": […], "samples": […]}`
← `{"place": …, "metrics": …}` or nothing

Every request may be repeated: what is there already is found by its tags.
"""

from __future__ import annotations

import dataclasses
import math
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_mlops.tracking.remote_process import NAMED, POINTS, WORKING, batches, serve
from jupyter_mlops.tracking.run_record import (
    ATTEMPT_TAG,
    JOB_TAG,
    PARENT_TAG,
    RunRecord,
    RunStatus,
)
from jupyter_mlops.tracking.sql import RunPlace

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run


class Worker:
    """Answers requests by MLflow's client."""

    def __init__(self, client: MlflowClient) -> None:
        self._client = client

    def answer(self, request: Mapping[str, Any]) -> dict[str, Any] | None:
        """The answer to one request. Raises whatever MLflow's client raises."""
        match request["op"]:
            case "begin":
                return _placed(self._run(_record(request["record"]), None))
            case "apply":
                return self._apply(request)
            case "put":
                self._put(request["run_id"], request["files"])
            case "record":
                self._record(request)
        return None

    def _apply(self, request: Mapping[str, Any]) -> dict[str, Any]:
        record = _record(request["record"])
        run = self._run(record, request.get("run_id"))
        run_id = run.info.run_id
        if run.info.lifecycle_stage == "deleted":
            # A person deleted it: nothing of it can be changed, nor needs to.
            return _placed(run)
        self._set_status(run_id, record)
        self._set_tags(run_id, record.own_tags)
        for one in map(_record, request["earlier"]):
            self._bring_earlier(one, run)
        if record.status.terminal:
            self._add_params(run, record.params)
            self._remove_doubles(record, run)
        self._put(run_id, request["files"])
        return _placed(self._client.get_run(run_id))

    def _run(self, record: RunRecord, known: str | None) -> Run:
        """The attempt's run, created unless it is there."""
        from mlflow.exceptions import MlflowException

        if known is not None:
            try:
                return self._client.get_run(known)
            except MlflowException as error:
                if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                    raise
        experiment = experiment_id(self._client, record.experiment)
        found = self._find(record, experiment)
        if found:
            return found[0]
        return self._client.create_run(
            experiment, start_time=record.started, tags=record.tags, run_name=record.name
        )

    def _find(self, record: RunRecord, experiment_id: str) -> list[Run]:
        wanted = (
            f"tags.`{JOB_TAG}` = '{record.job_id}' and tags.`{ATTEMPT_TAG}` = '{record.attempt}'"
        )
        found = self._client.search_runs(
            [experiment_id], wanted, order_by=["attributes.start_time ASC"], max_results=10
        )
        return list(found)

    def _set_status(self, run_id: str, record: RunRecord) -> None:
        if record.status.terminal:
            self._client.set_terminated(run_id, record.status.value, record.ended)
        else:
            self._client.update_run(run_id, status=record.status.value)

    def _bring_earlier(self, record: RunRecord, run: Run) -> None:
        """End the run of an attempt before, and put it below this one."""
        for found in self._find(record, run.info.experiment_id):
            if found.info.run_id == run.info.run_id:
                continue
            tags = {**record.own_tags, PARENT_TAG: run.info.run_id}
            if found.info.status != record.status or found.data.tags.get(PARENT_TAG) is None:
                self._set_status(found.info.run_id, record)
                self._set_tags(found.info.run_id, tags)

    def _remove_doubles(self, record: RunRecord, run: Run) -> None:
        """A creation that timed out may have come through after another had been made."""
        for found in self._find(record, run.info.experiment_id):
            if found.info.run_id != run.info.run_id and not found.data.metrics:
                self._client.delete_run(found.info.run_id)

    def _set_tags(self, run_id: str, tags: Mapping[str, str]) -> None:
        from mlflow.entities import RunTag

        for some in batches(sorted(tags.items()), NAMED):
            self._client.log_batch(run_id, tags=[RunTag(key, value) for key, value in some])

    def _add_params(self, run: Run, params: Mapping[str, str]) -> None:
        """Those that the notebook has not logged itself: MLflow's server lets nobody change one,
        so the notebook has to come first.
        """
        from mlflow.entities import Param

        there = run.data.params
        missing = [(key, value) for key, value in params.items() if key not in there]
        for some in batches(missing, NAMED):
            listed = [Param(key, value) for key, value in some]
            self._client.log_batch(run.info.run_id, params=listed)

    def _put(self, run_id: str, files: Mapping[str, str]) -> None:
        if not files or self._client.get_run(run_id).info.lifecycle_stage == "deleted":
            return
        with tempfile.TemporaryDirectory(prefix="jupyter-mlops-") as directory:
            for place, path in files.items():
                folder, _, name = place.rpartition("/")
                named = Path(directory) / name
                named.unlink(missing_ok=True)
                named.symlink_to(path)
                self._client.log_artifact(run_id, str(named), folder or None)

    def _record(self, request: Mapping[str, Any]) -> None:
        from mlflow.entities import Dataset, InputTag, Metric
        from mlflow.entities import DatasetInput as Input

        run_id = request["run_id"]
        if self._client.get_run(run_id).info.lifecycle_stage == "deleted":
            return
        self._put(run_id, request["files"])
        self._set_tags(run_id, request["tags"])
        if inputs := request["inputs"]:
            names = ("name", "digest", "source_type", "source", "profile")
            listed = [
                Input(
                    Dataset(**{name: one[name] for name in names}),
                    [InputTag(name, value) for name, value in one["tags"].items()],
                )
                for one in inputs
            ]
            self._client.log_inputs(run_id, listed)
        metrics = [Metric(*sample) for sample in request["samples"]]
        for some in batches(metrics, POINTS):
            self._client.log_batch(run_id, metrics=some)


def experiment_id(client: MlflowClient, name: str) -> str:
    """The experiment of that name, created or restored if need be."""
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            return str(client.create_experiment(name))
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            found = client.get_experiment_by_name(name)
            if found is None:
                raise
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
    return str(found.experiment_id)


def _placed(run: Run) -> dict[str, Any]:
    place = RunPlace(
        run.info.run_id, str(run.info.experiment_id), "", str(run.info.artifact_uri or "")
    )
    metrics = {
        key: value
        for key, value in run.data.metrics.items()
        if math.isfinite(value) and not key.startswith("system/")
    }
    return {"place": dataclasses.asdict(place), "metrics": metrics}


def _record(document: Mapping[str, Any]) -> RunRecord:
    return RunRecord(**{**document, "status": RunStatus(document["status"])})


def main() -> int:
    """Answer requests until there are no more."""
    return serve(Worker, WORKING)


if __name__ == "__main__":
    sys.exit(main())
