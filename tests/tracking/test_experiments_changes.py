"""What the API lets be changed of experiments and runs in the embedded store."""

from __future__ import annotations

import asyncio
import sqlite3
from typing import Any

import pytest

from jupyter_mlops import paths

from .mlops_looking import Looking, looking_at


def write(question: str, *values: Any) -> None:
    """Change the store as somebody else would."""
    connection = sqlite3.connect(paths.mlflow_dir() / "mlflow.db", timeout=30)
    with connection:
        connection.execute(question, values)
    connection.close()


def test_changes(logged: list[str], mlflow_script: Any) -> None:
    """Name, favourite, note and tags are changed, and MLflow's own client sees it all."""

    async def story(on: Looking) -> None:
        run = f"/runs/{logged[0]}"
        before = await on.get(run)
        body = {
            "name": "최고",
            "favourite": True,
            "note": "line\nline",
            "note_version": before["note_version"],
            "tags": {"team": None, "stage": "prod/1", "absent": None},
        }
        answer = await on.ask("PATCH", run, json=body)
        assert answer.status_code == 200, answer.text
        found = answer.json()["run"]
        assert (found["name"], found["favourite"], found["note"]) == ("최고", True, "line\nline")
        assert found["tags"] == {"odd.key": "it's", "stage": "prod/1"}
        listed = await on.get("/runs", filter="최고")
        assert listed["runs"][0] == found

    looking_at(story)
    database = paths.mlflow_dir() / "mlflow.db"
    seen = mlflow_script(
        "from mlflow import MlflowClient\n"
        f"run = MlflowClient('sqlite:///{database}').get_run({logged[0]!r})\n"
        "tell([run.info.run_name, run.data.tags])"
    )
    assert seen[0] == "최고"
    assert seen[1]["mlflow.note.content"] == "line\nline"
    assert seen[1]["mlops.favourite"] == "true"
    assert seen[1]["mlflow.runName"] == "최고"
    assert "team" not in seen[1]


def test_two_tabs_edit_a_note(logged: list[str]) -> None:
    """Of two who edit the same note at once one wins, and the other is told the text as it is."""

    async def story(on: Looking) -> None:
        run = f"/runs/{logged[0]}"
        version = (await on.get(run))["note_version"]
        bodies = [{"note": f"tab {n}", "note_version": version} for n in range(8)]
        answers = await asyncio.gather(*(on.ask("PATCH", run, json=body) for body in bodies))
        statuses = sorted(answer.status_code for answer in answers)
        assert statuses == [200] + [409] * 7
        now = (await on.get(run))["run"]["note"]
        for answer in answers:
            if answer.status_code == 409:
                (problem,) = answer.json()["problems"]
                assert answer.json()["code"] == "note_changed"
                assert problem["note"] == now
        retry = {"note": "both", "note_version": problem["note_version"]}
        assert (await on.ask("PATCH", run, json=retry)).status_code == 200
        # Saying again what is there already is no conflict.
        assert (await on.ask("PATCH", run, json=retry)).status_code == 200
        without = await on.ask("PATCH", run, json={"note": "x"})
        assert without.status_code == 422

    looking_at(story)


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({}, ""),
        ({"name": "  "}, "name"),
        ({"name": "x" * 251}, "name"),
        ({"tags": {"mlops.job_id": "x"}}, "tags.mlops.job_id"),
        ({"tags": {"mlflow.user": None}}, "tags.mlflow.user"),
        ({"tags": {"a\nb": "x"}}, "tags.a\nb"),
        ({"tags": {"a": "x" * 8001}}, "tags.a"),
        ({"note": "x" * 8001, "note_version": ""}, "note"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_changes_refused(logged: list[str], body: dict[str, Any], where: str) -> None:
    """What can't be changed is refused, naming its place, and nothing is changed."""

    async def story(on: Looking) -> None:
        answer = await on.ask("PATCH", f"/runs/{logged[0]}", json=body)
        assert answer.status_code == 422
        assert where in [one["where"] for one in answer.json()["problems"]]
        gone = await on.ask("PATCH", f"/runs/{'0' * 32}", json={"favourite": True})
        assert gone.json()["code"] == "run_not_found"

    looking_at(story)


def test_runs_in_the_trash(logged: list[str]) -> None:
    """A run in MLflow's trash can be looked at, is in no list and can't be changed; the same of an
    experiment that was deleted underneath.
    """

    async def story(on: Looking) -> None:
        write("UPDATE runs SET lifecycle_stage = 'deleted' WHERE run_uuid = ?", logged[0])
        assert (await on.get(f"/runs/{logged[0]}"))["deleted"] is True
        assert (await on.get("/runs", filter="alpha"))["total"] == 0
        answer = await on.ask("PATCH", f"/runs/{logged[0]}", json={"favourite": True})
        assert (answer.status_code, answer.json()["code"]) == (409, "run_deleted")
        write("UPDATE experiments SET lifecycle_stage = 'deleted' WHERE name = 'churn'")
        await on.refused("/runs", 404, "experiment_not_found", experiment_name="churn")
        assert (await on.get("/runs"))["total"] == 1

    looking_at(story)
