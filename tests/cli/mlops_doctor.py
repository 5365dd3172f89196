"""Single checks of `doctor`."""

from __future__ import annotations

import pytest

from jupyter_mlops.cli.checks.finding import Finding

Patch = pytest.MonkeyPatch


def only(findings: list[Finding]) -> Finding:
    """The one finding."""
    [found] = findings
    return found


def broken(findings: list[Finding], status: str, said: str, mend: str) -> None:
    """There is a finding of that status which says this and how to mend it."""
    matching = [f for f in findings if f.status == status and said in f.detail]
    assert matching, findings
    assert mend in matching[0].mend
