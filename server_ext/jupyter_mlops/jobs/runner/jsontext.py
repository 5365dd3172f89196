"""JSON as others can read it: UTF-8 whatever was printed, no NaN."""

from __future__ import annotations

import json
import math
from typing import Any

_compact = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
#: As nbformat writes notebooks, so that tools and version control see no difference.
_pretty = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, indent=1, sort_keys=True, separators=(",", ": ")
).encode


def compact(value: Any) -> bytes:
    """On one line."""
    try:
        text = _compact(value)
    except ValueError:
        text = _compact(_finite(value))
    return _utf8(text)


def pretty(value: Any) -> bytes:
    """As nbformat writes: indented by one, keys sorted."""
    try:
        text = _pretty(value)
    except ValueError:
        text = _pretty(_finite(value))
    return _utf8(text)


def _utf8(text: str) -> bytes:
    # Lone surrogates (bytes that weren't text) have no UTF-8.
    return text.encode("utf-8", "replace")


def _finite(value: Any) -> Any:
    """`value` with the numbers that JSON doesn't have as text, as ipykernel writes them."""
    if isinstance(value, float):
        return value if math.isfinite(value) else repr(value)
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
