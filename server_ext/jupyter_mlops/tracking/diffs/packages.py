"""Where the packages of two runs differ. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

from jupyter_mlops.tracking.diffs.views import Change, PackageChange, PackageDiff
from jupyter_mlops.tracking.run_compare import packages_of

Step = Literal["", "major", "minor", "patch"]

_STEPS: tuple[Step, ...] = ("major", "minor", "patch")
_NUMBERS = re.compile(r"(?:\d+!)?(\d+)(?:\.(\d+))?(?:\.(\d+))?")
_PYTHON = re.compile(r"^# Python (?P<version>[^\n]{1,100})$", re.MULTILINE)
#: Packages that are told.
_TOLD_MOST = 5_000


def package_diff(
    requirements: tuple[str | None, str | None],
    facts: tuple[Mapping[str, Any] | None, Mapping[str, Any] | None],
) -> PackageDiff:
    """Two environments by their requirements files; None where a run tells none."""
    before, after = (None if one is None else packages_of(one) for one in requirements)
    changes: list[PackageChange] = []
    equal = 0
    notes: list[str] = []
    if before is not None and after is not None:
        for name in sorted(before.keys() | after.keys()):
            old, new = before.get(name), after.get(name)
            if old == new:
                equal += 1
            else:
                changes.append(_change(name, old, new))
    python = [_python(text, told) for text, told in zip(requirements, facts, strict=True)]
    count = len(changes) + (None not in python and python[0] != python[1])
    if len(changes) > _TOLD_MOST:
        notes.append(f"Only the first {_TOLD_MOST:,} packages that differ are told.")
    return PackageDiff(
        known=[one is not None for one in requirements],
        packages=changes[:_TOLD_MOST],
        python=python,
        equal=equal,
        changes=count,
        notes=notes,
    )


def _change(name: str, old: str | None, new: str | None) -> PackageChange:
    change: Change = "added" if old is None else "removed" if new is None else "changed"
    return PackageChange(name=name, change=change, before=old, after=new, step=_step(old, new))


def _step(old: str | None, new: str | None) -> Step:
    """Which part of a version changed first; empty where it isn't one of such parts."""
    one, other = _NUMBERS.match(old or ""), _NUMBERS.match(new or "")
    if one is None or other is None:
        return ""
    for step, left, right in zip(_STEPS, one.groups("0"), other.groups("0"), strict=True):
        if left != right:
            return step
    return ""


def _python(requirements: str | None, facts: Mapping[str, Any] | None) -> str | None:
    told = (facts or {}).get("python")
    if isinstance(told, Mapping) and told.get("version"):
        return f"{str(told['version'])[:60]} ({str(told.get('implementation') or '?')[:30]})"
    found = _PYTHON.search(requirements or "")
    return found["version"] if found else None
