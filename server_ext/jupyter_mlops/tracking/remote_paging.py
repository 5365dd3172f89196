"""A page of a search for runs at a tracking server, wherever it begins, and how many runs match.

A server turns pages one after the other and counts nothing. Where its tokens are those of MLflow's
own stores (see `page_tokens`), a page can begin anywhere, and the number is found by looking
whether there is a run at a place, a single one at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from jupyter_mlops.errors import InvalidInput
from jupyter_mlops.tracking import page_tokens, run_counting

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run
    from mlflow.store.entities import PagedList


class Page(NamedTuple):
    """Some runs, the token behind them, and how many match; else at least how many."""

    runs: Sequence[Run]
    token: str | None
    total: int
    exact: bool


class RunSearch(NamedTuple):
    """What is looked for."""

    client: MlflowClient
    experiments: Sequence[str]
    text: str
    order: Sequence[str]

    def page(self, limit: int, token: str | None, offset: int, guess: int | None) -> Page:
        """The page of a token, or behind `offset` runs; `guess` is how many there were before.

        Raises:
            InvalidInput: this server's pages are only turned one after the other.
        """
        if offset and token is None:
            first = self._ask(1, None)
            if not first.token:
                return Page([], None, len(first), exact=True)
            if page_tokens.offset_of(first.token) != 1:
                raise InvalidInput(
                    "At this tracking server pages are turned one after the other.",
                    hint="Go on with the cursor of the page before.",
                    problems=[{"where": "offset", "message": "isn't known at this server"}],
                )
            token = page_tokens.token_at(offset)
        found = self._ask(limit, token)
        reached = offset + len(found)
        if found.token and page_tokens.offset_of(found.token) != reached:
            return Page(found, found.token, reached + 1, exact=False)
        if found.token:
            total, exact = run_counting.count(self._one_at, reached + 1, guess=guess)
            return Page(found, found.token, total, exact=exact)
        if found or not offset:
            return Page(found, None, reached, exact=True)
        # Behind the last: there are fewer than there were.
        total, exact = run_counting.count(self._one_at, 0, guess=min(offset, guess or offset))
        return Page([], None, total, exact=exact)

    def _ask(self, limit: int, token: str | None) -> PagedList[Run]:
        return self.client.search_runs(
            [*self.experiments],
            filter_string=self.text,
            max_results=limit,
            order_by=[*self.order],
            page_token=token,
        )

    def _one_at(self, place: int) -> tuple[bool, bool]:
        # In whatever order: none is needed to count.
        found = self._replace(order=())._ask(1, page_tokens.token_at(place))  # noqa: SLF001
        return bool(found), bool(found.token)
