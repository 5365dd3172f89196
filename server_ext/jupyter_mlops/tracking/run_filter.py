"""What people type to find runs: MLflow's filter syntax, plain words, or both. Pure: no store.

    metrics.acc > 0.9 AND params.`batch size` = '64'      MLflow's own syntax, with its own meaning
    resnet                                                a word of the name, a parameter or a tag
    resnet metrics.acc > 0.9                              both

Keys and values mean what they mean to `mlflow.search_runs` (a test compares the two); beyond it,
`IN` may stand with every attribute of text, not only with `run_id`, and an unquoted key may hold
dots, slashes and dashes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import NoReturn

from jupyter_mlops.errors import InvalidInput

#: The longest filter, in characters.
FILTER_MOST = 4000


class Entity(StrEnum):
    """What of a run a key names."""

    ATTRIBUTE = "attributes"
    METRIC = "metrics"
    PARAM = "params"
    TAG = "tags"
    DATASET = "datasets"


@dataclass(frozen=True, slots=True)
class Key:
    """A key of a run, as `metrics.acc`."""

    entity: Entity
    name: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """One comparison; `value` is None for `IS NULL` and `IS NOT NULL`."""

    key: Key
    comparator: str
    value: str | float | tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Word:
    """A word, or a phrase that was quoted, to be found anywhere; in any case of ASCII letters."""

    text: str


Clause = Comparison | Word

_ENTITIES = {
    "attribute": Entity.ATTRIBUTE, "attributes": Entity.ATTRIBUTE, "attr": Entity.ATTRIBUTE,
    "run": Entity.ATTRIBUTE,
    "metric": Entity.METRIC, "metrics": Entity.METRIC,
    "parameter": Entity.PARAM, "parameters": Entity.PARAM, "param": Entity.PARAM,
    "params": Entity.PARAM,
    "tag": Entity.TAG, "tags": Entity.TAG,
    "dataset": Entity.DATASET, "datasets": Entity.DATASET,
}  # fmt: skip
_ALIASES = {
    "created": "start_time", "Created": "start_time",
    "run name": "run_name", "Run name": "run_name", "Run Name": "run_name",
}  # fmt: skip
NUMERIC_ATTRIBUTES = ("start_time", "end_time")
ATTRIBUTES = ("artifact_uri", "end_time", "run_id", "run_name", "start_time", "status", "user_id")
_DATASET_KEYS = ("context", "digest", "name")

_SIGNS = ("=", "!=", ">", ">=", "<", "<=")
_TEXT = ("=", "!=", "LIKE", "ILIKE")
_NULLS = ("IS NULL", "IS NOT NULL")
_LISTS = ("IN", "NOT IN")

_BARE = r"[^\s=<>!'\"`(),]+"
_KEY = re.compile(
    r"(?:(?P<entity>`?[A-Za-z]+`?)\.)?(?P<key>`[^`]*`|\"[^\"]*\"|" + _BARE + r")", re.DOTALL
)
_SIGN = re.compile(r"\s*(?P<comparator>[=<>!]+)\s*")
#: A word is a comparator only where what follows says so: "trained in Seoul" is three words.
_KEYWORD = re.compile(
    r"\s+(?:(?P<null>IS\s+(?:NOT\s+)?NULL)(?![\w.])"
    r"|(?P<list>(?:NOT\s+)?IN)\s*(?=\()"
    r"|(?P<like>I?LIKE)\s*(?=['\"]))",
    re.IGNORECASE,
)
_STRING = re.compile(r"'(?:''|\\'|[^'])*'|\"(?:\"\"|\\\"|[^\"])*\"", re.DOTALL)
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w.])")
_AND = re.compile(r"AND(?=\s|$)", re.IGNORECASE)
_SPACE = re.compile(r"\s*", re.DOTALL)
_WORD = re.compile(r"\S+")


def parse(text: str) -> tuple[Clause, ...]:
    """The clauses of a filter, all of which have to hold.

    Raises:
        InvalidInput: it can't be read; says at which character.
    """
    if len(text) > FILTER_MOST:
        _refuse(text, FILTER_MOST, f"it is longer than {FILTER_MOST} characters")
    return tuple(_Parser(text).clauses())


def parse_key(text: str, where: str) -> Key:
    """A key alone, as in an order or a list of columns: `metrics.acc`, `start_time`.

    Raises:
        InvalidInput: it is none; `where` names what it was given as.
    """
    found = _KEY.fullmatch(text.strip())
    entity = found["entity"] if found else None
    if found is None and "." in text:
        # Unlike in a filter nothing follows, so a key may be anything at all.
        entity, _, name = text.strip().partition(".")
    elif found is not None:
        name = found["key"]
    else:
        name = text.strip()
    try:
        return _key(entity, name)
    except ValueError as error:
        raise InvalidInput(
            f"{where} can't be used: {error}.", problems=[{"where": where, "message": str(error)}]
        ) from None


def comparators_of(key: Key) -> tuple[str, ...]:
    """What a key may be compared by."""
    match key.entity:
        case Entity.METRIC:
            return _SIGNS
        case Entity.PARAM | Entity.TAG:
            return (*_TEXT, *_NULLS)
        case Entity.DATASET:
            return (*_TEXT, *_LISTS)
        case Entity.ATTRIBUTE:
            return _SIGNS if key.name in NUMERIC_ATTRIBUTES else (*_TEXT, *_LISTS)


def _key(entity: str | None, name: str) -> Key:
    """Raises ValueError with what is wrong."""
    given = (entity or "attribute").strip("`")
    kind = _ENTITIES.get(given)
    if kind is None:
        raise ValueError(f"{given!r} is none of {', '.join(Entity)}")
    name = _unquoted(name)
    if kind is Entity.ATTRIBUTE:
        name = _ALIASES.get(name, name)
        if name not in ATTRIBUTES:
            raise ValueError(
                f"a run has no attribute {name!r}, only {', '.join(ATTRIBUTES)}; "
                f"is it metrics.{name}, params.{name} or tags.{name}?"
            )
    if kind is Entity.DATASET and name not in _DATASET_KEYS:
        raise ValueError(f"a dataset has no {name!r}, only {', '.join(_DATASET_KEYS)}")
    return Key(kind, name)


def _unquoted(text: str) -> str:
    quoted = len(text) >= 2 and text[0] == text[-1] and text[0] in "`\"'"
    return text[1:-1] if quoted else text


def _refuse(text: str, place: int, why: str) -> NoReturn:
    near = text[place : place + 20]
    said = f"at character {place + 1}" + (f" ({near!r})" if near else " (its end)")
    raise InvalidInput(
        f"The filter can't be read {said}: {why}.",
        hint="As in: metrics.acc > 0.9 AND params.model = 'resnet' AND tags.team LIKE 'a%'. "
        "Words without a comparison are looked for in names, parameters and tags.",
        problems=[{"where": "filter", "message": why, "at": place}],
        code="filter_invalid",
    )


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def clauses(self) -> list[Clause]:
        found: list[Clause] = []
        joined = False
        while True:
            self._skip(_SPACE)
            if self._at == len(self._text):
                if joined:
                    self._fail("something has to follow AND")
                return found
            if (further := _AND.match(self._text, self._at)) is not None:
                if not found or joined:
                    self._fail("AND stands between two conditions")
                self._at, joined = further.end(), True
                continue
            found.append(self._clause())
            joined = False

    def _clause(self) -> Clause:
        start = self._at
        if (key := _KEY.match(self._text, start)) is not None:
            sign = _SIGN.match(self._text, key.end())
            keyword = None if sign else _KEYWORD.match(self._text, key.end())
            found = sign or keyword
            if found is not None:
                self._at = found.end()
                comparator = next(group for group in found.groups() if group is not None)
                return self._comparison(key, found, " ".join(comparator.upper().split()))
        return self._word()

    def _comparison(
        self, found: re.Match[str], compared: re.Match[str], comparator: str
    ) -> Comparison:
        try:
            key = _key(found["entity"], found["key"])
        except ValueError as error:
            self._fail(str(error), found.start())
        allowed = comparators_of(key)
        if comparator not in allowed:
            said = f"{key.entity}.{key.name} can be compared by {', '.join(allowed)} only"
            self._fail(said, compared.start() + len(compared[0]) - len(compared[0].lstrip()))
        if comparator in _NULLS:
            return Comparison(key, comparator, None)
        if comparator in _LISTS:
            return Comparison(key, comparator, self._list())
        if key.entity is Entity.METRIC or (
            key.name in NUMERIC_ATTRIBUTES and (key.entity is Entity.ATTRIBUTE)
        ):
            return Comparison(key, comparator, self._number(key))
        return Comparison(key, comparator, self._string())

    def _string(self) -> str:
        found = _STRING.match(self._text, self._at)
        if found is None:
            self._fail("a text in quotes has to stand here, as 'resnet'")
        self._at = found.end()
        return found[0][1:-1]

    def _number(self, key: Key) -> float:
        found = _NUMBER.match(self._text, self._at)
        if found is None:
            self._fail(f"{key.entity}.{key.name} is compared with a number, without quotes")
        self._at = found.end()
        return float(found[0])

    def _list(self) -> tuple[str, ...]:
        listed: list[str] = []
        self._at += 1
        while True:
            self._skip(_SPACE)
            listed.append(self._string())
            self._skip(_SPACE)
            sign = self._text[self._at : self._at + 1]
            if sign not in (",", ")"):
                self._fail("a comma or the closing bracket has to stand here")
            self._at += 1
            if sign == ")":
                return tuple(listed)
            self._skip(_SPACE)
            if self._text[self._at : self._at + 1] == ")":
                self._at += 1
                return tuple(listed)

    def _word(self) -> Word:
        if (quoted := _STRING.match(self._text, self._at)) is not None:
            self._at = quoted.end()
            return Word(quoted[0][1:-1])
        found = _WORD.match(self._text, self._at)
        assert found is not None
        word = found[0]
        if word == "OR":
            self._fail("OR isn't understood: conditions can only be joined by AND")
        if any(sign in word for sign in "=<>") or word.startswith("("):
            self._fail("this is neither a comparison nor a word; put a word with signs in quotes")
        self._at = found.end()
        return Word(word)

    def _skip(self, what: re.Pattern[str]) -> None:
        if (found := what.match(self._text, self._at)) is not None:
            self._at = found.end()

    def _fail(self, why: str, place: int | None = None) -> NoReturn:
        _refuse(self._text, self._at if place is None else place, why)
