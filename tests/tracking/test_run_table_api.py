"""What a table of runs asks for besides rows: groups, lines for its cells, places far down."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Any

import pytest

from jupyter_mlops import paths
from jupyter_mlops.tracking import run_groups

from .mlops_looking import Looking, looking_at


def log_points(run_id: str, key: str, points: Iterable[tuple[int, int, float, int]]) -> None:
    """Points as (step, milliseconds, value, is_nan), as if a client had logged them."""
    connection = sqlite3.connect(paths.mlflow_dir() / "mlflow.db", timeout=30)
    with connection:
        connection.executemany(
            "INSERT INTO metrics (step, timestamp, value, is_nan, key, run_uuid)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            ((*point, key, run_id) for point in points),
        )
    connection.close()


def test_groups(logged: list[str]) -> None:
    """Counted, with what their metrics are: NaN left out, infinities in no mean."""

    async def story(on: Looking) -> None:
        found = await on.get(
            "/runs/groups", experiment_name="churn", by="params.model", metric=["acc", "val/loss"]
        )
        assert (found["by"], found["total"], found["cut"]) == ("params.model", 6, False)
        by_value = {one["value"]: one for one in found["groups"]}
        rows = (await on.get("/runs", experiment_name="churn"))["runs"]
        for value, group in by_value.items():
            members = [one for one in rows if one["params"].get("model") == value]
            assert group["count"] == len(members)
            assert sum(group["statuses"].values()) == len(members)
            assert group["last_started"] == max(one["started_at"] for one in members)
            numbers = [
                one["metrics"]["acc"]
                for one in members
                if isinstance(one["metrics"].get("acc"), float)
            ]
            told = group["metrics"].get("acc")
            if not numbers:
                assert told is None
                continue
            assert (told["count"], told["min"], told["max"]) == (
                len(numbers), min(numbers), max(numbers),
            )  # fmt: skip
            assert told["mean"] == pytest.approx(sum(numbers) / len(numbers))
        infinite = [
            told
            for group in found["groups"]
            if (told := group["metrics"].get("val/loss")) and told["max"] == "Infinity"
        ]
        assert infinite
        assert all(isinstance(told["mean"], float | None) for told in infinite)

    looking_at(story)


def test_a_group_holds_its_runs(logged: list[str]) -> None:
    """The runs of a group can be listed by themselves, those without the parameter too."""

    async def story(on: Looking) -> None:
        for by in ("params.model", "tags.odd.key", "attributes.status"):
            found = await on.get("/runs/groups", by=by, filter="metrics.acc > -1")
            every: list[str] = []
            for group in found["groups"]:
                given = {} if group["value"] is None else {"group": group["value"]}
                page = await on.get("/runs", filter="metrics.acc > -1", group_by=by, **given)
                assert page["total"] == group["count"]
                every += [one["id"] for one in page["runs"]]
            whole = await on.get("/runs", filter="metrics.acc > -1")
            assert sorted(every) == sorted(one["id"] for one in whole["runs"])
        await on.refused("/runs", 422, "invalid_input", group="x")
        await on.refused("/runs", 422, "invalid_input", group_by="metrics.acc", group="1")
        await on.refused("/runs", 422, "invalid_input", group_by="attributes.status")
        await on.refused("/runs/groups", 422, "invalid_input", by="attributes.start_time")
        await on.refused("/runs/groups", 422, "filter_invalid", by="params.lr", filter="a =")
        await on.refused("/runs/groups", 404, "experiment_not_found", by="params.lr", experiment=9)

    looking_at(story)


def test_the_order_of_groups(logged: list[str]) -> None:
    """By the best of a metric, either way; by their own values as people count; else newest."""

    async def story(on: Looking) -> None:
        async def values(**given: Any) -> list[str | None]:
            found = await on.get("/runs/groups", experiment_name="churn", metric="acc", **given)
            return [one["value"] for one in found["groups"]]

        async def best(order: str, extreme: str) -> list[float]:
            found = await on.get(
                "/runs/groups",
                experiment_name="churn",
                by="params.lr",
                metric="acc",
                order=order,
            )
            return [one["metrics"]["acc"][extreme] for one in found["groups"] if one["metrics"]]

        down, up = await best("metrics.acc:desc", "max"), await best("metrics.acc:asc", "min")
        assert down == sorted(down, reverse=True)
        assert up == sorted(up)
        ordered = await values(by="params.lr", order="params.lr:asc")
        known = [one for one in ordered if one is not None]
        assert known == sorted(known, key=float)
        assert ordered[len(known) :] in ([], [None])
        assert [
            one for one in await values(by="params.lr", order="params.lr:desc") if one is not None
        ] == known[::-1]
        found = await on.get("/runs/groups", by="attributes.status")
        starts = [one["last_started"] for one in found["groups"]]
        assert starts == sorted(starts, reverse=True)

    looking_at(story)


def test_more_groups_than_are_told(logged: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The largest are told, and that there are more."""
    monkeypatch.setattr(run_groups, "GROUPS_MOST", 1)

    async def story(on: Looking) -> None:
        found = await on.get("/runs/groups", by="attributes.status", metric="acc")
        assert found["cut"] is True
        assert [one["value"] for one in found["groups"]] == ["FINISHED"]

    looking_at(story)


def test_a_place_far_down(logged: list[str]) -> None:
    """Pages by offset are those that cursors lead to."""

    async def story(on: Looking) -> None:
        whole = await on.get("/runs", order="metrics.acc:desc")
        ids = [one["id"] for one in whole["runs"]]
        for offset in range(len(ids) + 2):
            page = await on.get("/runs", order="metrics.acc:desc", limit=2, offset=offset)
            assert [one["id"] for one in page["runs"]] == ids[offset : offset + 2]
            assert page["total"] == len(ids)
        first = await on.get("/runs", order="metrics.acc:desc", limit=2, offset=1)
        further = await on.get("/runs", order="metrics.acc:desc", limit=2, cursor=first["next"])
        assert [one["id"] for one in further["runs"]] == ids[3:5]
        await on.refused("/runs", 422, "invalid_input", cursor=first["next"], offset=1)

    looking_at(story)


def test_sparklines(logged: list[str]) -> None:
    """Few points keep their extremes, many are looked up at even distances; NaN is left out."""
    run_id = logged[0]
    log_points(run_id, "few", [(n, n, 9.0 if n == 50 else 1.0, int(n == 7)) for n in range(150)])
    log_points(run_id, "many", ((n * 3, n, float(n), 0) for n in range(20_000)))
    log_points(run_id, "stepless", ((0, 1000 * n, float(n), 0) for n in range(20)))
    log_points(run_id, "stepless/many", ((0, 1000 * n, float(n), 0) for n in range(1000)))
    log_points(run_id, "nan", ((n, n, 0.0, 1) for n in range(5)))

    async def story(on: Looking) -> None:
        keys = ["few", "many", "stepless", "stepless/many", "nan", "unheard of"]
        asked = {"run": [run_id, logged[1]], "key": keys, "points": 20}
        found = (await on.get("/sparklines", **asked))["sparklines"]
        lines = {one["key"]: one for one in found}
        assert len(found) == len(lines) == 4
        assert {one["run_id"] for one in found} == {run_id}
        for one in found:
            assert len(one["x"]) == len(one["y"]) <= 22
            assert one["x"] == sorted(one["x"])
        assert 9.0 in lines["few"]["y"]
        assert (lines["many"]["x"][0], lines["many"]["x"][-1]) == (0, 59_997)
        assert all(y * 3 == x for x, y in zip(lines["many"]["x"], lines["many"]["y"], strict=True))
        for key in ("stepless", "stepless/many"):
            assert lines[key]["x"] == lines[key]["y"]
        answer = await on.ask("GET", "/sparklines", params=asked)
        again = await on.ask(
            "GET", "/sparklines", params=asked, headers={"If-None-Match": answer.headers["ETag"]}
        )
        assert again.status_code == 304
        await on.refused("/sparklines", 404, "run_not_found", run="../x", key="few")
        many = {"run": [f"{n:032x}" for n in range(60)], "key": [str(n) for n in range(20)]}
        await on.refused("/sparklines", 422, "invalid_input", **many)
        assert (await on.get("/sparklines", run=["0" * 32], key="few"))["sparklines"] == []

    looking_at(story)
