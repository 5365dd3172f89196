"""Reports as the API makes them: of runs in the embedded store, read by others' tools."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import subprocess
from pathlib import Path
from typing import Any

import nbformat
import pytest

from jupyter_mlops import paths
from jupyter_mlops.tracking.reporting import Reports
from jupyter_mlops.tracking.run_reader import NoReader

from .mlops_looking import Looking, looking_at

#: Names that a browser would act on, and a page that nobody may be asked for.
EVIL = "<img src=https://evil.example/a.png onerror=alert(1)>"
NOTE = f"It went **well**. ![p](https://evil.example/b.png) {EVIL} <script>alert(1)</script>"


def write(*changes: tuple[str, tuple[Any, ...]]) -> None:
    """Change the store as somebody else would, at once."""
    connection = sqlite3.connect(paths.mlflow_dir() / "mlflow.db", timeout=30)
    with connection:
        for question, values in changes:
            connection.execute(question, values)
    connection.close()


@pytest.fixture
def told(logged: list[str]) -> list[str]:
    """The store's runs; the first ones have points, facts, hostile names and notes."""
    point = (
        "INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan)"
        " VALUES ('acc', ?, ?, ?, ?, 0)"
    )
    tag = "INSERT OR REPLACE INTO tags (key, value, run_uuid) VALUES (?, ?, ?)"
    write(
        *(
            (point, (step / 500, step, run_id, step + 10))
            for run_id in logged[:2]
            for step in range(500)
        ),
        *((tag, ("mlflow.note.content", NOTE, run_id)) for run_id in logged[:2]),
        ("UPDATE runs SET name = ? WHERE run_uuid = ?", (EVIL, logged[0])),
        (tag, ("mlops.reproducible", "no", logged[0])),
    )
    facts = paths.mlflow_dir() / "artifacts" / "1" / logged[0] / "artifacts" / "mlops"
    facts.mkdir(parents=True)
    (facts / "facts.json").write_text(
        json.dumps(
            {
                "python": {"version": "3.11.7"},
                "machine": {"cpu": "a processor", "cpus": 8, "memory": 2**34, "gpus": []},
                "packages": {"count": 87, "sha256": "ab" * 32},
                "lacks": [{"code": "no_seed"}, {"code": "no_seed"}, {"code": "data_unversioned"}],
            }
        )
    )
    return logged


async def report(on: Looking, ids: list[str], **more: Any) -> dict[str, Any]:
    """What is answered; it has to be."""
    answer = await on.ask("POST", "/reports", json={"runs": ids, **more})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def shown(notebook: str) -> dict[tuple[str, str], dict[str, Any]]:
    """The data of every output, by what it shows."""
    found = {}
    for cell in json.loads(notebook)["cells"]:
        if cell["cell_type"] == "code":
            found[tuple(cell["metadata"]["mlops"]["shows"])] = cell["outputs"][0]["data"]
    return found


def test_a_report_on_runs(told: list[str]) -> None:
    """A valid notebook with what is known of the runs, and the same again."""

    async def story(on: Looking) -> None:
        found = await report(on, told[:3], title="Churn / 2026")
        assert (found["name"], found["html"]) == ("report-Churn-2026", None)
        document = nbformat.reads(found["notebook"], as_version=4)
        nbformat.validate(document)
        cells = shown(found["notebook"])
        assert [key for key in cells if key[0] == "chart"] == [("chart", "acc")]
        assert "lacks no_seed, data_unversioned" in cells["runs", ""]["text/html"]
        ran_on = cells["table", "ran_on"]["text/plain"]
        assert re.search(r"python +3\.11\.7", ran_on)
        assert "16.0 GiB" in ran_on
        metrics = cells["table", "metrics"]["text/html"]
        assert "Infinity" in metrics
        assert "NaN" in metrics
        assert EVIL not in found["notebook"].replace("\\", "")
        again = await report(on, told[:3], title="Churn / 2026")
        differing = [
            one
            for one, other in zip(
                found["notebook"].splitlines(), again["notebook"].splitlines(), strict=True
            )
            if one != other
        ]
        assert all("Made by" in one for one in differing)
        plain = await report(on, told[:3], metrics=["val/loss", "no such"])
        assert [key[1] for key in shown(plain["notebook"]) if key[0] == "chart"] == ["val/loss"]
        assert plain["left_out"] == ["No run has points of no such."]
        assert plain["title"] == "churn"
        alone = await report(on, [told[4]])
        assert ("table", "ran_on") not in shown(alone["notebook"])

    looking_at(story)


def test_what_is_refused(told: list[str]) -> None:
    """No runs, too many, none that is there, no ids."""

    async def story(on: Looking) -> None:
        for body, status in (
            ({"runs": []}, 422),
            ({"runs": [told[0]] * 51}, 422),
            ({"runs": ["../x"]}, 422),
            ({"runs": [told[0]], "metrics": [""]}, 422),
            ({"runs": [told[0]], "output": "/etc/passwd"}, 422),
            ({"runs": ["0" * 32]}, 404),
        ):
            answer = await on.ask("POST", "/reports", json=body)
            assert answer.status_code == status, answer.text

    looking_at(story)


def test_its_page_and_other_readers(told: list[str], tmp_path: Path) -> None:
    """One file without a script; in nbconvert's page too nothing hostile is left, and a picture
    of each chart.
    """

    async def story(on: Looking) -> dict[str, Any]:
        return await report(on, told[:2], html=True)

    found: dict[str, Any] = looking_at(story)
    page = found["html"]
    assert "<script" not in page
    assert page.count("<h1") == 1
    assert page.count('src="data:image/svg+xml;base64,') == 1
    assert "img-src data:;" in page
    from nbconvert import HTMLExporter

    exported, _ = HTMLExporter(template_name="lab").from_notebook_node(
        nbformat.reads(found["notebook"], as_version=4)
    )
    body = exported.split("<body", 1)[1]
    assert "evil.example/a.png onerror" not in re.sub(r"&lt;.*?&gt;", "", body)
    assert not re.search(r"<img[^>]+evil", body)
    assert "alert(1)</script>" not in body
    assert "<svg" in body or "data:image/svg+xml" in body


@pytest.mark.slow
def test_a_browser_asks_nobody(told: list[str], tmp_path: Path) -> None:
    """A real one, from disk: what it asks the network for is in its own log."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("there is no Chromium")

    async def story(on: Looking) -> dict[str, Any]:
        return await report(on, told[:2], html=True)

    page, log = tmp_path / "report.html", tmp_path / "net.json"
    page.write_text(looking_at(story)["html"], "utf-8")
    done = subprocess.run(
        [
            chromium, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            f"--user-data-dir={tmp_path / 'profile'}", f"--log-net-log={log}",
            "--virtual-time-budget=3000", "--dump-dom", page.as_uri(),
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    )  # fmt: skip
    assert "alert(1)" in done.stdout  # as text
    assert "val/loss" in done.stdout
    asked = set(re.findall(r'"url":"(https?://[^/"]+)', log.read_text()))
    assert not {one for one in asked if "google" not in one}, asked
    assert "evil.example" not in log.read_text()


def test_links_to_a_tracking_server() -> None:
    """To a run's page there; none where there are no pages."""
    from jupyter_mlops.errors import MlopsError
    from jupyter_mlops.tracking.run_record import RunStatus
    from jupyter_mlops.tracking.run_views import RunDetail, RunRow

    row = RunRow(
        id="ab" * 16, name="r", status=RunStatus.FINISHED, experiment_id="4/../x", experiment="e",
        params={}, metrics={}, tags={}, own_tags={},
    )  # fmt: skip
    detail = RunDetail(
        run=row, artifact_uri="", deleted=False, note_version="", metrics=[], datasets=[],
        children=[],
    )  # fmt: skip
    nobody = NoReader(MlopsError("nowhere"))
    found = Reports(nobody, "https://mlflow.example.org/")._link(detail)
    assert found == f"https://mlflow.example.org/#/experiments/4%2F..%2Fx/runs/{'ab' * 16}"
    assert Reports(nobody)._link(detail) == ""
