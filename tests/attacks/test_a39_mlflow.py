"""The real MLflow behind the real forwarder: its page works, what others made can't act."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest

EVIL = "<script>parent.postMessage(document.cookie, '*')</script>"


@pytest.fixture(scope="module")
def evil_run(running_site: Any) -> str:
    """A run of a job that logged a page as an artifact and markup as everything else."""
    source = (
        "import mlflow\n"
        f"evil = {EVIL!r}\n"
        "mlflow.log_text(evil, 'evil.html')\n"
        "mlflow.log_text('<svg xmlns=\"http://www.w3.org/2000/svg\"><script/></svg>', 'evil.svg')\n"
        "mlflow.set_tag('evil', evil)\n"
        "mlflow.log_param('evil', evil)\n"
    )
    job = running_site.run(source, name=EVIL, tags={"t": EVIL})
    assert job["state"] == "succeeded", job["failure"]
    deadline = time.monotonic() + 60
    while not job["tracking"]["synced"]:
        assert time.monotonic() < deadline, job["tracking"]
        time.sleep(0.1)
        job = running_site.ask("GET", f"api/v1/jobs/{job['id']}").json()
    return str(job["tracking"]["run_id"])


def test_mlflows_page_and_all_that_it_loads(site: Any) -> None:
    """Come through, with types that `nosniff` accepts."""
    page = site.ask("GET", "mlflow/", timeout=100)
    assert page.status == 200
    assert page.headers["content-type"].startswith("text/html")
    loaded = re.findall(r'(?:src|href)="\.?/?([^"]+)"', page.body.decode())
    assert [name for name in loaded if name.endswith(".js")]
    for name in loaded:
        found = site.ask("GET", f"mlflow/{name}")
        assert found.status == 200, name
        assert found.body
        assert "sandbox" not in found.headers["content-security-policy"]
        if name.endswith(".js"):
            assert found.headers["content-type"].startswith("text/javascript")


def test_its_front_end_can_ask(site: Any, evil_run: str) -> None:
    """With the browser's cookies and no XSRF token, as its own scripts do."""
    headers = site.jupyter.login() | {
        "Sec-Fetch-Site": "same-origin",
        "Content-Type": "application/json",
    }
    found = site.ask(
        "POST",
        "mlflow/ajax-api/2.0/mlflow/experiments/search",
        body=json.dumps({"max_results": 10}).encode(),
        headers=headers,
        token=False,
    )
    assert found.status == 200
    assert found.json()["experiments"]
    run = site.ask("GET", f"mlflow/ajax-api/2.0/mlflow/runs/get?run_id={evil_run}")
    assert run.json()["run"]["info"]["run_id"] == evil_run


@pytest.mark.parametrize("name", ["evil.html", "evil.svg"])
def test_a39_artifacts_are_downloads(site: Any, evil_run: str, name: str) -> None:
    """Opened by themselves, they have no origin and no scripts."""
    found = site.ask("GET", f"mlflow/get-artifact?path={name}&run_uuid={evil_run}")
    assert found.status == 200, found
    assert b"script" in found.body
    assert found.headers["content-disposition"].startswith("attachment")
    assert "sandbox" in found.headers["content-security-policy"].split("; ")
    assert found.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path", ["../../../mlflow.db", "/etc/passwd", "..%2f..%2fmlflow.db", "%252e%252e/mlflow.db"]
)
def test_a12_no_artifact_lies_outside(site: Any, evil_run: str, path: str) -> None:
    """Neither for us nor for MLflow."""
    found = site.ask("GET", f"mlflow/get-artifact?path={path}&run_uuid={evil_run}")
    assert 400 <= found.status < 500, found
    assert b"SQLite" not in found.body
    assert b"root:" not in found.body


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("experiments/create", {"name": "evil-1", "artifact_location": "file:///etc"}),
        ("experiments/create", {"name": "evil-2", "artifact_location": "/etc"}),
        ("registered-models/create", {"name": "m", "source": "file:///etc"}),
    ],
)
def test_a41_nobody_moves_artifacts_elsewhere(site: Any, path: str, body: dict[str, Any]) -> None:
    """What is served as an artifact lies in our own store, whatever a request says."""
    made = site.ask("POST", f"mlflow/ajax-api/2.0/mlflow/{path}", body=body)
    if made.status != 200:
        assert 400 <= made.status < 500
        return
    experiment = made.json().get("experiment_id")
    if experiment is None:
        return
    run = site.ask(
        "POST", "mlflow/ajax-api/2.0/mlflow/runs/create", body={"experiment_id": experiment}
    ).json()["run"]["info"]["run_id"]
    found = site.ask("GET", f"mlflow/get-artifact?path=passwd&run_uuid={run}")
    assert b"root:" not in found.body
    nested = site.ask("GET", f"mlflow/get-artifact?path={run}/artifacts/passwd&run_uuid={run}")
    assert b"root:" not in nested.body
