"""What a table of runs asks for besides its rows: groups, and lines for its cells."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from jupyter_mlops.daemon.reading import (
    UNCHANGED,
    checked,
    read,
    reader_of,
)
from jupyter_mlops.daemon.routes.experiments import Experiments, Filter
from jupyter_mlops.errors import InvalidInput
from jupyter_mlops.tracking.run_groups import GroupList, group_key
from jupyter_mlops.tracking.run_page import run_query
from jupyter_mlops.tracking.sparklines import (
    LINES_MOST,
    POINTS,
    POINTS_FEWEST,
    POINTS_MOST,
    SparklineList,
)

router = APIRouter(tags=["experiments"])

#: Models of what is answered.
SAID = (GroupList, SparklineList)
#: Runs and metrics that lines can be asked for at once.
_RUNS_MOST, _KEYS_MOST = 100, 50
#: Metrics that groups can be told with.
_METRICS_MOST = 50


@router.get(
    "/runs/groups", response_model=GroupList, responses=UNCHANGED, operation_id="list_run_groups"
)
async def list_run_groups(
    request: Request,
    *,
    experiments: Experiments,
    by: Annotated[
        str, Query(max_length=300, description="As params.lr, tags.team, attributes.status")
    ],
    filter_text: Filter = "",
    order: Annotated[
        list[str] | None,
        Query(description="As of runs; groups come by the best value of a metric"),
    ] = None,
    metrics: Annotated[
        list[str] | None,
        Query(
            alias="metric",
            max_length=_METRICS_MOST,
            description="Names of metrics that are told of each group",
        ),
    ] = None,
) -> Response:
    """Runs put together by what they have in common."""
    query = run_query(
        experiments=experiments[0],
        experiment_names=experiments[1],
        text=filter_text,
        order=order or (),
        columns=[f"metrics.{name}" for name in metrics or ()],
    )
    return await read(request, lambda: reader_of(request).groups(query, group_key(by)))


@router.get(
    "/sparklines",
    response_model=SparklineList,
    responses=UNCHANGED,
    operation_id="list_sparklines",
)
async def list_sparklines(
    request: Request,
    *,
    run: Annotated[list[str], Query(min_length=1, max_length=_RUNS_MOST)],
    key: Annotated[list[str], Query(min_length=1, max_length=_KEYS_MOST)],
    points: Annotated[int, Query(ge=POINTS_FEWEST, le=POINTS_MOST)] = POINTS,
) -> Response:
    """Some points of every run with every metric: enough to see how it went."""
    run_ids, keys = checked(run), list(dict.fromkeys(key))
    if len(run_ids) * len(keys) > LINES_MOST:
        said = f"{len(run_ids) * len(keys)} lines are more than the {LINES_MOST} of one request"
        raise InvalidInput(
            f"{said}.",
            hint="Ask for fewer runs or metrics at once.",
            problems=[{"where": "key", "message": said}],
        )

    async def ask() -> SparklineList:
        return SparklineList(sparklines=await reader_of(request).sparklines(run_ids, keys, points))

    return await read(request, ask)
