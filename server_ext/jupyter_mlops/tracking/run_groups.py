"""Runs put together by a parameter, a tag or their status: how many, and how their metrics are.

Counted in the database, whatever the number of runs. Blocking; inside one view of the store.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence

from pydantic import Field

from jupyter_mlops.errors import InvalidInput
from jupyter_mlops.jobs.model import Model
from jupyter_mlops.tracking import run_query
from jupyter_mlops.tracking.run_filter import Clause, Comparison, Entity, Key, parse_key
from jupyter_mlops.tracking.run_page import RunQuery
from jupyter_mlops.tracking.run_record import RunStatus
from jupyter_mlops.tracking.run_views import (
    AT_SERVER,
    WORDS_IN,
    MetricValue,
    Place,
    metric_value,
    seconds,
)

#: Most groups that are told: those with the most runs.
GROUPS_MOST = 1000
_TABLES = {Entity.PARAM: "params", Entity.TAG: "tags"}
_STATUS = Key(Entity.ATTRIBUTE, "status")
#: MLflow's tables keep infinities as the largest numbers; they belong to no mean.
_FINITE = "CASE WHEN abs(m.value) < 1.7976931348623157e308 THEN m.value END"


class GroupMetric(Model):
    """The last values of one metric in the runs of a group; NaN is left out."""

    count: int = Field(description="Runs that have logged it.")
    min: MetricValue
    max: MetricValue
    mean: MetricValue | None = Field(description="Of finite values; null where there is none.")


class RunGroup(Model):
    """Runs that have one value in common."""

    value: str | None = Field(description="Null: runs without any.")
    count: int
    statuses: dict[RunStatus, int]
    last_started: float | None
    metrics: dict[str, GroupMetric] = Field(description="Of the metrics that were asked for.")


class GroupList(Model):
    """Groups in the order that was asked for."""

    by: str
    groups: list[RunGroup]
    total: int = Field(description="Runs in all groups that are told.")
    cut: bool = Field(description="There are more groups; those with the most runs are told.")
    complete: bool = Field(
        True,
        description="False: runs are still being counted at a tracking server, a page with every"
        " request; ask again.",
    )
    words_in: list[Place] = Field(default_factory=list, description=WORDS_IN)
    newest_only: bool = Field(False, description="Of more runs than are kept the newest.")
    at_server: bool = Field(False, description=AT_SERVER)


def group_key(text: str) -> Key:
    """What runs can be grouped by: a parameter, a tag, their status.

    Raises:
        InvalidInput: it is nothing of the kind.
    """
    key = parse_key(text, "by")
    if key.entity not in _TABLES and key != _STATUS:
        said = f"runs can't be grouped by {key.entity}.{key.name}"
        raise InvalidInput(
            f"{said[0].upper()}{said[1:]}.",
            hint="Group by a parameter, a tag or attributes.status.",
            problems=[{"where": "by", "message": said}],
        )
    return key


def member_clause(by: str, value: str | None) -> Clause:
    """What holds of the runs of one group, and of no others.

    Raises:
        InvalidInput: see `group_key`.
    """
    key = group_key(by)
    if value is None and key == _STATUS:
        raise InvalidInput(
            "Every run has a status.",
            problems=[{"where": "group", "message": "has to be given with attributes.status"}],
        )
    return Comparison(key, "IS NULL" if value is None else "=", value)


def groups(db: sqlite3.Connection, query: RunQuery, by: Key) -> GroupList:
    """The groups of the runs that match; metrics are the columns of `query`.

    Raises:
        NotFound: there is no such experiment.
    """
    where = run_query.where(db, query)
    value, joined, values = "r.status", "", []
    if by != _STATUS:
        value = "g.value"
        joined = f" LEFT JOIN {_TABLES[by.entity]} g ON g.key = ? AND g.run_uuid = r.run_uuid"
        values.append(by.name)
    source = f" FROM runs r{joined}"
    # The innermost question decides which groups there are; the others only look into them.
    counted = db.execute(
        f"SELECT {value}, count(*), max(r.start_time){source} WHERE {where.text}"
        " GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT ?",
        [*values, *where.values, GROUPS_MOST + 1],
    ).fetchall()
    cut = len(counted) > GROUPS_MOST
    statuses: dict[str | None, dict[RunStatus, int]] = {}
    for group, status, count in db.execute(
        f"SELECT {value}, r.status, count(*){source} WHERE {where.text} GROUP BY 1, 2",
        [*values, *where.values],
    ):
        statuses.setdefault(group, {})[RunStatus(status)] = count
    metrics: dict[str | None, dict[str, GroupMetric]] = {}
    for name in query.names(Entity.METRIC) or ():
        for group, count, least, greatest, mean in db.execute(
            f"SELECT {value}, count(*), min(m.value), max(m.value), avg({_FINITE}){source}"
            " JOIN latest_metrics m ON m.key = ? AND m.run_uuid = r.run_uuid"
            f" WHERE NOT m.is_nan AND {where.text} GROUP BY 1",
            [*values, name, *where.values],
        ):
            metrics.setdefault(group, {})[name] = GroupMetric(
                count=count,
                min=metric_value(least),
                max=metric_value(greatest),
                mean=None if mean is None else metric_value(mean),
            )
    found = [
        RunGroup(
            value=group,
            count=count,
            statuses=statuses[group],
            last_started=seconds(last),
            metrics=metrics.get(group, {}),
        )
        for group, count, last in counted[:GROUPS_MOST]
    ]
    return GroupList(
        by=f"{by.entity}.{by.name}",
        groups=in_order(found, query, by),
        total=sum(one.count for one in found),
        cut=cut,
        words_in=run_query.words_in(query),
    )


def in_order(found: Sequence[RunGroup], query: RunQuery, by: Key) -> list[RunGroup]:
    """By the best of the metric that runs are ordered by; else by value, or newest first."""
    order = query.orders[0] if query.orders else None
    if order is not None and order.key == by:
        known = [one for one in found if one.value is not None]
        known.sort(key=_natural, reverse=not order.ascending)
        return known + [one for one in found if one.value is None]
    if order is not None and order.key.entity is Entity.METRIC:
        name, ascending = order.key.name, order.ascending
        having = [one for one in found if name in one.metrics]
        having.sort(
            key=lambda one: float(one.metrics[name].min if ascending else one.metrics[name].max),
            reverse=not ascending,
        )
        return having + [one for one in found if name not in one.metrics]
    oldest_first = order is not None and order.key.name == "start_time" and order.ascending
    return sorted(found, key=lambda one: one.last_started or 0.0, reverse=not oldest_first)


def _natural(one: RunGroup) -> tuple[int, float, list[tuple[int, int, str]], str]:
    """Numbers as numbers, before texts; "run-10" after "run-9"."""
    text = one.value or ""
    try:
        number = float(text)
    except ValueError:
        parts = re.split(r"(\d+)", text, maxsplit=50)
        pieces = [
            (0, int(part), "") if part.isascii() and part.isdecimal() and len(part) < 19
            else (1, 0, part)
            for part in parts
        ]  # fmt: skip
        return 1, 0.0, pieces, text
    # NaN is like no other: it would leave the order to chance.
    return (0, number, [], text) if number == number else (0, float("inf"), [], text)  # noqa: PLR0124
