"""docs/operating.md names every file of the data directory."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
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


@pytest.mark.skipif(shutil.which("sqlite3") is None, reason="needs the sqlite3 command")
def test_backup_and_restore_as_they_are_written(
    daemon: Any, home: Path, tmp_path: Path, make_notebook: Callable[..., Path]
) -> None:
    """Each line of them is typed: both copies bring back the job that a later time has lost."""
    notebook = make_notebook("print(1)")
    kept = daemon.client.submit({"notebook": str(notebook)})["id"]
    assert daemon.wait_for(kept)["state"] == "succeeded"
    while not daemon.client.job(kept)["tracking"]["synced"]:
        time.sleep(0.1)
    stopped, live = commands("Backup")
    (restore,) = commands("Restore")

    def restored(script: str) -> None:
        daemon.client.delete(kept)
        lost = daemon.client.submit({"notebook": str(notebook)})["id"]
        assert daemon.wait_for(lost)["state"] == "succeeded"
        type_in(script, home, tmp_path)
        assert [job["id"] for job in daemon.client.jobs()["jobs"]] == [kept]
        assert daemon.client.notebook(kept)["cells"][0]["execution_count"] == 1
        again = daemon.client.rerun(kept)["id"]
        assert daemon.wait_for(again)["state"] == "succeeded"
        daemon.client.delete(again)
        shutil.rmtree(home.with_name("data.before"))

    type_in(live, home, tmp_path)
    type_in(stopped, home, tmp_path)
    restored(restore)
    restored(restore.replace("/backup/mlops", "/backup/live"))


def commands(section: str) -> list[str]:
    """The blocks of a section that an operator types."""
    return re.findall(r"^```sh\n(.*?)^```", sections(NAME)[section], flags=re.MULTILINE | re.DOTALL)


def type_in(script: str, home: Path, tmp_path: Path) -> None:
    """Run it in a shell, with this test's directories; the first line that fails ends it."""
    here = script.replace("~/.local/share/jupyter/mlops", str(home))
    here = here.replace("/backup", str(tmp_path / "backup"))
    here = here.replace("jupyter mlops", f"{sys.executable} -m jupyter_mlops.cli")
    ran = subprocess.run(["sh", "-eux"], input=here, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
