"""Pages of experiments and runs: what is asked for, and the cursors between pages. Pure.

A page begins behind the last row of the one before (its keys are in the cursor), so that a run
that comes or goes meanwhile neither repeats nor hides another.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from jupyter_mlops.errors import InvalidInput
from jupyter_mlops.tracking.run_filter import Clause, Entity, Key, Word, parse, parse_key
from jupyter_mlops.tracking.run_order import OrderBy, parse_order
from jupyter_mlops.tracking.run_sql import Value

PAGE = 100
PAGE_MOST = 500
#: Most runs that can be skipped.
OFFSET_MOST = 10_000_000
#: Most columns that can be asked for by name.
COLUMNS_MOST = 200
#: Most names of each kind that are listed.
COLUMNS_LISTED = 1000
#: Most metrics, parameters or tags of a run that is shown by itself or compared.
WHOLE_MOST = 20_000
#: Without names: most parameters or metrics of a run, …
UNNAMED_MOST = 100
#: … and how long their values may be.
VALUE_MOST = 500


@dataclass(frozen=True, slots=True)
class RunQuery:
    """Which runs to list. No experiments: those of all."""

    #: Ids.
    experiments: tuple[str, ...] = ()
    #: Names; together with the ids.
    experiment_names: tuple[str, ...] = ()
    #: What the id begins with.
    id_prefix: str = ""
    clauses: tuple[Clause, ...] = ()
    orders: tuple[OrderBy, ...] = ()
    #: Only these parameters, metrics and tags; None: whatever there is, within limits.
    columns: tuple[Key, ...] | None = None
    limit: int = PAGE
    cursor: str | None = None
    #: Runs to skip, instead of a cursor: for who jumps, and looks at the same place again.
    offset: int = 0

    def names(self, entity: Entity) -> list[str] | None:
        """The columns of one kind; None: all."""
        if self.columns is None:
            return None
        return [key.name for key in self.columns if key.entity is entity]

    @property
    def has_words(self) -> bool:
        """Whether plain words are looked for."""
        return any(isinstance(one, Word) for one in self.clauses)

    @property
    def mark(self) -> str:
        """What is the same on every page of a listing and on no other's."""
        text = repr((
            sorted(self.experiments), sorted(self.experiment_names), self.id_prefix,
            self.clauses, self.orders,
        ))  # fmt: skip
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class ExperimentQuery:
    """Which experiments to list; words are looked for in names and notes."""

    words: tuple[str, ...] = field(default=())
    limit: int = PAGE
    cursor: str | None = None


def run_query(
    *,
    experiments: Sequence[str] = (),
    experiment_names: Sequence[str] = (),
    id_prefix: str = "",
    text: str = "",
    order: Sequence[str] = (),
    columns: Sequence[str] | None = None,
    limit: int = PAGE,
    cursor: str | None = None,
) -> RunQuery:
    """The query that somebody typed.

    Raises:
        InvalidInput: the filter, the order or a column can't be read; says where.
    """
    keys = None
    if columns is not None:
        if len(columns) > COLUMNS_MOST:
            raise InvalidInput(
                f"There are more than {COLUMNS_MOST} columns.",
                problems=[{"where": "columns", "message": "too many"}],
            )
        keys = tuple(_column(one) for one in columns)
    return RunQuery(
        experiments=tuple(experiments),
        experiment_names=tuple(experiment_names),
        id_prefix=id_prefix,
        clauses=parse(text),
        orders=parse_order(order),
        columns=keys,
        limit=limit,
        cursor=cursor,
    )


def _column(text: str) -> Key:
    key = parse_key(text, "columns")
    if key.entity is Entity.DATASET or key == Key(Entity.ATTRIBUTE, "artifact_uri"):
        said = f"{key.entity}.{key.name} is in no row of a list"
        raise InvalidInput(
            f"The columns can't be used: {said}.",
            hint="A run's own page has it.",
            problems=[{"where": "columns", "message": said}],
        )
    return key


def short(text: str) -> str:
    """A value as a list tells it."""
    return text if len(text) <= VALUE_MOST else text[: VALUE_MOST - 1] + "…"


def write_cursor(mark: str, last: Sequence[Value]) -> str:
    """The cursor behind a row with these keys."""
    text = json.dumps([mark, *last], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_cursor(mark: str, cursor: str, count: int) -> list[Value]:
    """The keys of the row that a page begins behind.

    Raises:
        InvalidInput: the cursor isn't of this listing.
    """
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        found = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, binascii.Error, RecursionError):
        found = None
    plain = isinstance(found, list) and all(
        one is None or (isinstance(one, (str, int, float)) and not isinstance(one, bool))
        for one in found
    )
    # SQLite takes no larger whole numbers.
    if plain and any(isinstance(one, int) and abs(one) >= 2**63 for one in found):
        plain = False
    if not plain or len(found) != count + 1 or found[0] != mark:
        raise InvalidInput(
            "The cursor isn't of this listing.",
            hint="Begin again without one; filter, order and experiments must stay the same.",
            problems=[{"where": "cursor", "message": "isn't of this listing"}],
        )
    return list(found[1:])
