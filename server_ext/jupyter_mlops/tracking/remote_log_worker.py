"""`python -m jupyter_mlops.tracking.remote_log_worker`: what kernels log; see `remote_process`.

→ `{"op": "begin", "order": …}` ← `{"place": …}`
→ `{"op": "write", "order": …, "run_id": …, "files": directory, "batch": …}`

Every request may be repeated: a run is found by its tags, and MLflow takes the same point twice
for one.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_mlops.errors import Busy
from jupyter_mlops.tracking.logbook import Batch, Dataset
from jupyter_mlops.tracking.remote_process import NAMED, POINTS, WORKING, batches, serve
from jupyter_mlops.tracking.remote_worker import experiment_id
from jupyter_mlops.tracking.run_log import RUN_TAG, RunDeleted, RunOrder, inside
from jupyter_mlops.tracking.run_record import ATTEMPT_TAG, JOB_TAG, RunStatus
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
        order = RunOrder(**request["order"])
        if request["op"] == "begin":
            return {"place": dataclasses.asdict(self._begin(order))}
        given = request["batch"]
        batch = Batch(
            **{
                **given,
                "datasets": [Dataset(**one) for one in given["datasets"]],
                "status": None if given["status"] is None else RunStatus(given["status"]),
            }
        )
        self._write(order, request["run_id"], Path(request["files"]), batch)
        return None

    def _begin(self, order: RunOrder) -> RunPlace:
        if order.of_job:
            found = self._of_job(order)
            if found is None:
                raise Busy(f"The run of job {order.job_id} isn't there yet.")
        else:
            found = self._own(order)
        info = found.info
        if info.lifecycle_stage == "deleted":
            raise _deleted(info.run_id)
        return RunPlace(info.run_id, str(info.experiment_id), order.experiment, info.artifact_uri)

    def _of_job(self, order: RunOrder) -> Run | None:
        wanted = f"tags.`{JOB_TAG}` = '{order.job_id}' and tags.`{ATTEMPT_TAG}` = '{order.attempt}'"
        everywhere = [
            one.experiment_id for one in self._client.search_experiments(max_results=1000)
        ]
        found = self._client.search_runs(
            everywhere, wanted, order_by=["attributes.start_time ASC"], max_results=1
        )
        return found[0] if found else None

    def _own(self, order: RunOrder) -> Run:
        experiment = experiment_id(self._client, order.experiment)
        found = self._client.search_runs(
            [experiment], f"tags.`{RUN_TAG}` = '{order.id}'", run_view_type=3, max_results=1
        )
        if found:
            return found[0]
        tags = {**order.tags, RUN_TAG: order.id}
        run = self._client.create_run(
            experiment, start_time=order.started, tags=tags, run_name=order.name
        )
        self._params(run.info.run_id, order.params)
        return run

    def _write(self, order: RunOrder, run_id: str, files: Path, batch: Batch) -> None:
        from mlflow.entities import Metric, RunTag

        if self._client.get_run(run_id).info.lifecycle_stage == "deleted":
            raise _deleted(run_id)
        for name in dict.fromkeys(batch.artifacts):
            path = files / name
            if path.is_file() and inside(path, files):
                self._client.log_artifact(run_id, str(path), str(Path(name).parent).strip("."))
                path.unlink()
        for points in batches(batch.points, POINTS):
            metrics = [Metric(name, value, at, step) for name, value, at, step in points]
            self._client.log_batch(run_id, metrics=metrics)
        self._params(run_id, batch.params)
        for tags in batches(sorted(batch.tags.items()), NAMED):
            self._client.log_batch(run_id, tags=[RunTag(key, value) for key, value in tags])
        if batch.datasets:
            self._datasets(run_id, batch.datasets)
        if batch.status is not None and not order.of_job:
            if batch.status.terminal:
                # Not before it began, however the clock was set meanwhile.
                ended = None if batch.at is None else max(batch.at, order.started)
                self._client.set_terminated(run_id, batch.status.value, ended)
            else:
                self._client.update_run(run_id, status=batch.status.value)

    def _params(self, run_id: str, params: Mapping[str, str]) -> None:
        from mlflow.entities import Param

        if not params:
            return
        # One that has another value would have the server refuse all of them; the first one stays.
        there = self._client.get_run(run_id).data.params
        missing = [(key, value) for key, value in params.items() if key not in there]
        for some in batches(missing, NAMED):
            self._client.log_batch(run_id, params=[Param(key, value) for key, value in some])

    def _datasets(self, run_id: str, datasets: Sequence[Dataset]) -> None:
        from mlflow.entities import Dataset as Entity
        from mlflow.entities import DatasetInput

        self._client.log_inputs(
            run_id, [DatasetInput(Entity(**dataclasses.asdict(one))) for one in datasets]
        )


def _deleted(run_id: str) -> RunDeleted:
    return RunDeleted(
        f"The run {run_id}, or its experiment, was deleted on the tracking server.",
        hint="Restore it there: what was logged meanwhile is kept and follows.",
    )


def main() -> int:
    """Answer requests until there are no more."""
    return serve(Worker, WORKING)


if __name__ == "__main__":
    sys.exit(main())
