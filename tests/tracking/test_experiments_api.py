"""What the API tells of experiments and runs in the embedded store, and what it lets be changed."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlops import paths
from jupyter_mlops.tracking import run_query, schema

from .mlops_looking import Looking, looking_at


def artifacts_of(run_id: str) -> Path:
    """The directory of a run's artifacts."""
    found = paths.mlflow_dir() / "artifacts" / "1" / run_id / "artifacts"
    found.mkdir(parents=True, exist_ok=True)
    return found


def write(question: str, *values: Any) -> None:
    """Change the store as somebody else would."""
    connection = sqlite3.connect(paths.mlflow_dir() / "mlflow.db", timeout=30)
    with connection:
        connection.execute(question, values)
    connection.close()


def test_experiments(logged: list[str]) -> None:
    """Experiments with their counts, favourites first, page by page, by words."""

    async def story(on: Looking) -> None:
        found = await on.get("/experiments")
        assert found["total"] == 3
        by_name = {one["name"]: one for one in found["experiments"]}
        churn = by_name["churn"]
        assert churn["counts"] == {
            "FINISHED": 3, "FAILED": 1, "KILLED": 1, "RUNNING": 1, "SCHEDULED": 0,
        }  # fmt: skip
        assert churn["last_activity"] == pytest.approx(1_700_000_100.006)
        assert by_name["Default"]["counts"]["FINISHED"] == 0
        changed = await on.ask("PATCH", f"/experiments/{churn['id']}", json={"favourite": True})
        assert changed.json()["favourite"] is True
        first = await on.get("/experiments", limit=1)
        assert [one["name"] for one in first["experiments"]] == ["churn"]
        names = ["churn"]
        while first["next"]:
            first = await on.get("/experiments", limit=1, cursor=first["next"])
            names += [one["name"] for one in first["experiments"]]
        assert sorted(names) == ["Default", "churn", "other's"]
        note = {"note": "# why\nbest so far", "note_version": churn["note_version"]}
        await on.ask("PATCH", f"/experiments/{churn['id']}", json=note)
        found = await on.get("/experiments", words="BEST churn")
        assert [one["note"] for one in found["experiments"]] == ["# why\nbest so far"]
        await on.refused("/experiments/99", 404, "experiment_not_found")
        await on.refused("/experiments", 422, "invalid_input", cursor="x")

    looking_at(story)


def test_runs(logged: list[str]) -> None:
    """Rows of runs: everything that a table needs, only the columns that are wanted."""

    async def story(on: Looking) -> None:
        found = await on.get("/runs", experiment_name="churn", order="metric.acc:desc")
        assert found["total"] == 6
        names = [one["name"] for one in found["runs"]]
        assert names == ["epsilon", "alpha", "gamma", "Beta_1", "서울 실험", "beta%2"]
        alpha = found["runs"][1]
        assert alpha["id"] == logged[0]
        assert alpha["status"] == "FINISHED"
        assert (alpha["experiment"], alpha["started_at"]) == ("churn", 1_700_000_000.0)
        assert alpha["ended_at"] == 1_700_000_100.0
        assert alpha["params"] == {"batch size": "64", "lr": "0.1", "model": "resnet"}
        assert alpha["metrics"] == {"acc": 0.9, "val/loss": 0.3}
        assert alpha["tags"] == {"odd.key": "it's", "team": "vision"}
        assert alpha["own_tags"]["mlops.job_id"] == alpha["job_id"] == "0123456789ab"
        assert alpha["note"] == "the best so far"
        assert found["runs"][3]["parent_id"] == logged[0]
        assert found["runs"][5]["metrics"] == {"acc": "NaN", "val/loss": "-Infinity"}
        assert found["runs"][3]["metrics"]["val/loss"] == "Infinity"
        few = await on.get(
            "/runs",
            experiment=["1", "2"],
            columns=["metrics.val/loss", "params.lr", "tags.team"],
            filter="alpha",
        )
        (row,) = few["runs"]
        assert (row["metrics"], row["params"]) == ({"val/loss": 0.3}, {"lr": "0.1"})
        assert row["tags"] == {"team": "vision"}
        by_prefix = await on.get("/runs", id=logged[2][:12])
        assert [one["id"] for one in by_prefix["runs"]] == [logged[2]]
        refusal = await on.refused("/runs", 422, "filter_invalid", filter="metrics.acc >")
        assert refusal["problems"][0]["at"] == 13
        await on.refused("/runs", 422, "invalid_input", order="things.x")
        await on.refused("/runs", 404, "experiment_not_found", experiment_name="no such")
        page = await on.get("/runs", limit=1)
        await on.refused("/runs", 422, "invalid_input", cursor=page["next"], filter="alpha")

    looking_at(story)


def test_pages_stay_together_while_runs_come(logged: list[str]) -> None:
    """A run that comes while pages are turned makes no other come twice or not at all."""

    async def story(on: Looking) -> None:
        seen: list[str] = []
        cursor = None
        while True:
            given = {} if cursor is None else {"cursor": cursor}
            page = await on.get("/runs", limit=2, order="attributes.start_time:desc", **given)
            seen += [one["name"] for one in page["runs"]]
            cursor = page["next"]
            if cursor is None:
                break
            write(
                "INSERT INTO runs (run_uuid, name, status, start_time, lifecycle_stage,"
                " artifact_uri, experiment_id, source_type) VALUES"
                " (?, 'new', 'RUNNING', 1800000000000, 'active', '', 1, 'LOCAL')",
                os.urandom(16).hex(),
            )
        assert seen == ["epsilon", "delta", "서울 실험", "gamma", "beta%2", "Beta_1", "alpha"]

    looking_at(story)


def test_wide_runs_are_cut_in_lists_only(logged: list[str]) -> None:
    """Thousands of metrics and long values: a list tells some and says so, the run all."""

    async def story(on: Looking) -> None:
        connection = sqlite3.connect(paths.mlflow_dir() / "mlflow.db", timeout=30)
        with connection:
            connection.executemany(
                "INSERT INTO latest_metrics (key, value, timestamp, step, is_nan, run_uuid)"
                " VALUES (?, 1, 1, 1, 0, ?)",
                [(f"m{n}", logged[3]) for n in range(3000)],
            )
            connection.execute(
                "INSERT INTO params (key, value, run_uuid) VALUES ('long', ?, ?)",
                ("é" * 7000, logged[3]),
            )
        connection.close()
        page = await on.get("/runs", filter="gamma")
        (row,) = page["runs"]
        assert page["cut"] is True
        assert len(row["metrics"]) == 100
        assert len(row["params"]["long"]) == 500
        named = await on.get("/runs", filter="gamma", columns=["metrics.m2999"])
        assert (named["cut"], named["runs"][0]["metrics"]) == (False, {"m2999": 1.0})
        whole = await on.get(f"/runs/{logged[3]}", summary=False)
        assert len(whole["metrics"]) == 3001
        assert len(whole["run"]["params"]["long"]) == 7000
        columns = await on.get("/runs/columns", experiment_name="churn")
        assert (len(columns["metrics"]), columns["cut"]) == (1000, True)
        columns = await on.get("/runs/columns", experiment_name="churn", words="LOSS")
        assert (columns["metrics"], columns["cut"]) == (["val/loss"], False)

    looking_at(story)


def test_one_run(logged: list[str]) -> None:
    """Everything about a run: metrics with their steps, dataset, children, its job."""

    async def story(on: Looking) -> None:
        found = await on.get(f"/runs/{logged[0]}")
        assert found["run"]["job_id"] == "0123456789ab"
        assert found["children"] == [logged[1]]
        assert found["deleted"] is False
        assert found["metrics"] == [
            {"key": "acc", "last": 0.9, "step": 3, "time": 1_700_000_000.5,
             "min": 0.9, "max": 0.9, "points": 1},
            {"key": "val/loss", "last": 0.3, "step": 3, "time": 1_700_000_000.5,
             "min": 0.3, "max": 0.3, "points": 1},
        ]  # fmt: skip
        (dataset,) = found["datasets"]
        assert (dataset["name"], dataset["context"]) == ("iris", "training")
        await on.refused(f"/runs/{'0' * 32}", 404, "run_not_found")
        await on.refused("/runs/..%2Fx", 404, "not_found")
        await on.refused("/runs/a'b", 404, "run_not_found")

    looking_at(story)


def test_points(logged: list[str]) -> None:
    """Points of several runs and metrics in one answer; names may hold slashes."""

    async def story(on: Looking) -> None:
        found = await on.get("/metrics", run=logged[:3], key=["acc", "val/loss"], axis="time")
        assert found["axis"] == "time"
        assert [(one["run_id"], one["key"]) for one in found["series"]] == [
            (run_id, key) for run_id in logged[:3] for key in ("acc", "val/loss")
        ]
        assert found["series"][1]["y"] == [0.3]
        assert found["series"][3]["y"] == ["Infinity"]
        assert (found["series"][4]["y"], found["series"][4]["nan"]) == ([], 1)
        none = await on.get("/metrics", run=logged[0], key="acc", **{"from": 4})
        assert none["series"][0]["total"] == 0
        await on.refused("/metrics", 404, "run_not_found", run="f" * 32, key="acc")
        await on.refused("/metrics", 422, "invalid_input", run=logged[0], key="acc", points=10**6)
        await on.refused(
            "/metrics", 422, "invalid_input", run=logged[0], key="acc", **{"from": "nan"}
        )
        too_many = [f"k{n}" for n in range(60)]
        await on.refused("/metrics", 422, "invalid_input", run=logged[:2], key=too_many)

    looking_at(story)


def test_comparison(logged: list[str]) -> None:
    """Only what differs is listed; what is the same is counted."""

    async def story(on: Looking) -> None:
        (artifacts_of(logged[1]) / "mlops").mkdir()
        for run_id, name, version in (
            (logged[0], "requirements.txt", "1.0"),
            (logged[1], "mlops/requirements.txt", "2.0"),
        ):
            (artifacts_of(run_id) / name).write_text(
                f"# made by us\nnumpy=={version} \\\n  --hash=x\nScikit_Learn[x]==1.5\n-e ./here"
            )
        found = await on.get("/runs/compare", run=[logged[0], logged[6], logged[1]])
        assert [one["name"] for one in found["runs"]] == ["alpha", "epsilon", "Beta_1"]
        differing = {one["key"]: one["values"] for one in found["params"]}
        assert differing == {
            "batch size": ["64", None, None],
            "lr": ["0.1", "1e-3", "0.01"],
            "model": ["resnet", None, "ResNet50"],
        }
        metrics = {one["key"]: one["values"] for one in found["metrics"]}
        assert metrics == {"acc": [0.9, 0.9, 0.5], "val/loss": [0.3, "NaN", "Infinity"]}
        assert {one["key"] for one in found["attributes"]} == {"status"}
        assert found["equal"]["attributes"] == 2
        assert found["packages_known"] == [True, False, True]
        assert found["packages"] == [{"key": "numpy", "values": ["1.0", None, "2.0"]}]
        assert found["equal"]["packages"] == 1
        same = await on.get("/runs/compare", run=[logged[0], logged[0]])
        assert len(same["runs"]) == 1
        await on.refused("/runs/compare", 404, "run_not_found", run=[logged[0], "e" * 32])

    looking_at(story)


def test_a_poll_with_nothing_new(logged: list[str]) -> None:
    """Whoever knows the latest answer is told so without a question to the tables; a write by
    anybody, MLflow's own processes included, ends that.
    """

    async def story(on: Looking) -> None:
        asked = ["/experiments", "/runs", f"/runs/{logged[0]}", f"/metrics?run={logged[0]}&key=acc"]
        asked.append(f"/runs/compare?run={logged[0]}&run={logged[1]}")
        for path in asked:
            first = await on.ask("GET", path)
            known = {"If-None-Match": first.headers["etag"]}
            again = await on.ask("GET", path, headers=known)
            assert (again.status_code, again.content) == (304, b"")
            assert again.headers["etag"] == first.headers["etag"]
            write("UPDATE runs SET name = ? WHERE run_uuid = ?", path[:30], logged[4])
            new = await on.ask("GET", path, headers=known)
            assert new.status_code == 200
            assert new.headers["etag"] != first.headers["etag"]
            ours = {"If-None-Match": new.headers["etag"]}
            await on.ask("PATCH", f"/runs/{logged[5]}", json={"tags": {"t": path[:20]}})
            assert (await on.ask("GET", path, headers=ours)).status_code == 200

    looking_at(story)


def test_no_tracking_at_all(home: Path) -> None:
    """Where runs can't be kept, every question is answered by the reason."""

    async def story(on: Looking) -> None:
        for path in ("/experiments", "/runs", "/runs/abc", "/runs/abc/artifacts"):
            refusal = await on.refused(path, 422, "invalid_input")
            assert "relative path" in refusal["detail"]

    looking_at(story, {"MLFLOW_TRACKING_URI": "sqlite:///here.db"})


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # MLflow itself is loaded here
def test_a_schema_that_is_not_known(logged: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """With a store of another schema everything is asked of MLflow's own client instead."""
    monkeypatch.setattr(schema, "KNOWN_REVISIONS", {})

    async def story(on: Looking) -> None:
        found = await on.get("/runs", experiment_name="churn", order="metrics.acc:desc", limit=2)
        assert [one["name"] for one in found["runs"]] == ["epsilon", "alpha"]
        assert (found["total"], found["words_in"]) == (6, [])
        answer = await on.ask("PATCH", f"/runs/{logged[0]}", json={"favourite": True})
        assert answer.json()["run"]["favourite"] is True

    looking_at(story)


def test_more_metrics_than_can_be_told(logged: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A run of countless metrics is told as far as that goes, and says so."""
    monkeypatch.setattr(run_query, "WHOLE_MOST", 1)

    async def story(on: Looking) -> None:
        found = await on.get(f"/runs/{logged[0]}")
        assert found["cut"] is True
        assert [one["key"] for one in found["metrics"]] == ["acc"]
        assert found["run"]["params"] == {"batch size": "64"}

    looking_at(story)
