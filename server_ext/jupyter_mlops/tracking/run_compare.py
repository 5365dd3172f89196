"""Where runs differ. Pure: made of runs as they were read."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from jupyter_mlops.tracking.run_views import Comparison, Difference, MetricValue, RunRow

#: Runs that can be compared at once.
RUNS_MOST = 50
#: Where a run may tell its packages: recorded with a job, or logged by a person.
PACKAGE_FILES = ("mlops/requirements.txt", "requirements.txt", "requirements.lock")
_PINNED = re.compile(
    r"^(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?\s*==\s*(?P<version>[^\s;#\\]+)"
)
#: As `converters.lock` writes one that can't be installed elsewhere.
_LOCAL = re.compile(
    r"^# not installable elsewhere: (?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)==(?P<version>[^\s,]+),"
    r" (?P<how>(?:editable, )?from .+)$"
)
_ADDRESSED = re.compile(r"^(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?\s*@\s*(?P<from>\S+)")
_GIT = "mlflow.source.git.commit"
#: Own tags worth comparing; what they are called here.
_OWN = {
    _GIT: "git commit",
    "mlflow.source.git.dirty": "uncommitted changes",
    "mlflow.source.git.branch": "git branch",
    "mlops.notebook": "notebook",
    "mlops.notebook_hash": "notebook's content",
    "mlops.kernel": "kernel",
    "mlops.target": "target",
    "mlops.failure": "failure",
}

Values = Mapping[str, MetricValue | str]


def compare(runs: Sequence[RunRow], packages: Sequence[Mapping[str, str] | None]) -> Comparison:
    """The differences between runs; `packages` of each, None where they aren't known."""
    equal: dict[str, int] = {}

    def differing(group: str, values: Sequence[Values | None]) -> list[Difference]:
        found, equal[group] = differences(values)
        return found

    plain: dict[str, object] = {"params": {}, "metrics": {}, "tags": {}, "own_tags": {}}
    return Comparison(
        runs=[one.model_copy(update=plain) for one in runs],
        attributes=differing("attributes", [_attributes(one) for one in runs]),
        params=differing("params", [one.params for one in runs]),
        metrics=differing("metrics", [one.metrics for one in runs]),
        tags=differing("tags", [one.tags for one in runs]),
        packages=differing("packages", packages),
        equal=equal,
        packages_known=[one is not None for one in packages],
    )


def differences(values: Sequence[Values | None]) -> tuple[list[Difference], int]:
    """What isn't the same in all, by key, and how many keys are.

    None is somebody of whom nothing is known: no difference from anybody.
    """
    known = [one for one in values if one is not None]
    different: list[Difference] = []
    equal = 0
    for key in sorted({key for one in known for key in one}):
        first = known[0].get(key)
        if all(one.get(key) == first for one in known):
            equal += 1
            continue
        listed = [None if one is None else one.get(key) for one in values]
        different.append(Difference(key=key, values=listed))
    return different, equal


def packages_of(requirements: str) -> dict[str, str]:
    """Names and versions that a requirements file pins; of packages from elsewhere, from where."""
    found: dict[str, str] = {}
    for line in requirements.splitlines():
        text = line.strip()
        if (pinned := _PINNED.match(text)) is not None:
            found[_normal(pinned["name"])] = pinned["version"]
        elif (addressed := _ADDRESSED.match(text)) is not None:
            found[_normal(addressed["name"])] = f"from {addressed['from']}"
        elif (local := _LOCAL.match(text)) is not None:
            found[_normal(local["name"])] = f"{local['version']}, {local['how']}"
    return found


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _attributes(run: RunRow) -> dict[str, str]:
    found = {"status": run.status.value, "experiment": run.experiment, "user": run.user}
    for tag, said in _OWN.items():
        if (value := run.own_tags.get(tag)) is not None:
            found[said] = value
    return found
