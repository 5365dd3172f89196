"""Filters and orders written as MLflow reads them. Pure.

What only we understand is told as far as MLflow can: words are looked for in the names of runs.
"""

from __future__ import annotations

from collections.abc import Sequence

from jupyter_mlops.errors import InvalidInput
from jupyter_mlops.tracking.run_filter import Clause, Comparison, Entity, Key, Word
from jupyter_mlops.tracking.run_order import OrderBy


def filter_text(clauses: Sequence[Clause], id_prefix: str = "") -> str:
    """The filter that `search_runs` takes.

    Raises:
        InvalidInput: a text has both kinds of quotes, which MLflow can't be told.
    """
    found = [_word(one) if isinstance(one, Word) else _comparison(one) for one in clauses]
    if id_prefix:
        found.append(f"attributes.run_id LIKE {_quoted(id_prefix + '%')}")
    return " AND ".join(found)


def words_text(words: Sequence[str]) -> str:
    """The filter of `search_experiments` for words in a name."""
    return " AND ".join(f"name ILIKE {_quoted(f'%{word}%')}" for word in words)


def order_texts(orders: Sequence[OrderBy]) -> list[str]:
    """What `search_runs` takes as `order_by`."""
    return [f"{_key(one.key)} {'ASC' if one.ascending else 'DESC'}" for one in orders]


def _word(word: Word) -> str:
    return f"attributes.run_name ILIKE {_quoted(f'%{word.text}%')}"


def _comparison(clause: Comparison) -> str:
    key = _key(clause.key)
    if clause.value is None:
        return f"{key} {clause.comparator}"
    if isinstance(clause.value, tuple):
        listed = ", ".join(map(_quoted, clause.value))
        return f"{key} {clause.comparator} ({listed})"
    if isinstance(clause.value, str):
        return f"{key} {clause.comparator} {_quoted(clause.value)}"
    return f"{key} {clause.comparator} {_number(clause.value, clause.key)}"


def _key(key: Key) -> str:
    if key.entity is Entity.ATTRIBUTE:
        return f"attributes.{key.name}"
    if "`" in key.name:
        raise _untold("a key has a backtick in it")
    return f"{key.entity}.`{key.name}`"


def _number(value: float, key: Key) -> str:
    if key.entity is Entity.ATTRIBUTE and value.is_integer():
        return str(int(value))
    # It reads no sign of an exponent but the minus.
    return repr(value).replace("e+", "e")


def _quoted(text: str) -> str:
    # MLflow takes what stands between the quotes as it is; it knows no way to escape them.
    for quote in "'\"":
        if quote not in text and not text.endswith("\\"):
            return f"{quote}{text}{quote}"
    raise _untold("a text has both kinds of quotes in it")


def _untold(why: str) -> InvalidInput:
    return InvalidInput(
        f"The tracking server can't be asked this: {why}.",
        hint="Leave that part of the filter out.",
        problems=[{"where": "filter", "message": why}],
        code="filter_invalid",
    )
