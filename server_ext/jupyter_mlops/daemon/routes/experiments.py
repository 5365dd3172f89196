"""Experiments and runs: listed, looked at, compared, annotated.

Names of metrics and paths of artifacts stand in queries, never in paths: they may hold anything,
and the Jupyter server passes on plain paths only.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from jupyter_mlops.daemon.answers import SANDBOX, answer, file_pieces, stream
from jupyter_mlops.daemon.bodies import body_schema, read_model
from jupyter_mlops.daemon.reading import (
    UNCHANGED,
    RunId,
    checked,
    read,
    reader_of,
)
from jupyter_mlops.errors import InvalidInput
from jupyter_mlops.tracking import run_artifacts
from jupyter_mlops.tracking.metric_series import (
    ALL_POINTS_MOST,
    POINTS,
    POINTS_MOST,
    Axis,
    Window,
)
from jupyter_mlops.tracking.run_compare import RUNS_MOST
from jupyter_mlops.tracking.run_filter import FILTER_MOST, Clause
from jupyter_mlops.tracking.run_groups import member_clause
from jupyter_mlops.tracking.run_page import OFFSET_MOST, PAGE, PAGE_MOST, ExperimentQuery, run_query
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
    SeriesList,
)

router = APIRouter(tags=["experiments"])

#: Models of what is sent and of what is answered.
ASKED = (RunChanges, ExperimentChanges)
SAID = (
    ArtifactList,
    Columns,
    Comparison,
    Experiment,
    ExperimentList,
    RunDetail,
    RunList,
    SeriesList,
)

#: Experiments that can be named at once, and series that can be drawn at once.
_EXPERIMENTS_MOST, _SERIES_MOST = 100, 100
_FEWEST_POINTS = 50


# Asynchronous though it waits for nothing: FastAPI calls others in a thread.
async def _experiments(
    experiment: Annotated[
        list[str] | None,
        Query(max_length=_EXPERIMENTS_MOST, description="Ids; all experiments when left out"),
    ] = None,
    experiment_name: Annotated[list[str] | None, Query(max_length=_EXPERIMENTS_MOST)] = None,
) -> tuple[list[str], list[str]]:
    return experiment or [], experiment_name or []


Experiments = Annotated[tuple[list[str], list[str]], Depends(_experiments)]
Filter = Annotated[
    str,
    Query(
        alias="filter",
        max_length=FILTER_MOST,
        description="MLflow's filter syntax, plain words, or both",
    ),
]
RunIds = Annotated[list[str], Query(alias="run", min_length=1, max_length=RUNS_MOST)]
Limit = Annotated[int, Query(ge=1, le=PAGE_MOST)]
Cursor = Annotated[str | None, Query(max_length=4000)]


async def _place(
    limit: Limit = PAGE,
    cursor: Cursor = None,
    offset: Annotated[
        int,
        Query(ge=0, le=OFFSET_MOST, description="Runs to skip, instead of a cursor"),
    ] = 0,
) -> dict[str, Any]:
    if cursor is not None and offset:
        raise InvalidInput(
            "A page begins behind a cursor or at an offset, not at both.",
            problems=[{"where": "offset", "message": "comes with a cursor"}],
        )
    return {"limit": limit, "cursor": cursor, "offset": offset}


async def _member(
    group_by: Annotated[
        str | None, Query(max_length=300, description="Only runs of one group, as of its `by`")
    ] = None,
    group: Annotated[
        str | None, Query(max_length=10_000, description="Its value; left out: runs without any")
    ] = None,
) -> tuple[Clause, ...]:
    if group_by is not None:
        return (member_clause(group_by, group),)
    if group is not None:
        raise InvalidInput(
            "A group is named without what runs are grouped by.",
            problems=[{"where": "group", "message": "has to come with group_by"}],
        )
    return ()


Place = Annotated[dict[str, Any], Depends(_place)]
Member = Annotated[tuple[Clause, ...], Depends(_member)]


@router.get(
    "/experiments",
    response_model=ExperimentList,
    responses=UNCHANGED,
    operation_id="list_experiments",
)
async def list_experiments(
    request: Request,
    *,
    words: Annotated[str, Query(max_length=500, description="In their names or notes")] = "",
    limit: Limit = PAGE,
    cursor: Cursor = None,
) -> Response:
    """Experiments: favourites first, then by their last activity."""
    query = ExperimentQuery(tuple(words.split()), limit, cursor)
    return await read(request, lambda: reader_of(request).experiments(query))


@router.get(
    "/experiments/{experiment_id}",
    response_model=Experiment,
    responses=UNCHANGED,
    operation_id="get_experiment",
)
async def get_experiment(request: Request, *, experiment_id: str) -> Response:
    """One experiment."""
    return await read(request, lambda: reader_of(request).experiment(experiment_id))


@router.patch(
    "/experiments/{experiment_id}",
    response_model=Experiment,
    openapi_extra=body_schema(ExperimentChanges),
    operation_id="change_experiment",
)
async def change_experiment(request: Request, *, experiment_id: str) -> Response:
    """Change an experiment's note, or make it a favourite."""
    changes = await read_model(request, ExperimentChanges)
    return answer(await reader_of(request).change_experiment(experiment_id, changes))


@router.get("/runs", response_model=RunList, responses=UNCHANGED, operation_id="list_runs")
async def list_runs(
    request: Request,
    *,
    experiments: Experiments,
    id_prefix: Annotated[
        str, Query(alias="id", max_length=64, description="What their ids begin with")
    ] = "",
    filter_text: Filter = "",
    order: Annotated[
        list[str] | None,
        Query(description="As metrics.acc:desc; more of them decide between equals"),
    ] = None,
    columns: Annotated[
        list[str] | None,
        Query(description="Only these: metrics.acc, params.lr, tags.team; all when left out"),
    ] = None,
    place: Place,
    member: Member,
) -> Response:
    """Runs that match, newest first unless ordered otherwise."""
    query = run_query(
        experiments=experiments[0],
        experiment_names=experiments[1],
        id_prefix=id_prefix,
        text=filter_text,
        order=order or (),
        columns=columns,
    )
    query = replace(query, clauses=(*query.clauses, *member), **place)
    return await read(request, lambda: reader_of(request).runs(query))


@router.get(
    "/runs/columns", response_model=Columns, responses=UNCHANGED, operation_id="list_run_columns"
)
async def list_run_columns(
    request: Request,
    *,
    experiments: Experiments,
    words: Annotated[str, Query(max_length=250, description="A part of the names")] = "",
) -> Response:
    """What can be a column: names of metrics, parameters and tags that runs have."""
    query = run_query(experiments=experiments[0], experiment_names=experiments[1])
    return await read(request, lambda: reader_of(request).columns(query, words))


@router.get(
    "/runs/compare", response_model=Comparison, responses=UNCHANGED, operation_id="compare_runs"
)
async def compare_runs(request: Request, *, run: RunIds) -> Response:
    """Where runs differ; what is the same in all of them is only counted."""
    return await read(request, lambda: reader_of(request).compare(checked(run)))


@router.get("/runs/{run_id}", response_model=RunDetail, responses=UNCHANGED, operation_id="get_run")
async def get_run(
    request: Request,
    *,
    run_id: RunId,
    summary: Annotated[
        bool,
        Query(description="With lineage, and each metric's extremes and count: reads points"),
    ] = True,
) -> Response:
    """Everything about one run but its points and artifacts."""
    return await read(request, lambda: reader_of(request).detail(run_id, summary=summary))


@router.patch(
    "/runs/{run_id}",
    response_model=RunDetail,
    openapi_extra=body_schema(RunChanges),
    operation_id="change_run",
)
async def change_run(request: Request, *, run_id: RunId) -> Response:
    """Change a run's name, note or tags, or make it a favourite; durable when this answers."""
    changes = await read_model(request, RunChanges)
    return answer(await reader_of(request).change_run(run_id, changes))


@router.get(
    "/metrics", response_model=SeriesList, responses=UNCHANGED, operation_id="get_metric_points"
)
async def get_metric_points(
    request: Request,
    *,
    run: RunIds,
    key: Annotated[list[str], Query(min_length=1, max_length=_SERIES_MOST)],
    axis: Axis = Axis.STEP,
    start: Annotated[
        float | None,
        Query(alias="from", allow_inf_nan=False, description="Of the axis; seconds for times"),
    ] = None,
    end: Annotated[float | None, Query(alias="to", allow_inf_nan=False)] = None,
    points: Annotated[int, Query(ge=_FEWEST_POINTS, le=POINTS_MOST)] = POINTS,
) -> Response:
    """Points of metrics for a chart: every run with every key, thinned out, extremes kept."""
    run_ids, keys = checked(run), list(dict.fromkeys(key))
    count = len(run_ids) * len(keys)
    if count > _SERIES_MOST:
        raise InvalidInput(
            f"{count} series are more than the {_SERIES_MOST} that can be drawn at once.",
            hint="Choose fewer runs or metrics.",
            problems=[{"where": "key", "message": f"{count} series are too many"}],
        )
    window = Window(axis, start, end, min(points, max(_FEWEST_POINTS, ALL_POINTS_MOST // count)))

    async def ask() -> SeriesList:
        found = await reader_of(request).series(run_ids, keys, window)
        return SeriesList(axis=axis.value, series=found)

    return await read(request, ask)


@router.get("/runs/{run_id}/artifacts", response_model=ArtifactList, operation_id="list_artifacts")
async def list_artifacts(
    request: Request,
    *,
    run_id: RunId,
    path: Annotated[
        str, Query(max_length=4000, description="A directory; the root's is empty")
    ] = "",
) -> Response:
    """What a directory of a run's artifacts holds."""
    return answer(await reader_of(request).artifacts(run_id, path))


@router.get(
    "/runs/{run_id}/artifacts/content",
    response_class=Response,
    responses={200: {"content": {"application/octet-stream": {}}}},
    operation_id="get_artifact",
)
async def get_artifact(
    request: Request,
    *,
    run_id: RunId,
    path: Annotated[str, Query(min_length=1, max_length=4000)],
    limit: Annotated[int | None, Query(ge=1, description="Only so many bytes")] = None,
) -> Response:
    """An artifact: sandboxed; a download unless it is of a type that can be shown."""
    found = await reader_of(request).content(run_id, path)
    kind = run_artifacts.media_type(path)
    shown = run_artifacts.can_be_shown(kind)
    textual = kind.startswith("text/") or kind == "application/json"
    media_type = kind if shown else "application/octet-stream"
    response = stream(
        file_pieces(found.file, limit), f"{media_type}; charset=utf-8" if textual else media_type
    )
    name = quote(path.rpartition("/")[2], safe="")
    kept = "inline" if shown else "attachment"
    response.headers["Content-Disposition"] = f"{kept}; filename*=UTF-8''{name}"
    response.headers["Content-Length"] = str(
        found.size if limit is None else min(found.size, limit)
    )
    response.headers["Content-Security-Policy"] = SANDBOX
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
