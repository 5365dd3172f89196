"""What MLflow is to hold about an attempt."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_mlops.jobs.model import Attempt, Failure, Job, JobSpec, Kernel, Outputs, State
from jupyter_mlops.tracking.run_record import (
    KEY_MOST,
    RunStatus,
    parameters,
    record_of,
    run_id_of,
    tag_name,
)


def a_job(**given: Any) -> Job:
    """A job as the store has it."""
    spec = JobSpec(notebook="/home/me/work.ipynb", **given.pop("spec", {}))
    return Job(
        **{
            "id": "0123456789ab",
            "name": "work",
            "state": State.RUNNING,
            "version": 1,
            "spec": spec,
            "notebook": "/home/me/work.ipynb",
            "notebook_hash": "0" * 64,
            "kernel": Kernel(name="python3", language="python"),
            "created_at": 1000.5,
            "outputs": Outputs(directory="/home/me/jobs/work-0123456789ab"),
        }
        | given
    )


def record(job: Job, attempt: int) -> Any:
    """Its record."""
    return record_of(job, attempt, user="me", params={}, experiment="e")


def an_attempt(number: int, state: State, **given: Any) -> Attempt:
    """One try."""
    return Attempt(number=number, state=state, started_at=1000.0 + number, **given)


@pytest.mark.parametrize(
    ("state", "attempt_state", "status"),
    [
        (State.STARTING, State.STARTING, RunStatus.RUNNING),
        (State.RUNNING, State.RUNNING, RunStatus.RUNNING),
        (State.QUEUED, State.FAILED, RunStatus.SCHEDULED),
        (State.SUCCEEDED, State.SUCCEEDED, RunStatus.FINISHED),
        (State.FAILED, State.FAILED, RunStatus.FAILED),
        (State.CANCELLED, State.CANCELLED, RunStatus.KILLED),
        # Cancelled while it waited for its retry.
        (State.CANCELLED, State.FAILED, RunStatus.KILLED),
    ],
)
def test_a_run_has_ended_if_and_only_if_its_job_has(
    state: State, attempt_state: State, status: RunStatus
) -> None:
    """The status of the job's run follows the job; times are those of the attempt."""
    ended = 1002.0 if attempt_state.terminal else None
    job = a_job(state=state, attempt=1, attempts=[an_attempt(1, attempt_state, ended_at=ended)])
    found = record(job, 1)
    assert found.status is status
    assert found.started == 1_001_000
    assert (found.ended is not None) == state.terminal == found.status.terminal
    if found.ended is not None:
        assert found.ended == 1_002_000


def test_an_attempt_that_is_just_being_begun_runs() -> None:
    """The store may not know the attempt yet when its run is made."""
    before = time.time()
    found = record(a_job(state=State.QUEUED, attempt=0), 1)
    assert found.status is RunStatus.RUNNING
    assert found.started >= int(before * 1000)
    assert found.tags["mlops.attempt"] == "1"


def test_earlier_attempts_are_nested_below_the_last() -> None:
    """Each try has a run of its own; the job's is the last one."""
    tries = [
        an_attempt(1, State.FAILED, ended_at=1005.0, failure=Failure(code="x", message="broke")),
        an_attempt(2, State.RUNNING),
    ]
    job = a_job(state=State.RUNNING, attempt=2, attempts=tries)
    first, second = record(job, 1), record(job, 2)
    assert first.run_id != second.run_id
    assert first.status is RunStatus.FAILED
    assert first.ended == 1_005_000
    assert first.own_tags["mlflow.parentRunId"] == second.run_id
    assert first.own_tags["mlops.failure"] == "x: broke"
    assert "mlflow.parentRunId" not in second.tags


def test_the_run_of_an_attempt_is_always_the_same() -> None:
    """Asked again after a crash, the id is the one that was used before."""
    assert run_id_of(a_job(), 1) == run_id_of(a_job(state=State.FAILED), 1)
    assert run_id_of(a_job(), 1) != run_id_of(a_job(), 2)
    assert run_id_of(a_job(), 1) != run_id_of(a_job(created_at=1000.25), 1)
    assert len(run_id_of(a_job(), 1)) == 32


def test_tags_of_the_person_and_ours() -> None:
    """A person's tags are kept; ours can't be forged; the run's name may be given."""
    spec = {"tags": {"team": "a", "mlops.job_id": "forged", "mlflow.runName": "mine", "é#x": "y"}}
    job = a_job(spec=spec, git_commit="abc", git_dirty=True, attempt=1, rerun_of="b" * 12)
    found = record(job, 1)
    assert found.tags["team"] == "a"
    assert found.tags["mlops.job_id"] == "0123456789ab"
    assert found.name == found.tags["mlflow.runName"] == "mine"
    assert found.tags["é_x"] == "y"
    assert found.tags["mlflow.user"] == "me"
    assert found.tags["mlflow.source.name"] == "/home/me/work.ipynb"
    assert found.tags["mlflow.source.git.commit"] == "abc"
    assert found.tags["mlops.git_dirty"] == "true"
    assert found.tags["mlops.rerun_of"] == "b" * 12
    assert "team" not in found.own_tags
    assert "mlflow.runName" not in found.own_tags


def test_what_is_too_long_is_cut_as_mlflow_does() -> None:
    """Limits of MLflow's server, which its tables don't enforce."""
    job = a_job(name="n" * 250, spec={"tags": {"k" * 250: "v" * 5000}}, notebook="/" + "d" * 9000)
    found = record(job, 1)
    assert len(found.tags["mlflow.source.name"]) == 8000
    assert found.tags["k" * 250] == "v" * 5000
    assert parameters({"p": "x" * 7000}) == {"p": "x" * 6000}


@settings(deadline=None)  # the first example imports mlflow
@given(st.text(min_size=1, max_size=300))
def test_a30_any_tag_name_becomes_one_that_mlflow_takes(name: str) -> None:
    """MLflow's own rules, applied to what we make of any text; what it takes is left alone.

    But for the end of a line after the name, which MLflow's `$` overlooks.
    """
    from mlflow.utils.validation import path_not_unique, validate_param_and_metric_name

    made = tag_name(name)
    assert 0 < len(made) <= KEY_MOST
    assert validate_param_and_metric_name(made)
    assert not path_not_unique(made)
    fits = len(name) <= KEY_MOST
    if fits and validate_param_and_metric_name(name) and not path_not_unique(name):
        assert made == (f"{name[:-1]}_" if name.endswith("\n") else name)


@pytest.mark.parametrize(
    "value", [1, 1.0, 0.1, 1e-7, True, None, "text", "", [64, 64], {"a": [1, None]}, "é\n'\"\\"]
)
def test_parameters_are_what_the_notebook_would_log_itself(value: Any) -> None:
    """`mlflow.log_param("p", p)` in the notebook must find the same text, or it would fail."""
    assert parameters({"p": value}) == {"p": str(value)}
