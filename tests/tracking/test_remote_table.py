"""The table of runs at a real tracking server with its auth app on: places, numbers, groups."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlops.tracking import remote_groups

from .mlops_guarded import ADMIN, PASSWORD, GuardedServer
from .mlops_looking import Looking, looking_at
from .mlops_wire import serving

pytestmark = [pytest.mark.slow, pytest.mark.timeout(560)]

RUNS = 130
IMPATIENT = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MLFLOW_DISABLE_TELEMETRY": "true"}


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, prepared_store: Path
) -> Iterator[GuardedServer]:
    """One that has an experiment `many` of 130 runs."""
    with serving(GuardedServer, tmp_path_factory, prepared_store) as found:
        fill(found)
        yield found


def fill(server: GuardedServer) -> None:
    """Runs by SQL: over HTTP each takes some requests."""
    experiment = server.experiment("many")
    with sqlite3.connect(server.database, timeout=60) as db:
        for number in range(RUNS):
            run_id = f"{number:032x}"
            status = (
                "RUNNING" if number == RUNS - 1 else "FAILED" if number % 13 == 0 else "FINISHED"
            )
            db.execute(
                "INSERT INTO runs (run_uuid, name, status, start_time, end_time, experiment_id,"
                " source_type, source_name, entry_point_name, user_id, source_version,"
                " lifecycle_stage, artifact_uri) VALUES (?, ?, ?, ?, ?, ?, 'UNKNOWN', '', '',"
                " 'unknown', '', 'active', '')",
                (run_id, "twin", status, 1000 + number, 2000 + number, experiment),
            )
            db.execute(
                "INSERT INTO latest_metrics (key, value, timestamp, step, is_nan, run_uuid)"
                " VALUES ('acc', ?, 1, 0, 0, ?)",
                (number / 1000, run_id),
            )
            if number % 5:
                db.execute(
                    "INSERT INTO params (key, value, run_uuid) VALUES ('lr', ?, ?)",
                    (f"0.{number % 5}", run_id),
                )
            db.executemany(
                "INSERT INTO tags (key, value, run_uuid) VALUES (?, ?, ?)",
                [("mlflow.user", "ada", run_id), ("mlflow.runName", "twin", run_id)],
            )


def look(server: GuardedServer, story: Any, **more: str) -> None:
    """Run a story with the daemon's API in front of the server."""
    who = {"MLFLOW_TRACKING_USERNAME": ADMIN, "MLFLOW_TRACKING_PASSWORD": PASSWORD}
    looking_at(story, IMPATIENT | {"MLFLOW_TRACKING_URI": server.uri} | (more or who), 400)


def test_places_and_numbers(home: Path, server: GuardedServer) -> None:
    """A page begins anywhere and tells how many runs match; twins by name are told apart; behind
    the last there is none.
    """

    async def story(on: Looking) -> None:
        (many,) = (await on.get("/experiments", words="many"))["experiments"]
        given = {"experiment": many["id"], "limit": 10}
        first = await on.get("/runs", **given)
        assert (first["total"], first["at_server"], first["words_in"]) == (RUNS, True, [])
        assert first["runs"][0]["user"] == "ada"
        there = await on.get("/runs", **given, offset=125)
        assert [int(one["id"], 16) for one in there["runs"]] == [4, 3, 2, 1, 0]
        assert (there["total"], there["next"]) == (RUNS, None)
        middle = await on.get("/runs", **given, offset=50, order="metrics.acc:asc")
        assert [int(one["id"], 16) for one in middle["runs"]] == list(range(50, 60))
        further = await on.get("/runs", **given, cursor=middle["next"], order="metrics.acc:asc")
        assert [int(one["id"], 16) for one in further["runs"]] == list(range(60, 70))
        behind = await on.get("/runs", **given, offset=400)
        assert (behind["runs"], behind["total"]) == ([], RUNS)
        few = await on.get("/runs", **given, filter="metrics.acc < 0.037 AND twin", offset=20)
        assert (few["total"], few["words_in"]) == (37, ["name"])
        one = await on.get("/runs", **given, filter="metrics.acc < 0.0005", offset=7)
        assert (one["total"], one["runs"]) == (1, [])
        await on.refused("/runs", 404, "experiment_not_found", experiment="987654")

    look(server, story)


def test_groups(home: Path, server: GuardedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted a page with every request; then kept up to date, whoever changes what."""
    monkeypatch.setattr(remote_groups, "_PAGE", 50)
    monkeypatch.setattr(remote_groups, "_SAME", 0.0)

    async def story(on: Looking) -> None:
        (many,) = (await on.get("/experiments", words="many"))["experiments"]
        given = {"experiment": many["id"], "by": "params.lr", "metric": "acc"}
        totals = []
        found: dict[str, Any] = {"complete": False}
        while not found["complete"]:
            found = await on.get("/runs/groups", **given)
            totals.append(found["total"])
        assert totals == [50, 100, RUNS]
        counts = {one["value"]: one["count"] for one in found["groups"]}
        assert counts == {None: 26, "0.1": 26, "0.2": 26, "0.3": 26, "0.4": 26}
        last = next(one for one in found["groups"] if one["value"] == "0.4")
        assert last["statuses"] == {"FINISHED": 23, "FAILED": 2, "RUNNING": 1}
        assert last["metrics"]["acc"] == {"count": 26, "min": 0.004, "max": 0.129, "mean": 0.0665}
        members = await on.get(
            "/runs", experiment=many["id"], group_by="params.lr", group="0.4", limit=3
        )
        assert (members["total"], len(members["runs"])) == (26, 3)
        without = await on.get("/runs", experiment=many["id"], group_by="params.lr", limit=1)
        assert without["total"] == 26
        ordered = await on.get("/runs/groups", **given, order="metrics.acc:asc")
        assert [one["value"] for one in ordered["groups"]] == [None, "0.1", "0.2", "0.3", "0.4"]

        # Seen at the next look: a run that ends, and one that begins.
        running, begun = f"{RUNS - 1:032x}", ""
        body = {"run_id": running, "status": "FAILED", "end_time": 9000}
        server.as_admin("POST", "runs/update", body)
        begun = server.as_admin(
            "POST", "runs/create", {"experiment_id": many["id"], "start_time": 10_000}
        )["run"]["info"]["run_id"]
        found = await on.get("/runs/groups", **given)
        last = next(one for one in found["groups"] if one["value"] == "0.4")
        assert last["statuses"] == {"FINISHED": 23, "FAILED": 3}
        assert {one["value"]: one["count"] for one in found["groups"]}[None] == 27
        # Seen once the walk has come by: one that is deleted.
        server.as_admin("POST", "runs/delete", {"run_id": begun})
        server.as_admin("POST", "runs/delete", {"run_id": f"{4:032x}"})
        for _ in range(5):
            found = await on.get("/runs/groups", **given)
        counts = {one["value"]: one["count"] for one in found["groups"]}
        assert (counts[None], counts["0.4"], found["complete"]) == (26, 25, True)
        server.as_admin("POST", "runs/restore", {"run_id": f"{4:032x}"})

    look(server, story)


def test_groups_by_tag_follow_what_is_changed_here(
    home: Path, server: GuardedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tag that was changed through the daemon is seen at once, wherever the walk is."""
    monkeypatch.setattr(remote_groups, "_PAGE", 50)
    monkeypatch.setattr(remote_groups, "_SAME", 0.0)

    async def story(on: Looking) -> None:
        (many,) = (await on.get("/experiments", words="many"))["experiments"]
        given = {"experiment": many["id"], "by": "tags.team"}
        found: dict[str, Any] = {"complete": False}
        while not found["complete"]:
            found = await on.get("/runs/groups", **given)
        assert [one["value"] for one in found["groups"]] == [None]
        for team, counts in (("vision", {"vision": 1}), (None, {})):
            changed = await on.ask("PATCH", f"/runs/{60:032x}", json={"tags": {"team": team}})
            assert changed.status_code == 200, changed.text
            found = await on.get("/runs/groups", **given)
            told = {one["value"]: one["count"] for one in found["groups"]}
            assert told == {None: RUNS - len(counts)} | counts

    look(server, story)


def test_a_token_that_expires_while_runs_are_counted(
    home: Path, server: GuardedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The refusal is told as such; with the token good again counting goes on where it was."""
    monkeypatch.setattr(remote_groups, "_PAGE", 50)
    server.issue("short-lived", ADMIN)

    async def story(on: Looking) -> None:
        (many,) = (await on.get("/experiments", words="many"))["experiments"]
        given = {"experiment": many["id"], "by": "params.lr"}
        assert (await on.get("/runs/groups", **given))["total"] == 50
        server.revoke("short-lived")
        await on.refused("/runs/groups", 403, "tracking_credentials", **given)
        server.issue("short-lived", ADMIN)
        reader: Any = on.tracking.reader
        # What a refusal holds back for some seconds.
        reader._process._gate.opened()
        assert (await on.get("/runs/groups", **given))["total"] == 100

    look(server, story, MLFLOW_TRACKING_TOKEN="short-lived")


def test_experiments_that_are_renamed_deleted_and_liked(
    home: Path, server: GuardedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Favourites come first, once; a deleted experiment's runs are refused as such."""

    async def story(on: Looking) -> None:
        ids = [server.experiment(f"of-{n}") for n in range(4)]
        liked = await on.ask("PATCH", f"/experiments/{ids[0]}", json={"favourite": True})
        assert liked.status_code == 200, liked.text
        names: list[str] = []
        cursor: dict[str, str] = {}
        for _ in range(9):
            page = await on.get("/experiments", words="of-", limit=2, **cursor)
            names += [one["name"] for one in page["experiments"]]
            if page["next"] is None:
                break
            cursor = {"cursor": page["next"]}
        assert names[0] == "of-0"
        assert sorted(names) == ["of-0", "of-1", "of-2", "of-3"]
        run = server.as_admin("POST", "runs/create", {"experiment_id": ids[1]})
        renamed = {"experiment_id": ids[1], "new_name": "other"}
        server.as_admin("POST", "experiments/update", renamed)
        (row,) = (await on.get("/runs", experiment_name="other"))["runs"]
        assert (row["id"], row["experiment"]) == (run["run"]["info"]["run_id"], "other")
        server.as_admin("POST", "experiments/delete", {"experiment_id": ids[1]})
        await on.refused("/runs", 404, "experiment_not_found", experiment=ids[1])
        by = {"experiment": ids[1], "by": "params.lr"}
        await on.refused("/runs/groups", 404, "experiment_not_found", **by)
        await on.refused(f"/experiments/{ids[1]}", 404, "experiment_not_found")

    look(server, story)
