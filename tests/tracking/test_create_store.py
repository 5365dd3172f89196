"""The embedded store is made by MLflow itself, once, and is whole whatever happens meanwhile."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlops.tracking.schema import KNOWN_REVISIONS, revision_of

#: The last revision of MLflow 3.0: far enough back for an upgrade to have something to do.
_OLDER = "400f98739977"


def prepare(directory: Path, **environment: str) -> subprocess.Popen[bytes]:
    """The process that prepares the store."""
    return subprocess.Popen(
        [sys.executable, "-m", "jupyter_mlops.tracking.create_store", str(directory)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)} | environment,
    )


def answer(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    """What it says in the end."""
    output, errors = process.communicate(timeout=110)
    assert output, errors.decode()[-2000:]
    return dict(json.loads(output))


def rows(database: Path, question: str) -> list[Any]:
    """Rows of a store."""
    connection = sqlite3.connect(database)
    try:
        return connection.execute(question).fetchall()
    finally:
        connection.close()


def test_the_store_is_private_whole_and_known(prepared_store: Path) -> None:
    """WAL, a schema that we write by SQL, and nothing that others could read."""
    database = prepared_store / "mlflow.db"
    connection = sqlite3.connect(database)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert revision_of(connection) in KNOWN_REVISIONS, "a new MLflow: look at its tables first"
    connection.close()
    assert rows(database, "SELECT experiment_id, name, artifact_location FROM experiments") == [
        (0, "Default", "mlflow-artifacts:/0")
    ]
    for path in (prepared_store, prepared_store / "artifacts", database):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0
    assert [path.name for path in prepared_store.glob(".*")] == []


def test_f28_a_killed_creation_never_leaves_a_broken_store(tmp_path: Path) -> None:
    """Killed at several moments, then let go through: there is no store, or a whole one."""
    directory = tmp_path / "mlflow"
    moment = 0.2
    for _ in range(4):
        process = prepare(directory)
        time.sleep(moment)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        moment *= 2.2
        database = directory / "mlflow.db"
        if database.exists():
            assert rows(database, "PRAGMA integrity_check") == [("ok",)]
            assert rows(database, "SELECT name FROM experiments") == [("Default",)]
    assert "error" not in answer(prepare(directory))
    assert rows(directory / "mlflow.db", "SELECT name FROM experiments") == [("Default",)]


def test_f38_many_at_once_make_one_store(prepared_store: Path, tmp_path: Path) -> None:
    """Two that find no store, and one later: nobody breaks what another has made."""
    directory = tmp_path / "mlflow"
    both = [prepare(directory), prepare(directory)]
    found = [answer(one) for one in both]
    assert found[0] == found[1] == json.loads((prepared_store / "store.json").read_text())
    assert rows(directory / "mlflow.db", "PRAGMA integrity_check") == [("ok",)]


def test_f27_an_older_store_is_backed_up_and_upgraded(tmp_path: Path) -> None:
    """MLflow's own upgrade, on a copy; what was in the store is there afterwards."""
    directory = tmp_path / "mlflow"
    directory.mkdir(mode=0o700)
    database = directory / "mlflow.db"
    script = f"""
import sqlalchemy
from alembic import command
import mlflow.store.db.utils as u
from mlflow.store.tracking.dbmodels.initial_models import Base
engine = sqlalchemy.create_engine("sqlite:///{database}")
Base.metadata.create_all(engine)
config = u._get_alembic_config("sqlite:///{database}")
with engine.begin() as connection:
    config.attributes["connection"] = connection
    command.upgrade(config, "{_OLDER}")
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", script], check=True, timeout=100)
    connection = sqlite3.connect(database)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(
        "INSERT INTO experiments (experiment_id, name, artifact_location, lifecycle_stage)"
        " VALUES (7, 'precious', 'mlflow-artifacts:/7', 'active')"
    )
    connection.commit()
    connection.close()
    assert answer(prepare(directory))["revision"] in KNOWN_REVISIONS
    assert ("precious",) in rows(database, "SELECT name FROM experiments")
    (backup,) = directory.glob("mlflow.db.*.backup")
    assert _OLDER in backup.name
    assert rows(backup, "SELECT version_num FROM alembic_version") == [(_OLDER,)]
    assert rows(backup, "SELECT name FROM experiments WHERE experiment_id = 7") == [("precious",)]


def test_f27_a_newer_store_is_left_untouched(prepared_store: Path, tmp_path: Path) -> None:
    """The error says what to do; not a byte of the store changes."""
    directory = tmp_path / "mlflow"
    shutil.copytree(prepared_store, directory)
    database = directory / "mlflow.db"
    connection = sqlite3.connect(database)
    connection.execute("UPDATE alembic_version SET version_num = 'ffffffffffff'")
    connection.commit()
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    before = database.read_bytes()
    error = answer(prepare(directory))["error"]
    assert error["code"] == "tracking_store_newer"
    assert "pip install -U mlflow" in error["hint"]
    assert str(database) in error["detail"]
    assert database.read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"SQLite format 3\0" + b"\xff" * 5000, b"hello" * 1000])
def test_f26_a_corrupt_store_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    """Never silently replaced by an empty one."""
    directory = tmp_path / "mlflow"
    directory.mkdir(mode=0o700)
    database = directory / "mlflow.db"
    database.write_bytes(content)
    error = answer(prepare(directory))["error"]
    assert error["code"] == "tracking_store_unusable"
    assert str(database) in error["detail"]
    assert database.read_bytes() == content
