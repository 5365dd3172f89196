"""What a notebook says about its parameters and its experiment."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import pytest

from jupyter_mlops.tracking.notebook_facts import Facts

from .mlops_tracked import notebook
from .test_run_record import a_job


def facts(*sources: str, parameters: str | None = None, **spec: Any) -> tuple[Any, str]:
    """Parameters and experiment."""
    raw = json.dumps(notebook(*sources, parameters=parameters)).encode()
    job = a_job(spec=spec)
    found = Facts()
    return found.parameters(job, raw), found.experiment(job, raw, {})


def test_parameters_are_the_declared_defaults_overridden() -> None:
    """All of them, so that runs can be compared by what was left alone, too."""
    declared = "lr = 0.1\nlayers = [64, 64]\nname = 'x'\nwhen = time.time()"
    found, _ = facts(parameters=declared)
    assert found == {"lr": 0.1, "layers": [64, 64], "name": "x", "when": "time.time()"}


def test_given_parameters_win() -> None:
    """And those that the notebook doesn't declare are there as well."""
    raw = json.dumps(notebook(parameters="lr = 0.1\nn = 3")).encode()
    job = a_job(spec={"parameters": {"lr": 0.5, "extra": None}})
    assert Facts().parameters(job, raw) == {"lr": 0.5, "n": 3, "extra": None}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("mlflow.set_experiment('churn')", "churn"),
        ("mlflow.set_experiment(experiment_name='churn')", "churn"),
        ("if True:\n    mlflow.set_experiment('churn')", "churn"),
        ("%matplotlib inline\nmlflow.set_experiment('churn')", "churn"),
        ("from mlflow import set_experiment\nset_experiment('churn')", "churn"),
        ("mlflow.set_experiment(f'churn-{x}')", "work"),
        ("mlflow.set_experiment(experiment_id='3')", "work"),
        ("mlflow.set_experiment('')", "work"),
        ("# mlflow.set_experiment('churn')", "work"),
        ("x = 'mlflow.set_experiment(1)'", "work"),
        ("mlflow.set_experiment(", "work"),
        ("print(1)", "work"),
    ],
)
def test_the_experiment_is_the_one_that_the_notebook_names(source: str, expected: str) -> None:
    """A notebook that says where its runs belong has its job's run there as well."""
    assert facts(source)[1] == expected


def test_large_notebooks_are_not_kept() -> None:
    """What they say is remembered, not they themselves: a daemon lives for weeks."""
    found = Facts()
    text = "x" * 2**20
    tracemalloc.start()
    try:
        for number in range(16):
            raw = json.dumps(notebook(f"# {number} {text}", parameters="lr = 0.1")).encode()
            job = a_job(notebook_hash=f"{number:064x}")
            assert found.parameters(job, raw) == {"lr": 0.1}
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 4 * 2**20


def test_the_experiment_may_be_named_by_a_parameter() -> None:
    """As its default or as it was given."""
    source, declared = "mlflow.set_experiment(experiment)", "experiment = 'trial'"
    assert facts(source, parameters=declared)[1] == "trial"
    raw = json.dumps(notebook(source, parameters=declared)).encode()
    assert Facts().experiment(a_job(spec={"parameters": {"experiment": "b"}}), raw, {}) == "b"


def test_what_the_person_chose_for_the_job_goes_first() -> None:
    """Then the job's environment, the notebook, the daemon's environment, the notebook's name."""
    raw = json.dumps(notebook("mlflow.set_experiment('said')")).encode()
    plain = json.dumps(notebook("1")).encode()
    variable = {"MLFLOW_EXPERIMENT_NAME": "inherited"}
    found = Facts()
    assert found.experiment(a_job(spec={"experiment": "chosen"}), raw, variable) == "chosen"
    given = a_job(spec={"env": {"MLFLOW_EXPERIMENT_NAME": "given"}})
    assert found.experiment(given, raw, variable) == "given"
    assert found.experiment(a_job(), raw, variable) == "said"
    other = a_job(notebook_hash="1" * 64)
    assert found.experiment(other, plain, variable) == "inherited"
    assert found.experiment(other, plain, {}) == "work"


@pytest.mark.parametrize("raw", [b"", b"{}", b"[]", b'{"cells": 3}', b"\xff", b"[" * 100_000])
def test_f34_a_notebook_that_can_not_be_read_says_nothing(raw: bytes) -> None:
    """A job's record must not depend on it."""
    found = Facts()
    assert found.parameters(a_job(), raw) == {}
    assert found.experiment(a_job(), raw, {}) == "work"
