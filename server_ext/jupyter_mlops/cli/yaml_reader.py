"""YAML as parameters: the safe part of it, bounded before anything is built.

Differences from PyYAML's own reading, which follows YAML 1.1: `1e-3` is a number, `yes`/`no`/`on`/
`off` and dates are text, and `12:30` is no sexagesimal number.
"""

from __future__ import annotations

import math
import re
from typing import Any

import yaml


class _Loader(yaml.SafeLoader):
    """The safe loader with the scalars of YAML 1.2 and none of its tags but the plain ones."""

    # PyYAML keeps resolvers on the class, by the first character of the scalar.
    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012

    def __init__(self, text: str, depth_max: int) -> None:
        super().__init__(text)
        self._depth_left = depth_max

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """As inherited, but never deeper than asked for."""
        # The scanner and the parser don't recurse: this is the first place where depth costs.
        if self._depth_left < 0:
            raise RecursionError
        self._depth_left -= 1
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth_left += 1


def _resolve(tag: str, pattern: str, first: str) -> None:
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(pattern), list(first))


_resolve("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF")
_resolve("int", r"^(?:[-+]?[0-9][0-9_]*|0o[0-7]+|0x[0-9a-fA-F]+)$", "-+0123456789")
_resolve(
    "float",
    r"^(?:[-+]?(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$",
    "-+0123456789.",
)
_resolve("merge", r"^(?:<<)$", "<")
# "" matches the empty scalar.
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:null", re.compile(r"^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""]
)


def _integer(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    text = loader.construct_scalar(node).replace("_", "")
    if text.startswith(("0x", "0o")):
        return int(text, 0)
    return int(text)


_Loader.add_constructor("tag:yaml.org,2002:int", _integer)


def read_yaml(text: str, *, depth_max: int, values_max: int) -> Any:
    """The first and only document of `text`, made of what JSON has too.

    Raises:
        OverflowError: its aliases stand for more than `values_max` values.
        RecursionError: it is nested deeper than `depth_max`, or holds itself.
        ValueError: a value that JSON can't carry; the message names it.
        yaml.YAMLError: it isn't (safe) YAML; most have the place.
    """
    loader = _Loader(text, depth_max)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        if _count(node, {}, values_max) > values_max:
            raise OverflowError(f"{values_max} values")
        value = loader.construct_document(node)
    finally:
        loader.dispose()
    _check(value, "")
    return value


def _count(node: yaml.Node, known: dict[int, int], limit: int) -> int:
    """How many values `node` stands for, each alias counted as often as it is used."""
    key = id(node)
    if key in known:
        if known[key] < 0:
            raise RecursionError  # an alias within its own anchor
        return known[key]
    known[key] = -1
    total = 1
    if isinstance(node, yaml.SequenceNode):
        total += sum(_count(child, known, limit) for child in node.value)
    elif isinstance(node, yaml.MappingNode):
        for name, child in node.value:
            total += _count(name, known, limit) + _count(child, known, limit)
    if total > limit:
        raise OverflowError(f"{limit} values")
    known[key] = total
    return total


def _check(value: Any, where: str) -> None:
    if isinstance(value, dict):
        for name, item in value.items():
            if not isinstance(name, str):
                raise ValueError(f"the name {name!r}{where} isn't text")  # noqa: TRY004 - of data
            _check(item, f" in {name}")
    elif isinstance(value, list):
        for item in value:
            _check(item, where)
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value}{where} can't be carried by JSON")
    elif not isinstance(value, (str, int, float, bool, type(None))):
        raise ValueError(
            f"a value{where} of the type {type(value).__name__} can't be carried by JSON"
        )
