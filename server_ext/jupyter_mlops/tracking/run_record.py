"""What MLflow is to hold about one attempt of a job. Pure: no files, no network, no mlflow.

A job is an MLflow run. A retry is a run of its own, so that points and parameters of two tries
never mix; the tries before it are nested below the last one, which is the job's.
"""

from __future__ import annotations

import posixpath
import re
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from jupyter_mlops.jobs.model import Attempt, Job, State
from jupyter_mlops.naming import (
    EXPERIMENT_NAME_MOST,
    KEY_MOST,
    PARAM_VALUE_MOST,
    RUN_NAME_MOST,
    TAG_VALUE_MOST,
)

_NOT_IN_NAMES = re.compile(r"[^/\w.\- :]")

JOB_TAG = "mlops.job_id"
ATTEMPT_TAG = "mlops.attempt"
PARENT_TAG = "mlflow.parentRunId"
RERUN_TAG = "mlops.rerun_of"
RUN_NAME_TAG = "mlflow.runName"
USER_TAG = "mlflow.user"
#: Below this directory of a run's artifacts lies what a job itself leaves.
ARTIFACT_DIRECTORY = "notebook"

_NAMESPACE = uuid.UUID("a9d4a1f4-6a0c-4b6e-8a55-0f5a3d0c7e11")


class RunStatus(StrEnum):
    """As MLflow calls them."""

    SCHEDULED = "SCHEDULED"
    RUNNING = "RUNNING"
    FINISHED = "FINISHED"
    FAILED = "FAILED"
    KILLED = "KILLED"

    @property
    def terminal(self) -> bool:
        """Whether the run has ended."""
        return self not in (RunStatus.SCHEDULED, RunStatus.RUNNING)


STATUS_OF = {
    # A job that was begun and is queued again waits for its retry.
    State.QUEUED: RunStatus.SCHEDULED,
    State.STARTING: RunStatus.RUNNING,
    State.RUNNING: RunStatus.RUNNING,
    State.SUCCEEDED: RunStatus.FINISHED,
    State.FAILED: RunStatus.FAILED,
    State.CANCELLED: RunStatus.KILLED,
}


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One attempt as a run; times are milliseconds since the epoch, as MLflow's."""

    job_id: str
    attempt: int
    #: In the embedded store; a remote server chooses its own.
    run_id: str
    experiment: str
    name: str
    user: str
    status: RunStatus
    started: int
    ended: int | None = None
    params: dict[str, str] = field(default_factory=dict)
    #: Everything that is set when the run is created.
    tags: dict[str, str] = field(default_factory=dict)
    #: Those of them that are ours and are set again whenever something changes; a person may
    #: have changed the others in MLflow meanwhile.
    own_tags: dict[str, str] = field(default_factory=dict)


def run_id_of(job: Job, attempt: int) -> str:
    """The id of an attempt's run in the embedded store: the same however often it is asked for,
    so that a crash between any two steps never makes a second run.
    """
    return uuid.uuid5(_NAMESPACE, f"{job.id}/{job.created_at!r}/{attempt}").hex


def record_of(
    job: Job,
    attempt: int,
    *,
    user: str,
    params: Mapping[str, str],
    experiment: str,
) -> RunRecord:
    """What MLflow is to hold of `attempt` as the job is now.

    Args:
        job: as the store has it.
        attempt: its number, from 1; may be one that is just being begun.
        user: whom MLflow shows as the run's user.
        params: see `parameters`.
        experiment: see `experiment_name`.
    """
    found = next((one for one in job.attempts if one.number == attempt), None)
    status = _status(job, attempt, found)
    started = found.started_at if found is not None and found.started_at else time.time()
    ended = None
    if status.terminal:
        ended = (found.ended_at if found is not None else None) or job.ended_at or started
        ended = max(ended, started)  # however the clock was set meanwhile
    own = _own_tags(job, attempt, found)
    if attempt < job.attempt:
        own[PARENT_TAG] = run_id_of(job, job.attempt)
    name = _cut(job.name, RUN_NAME_MOST)
    tags = {
        **{tag_name(key): _cut(value, TAG_VALUE_MOST) for key, value in job.spec.tags.items()},
        USER_TAG: user,
        "mlflow.source.name": _cut(job.notebook, TAG_VALUE_MOST),
        "mlflow.source.type": "NOTEBOOK",
        **own,
    }
    # A name that somebody gave as a tag is the one that MLflow would take.
    name = tags.setdefault(RUN_NAME_TAG, name)
    return RunRecord(
        job_id=job.id,
        attempt=attempt,
        run_id=run_id_of(job, attempt),
        experiment=_cut(experiment, EXPERIMENT_NAME_MOST),
        name=_cut(name, RUN_NAME_MOST),
        user=user,
        status=status,
        started=milliseconds(started),
        ended=None if ended is None else milliseconds(ended),
        params=dict(params),
        tags=tags,
        own_tags=own,
    )


def parameters(values: Mapping[str, Any]) -> dict[str, str]:
    """Parameters as `mlflow.log_params` would store them, so that the notebook's own
    `mlflow.log_param("lr", lr)` finds the value that is there already.
    """
    return {
        key: _cut(str(value), PARAM_VALUE_MOST)
        for key, value in values.items()
        if key == tag_name(key)
    }


def tag_name(name: str) -> str:
    """`name` as MLflow accepts one: characters that it refuses become underscores."""
    clean = _NOT_IN_NAMES.sub("_", name)[:KEY_MOST]
    if posixpath.normpath(clean) != clean or clean.startswith(("/", "..")) or clean == ".":
        clean = clean.replace("/", "_")
        clean = f"_{clean}" if clean in ("", ".") or clean.startswith("..") else clean
    return clean[:KEY_MOST]


def milliseconds(seconds: float) -> int:
    """Epoch milliseconds."""
    return int(seconds * 1000)


def _status(job: Job, attempt: int, found: Attempt | None) -> RunStatus:
    if attempt == job.attempt and (found is None or job.state.terminal or found.state.terminal):
        return STATUS_OF[job.state]
    # Just being begun: the store doesn't know it yet.
    return RunStatus.RUNNING if found is None else STATUS_OF[found.state]


def _own_tags(job: Job, attempt: int, found: Attempt | None) -> dict[str, str]:
    own = {
        JOB_TAG: job.id,
        ATTEMPT_TAG: str(attempt),
        "mlops.notebook": job.notebook,
        "mlops.notebook_hash": job.notebook_hash,
        "mlops.kernel": job.kernel.name,
        "mlops.target": job.spec.target,
    }
    if job.rerun_of is not None:
        own[RERUN_TAG] = job.rerun_of
    if job.git_commit is not None:
        own["mlflow.source.git.commit"] = job.git_commit
    if job.git_dirty is not None:
        own["mlops.git_dirty"] = own["mlflow.source.git.dirty"] = str(job.git_dirty).lower()
    failure = found.failure if found is not None else None
    if failure is not None:
        own["mlops.failure"] = f"{failure.code}: {failure.message}"
    return {key: _cut(value, TAG_VALUE_MOST) for key, value in own.items()}


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[:most]
