"""One result of a check."""

from __future__ import annotations

from typing import Literal, NamedTuple

Status = Literal["ok", "warning", "problem"]


class Finding(NamedTuple):
    """What a check found; `mend` is what to type or do about it."""

    name: str
    status: Status
    detail: str
    mend: str = ""


def ok(name: str, detail: str) -> Finding:
    """All is well."""
    return Finding(name, "ok", detail)


def warning(name: str, detail: str, mend: str) -> Finding:
    """It works, but something is better mended."""
    return Finding(name, "warning", detail, mend)


def problem(name: str, detail: str, mend: str) -> Finding:
    """Something doesn't work."""
    return Finding(name, "problem", detail, mend)
