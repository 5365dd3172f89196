"""docs/operating.md names every file of the data directory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mlops_documents import first_column, sections

from jupyter_mlops import paths
from jupyter_mlops.settings import Settings, settings_file

NAME = "operating.md"


def test_what_a_job_leaves_in_the_data_directory(
    daemon: Any, home: Path, make_notebook: Callable[..., Path]
) -> None:
    """Everything that is there after a job has run is in the table."""
    job = daemon.client.submit({"notebook": str(make_notebook("print(1)"))})
    assert daemon.wait_for(job["id"])["state"] == "succeeded"
    documented = {name.rstrip("/") for name in first_column(sections(NAME)["The data directory"])}
    # SQLite's own files beside a store, and the test's.
    extra = ("-wal", "-shm", "daemon.stderr")
    found = {path.name for path in home.iterdir() if not path.name.endswith(extra)}
    assert {"jobs.db", "jobs", "mlflow", "daemon.log", "daemon.lock"} <= found
    assert found <= documented


@pytest.mark.usefixtures("home")
def test_names_are_those_of_the_code() -> None:
    """And the daemon's patience."""
    documented = {name.rstrip("/") for name in first_column(sections(NAME)["The data directory"])}
    for path in (
        settings_file(),
        paths.store_file(),
        paths.daemon_log(),
        paths.daemon_record(),
        paths.daemon_lock(),
        paths.mlflow_dir(),
        paths.job_dir("0").parent,
    ):
        assert path.name in documented
    assert f"after {Settings().idle_timeout / 60:.0f} minutes" in sections(NAME)["The daemon"]
