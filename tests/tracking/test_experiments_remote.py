"""The same questions to a real tracking server over HTTP, with names and passwords on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlops.tracking.remote_process import problem

from .mlops_looking import Looking, looking_at
from .mlops_wire import TrackingServerProcess, serving

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, logged_store: tuple[Path, list[str]]
) -> Iterator[TrackingServerProcess]:
    """One that has the runs of `mlops_logged`."""
    with serving(TrackingServerProcess, tmp_path_factory, logged_store[0]) as found:
        yield found


def look(server: TrackingServerProcess, story: Any) -> None:
    """Run a story with the daemon's API in front of the server."""
    uri = f"http://127.0.0.1:{server.port}"
    looking_at(story, {"MLFLOW_TRACKING_URI": uri, "MLFLOW_DISABLE_TELEMETRY": "true"}, 250)


def test_lists(
    home: Path, server: TrackingServerProcess, logged_store: tuple[Path, list[str]]
) -> None:
    """Experiments and runs page by page, by filter, words and order, as from the embedded store."""
    ids = logged_store[1]

    async def story(on: Looking) -> None:
        found = await on.get("/experiments", words="chu")
        assert [(one["name"], one["counts"]) for one in found["experiments"]] == [("churn", {})]
        assert found["total"] == 1
        # One page of its runs tells how many there are.
        churn = await on.get(f"/experiments/{found['experiments'][0]['id']}")
        assert churn["counts"] == {"FINISHED": 3, "FAILED": 1, "KILLED": 1, "RUNNING": 1}
        names: list[str] = []
        totals: list[int | None] = []
        cursor = None
        for _ in range(9):
            given = {} if cursor is None else {"cursor": cursor}
            page = await on.get(
                "/runs", experiment_name="churn", order="metrics.acc:desc", limit=2, **given
            )
            names += [one["name"] for one in page["runs"]]
            totals.append(page["total"])
            cursor = page["next"]
            if cursor is None:
                break
        assert names == ["epsilon", "alpha", "gamma", "Beta_1", "서울 실험", "beta%2"]
        assert set(totals) == {6}
        found = await on.get(
            "/runs",
            filter="BETA metrics.`val/loss` > 1000",
            columns=["metrics.val/loss", "params.lr"],
        )
        (row,) = found["runs"]
        assert (row["id"], row["experiment"]) == (ids[1], "churn")
        assert (row["metrics"], row["params"]) == ({"val/loss": "Infinity"}, {"lr": "0.01"})
        assert (row["tags"], found["words_in"]) == ({}, ["name"])
        by_prefix = await on.get("/runs", id=ids[2][:10])
        assert [one["id"] for one in by_prefix["runs"]] == [ids[2]]
        await on.refused("/runs", 422, "filter_invalid", filter="metrics.acc >")
        refusal = await on.refused("/runs", 422, "invalid_input", filter="status IN ('FAILED')")
        assert "run_id" in refusal["detail"]
        await on.refused("/runs", 404, "experiment_not_found", experiment_name="no such")
        columns = await on.get("/runs/columns", experiment_name="churn", words="l")
        assert columns["metrics"] == ["val/loss"]
        answer = await on.ask("GET", "/runs")
        known = {"If-None-Match": answer.headers["etag"]}
        again = await on.ask("GET", "/runs", headers=known)
        assert (again.status_code, again.content) == (304, b"")
        changed = await on.ask("PATCH", f"/runs/{ids[3]}", json={"favourite": True})
        assert changed.status_code == 200, changed.text
        new = await on.ask("GET", "/runs", headers=known)
        assert new.status_code == 200
        assert new.headers["etag"] != answer.headers["etag"]
        await on.ask("PATCH", f"/runs/{ids[3]}", json={"favourite": False})

    look(server, story)


def test_one_run_and_its_points(
    home: Path, server: TrackingServerProcess, logged_store: tuple[Path, list[str]]
) -> None:
    """A run, its points, where it differs from another; what isn't there is told as such."""
    ids = logged_store[1]

    async def story(on: Looking) -> None:
        found = await on.get(f"/runs/{ids[0]}")
        assert found["run"]["job_id"] == "0123456789ab"
        assert found["children"] == [ids[1]]
        assert [(one["key"], one["last"], one["step"]) for one in found["metrics"]] == [
            ("acc", 0.9, 3),
            ("val/loss", 0.3, 3),
        ]
        assert found["datasets"][0]["context"] == "training"
        points = await on.get("/metrics", run=ids[:3], key=["acc", "val/loss"], axis="relative")
        assert [one["y"] for one in points["series"]] == [
            [0.9], [0.3], [0.5], ["Infinity"], [], ["-Infinity"],
        ]  # fmt: skip
        assert points["series"][0]["x"] == [0.5]
        assert points["series"][4]["nan"] == 1
        assert points["series"][0]["exact"] is True
        none = await on.get("/metrics", run=ids[0], key="acc", **{"from": 4, "to": 9})
        assert none["series"][0]["total"] == 0
        differing = await on.get("/runs/compare", run=ids[:2])
        assert {one["key"] for one in differing["params"]} == {"batch size", "lr", "model"}
        assert differing["packages_known"] == [False, False]
        await on.refused(f"/runs/{'0' * 32}", 404, "run_not_found")

    look(server, story)


def test_many_points(
    home: Path,
    server: TrackingServerProcess,
    logged_store: tuple[Path, list[str]],
    mlflow_script: Any,
) -> None:
    """What a server thins out is told as such, and never asked for whole."""
    ids = logged_store[1]
    mlflow_script(
        "from mlflow import MlflowClient\n"
        "from mlflow.entities import Metric\n"
        f"client = MlflowClient('http://127.0.0.1:{server.port}')\n"
        "for start in range(0, 5000, 1000):\n"
        "    some = [Metric('many', float(n), n, n) for n in range(start, start + 1000)]\n"
        f"    client.log_batch({ids[3]!r}, metrics=some)\n"
    )

    async def story(on: Looking) -> None:
        found = await on.get("/metrics", run=ids[3], key="many", points=500)
        (series,) = found["series"]
        assert series["exact"] is False
        assert 400 < len(series["x"]) <= 502
        assert (series["x"][0], series["x"][-1]) == (0.0, 4999.0)
        close = await on.get(
            "/metrics", run=ids[3], key="many", points=500, **{"from": 1000, "to": 1099}
        )
        assert close["series"][0]["x"] == [float(n) for n in range(1000, 1100)]
        assert close["series"][0]["exact"] is True

    look(server, story)


def test_changes_and_artifacts(
    home: Path,
    server: TrackingServerProcess,
    logged_store: tuple[Path, list[str]],
    mlflow_script: Any,
) -> None:
    """Notes are kept from being overwritten; artifacts come through the server, sandboxed."""
    ids = logged_store[1]
    mlflow_script(
        "import pathlib, tempfile\n"
        "from mlflow import MlflowClient\n"
        f"client = MlflowClient('http://127.0.0.1:{server.port}')\n"
        "path = pathlib.Path(tempfile.mkdtemp()) / 'page.html'\n"
        "path.write_text('<b>hello</b>')\n"
        f"client.log_artifact({ids[0]!r}, str(path), 'reports')\n"
    )

    async def story(on: Looking) -> None:
        run = f"/runs/{ids[0]}"
        version = (await on.get(run))["note_version"]
        body = {"note": "mine", "note_version": version, "name": "new", "tags": {"team": None}}
        answer = await on.ask("PATCH", run, json=body)
        assert answer.status_code == 200, answer.text
        found = answer.json()["run"]
        assert (found["name"], found["note"]) == ("new", "mine")
        assert "team" not in found["tags"]
        other = await on.ask("PATCH", run, json={"note": "theirs", "note_version": version})
        assert (other.status_code, other.json()["problems"][0]["note"]) == (409, "mine")
        experiment = found["experiment_id"]
        changed = await on.ask("PATCH", f"/experiments/{experiment}", json={"favourite": True})
        assert changed.json()["favourite"] is True
        listed = await on.get(f"{run}/artifacts")
        assert [(one["path"], one["directory"]) for one in listed["artifacts"]] == [
            ("reports", True)
        ]
        inner = await on.get(f"{run}/artifacts", path="reports")
        assert inner["artifacts"][0]["path"] == "reports/page.html"
        page = await on.ask("GET", f"{run}/artifacts/content?path=reports/page.html")
        assert page.text == "<b>hello</b>"
        assert page.headers["content-security-policy"].startswith("sandbox")
        for path in ("../x", "/etc/passwd"):
            await on.refused(f"{run}/artifacts/content", 422, "invalid_input", path=path)
        await on.refused(f"{run}/artifacts/content", 404, "artifact_not_found", path="reports/no")

    look(server, story)


def test_a_server_that_is_away(home: Path) -> None:
    """A server that isn't there is told of as such, credentials left out."""

    async def story(on: Looking) -> None:
        refusal = await on.refused("/runs", 502, "tracking_unreachable")
        assert "secret" not in str(refusal)

    environment = {
        "MLFLOW_TRACKING_URI": "http://me:secret@127.0.0.1:9",
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    }
    looking_at(story, environment)


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("RESOURCE_DOES_NOT_EXIST", 404),
        ("INVALID_PARAMETER_VALUE", 422),
        ("PERMISSION_DENIED", 403),
        ("INTERNAL_ERROR", 502),
    ],
)
def test_refusals_of_a_server(code: str, status: int) -> None:
    """What a server refuses is told as what it is; passwords in its words are left out."""

    class Raised(Exception):
        error_code = code

    said = problem(Raised("no, not with http://me:hidden@host"), {})
    assert said.http_status == status
    assert "hidden" not in said.detail
