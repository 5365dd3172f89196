"""Runs of a tracking server put together by what they have in common; see `run_index`.

Every request goes on by one page at most of each thing that it looks for, and answers with what is
known by then.
"""

from __future__ import annotations

import asyncio
import time
from array import array
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from jupyter_mlops.errors import InvalidInput
from jupyter_mlops.tracking import mlflow_syntax
from jupyter_mlops.tracking.run_filter import Entity, Key
from jupyter_mlops.tracking.run_groups import GroupList
from jupyter_mlops.tracking.run_index import GroupedRun, RunIndex
from jupyter_mlops.tracking.run_page import RunQuery
from jupyter_mlops.tracking.run_record import RunStatus
from jupyter_mlops.tracking.run_views import seconds

#: Questions whose runs are kept; the one that wasn't asked for longest goes first, …
_QUESTIONS_MOST = 4
#: … and seconds after which one that nobody asks is given up.
_KEPT = 900.0
#: Runs of one page.
_PAGE = 500
#: Seconds for which an answer is that of everybody who asks the same.
_SAME = 1.0


class _Question:
    def __init__(self, query: RunQuery, by: Key, metrics: list[str]) -> None:
        self.index = RunIndex(by, metrics)
        self.lock = asyncio.Lock()
        #: When it was looked at, and when somebody asked.
        self.looked = self.used = -_KEPT
        text = mlflow_syntax.filter_text(query.clauses, query.id_prefix)
        self.given: dict[str, Any] = {
            "experiments": query.experiments,
            "names": query.experiment_names,
            "text": text,
            "by": [str(by.entity), by.name],
            "metrics": metrics,
            "limit": _PAGE,
        }


class RemoteGroups:
    """Belongs to one event loop."""

    def __init__(self, ask: Callable[..., Awaitable[Any]]) -> None:
        """`ask` asks `remote_read_worker`."""
        self._ask = ask
        self._questions: OrderedDict[tuple[object, ...], _Question] = OrderedDict()

    async def groups(self, query: RunQuery, by: Key) -> GroupList:
        """What is known after one more look.

        Raises:
            MlopsError: the server's refusal, or that it doesn't answer; what is known is kept.
        """
        metrics = list(dict.fromkeys(query.names(Entity.METRIC) or ()))
        question = self._question(query, by, metrics)
        async with question.lock:
            index = question.index
            if not index.complete or time.monotonic() - question.looked >= _SAME:
                await self._look(question)
                question.looked = time.monotonic()
            # Grouping fifty thousand runs takes a moment.
            return await asyncio.to_thread(index.groups, query)

    def changed(self, run_id: str) -> None:
        """A run was changed through us."""
        for question in self._questions.values():
            question.index.touch(run_id)

    def _question(self, query: RunQuery, by: Key, metrics: list[str]) -> _Question:
        now = time.monotonic()
        key = (query.experiments, query.experiment_names, query.id_prefix, query.clauses, by,
               tuple(metrics))  # fmt: skip
        if key not in self._questions:
            self._questions[key] = _Question(query, by, metrics)
        found = self._questions[key]
        found.used = now
        self._questions.move_to_end(key)
        for old, one in list(self._questions.items()):
            if now - one.used > _KEPT or len(self._questions) > _QUESTIONS_MOST:
                del self._questions[old]
            else:
                break
        return found

    async def _look(self, question: _Question) -> None:
        index = question.index
        if index.complete:
            if index.walking:
                found, _ = await self._page(question, None)
                index.seen(found)
            # A page of everything has all of them anyway.
            if index.walking or len(index) > _PAGE:
                await self._doubtful(question)
        try:
            found, token = await self._page(question, index.token)
        except InvalidInput:
            # A page that the server has given, and doesn't know any more.
            if not index.walking:
                raise
            index.restart()
            found, token = await self._page(question, None)
        index.walked(found, token)
        while index.missed:
            await self._doubtful(question)

    async def _doubtful(self, question: _Question) -> None:
        index = question.index
        if asked := index.doubtful():
            found, _ = await self._page(question, None, run_ids=asked)
            index.answered(asked, found)

    async def _page(
        self, question: _Question, token: str | None, run_ids: list[str] | None = None
    ) -> tuple[list[tuple[str, GroupedRun]], str | None]:
        answer = await self._ask("grouped", **question.given, token=token, run_ids=run_ids or [])
        return [_run(one) for one in answer["runs"]], answer["token"]


def _run(told: Mapping[str, Any]) -> tuple[str, GroupedRun]:
    run = GroupedRun(
        told["value"],
        RunStatus(told["status"]),
        seconds(told["started"]),
        array("d", told["metrics"]),
    )
    return told["id"], run
