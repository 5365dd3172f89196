"""What is kept of the runs of one question to a tracking server, to group them there. Pure.

MLflow searches page by page and groups nothing, so the pages are walked through, one a look, and of
every run is kept what its group needs. How that stays true:

- every look brings the newest runs, those that hadn't ended at the last one, those that were
  changed through this daemon, and the next page of a walk that begins again when it has ended;
- whatever else changes (a tag or a metric of a run that has ended) is seen when the walk comes by;
- a run that a whole walk didn't meet, or that was asked for and isn't answered, is asked for by its
  id, and forgotten where it doesn't match any more: deleted, or changed.

Where all runs fit on one page, every look is a whole walk.
"""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from jupyter_mlops.tracking.run_filter import Key
from jupyter_mlops.tracking.run_groups import (
    GROUPS_MOST,
    GroupList,
    GroupMetric,
    RunGroup,
    in_order,
)
from jupyter_mlops.tracking.run_page import RunQuery
from jupyter_mlops.tracking.run_record import RunStatus
from jupyter_mlops.tracking.run_views import metric_value

#: Runs that are kept; of more the newest are grouped, and the answer says so.
RUNS_MOST = 50_000
#: Runs that are asked for by their ids at once.
IDS_MOST = 100
#: Runs that a walk missed and that are asked for; of more the next walk tells.
_MISSED_MOST = 1000
#: MLflow's tables keep infinities as the largest numbers; they belong to no mean.
_LARGEST = 1.7976931348623157e308
_OPEN = (RunStatus.RUNNING, RunStatus.SCHEDULED)


class GroupedRun(NamedTuple):
    """What the group of a run is told by."""

    value: str | None
    status: RunStatus
    #: Seconds since the epoch.
    started: float | None
    #: The last values of the metrics that are asked for; NaN where there is none.
    metrics: array[float]


class RunIndex:
    """The runs that one question has, as far as they were seen."""

    def __init__(self, by: Key, metrics: Sequence[str]) -> None:
        self._by = by
        self._metrics = tuple(metrics)
        self._runs: dict[str, GroupedRun] = {}
        #: Those that the walk under way has met, and those that the last one has missed.
        self._met: set[str] = set()
        self._missed: dict[str, None] = {}
        #: Changed through us, and not asked for since.
        self._touched: dict[str, None] = {}
        #: Those that haven't ended, those that were asked for last at the end.
        self._open: dict[str, None] = {}
        #: Where the walk goes on; None: at its beginning.
        self.token: str | None = None
        #: Whether there has been a whole walk.
        self.complete = False
        #: Whether there are more runs than are kept.
        self.cut = False

    def __len__(self) -> int:
        return len(self._runs)

    @property
    def walking(self) -> bool:
        """Whether a walk is under way."""
        return self.token is not None

    def walked(self, found: Iterable[tuple[str, GroupedRun]], token: str | None) -> None:
        """Take the page that the walk was at; `token` is the next one's."""
        for run_id, run in found:
            self._met.add(run_id)
            self._put(run_id, run)
        if token is not None and len(self._met) >= RUNS_MOST:
            self.cut, token = True, None
        elif token is None:
            self.cut = False
        self.token = token
        if token is None:
            self._missed = {one: None for one in self._runs if one not in self._met}
            if len(self._missed) > _MISSED_MOST or self.cut:
                self._forget(self._missed)
                self._missed = {}
            self._met = set()
            self.complete = True

    def restart(self) -> None:
        """The walk begins anew: nothing leads on from where it was."""
        self.token = None
        self._met = set()

    def seen(self, found: Iterable[tuple[str, GroupedRun]]) -> None:
        """Take runs that were met otherwise."""
        for run_id, run in found:
            self._put(run_id, run)
            if self.walking:
                self._met.add(run_id)

    def touch(self, run_id: str) -> None:
        """A run was changed."""
        self._touched[run_id] = None

    def doubtful(self) -> list[str]:
        """Runs to be asked for by their ids: what isn't answered is forgotten. Never too many for
        one request; the most urgent first.
        """
        asked = list(dict.fromkeys([*self._touched, *self._missed, *self._open]))
        return asked[:IDS_MOST]

    @property
    def missed(self) -> bool:
        """Whether there are runs that the last walk has missed."""
        return bool(self._missed)

    def answered(self, asked: Sequence[str], found: Sequence[tuple[str, GroupedRun]]) -> None:
        """Take what was answered to `doubtful`."""
        for run_id in asked:
            self._touched.pop(run_id, None)
            self._missed.pop(run_id, None)
            # Asked for last: others come first the next time.
            if self._open.pop(run_id, 0) is None:
                self._open[run_id] = None
        there = {run_id for run_id, _ in found}
        self._forget([run_id for run_id in asked if run_id not in there])
        self.seen(found)

    def groups(self, query: RunQuery) -> GroupList:
        """The groups of the runs that are known."""
        members: dict[str | None, list[GroupedRun]] = {}
        for run in self._runs.values():
            members.setdefault(run.value, []).append(run)
        most = sorted(members.items(), key=lambda one: (-len(one[1]), one[0] or ""))
        told = [self._group(value, runs) for value, runs in most[:GROUPS_MOST]]
        return GroupList(
            by=f"{self._by.entity}.{self._by.name}",
            groups=in_order(told, query, self._by),
            total=sum(one.count for one in told),
            cut=len(most) > GROUPS_MOST,
            complete=self.complete,
            words_in=["name"] if query.has_words else [],
            newest_only=self.cut,
            at_server=True,
        )

    def _group(self, value: str | None, runs: Sequence[GroupedRun]) -> RunGroup:
        metrics = {}
        for at, name in enumerate(self._metrics):
            values = [one for run in runs if not math.isnan(one := run.metrics[at])]
            if values:
                finite = [one for one in values if abs(one) < _LARGEST]
                metrics[name] = GroupMetric(
                    count=len(values),
                    min=metric_value(min(values)),
                    max=metric_value(max(values)),
                    mean=metric_value(math.fsum(finite) / len(finite)) if finite else None,
                )
        return RunGroup(
            value=value,
            count=len(runs),
            statuses=dict(Counter(run.status for run in runs)),
            last_started=max(
                (run.started for run in runs if run.started is not None), default=None
            ),
            metrics=metrics,
        )

    def _put(self, run_id: str, run: GroupedRun) -> None:
        self._runs[run_id] = run
        if run.status in _OPEN:
            self._open.setdefault(run_id, None)
        else:
            self._open.pop(run_id, None)

    def _forget(self, run_ids: Iterable[str]) -> None:
        for run_id in run_ids:
            self._runs.pop(run_id, None)
            self._open.pop(run_id, None)
