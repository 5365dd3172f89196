"""What a report says, before it is a notebook."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

#: A value as the API says it: a number, one of "NaN", "Infinity" and "-Infinity", or text.
Value = float | str | None


@dataclass(frozen=True, slots=True)
class ReportRun:
    """One run. Everything is plain text, and may be hostile."""

    id: str
    name: str
    status: str
    experiment: str
    user: str = ""
    #: Seconds since the epoch.
    started: float | None = None
    ended: float | None = None
    #: Markdown of the person who wrote it.
    note: str = ""
    #: Where a tracking server shows it; empty where none does.
    link: str = ""
    params: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, Value] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    #: Git, system, processor, packages, …: what it ran on, by name.
    ran_on: Mapping[str, str] = field(default_factory=dict)
    #: Whether it was reproduced, or could be, in a few words.
    badge: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One run's line in a chart; both lists are equally long."""

    run_id: str
    x: tuple[float, ...]
    y: tuple[Value, ...]
    #: How many points were logged; those of the line are thinned out.
    total: int = 0


@dataclass(frozen=True, slots=True)
class Chart:
    """One metric over its steps."""

    metric: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """Runs, in the order in which they were chosen."""

    title: str
    #: Seconds since the epoch; the only thing that is another when the same runs are told again.
    made_at: float
    runs: tuple[ReportRun, ...]
    charts: tuple[Chart, ...] = ()
    #: What was left out, a sentence each.
    left_out: tuple[str, ...] = ()
