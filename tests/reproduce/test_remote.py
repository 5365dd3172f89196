"""Runs at a real tracking server, reproduced."""

from __future__ import annotations

import json
import os
import shutil
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mlops_reproduced import LOG, Reproducing, notebook
from mlops_wire import TrackingServerProcess, serving

pytestmark = [pytest.mark.slow, pytest.mark.timeout(590)]


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, prepared_store: Path
) -> Iterator[TrackingServerProcess]:
    """One with an empty store."""
    with serving(TrackingServerProcess, tmp_path_factory, prepared_store) as found:
        yield found


def test_at_a_tracking_server(
    home: Path,
    daemon_process: Any,
    tmp_path: Path,
    server: TrackingServerProcess,
    monkeypatch: pytest.MonkeyPatch,
    steady_packages: None,
) -> None:
    """Facts and artifacts come from there, the badge goes there; what was changed is found out."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{server.port}")
    on = Reproducing(daemon_process.start(wait=60), tmp_path / "home")
    work = on.project(
        {
            "model.py": "SCALE = 2\n",
            "data.txt": "21",
            "train.ipynb": notebook(
                LOG + "import model\nmlops.log(a=model.SCALE * int(open('data.txt').read()))"
            ),
        }
    )
    run_id = on.ran(work / "train.ipynb")
    shutil.rmtree(work)
    found = on.reproduced(run_id)
    assert found["outcome"] == "reproduced", found
    asked = f"http://127.0.0.1:{server.port}/api/2.0/mlflow/runs/get?run_id={run_id}"
    with urllib.request.urlopen(asked, timeout=60) as answer:
        tags = {one["key"]: one["value"] for one in json.load(answer)["run"]["data"]["tags"]}
    assert tags["mlops.reproduction"] == "reproduced"
    assert tags["mlops.reproduction_run"] == found["new_run_id"]
    (artifacts,) = (server.log.parent / "artifacts").glob(f"*/{run_id}/artifacts/mlops")
    on.tamper(artifacts / "code.zip")
    found = on.reproduced(run_id)
    assert (found["outcome"], "mlops/code.zip was changed" in found["detail"]) == ("cannot", True)
    os.unlink(artifacts / "code.zip")
    found = on.reproduced(run_id)
    assert (found["outcome"], "mlops/code.zip is missing" in found["detail"]) == ("cannot", True), (
        found
    )
