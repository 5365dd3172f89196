"""Filters, orders and cursors of runs as SQL on MLflow's tables. Pure: makes text and values.

`r` is the table `runs` everywhere; connections compare `LIKE` case by case, as MLflow's do.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from jupyter_mlops.tracking.run_filter import Clause, Comparison, Entity, Word
from jupyter_mlops.tracking.run_order import OrderBy

Value = str | float | int | None
_COLUMNS = {"run_id": "run_uuid", "run_name": "name"}
_TABLES = {Entity.METRIC: "latest_metrics", Entity.PARAM: "params", Entity.TAG: "tags"}
#: MLflow's own tags are of no interest to who types a word, but for these.
_WORD_TAGS = ("mlflow.note.content", "mlflow.source.name")


@dataclass(slots=True)
class Condition:
    """SQL text and the values of its question marks."""

    text: str
    values: list[Value] = field(default_factory=list)


def condition(clauses: Iterable[Clause]) -> Condition:
    """What has to hold of `r` for every clause."""
    found = Condition("1")
    for clause in clauses:
        one = _word(clause) if isinstance(clause, Word) else _comparison(clause)
        found.text += f" AND {one.text}"
        found.values += one.values
    return found


def literal(text: str) -> str:
    """`text` as a pattern of LIKE that finds it anywhere; escaped by a backslash."""
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    # SQLite's lower() knows ASCII only; so must we.
    plain = "".join(one.lower() if one.isascii() else one for one in escaped)
    return f"%{plain}%"


def _word(word: Word) -> Condition:
    like = "LIKE ? ESCAPE '\\'"
    tags = ", ".join(f"'{name}'" for name in _WORD_TAGS)
    return Condition(
        f"(lower(r.name) {like}"  # noqa: S608 - text of our own
        f" OR EXISTS (SELECT 1 FROM params w WHERE w.run_uuid = r.run_uuid"
        f" AND (lower(w.key) {like} OR lower(w.value) {like}))"
        f" OR EXISTS (SELECT 1 FROM tags w WHERE w.run_uuid = r.run_uuid"
        f" AND (substr(w.key, 1, 7) <> 'mlflow.' OR w.key IN ({tags}))"
        f" AND (lower(w.key) {like} OR lower(w.value) {like})))",
        [literal(word.text)] * 5,
    )


def _comparison(clause: Comparison) -> Condition:
    key = clause.key
    if key.entity is Entity.DATASET:
        return _dataset(clause)
    if key.entity is Entity.ATTRIBUTE and key.name != "run_name":
        return _compared(f"r.{_COLUMNS.get(key.name, key.name)}", clause)
    # As MLflow: a run's name is looked for in its tag.
    table = _TABLES.get(key.entity, "tags")
    name = "mlflow.runName" if key.entity is Entity.ATTRIBUTE else key.name
    inside = f"SELECT 1 FROM {table} f WHERE f.key = ? AND f.run_uuid = r.run_uuid"  # noqa: S608
    if clause.value is None:
        negated = "NOT " if clause.comparator == "IS NULL" else ""
        return Condition(f"{negated}EXISTS ({inside})", [name])
    compared = _compared("f.value", clause)
    if key.entity is Entity.METRIC:
        # NaN is kept as 0 with a flag; only "!=" holds of it.
        joined = "OR f.is_nan" if clause.comparator == "!=" else "AND NOT f.is_nan"
        compared.text = f"({compared.text} {joined})"
    return Condition(f"EXISTS ({inside} AND {compared.text})", [name, *compared.values])


def _dataset(clause: Comparison) -> Condition:
    inside = (
        "SELECT 1 FROM inputs i JOIN datasets d ON i.source_id = d.dataset_uuid"
        " WHERE i.destination_id = r.run_uuid"
    )
    if clause.key.name != "context":
        compared = _compared(f"d.{clause.key.name}", clause)
    else:
        compared = _compared("t.value", clause)
        compared.text = (
            "EXISTS (SELECT 1 FROM input_tags t WHERE t.input_uuid = i.input_uuid"  # noqa: S608
            f" AND t.name = 'mlflow.data.context' AND {compared.text})"
        )
    return Condition(f"EXISTS ({inside} AND {compared.text})", compared.values)


def _compared(column: str, clause: Comparison) -> Condition:
    if isinstance(clause.value, tuple):
        marks = ", ".join("?" * len(clause.value))
        return Condition(f"{column} {clause.comparator} ({marks})", [*clause.value])
    if clause.comparator == "ILIKE":
        return Condition(f"lower({column}) LIKE lower(?)", [clause.value])
    return Condition(f"{column} {clause.comparator} ?", [clause.value])


@dataclass(slots=True)
class Ordering:
    """An order as SQL: what has to be joined, the columns that runs are ordered by, each way."""

    joins: str = ""
    join_values: list[Value] = field(default_factory=list)
    #: (expression, ascending)
    columns: list[tuple[str, bool]] = field(default_factory=list)

    @property
    def selected(self) -> str:
        """The columns, for SELECT."""
        return ", ".join(f"{text} AS k{n}" for n, (text, _) in enumerate(self.columns))

    @property
    def order(self) -> str:
        """For ORDER BY."""
        ways = (f"k{n} {'ASC' if up else 'DESC'}" for n, (_, up) in enumerate(self.columns))
        return ", ".join(ways)

    def after(self, last: Sequence[Value]) -> Condition:
        """What holds of runs that come after the one whose columns are `last`."""
        found = Condition("0")
        for (text, up), value in reversed(list(zip(self.columns, last, strict=True))):
            # Where NULLs are is said by a column before; among themselves they are equal.
            found.text = f"({text} {'>' if up else '<'} ? OR ({text} IS ? AND {found.text}))"
            found.values = [value, value, *found.values]
        return found


def ordering(orders: Sequence[OrderBy]) -> Ordering:
    """An order, with MLflow's own behind it: newest first, then by id."""
    found = Ordering()
    for number, one in enumerate(orders):
        if one.key.entity is Entity.ATTRIBUTE:
            column = f"r.{_COLUMNS.get(one.key.name, one.key.name)}"
            rank = f"({column} IS NULL)"
        else:
            table, alias = _TABLES[one.key.entity], f"o{number}"
            found.joins += (
                f" LEFT JOIN {table} {alias} ON {alias}.key = ? AND {alias}.run_uuid = r.run_uuid"
            )
            found.join_values.append(one.key.name)
            column = f"{alias}.value"
            rank = f"({column} IS NULL)"
            if one.key.entity is Entity.METRIC:
                rank = f"(CASE WHEN {alias}.is_nan THEN 1 WHEN {column} IS NULL THEN 2 ELSE 0 END)"
        found.columns += [(rank, True), (column, one.ascending)]
    if not any(one.key.name == "start_time" for one in orders if one.key.entity == "attributes"):
        found.columns += [("(r.start_time IS NULL)", True), ("r.start_time", False)]
    found.columns.append(("r.run_uuid", True))
    return found
