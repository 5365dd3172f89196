"""`python -m jupyter_mlops.tracking.create_store DIRECTORY`: make the embedded store usable.

MLflow itself creates it, or brings it to the schema of the installed MLflow; in a process of its
own, since that needs MLflow's imports and takes seconds. Whatever moment it is killed at, the
store is there whole or as it was before: the work is done on a file beside it, which then takes
its place. MLflow's private functions are what `mlflow db upgrade` calls; a test holds them.

Prints one JSON line: `{"revision": …, "mlflow": …}` or `{"error": {problem document}}`.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import sqlite3
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jupyter_mlops.errors import MlopsError, StoreFull, StoreUnusable
from jupyter_mlops.paths import private_dir
from jupyter_mlops.tracking.schema import revision_of

DATABASE = "mlflow.db"
ARTIFACTS = "artifacts"
#: What the store was checked with last: `{"mlflow": version, "revision": …}`.
RECORD = "store.json"
_NEW = ".mlflow.db.new"


def prepare(directory: Path) -> dict[str, str]:
    """Create the store in `directory`, or bring it up to date; what it is then.

    Raises:
        StoreUnusable: corrupt, or from a newer MLflow; it is left as it is.
        StoreFull: no room.
    """
    private_dir(directory)
    private_dir(directory / ARTIFACTS)
    with _lock(directory / "lock"):
        database, new = directory / DATABASE, directory / _NEW
        for leftover in (new, *_companions(new)):
            leftover.unlink(missing_ok=True)
        if not database.exists():
            _create(new)
            _replace(new, database)
        elif (found := _checked_revision(database)) != (wanted := _latest_revision()):
            _upgrade(database, new, found, wanted)
        record = {"mlflow": installed_mlflow(), "revision": _checked_revision(database)}
        _write_record(directory / RECORD, record)
        return record


def installed_mlflow() -> str:
    """The version of the installed MLflow, without importing it."""
    from importlib.metadata import version

    return version("mlflow")


def _create(new: Path) -> None:
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    from jupyter_mlops.tracking.sql import ARTIFACT_ROOT

    descriptor = os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    os.close(descriptor)
    _without_syncs()
    store = SqlAlchemyStore(f"sqlite:///{new}", ARTIFACT_ROOT)  # type: ignore[no-untyped-call]
    store.engine.dispose()


def _without_syncs() -> None:
    """Nobody needs the unfinished file after a crash: it is synced once, when it is whole."""
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    def fast(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("PRAGMA synchronous = OFF")

    event.listen(Engine, "connect", fast)


def _upgrade(database: Path, new: Path, found: str, wanted: str) -> None:
    from alembic.script import ScriptDirectory
    from alembic.util.exc import CommandError
    from mlflow.store.db.utils import (
        _get_alembic_config,
        _upgrade_db,
        create_sqlalchemy_engine_with_retry,
    )

    config = _get_alembic_config("")  # type: ignore[no-untyped-call]
    script = ScriptDirectory.from_config(config)
    try:
        known = script.get_revision(found)
    except CommandError:
        known = None
    if known is None:
        raise StoreUnusable(
            f"The MLflow store {database} was made by a newer MLflow (schema {found}; the "
            f"installed one, {installed_mlflow()}, has {wanted}).",
            hint="Upgrade MLflow: pip install -U mlflow",
            code="tracking_store_newer",
        )
    with (
        contextlib.closing(_open(database)) as source,
        contextlib.closing(sqlite3.connect(new)) as target,
    ):
        source.backup(target)
    new.chmod(0o600)
    _without_syncs()
    engine = create_sqlalchemy_engine_with_retry(f"sqlite:///{new}")  # type: ignore[no-untyped-call]
    _upgrade_db(engine)  # type: ignore[no-untyped-call]
    engine.dispose()
    # Nothing of the old log may be left: it would be taken for the new file's.
    with contextlib.closing(_open(database)) as old:
        old.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        old.execute("PRAGMA journal_mode = DELETE").fetchone()
    backup = database.with_name(f"{DATABASE}.{found}-{time.strftime('%Y%m%d-%H%M%S')}.backup")
    os.link(database, backup)
    _replace(new, database)


def _replace(new: Path, database: Path) -> None:
    """Put the finished file into its place, so that it is there whole after any crash."""
    with contextlib.closing(_open(new)) as finished:
        finished.execute("PRAGMA journal_mode = WAL").fetchone()
        finished.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for companion in _companions(new):
        companion.unlink(missing_ok=True)
    _sync(new)
    os.replace(new, database)
    _sync(database.parent)


def _checked_revision(database: Path) -> str:
    with contextlib.closing(_open(database)) as connection:
        try:
            problem = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            revision = revision_of(connection)
        except sqlite3.DatabaseError as error:
            problem, revision = str(error), None
    if problem != "ok" or revision is None:
        what = problem if problem != "ok" else "it isn't one of MLflow's"
        raise StoreUnusable(
            f"The MLflow store {database} can't be used: {what}.",
            hint="Restore it from a backup beside it, or move it away to begin a new one.",
            code="tracking_store_unusable",
        )
    return revision


def _latest_revision() -> str:
    from mlflow.store.db.utils import _get_latest_schema_revision

    return str(_get_latest_schema_revision())  # type: ignore[no-untyped-call]


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, isolation_level=None, timeout=20.0)


def _companions(path: Path) -> list[Path]:
    return [path.with_name(path.name + suffix) for suffix in ("-wal", "-shm", "-journal")]


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _write_record(path: Path, record: dict[str, str]) -> None:
    new = path.with_name(f".{path.name}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        json.dump(record, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, path)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def main(directory: str) -> int:
    """Prepare the store in `directory` and say so on stdout; returns the exit code."""
    os.umask(0o077)
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    answer: dict[str, Any]
    try:
        answer = dict(prepare(Path(directory)))
    except MlopsError as error:
        answer = {"error": error.to_problem()}
    except OSError as error:
        full = error.errno == 28
        kind = StoreFull if full else StoreUnusable
        answer = {
            "error": kind(
                f"The MLflow store in {directory} can't be prepared: {error.strerror or error}.",
                hint="Free some space." if full else "Check the directory.",
            ).to_problem()
        }
    except Exception as error:  # noqa: BLE001 - MLflow's and SQLAlchemy's own, of any kind
        answer = {
            "error": StoreUnusable(
                f"MLflow could not prepare its store in {directory}: "
                f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}",
                hint="The daemon's log has MLflow's words; it is tried again at the next start.",
                code="tracking_store_unusable",
            ).to_problem()
        }
        import traceback

        traceback.print_exc()
    sys.stdout.write(json.dumps(answer) + "\n")
    return 1 if "error" in answer else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
