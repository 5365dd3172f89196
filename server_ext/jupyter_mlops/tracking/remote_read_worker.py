"""`python -m jupyter_mlops.tracking.remote_read_worker`: what a tracking server has, for
`remote_reader`; see `remote_process`.

Every request asks the server for one page of anything, never more.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_mlops.errors import NotFound, TooLarge
from jupyter_mlops.tracking import remote_lineage, remote_rows, run_artifacts, run_changes
from jupyter_mlops.tracking.dataset_inputs import rows_of
from jupyter_mlops.tracking.remote_paging import RunSearch
from jupyter_mlops.tracking.remote_process import LOOKING, serve
from jupyter_mlops.tracking.run_page import WHOLE_MOST
from jupyter_mlops.tracking.run_record import PARENT_TAG
from jupyter_mlops.tracking.run_views import (
    FAVOURITE_TAG,
    NOTE_TAG,
    Dataset,
    ExperimentChanges,
    MetricSummary,
    RunChanges,
    RunDetail,
    RunRow,
    metric_value,
    note_version,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Experiment as MlflowExperiment
    from mlflow.entities import Metric, Run

#: Experiments that are looked through when none is named, children that are listed.
_EXPERIMENTS_MOST, _CHILDREN_MOST = 1000, 1000
#: Runs whose columns are looked at, and those that are counted.
_COLUMNS_FROM, _COUNTED_MOST = 200, 200
#: Seconds for which an experiment has the name that it had.
_NAMED = 30.0
#: Favourites that come before all else, and the order of experiments.
_FAVOURITES_MOST, _LATEST = 100, ["last_update_time DESC"]
#: Points that a server thins out to, and those of one page of all.
_SAMPLED_MOST, _HISTORY_MOST = 2500, 25_000
#: The largest artifact that is fetched, in bytes.
_FETCHED_MOST = 512 * 2**20
_SAMPLED = "/ajax-api/2.0/mlflow/metrics/get-history-bulk-interval"


class ReadWorker:
    """Answers requests by MLflow's client."""

    def __init__(self, client: MlflowClient) -> None:
        self._client = client
        #: Names of experiments, since a run tells only the id, and until when they are good.
        self._names: dict[str, str] = {}
        self._named_until = 0.0

    def answer(self, request: Mapping[str, Any]) -> Any:
        """The answer to one request. Raises whatever MLflow's client raises."""
        given = {key: value for key, value in request.items() if key != "op"}
        answering: dict[str, Callable[..., Any]] = {
            "experiments": self._experiments,
            "experiment": self._experiment,
            "runs": self._runs,
            "grouped": self._grouped,
            "columns": self._columns,
            "detail": self._detail,
            "rows": self._rows,
            "series": self._series,
            "artifacts": self._artifacts,
            "fetch": self._fetch,
            "change_run": self._change_run,
            "change_experiment": self._change_experiment,
        }
        return answering[request["op"]](**given)

    def _experiments(self, words: str, limit: int, token: str | None) -> dict[str, Any]:
        """Favourites come with the first page, and on no other."""
        favourite = f"tags.`{FAVOURITE_TAG}` = 'true'"
        first = [] if token else self._found(" AND ".join(filter(None, [words, favourite])), limit)
        page = self._client.search_experiments(
            filter_string=words,
            max_results=max(1, limit - len(first)),
            order_by=_LATEST,
            page_token=token,
        )
        others = [one for one in page if one.tags.get(FAVOURITE_TAG) != "true"]
        return {
            "experiments": [remote_rows.experiment(one) for one in [*first, *others]],
            "token": page.token or None,
        }

    def _found(self, text: str, limit: int) -> list[MlflowExperiment]:
        return list(
            self._client.search_experiments(
                filter_string=text, max_results=min(limit, _FAVOURITES_MOST), order_by=_LATEST
            )
        )

    def _experiment(self, experiment_id: str) -> dict[str, Any]:
        found = self._client.get_experiment(experiment_id)
        if found.lifecycle_stage != "active":
            raise remote_rows.no_experiment(experiment_id)
        page = self._client.search_runs([experiment_id], max_results=_COUNTED_MOST)
        told = remote_rows.experiment(found)
        if page.token:
            return told  # there are more: counting would take a page after the other
        times = [one.info.end_time or one.info.start_time or 0 for one in page]
        told["counts"] = dict(Counter(one.info.status for one in page))
        told["last_activity"] = max([told["last_activity"] or 0.0, *(at / 1000 for at in times)])
        return told

    def _runs(
        self,
        experiments: Sequence[str],
        names: Sequence[str],
        text: str,
        order: Sequence[str],
        limit: int,
        place: Mapping[str, Any],
        columns: Mapping[str, list[str] | None],
    ) -> dict[str, Any]:
        """A page; `place` is the token, offset and guess of `RunSearch.page`."""
        ids = self._ids(experiments, names)
        found = RunSearch(self._client, ids, text, order).page(limit, **place)
        if not found.runs:
            self._check(experiments)
        rows = [remote_rows.shown(self._row(one), columns) for one in found.runs]
        return {
            "runs": [row for row, _ in rows],
            "token": found.token or None,
            "total": found.total,
            "exact": found.exact,
            "cut": any(cut for _, cut in rows),
        }

    def _grouped(
        self,
        experiments: Sequence[str],
        names: Sequence[str],
        text: str,
        by: tuple[str, str],
        metrics: Sequence[str],
        limit: int,
        token: str | None,
        run_ids: Sequence[str],
    ) -> dict[str, Any]:
        """Of a page of runs, or of those with these ids, what groups are made of."""
        ids = self._ids(experiments, names)
        if run_ids:
            listed = ", ".join(f"'{one}'" for one in run_ids)
            text = " AND ".join(filter(None, [text, f"attributes.run_id IN ({listed})"]))
        page = self._client.search_runs(ids, text, max_results=limit, page_token=token)
        if not page and token is None and not run_ids:
            self._check(experiments)
        return {
            "runs": [remote_rows.grouped(one, by, metrics) for one in page],
            "token": page.token or None,
        }

    def _check(self, experiments: Sequence[str]) -> None:
        """Where nothing is found: whether there can be anything."""
        for one in experiments:
            if self._client.get_experiment(one).lifecycle_stage != "active":
                raise remote_rows.no_experiment(one)

    def _columns(self, experiments: Sequence[str], names: Sequence[str]) -> dict[str, Any]:
        page = self._client.search_runs(self._ids(experiments, names), max_results=_COLUMNS_FROM)
        found = {
            "metrics": sorted({key for run in page for key in run.data.metrics}),
            "params": sorted({key for run in page for key in run.data.params}),
            "tags": sorted(
                {key for run in page for key in run.data.tags if not key.startswith("mlflow.")}
            ),
        }
        few = {kind: names[:WHOLE_MOST] for kind, names in found.items()}
        return {**few, "cut": bool(page.token) or few != found}

    def _detail(self, run_id: str, *, lineage: bool = False) -> dict[str, Any]:
        run = self._client.get_run(run_id)
        row, cut = remote_rows.whole(self._row(run))
        children = self._client.search_runs(
            [run.info.experiment_id],
            filter_string=f"tags.`{PARENT_TAG}` = '{run_id}'",
            order_by=["attributes.start_time ASC"],
            max_results=_CHILDREN_MOST,
        )
        # Its public dictionary has neither steps nor times.
        latest: Sequence[Metric] = run.data._metric_objs or []  # noqa: SLF001
        metrics = [
            MetricSummary(
                key=one.key,
                last=metric_value(one.value),
                step=one.step,
                time=one.timestamp / 1000,
            )
            for one in sorted(latest, key=lambda one: one.key)[:WHOLE_MOST]
        ]
        datasets = [
            Dataset(
                name=used.dataset.name,
                digest=used.dataset.digest,
                source_type=used.dataset.source_type or "",
                source=used.dataset.source or "",
                context=next(
                    (tag.value for tag in used.tags if tag.key == "mlflow.data.context"), ""
                ),
                rows=rows_of(used.dataset.profile),
            )
            for used in (run.inputs.dataset_inputs if run.inputs is not None else [])
        ]
        shown = RunRow.model_validate(row)
        return RunDetail(
            run=shown,
            artifact_uri=run.info.artifact_uri or "",
            deleted=run.info.lifecycle_stage != "active",
            note_version=note_version(row["note"]),
            metrics=metrics,
            datasets=datasets,
            children=[child.info.run_id for child in children],
            cut=cut,
            lineage=remote_lineage.lineage(self._client, shown, children) if lineage else None,
            at_server=True,
        ).model_dump(mode="json")

    def _rows(self, run_ids: Sequence[str]) -> list[dict[str, Any]]:
        return [remote_rows.whole(self._row(self._client.get_run(run_id)))[0] for run_id in run_ids]

    def _series(
        self,
        run_ids: Sequence[str],
        key: str,
        points: int,
        steps: list[int] | None,
        *,
        starts: bool,
    ) -> dict[str, Any]:
        """Points of one metric, as (timestamp, step, value), by run; also the runs' `starts`."""
        asked = run_ids if starts else ()
        began = {run_id: self._client.get_run(run_id).info.start_time for run_id in asked}
        found: dict[str, list[list[float]]] = {run_id: [] for run_id in run_ids}
        for one in self._sampled(run_ids, key, min(points, _SAMPLED_MOST), steps):
            found[one["run_id"]].append([one["timestamp"], one["step"], one["value"]])
        whole = all(len(listed) < min(points, _SAMPLED_MOST) for listed in found.values())
        return {"points": found, "starts": began, "whole": whole}

    def _sampled(
        self, run_ids: Sequence[str], key: str, most: int, steps: list[int] | None
    ) -> list[dict[str, Any]]:
        from mlflow.store.tracking.rest_store import RestStore

        # The client itself only hands out all points.
        store: Any = self._client._tracking_client.store  # noqa: SLF001
        first, last = steps if steps is not None else (None, None)
        if not isinstance(store, RestStore):
            listed = store.get_metric_history_bulk_interval(
                run_ids=list(run_ids),
                metric_key=key,
                max_results=most,
                start_step=first,
                end_step=last,
            )
            return [one.to_dict() for one in listed]
        from mlflow.utils.rest_utils import http_request

        asked: dict[str, Any] = {"run_ids": list(run_ids), "metric_key": key, "max_results": most}
        if steps is not None:
            asked |= {"start_step": first, "end_step": last}
        answer: Any = http_request(  # type: ignore[no-untyped-call]
            store.get_host_creds(), _SAMPLED, "GET", params=asked
        )
        if answer.status_code == 200:
            return [
                {
                    "run_id": one["run_id"],
                    "timestamp": int(one.get("timestamp", 0)),
                    "step": int(one.get("step", 0)),
                    "value": float(one.get("value", 0.0)),
                }
                for one in json.loads(answer.text).get("metrics", [])
            ]
        # A server that doesn't thin out (an older one, Databricks): one page as it is.
        return [
            {"run_id": run_id, "timestamp": m.timestamp, "step": m.step, "value": m.value}
            for run_id in run_ids
            for m in self._page(store, run_id, key)
        ]

    @staticmethod
    def _page(store: Any, run_id: str, key: str) -> Sequence[Metric]:
        found: Sequence[Metric] = store.get_metric_history(run_id, key, max_results=_HISTORY_MOST)
        return found

    def _artifacts(self, run_id: str, path: str) -> dict[str, Any]:
        listed = [
            run_artifacts.artifact(one.path, one.file_size, directory=one.is_dir)
            for one in self._client.list_artifacts(run_id, path or None)
        ]
        cut = len(listed) > run_artifacts.LISTED_MOST
        kept = listed[: run_artifacts.LISTED_MOST]
        return run_artifacts.arranged(path, kept, cut=cut).model_dump(mode="json")

    def _fetch(self, run_id: str, path: str, directory: str) -> dict[str, Any]:
        """Copy an artifact into a directory of this machine; where it is then."""
        above = path.rpartition("/")[0]
        found = next(
            (one for one in self._client.list_artifacts(run_id, above or None) if one.path == path),
            None,
        )
        if found is None or found.is_dir:
            raise NotFound(f"The run has no artifact {path!r}.", code="artifact_not_found")
        if (found.file_size or 0) > _FETCHED_MOST:
            raise TooLarge(
                f"The artifact is larger than {_FETCHED_MOST // 2**20} MB.",
                hint="Fetch it by: mlflow artifacts download",
            )
        local = self._client.download_artifacts(run_id, path, directory)
        return {"path": str(Path(local).resolve())}

    def _change_run(self, run_id: str, changes: Mapping[str, Any]) -> dict[str, Any]:
        wanted = RunChanges.model_validate(changes)
        run = self._client.get_run(run_id)
        if run.info.lifecycle_stage != "active":
            raise run_changes.deleted(run_id)
        run_changes.check_note(wanted, run.data.tags.get(NOTE_TAG, ""))
        for key, value in run_changes.tags_of(wanted).items():
            if value is not None:
                self._client.set_tag(run_id, key, value)
            elif key in run.data.tags:
                self._client.delete_tag(run_id, key)
        if wanted.name is not None:
            self._client.update_run(run_id, name=wanted.name)
        return self._detail(run_id)

    def _change_experiment(self, experiment_id: str, changes: Mapping[str, Any]) -> dict[str, Any]:
        wanted = ExperimentChanges.model_validate(changes)
        tags = self._client.get_experiment(experiment_id).tags
        run_changes.check_note(wanted, tags.get(NOTE_TAG, ""))
        for key, value in run_changes.tags_of(wanted).items():
            if value is not None:
                self._client.set_experiment_tag(experiment_id, key, value)
            elif key in tags:
                self._client.delete_experiment_tag(experiment_id, key)
        return self._experiment(experiment_id)

    def _ids(self, experiments: Sequence[str], names: Sequence[str]) -> list[str]:
        found = list(experiments)
        for name in names:
            one = self._client.get_experiment_by_name(name)
            if one is None or one.lifecycle_stage != "active":
                raise NotFound(
                    f"There is no experiment {name!r}.",
                    hint="`jupyter mlops experiments` lists them.",
                    code="experiment_not_found",
                )
            self._names[one.experiment_id] = one.name
            found.append(one.experiment_id)
        if not found:
            page = self._client.search_experiments(max_results=_EXPERIMENTS_MOST)
            self._names |= {one.experiment_id: one.name for one in page}
            found = [one.experiment_id for one in page]
        return found

    def _name(self, experiment_id: str) -> str:
        if time.monotonic() > self._named_until:
            self._names.clear()
            self._named_until = time.monotonic() + _NAMED
        if experiment_id not in self._names:
            self._names[experiment_id] = self._client.get_experiment(experiment_id).name
        return self._names[experiment_id]

    def _row(self, run: Run) -> dict[str, Any]:
        return remote_rows.row(run, self._name(run.info.experiment_id))


def main() -> int:
    """Answer requests until there are no more."""
    return serve(ReadWorker, LOOKING)


if __name__ == "__main__":
    sys.exit(main())
