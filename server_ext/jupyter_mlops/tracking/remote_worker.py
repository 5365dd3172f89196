"""`python -m jupyter_mlops.tracking.remote_worker`: MLflow's client, one JSON line a request.

→ `{"op": "hello"}` · `{"op": "begin", "record": …}`
→ `{"op": "apply", "record": …, "earlier": […], "run_id": … or null, "files": {name: path}}`
→ `{"op": "put", "run_id": …, "files": {name: path}}`
← `{"place": …, "metrics": …}`, `{"done": true}` or `{"error": {problem document}}`

A process of its own: importing mlflow takes seconds, and a server that never answers may hold up
nobody else. Every request may be repeated: what is there already is found by its tags.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_mlops.tracking.run_record import (
    ARTIFACT_DIRECTORY,
    ATTEMPT_TAG,
    JOB_TAG,
    PARENT_TAG,
    RunRecord,
    RunStatus,
)
from jupyter_mlops.tracking.sql import RunPlace
from jupyter_mlops.tracking.tracking_server import TrackingUnreachable, redacted

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

#: Most tags or parameters that MLflow takes at once.
_BATCH = 100
#: Patience with one request: the daemon tries again, and later.
_DEFAULTS = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
}


class Worker:
    """Answers requests by MLflow's client."""

    def __init__(self, client: MlflowClient) -> None:
        self._client = client

    def answer(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to one request. Raises whatever MLflow's client raises."""
        match request["op"]:
            case "begin":
                return _placed(self._run(_record(request["record"]), None))
            case "apply":
                return self._apply(request)
            case "put":
                self._put(request["run_id"], request["files"])
        return {"done": True}

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
        experiment_id = self._experiment(record.experiment)
        found = self._find(record, experiment_id)
        if found:
            return found[0]
        return self._client.create_run(
            experiment_id, start_time=record.started, tags=record.tags, run_name=record.name
        )

    def _find(self, record: RunRecord, experiment_id: str) -> list[Run]:
        wanted = (
            f"tags.`{JOB_TAG}` = '{record.job_id}' and tags.`{ATTEMPT_TAG}` = '{record.attempt}'"
        )
        found = self._client.search_runs(
            [experiment_id], wanted, order_by=["attributes.start_time ASC"], max_results=10
        )
        return list(found)

    def _experiment(self, name: str) -> str:
        from mlflow.exceptions import MlflowException

        found = self._client.get_experiment_by_name(name)
        if found is None:
            try:
                return str(self._client.create_experiment(name))
            except MlflowException as error:
                if error.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise
                found = self._client.get_experiment_by_name(name)
                if found is None:
                    raise
        if found.lifecycle_stage == "deleted":
            self._client.restore_experiment(found.experiment_id)
        return str(found.experiment_id)

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

        for some in _batches(sorted(tags.items())):
            self._client.log_batch(run_id, tags=[RunTag(key, value) for key, value in some])

    def _add_params(self, run: Run, params: Mapping[str, str]) -> None:
        """Those that the notebook has not logged itself: MLflow's server lets nobody change one,
        so the notebook has to come first.
        """
        from mlflow.entities import Param

        there = run.data.params
        missing = [(key, value) for key, value in params.items() if key not in there]
        for some in _batches(missing):
            listed = [Param(key, value) for key, value in some]
            self._client.log_batch(run.info.run_id, params=listed)

    def _put(self, run_id: str, files: Mapping[str, str]) -> None:
        if not files or self._client.get_run(run_id).info.lifecycle_stage == "deleted":
            return
        with tempfile.TemporaryDirectory(prefix="jupyter-mlops-") as directory:
            for name, path in files.items():
                named = Path(directory) / name
                named.symlink_to(path)
                self._client.log_artifact(run_id, str(named), ARTIFACT_DIRECTORY)


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


def _batches(items: list[tuple[str, str]]) -> Iterator[list[tuple[str, str]]]:
    for start in range(0, len(items), _BATCH):
        yield items[start : start + _BATCH]


def main() -> int:
    """Answer requests until there are no more."""
    os.umask(0o077)
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)
    os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"
    # Its own messages must not get between our lines.
    lines, sys.stdout = sys.stdout, sys.stderr
    uri = os.environ["MLFLOW_TRACKING_URI"]
    worker: Worker | None = None
    for line in sys.stdin:
        try:
            if worker is None:
                from mlflow import MlflowClient

                worker = Worker(MlflowClient(uri))
            answer = worker.answer(json.loads(line))
        except Exception as error:  # noqa: BLE001 - MLflow's, requests', a database driver's
            said = redacted(" ".join(str(error).split())[:300], os.environ)
            answer = {
                "error": TrackingUnreachable(
                    f"The tracking server did not take the run: {said or type(error).__name__}.",
                    hint="Check the server and MLFLOW_TRACKING_URI.",
                ).to_problem()
            }
        lines.write(json.dumps(answer) + "\n")
        lines.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
