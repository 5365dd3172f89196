r"""Values as source of a language, always data and never code.

papermill's translators are the model for how a value looks in each language; what they get wrong
is right here: they let `$` interpolate in Julia and PowerShell strings, write `\xNN` where a
language has no such escape, and don't know what a language can't hold. Everything that reaches the
source of a cell is a number, a name checked before, or a string in which every character that
could mean something is escaped.

A value is what JSON can say, plus NaN and the infinities: None, bool, int, float, str, list and
dict with string keys. What a language can't hold exactly is refused (`Unwritable`), not rounded.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from jupyter_mlops.converters.quoting import Unwritable

#: Deeper values are refused; Python's own parser ends at 200 brackets.
MAX_DEPTH = 100


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one language writes values and assignments."""

    name: str
    text: Callable[[str], str]
    sequence: Callable[[list[Any], Dialect], str]
    mapping: Callable[[dict[str, Any], Dialect], str]
    null: str = "null"
    true: str = "true"
    false: str = "false"
    nan: str = "NaN"
    infinity: str = "Inf"
    minus_infinity: str = "-Inf"
    integer: Callable[[int], str] = str
    real: Callable[[float], str] = repr
    assignment: str = "{name} = {value}"
    comment: str = "# {text}"
    #: How a name that begins with an underscore is written.
    underscored: str = "{name}"
    #: Names that mean something to the language itself: refused as parameters.
    reserved: re.Pattern[str] = field(default_factory=lambda: re.compile(r"(?!)"))

    def literal(self, value: Any) -> str:
        """`value` as source.

        Raises:
            Unwritable: the language can't hold it.
        """
        match value:
            case None | bool():
                source = {None: self.null, True: self.true, False: self.false}[value]
            case str():
                source = self.text(value)
            case int():
                source = self.integer(value)
            case float():
                source = self._number(value)
            case dict():
                source = self.mapping(value, self)
            case list() | tuple():
                source = self.sequence(list(value), self)
            case _:
                raise Unwritable(f"a {type(value).__name__} is not a value that JSON can say")
        return source

    def _number(self, value: float) -> str:
        if math.isnan(value):
            return self.nan
        if math.isinf(value):
            return self.infinity if value > 0 else self.minus_infinity
        return self.real(value)

    def assign(self, name: str, value: Any) -> str:
        """One statement that sets `name`.

        Raises:
            Unwritable: the language can't hold the value or has another meaning for the name.
        """
        if not (name.isidentifier() and name.isascii()):
            raise Unwritable("is not a name that a variable can have")
        if self.reserved.fullmatch(name):
            raise Unwritable(f"is a name that {self.name} itself uses")
        if depth(value) > MAX_DEPTH:
            raise Unwritable(f"is nested deeper than {MAX_DEPTH} levels")
        if name.startswith("_"):
            name = self.underscored.format(name=name)
        return self.assignment.format(name=name, value=self.literal(value))


def depth(value: Any) -> int:
    """How many lists and dicts lie in each other; stops counting above `MAX_DEPTH`."""
    level, deep = [value], 0
    while level and deep <= MAX_DEPTH:
        level = [
            child
            for item in level
            if isinstance(item, dict | list | tuple)
            for child in (item.values() if isinstance(item, dict) else item)
        ]
        deep += bool(level)
    return deep
