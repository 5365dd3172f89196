"""`experiments`, `runs`, `describe` and `compare` against the real daemon."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_mlops import paths
from jupyter_mlops.cli import run_tables

if TYPE_CHECKING:
    from mlops_script import Run

Make = Callable[..., Path]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


def write(question: str, *values: Any) -> None:
    """Log as somebody else would."""
    connection = sqlite3.connect(paths.mlflow_dir() / "mlflow.db", timeout=30)
    with connection:
        connection.execute(question, values)
    connection.close()


@pytest.fixture
def jobs(cli: Run, make_notebook: Make) -> list[dict[str, Any]]:
    """Two jobs that have ended, each with a run and a metric."""
    notebook = make_notebook("print(lr)", parameters="lr = 0.1")
    found = []
    # Answered once the store is there; a job wouldn't wait for it.
    assert cli("experiments").returncode == 0
    for lr, acc in (("0.5", 0.75), ("0.25", 0.9)):
        words = ["--name", f"fit {lr}", "--experiment", "churn", "--tag", "team=vision"]
        done = cli("run", str(notebook), "-p", f"lr={lr}", *words, "--wait-html", "--json")
        assert done.returncode == 0, done.stderr
        job = json.loads(done.stdout)
        found.append(job)
        write(
            "INSERT INTO latest_metrics (key, value, timestamp, step, is_nan, run_uuid)"
            " VALUES ('acc', ?, 1, 1, 0, ?)",
            acc,
            job["tracking"]["run_id"],
        )
    return found


def test_runs_and_experiments(cli: Run, jobs: list[dict[str, Any]]) -> None:
    """From the list of experiments to where two runs differ, as text and as JSON."""
    first, second = (job["tracking"]["run_id"] for job in jobs)
    listed = cli("experiments", "chu").stdout.splitlines()
    assert listed[0].split() == ["ID", "NAME", "RUNS", "LAST", "NOTE"]
    assert listed[1].split()[1:3] == ["churn", "2"]
    assert "No such experiments" in cli("experiments", "nothing").stdout

    found = cli("runs", "--experiment", "churn", "--sort", "metrics.acc:desc").stdout.splitlines()
    assert found[0].split() == ["ID", "STATUS", "NAME", "EXPERIMENT", "STARTED", "TOOK", "acc"]
    assert [line.split()[0] for line in found[1:]] == [second[:12], first[:12]]
    assert found[1].split()[1] == "FINISHED"
    assert found[1].endswith("0.9")
    number = json.loads(cli("experiments", "churn", "--json").stdout)["experiments"][0]["id"]
    chosen = cli(
        "runs", "--experiment", number, "--filter", "fit metrics.acc > 0.8",
        "--columns", "params.lr,tags.team,attributes.status", "--limit", "1",
    ).stdout.splitlines()  # fmt: skip
    assert chosen[0].split()[-3:] == ["lr", "team", "status"]
    assert chosen[1].split()[-3:] == ["0.25", "vision", "FINISHED"]
    few = cli("runs", "--limit", "1", "--json")
    document = json.loads(few.stdout)
    assert (len(document["runs"]), document["total"]) == (1, 2)
    assert "1 more: --limit 2 shows all" in cli("runs", "--limit", "1").stdout

    text = cli("describe", first[:10]).stdout
    for said in ("fit 0.5", "FINISHED", jobs[0]["id"], "lr = 0.5", "team = vision", "acc  0.75"):
        assert said in text
    assert json.loads(cli("describe", "@last", "--json").stdout)["run"]["id"] == second

    differing = cli("compare", first, second[:9]).stdout
    assert "lr" in differing
    assert "fit 0.5" in differing
    assert "team" not in differing
    assert "the same in all:" in differing
    found_json = json.loads(cli("compare", first, second, "--json").stdout)
    assert {one["key"]: one["values"] for one in found_json["metrics"]} == {"acc": [0.75, 0.9]}


def test_parts_of_two_runs(cli: Run, jobs: list[dict[str, Any]]) -> None:
    """Notebook, packages, code and data of two jobs, as text and as one document."""
    runs = [job["tracking"]["run_id"] for job in jobs]
    told = cli("compare", *runs, "--notebook", "--packages", "--code", "--data")
    assert told.returncode == 0, told.stderr
    lines = told.stdout.splitlines()
    assert [one for one in lines if one in ("notebook", "packages", "code", "data")] == [
        "notebook", "packages", "code", "data",
    ]  # fmt: skip
    assert "~ changed code cell -2 +2" in told.stdout
    assert "    -lr = 0.5" in lines
    assert "    +lr = 0.25" in lines
    assert "    -0.5" in lines
    assert "nothing differs" in told.stdout
    found = json.loads(cli("compare", *runs, "--notebook", "--data", "--json").stdout)
    assert sorted(found) == ["data", "notebook"]
    assert found["notebook"]["changes"] == 2
    wrong = cli("compare", *runs, "--code", runs[0][:-1] + ("0" if runs[0][-1] != "0" else "1"))
    assert wrong.returncode == 2
    assert "compares two runs, not 3" in wrong.stderr


def test_mistakes(cli: Run, jobs: list[dict[str, Any]]) -> None:
    """What can't be understood is said in a line, with the place and the exit code for it."""
    run_id = jobs[0]["tracking"]["run_id"]
    for words, code, said in [
        (["runs", "--filter", "metrics.acc >"], 2, "character 14"),
        (["runs", "--sort", "acc"], 2, "metrics.acc"),
        (["runs", "--experiment", "no such"], 4, "no such"),
        (["runs", "--experiment", "77"], 4, "77"),
        (["runs", "--limit", "0"], 2, "--limit"),
        (["runs", "--columns", "datasets.name"], 2, "datasets.name"),
        (["describe", "zzz"], 2, "no run's id"),
        (["describe", "f" * 32], 4, "no run"),
        (["compare", run_id, run_id[:10]], 2, "two runs"),
    ]:
        done = cli(*words)
        assert (done.returncode, done.stdout) == (code, ""), done.stderr
        assert said in done.stderr
        assert "Traceback" not in done.stderr


def test_names_that_a_terminal_would_obey(cli: Run, jobs: list[dict[str, Any]]) -> None:
    """Whatever somebody logged is shown as text."""
    run_id = jobs[0]["tracking"]["run_id"]
    hostile = "\x1b[31mred\x1b]0;title\x07\u202e\nnext"
    write("UPDATE tags SET value = ? WHERE key = 'mlflow.runName'", hostile)
    write("INSERT INTO params (key, value, run_uuid) VALUES (?, ?, ?)", hostile, hostile, run_id)
    other = jobs[1]["tracking"]["run_id"]
    for words in (["runs"], ["describe", run_id], ["compare", run_id, other]):
        out = cli(*words).stdout
        assert "red" in out
        assert not set("\x1b\x07\u202e") & set(out)


@pytest.mark.parametrize(
    ("column", "shown"),
    [
        ("metrics.acc", "0.5"),
        ("metric.`val/loss`", "NaN"),
        ("params.lr", "0.1"),
        ("tags.mlops.job_id", "abc"),
        ("tags.none", ""),
        ("status", "FAILED"),
        ("attributes.run_name", "fit"),
        ("user_id", "me"),
        ("attr.end_time", ""),
    ],
)
def test_columns(column: str, shown: str) -> None:
    """A column's value, by whatever of MLflow's words it is named."""
    run = {
        "metrics": {"acc": 0.5, "val/loss": "NaN"},
        "params": {"lr": "0.1"},
        "tags": {},
        "own_tags": {"mlops.job_id": "abc"},
        "status": "FAILED",
        "name": "fit",
        "user": "me",
        "ended_at": None,
    }
    assert run_tables.value_of(run, column) == shown
