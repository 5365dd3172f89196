"""The store's file: opened with care, never replaced, its errors told in words.

A store that is there but can't be read, that comes from a newer version, or that ought to be there
and isn't, is refused and left as it is: silence about lost jobs would be worse than no service.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path

from jupyter_mlops.errors import Busy, MlopsError, StoreFull, StoreUnusable
from jupyter_mlops.paths import private_dir

SCHEMA_VERSION = 1
#: From version → the SQL that leads to the next one. All of them run in one transaction.
MIGRATIONS: dict[int, str] = {}

#: Seconds that the writer waits for a lock that somebody else holds on the file.
LOCK_PATIENCE = 2.0
#: Tables that are checked at each opening; blobs are checked by their hash when they are used.
_CHECKED = ("meta", "jobs", "bundle_files", "attempts", "events")


class StoreFile:
    """An opened store: gives connections and notices when the file is no longer the same."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._identity = _identity(path)

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        version: int = SCHEMA_VERSION,
        migrations: Mapping[int, str] = MIGRATIONS,
    ) -> StoreFile:
        """Open the store at `path`; create it where there never was one; migrate an older one.

        Raises:
            StoreUnusable: missing though it existed, corrupt, or of a newer version.
            StoreFull: the disk is full.
            Busy: the file is locked or read-only.
        """
        private_dir(path.parent)
        marker = path.with_suffix(".marker")
        existed = marker.exists() or _has_jobs(path.parent)
        if not path.exists() and existed:
            raise StoreUnusable(
                f"The store {path} is missing, though there were jobs.",
                hint=f"Put {path.name} back (with its -wal file). To begin anew, move "
                f"{path.parent} away.",
            )
        with translated(path):
            if not path.exists():
                path.touch(mode=0o600)
            connection = _connect(path)
            try:
                found = _check(connection, path, version, existed=existed)
                if found < version:
                    _migrate(connection, path, found, version, migrations)
            finally:
                connection.close()
        if not marker.exists():
            try:
                marker.write_text("There is a store beside this file.\n")
            except OSError as error:
                raise translate(error, path) from error
        return cls(path)

    def connect(self) -> sqlite3.Connection:
        """A connection for writing; used by one thread at a time."""
        self.check_present()
        return _connect(self.path)

    def connect_reader(self) -> sqlite3.Connection:
        """A connection that can't write."""
        connection = self.connect()
        connection.execute("PRAGMA query_only = 1")
        return connection

    def check_present(self) -> None:
        """Raise StoreUnusable when the file was moved, deleted or replaced since it was opened."""
        try:
            same = _identity(self.path) == self._identity
        except FileNotFoundError:
            same = False
        if not same:
            raise StoreUnusable(
                f"The store {self.path} was moved, deleted or replaced while in use.",
                hint="Put the file back; running jobs go on and are taken up again.",
                code="store_moved",
            )

    def free_bytes(self) -> int:
        """Free space on the disk of the store."""
        return shutil.disk_usage(self.path.parent).free


def _identity(path: Path) -> tuple[int, int]:
    found = os.stat(path)
    return found.st_dev, found.st_ino


def _has_jobs(directory: Path) -> bool:
    try:
        with os.scandir(directory / "jobs") as entries:
            return any(True for _ in entries)
    except (FileNotFoundError, NotADirectoryError):
        return False


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw",
        uri=True,
        timeout=LOCK_PATIENCE,
        isolation_level=None,
        check_same_thread=False,
    )
    connection.row_factory = sqlite3.Row
    try:
        mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        if mode != "wal":
            raise StoreUnusable(
                f"The file system of {path} can't hold the store (no write-ahead log: {mode}).",
                hint="Set JUPYTER_MLOPS_DATA_DIR to a directory on a local disk.",
            )
        # FULL: with NORMAL, a power cut loses acknowledged jobs (measured: 20 of 20).
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = 1")
        # What a statement keeps aside is small; each would be a file made and removed.
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute(f"PRAGMA journal_size_limit = {64 * 2**20}")
    except BaseException:
        connection.close()
        raise
    return connection


def _check(connection: sqlite3.Connection, path: Path, version: int, *, existed: bool) -> int:
    """The store's schema version, once it is known to be readable."""
    found = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if found > version:
        raise StoreUnusable(
            f"The store {path} was written by a newer version (schema {found}, known: {version}).",
            hint="Update jupyter-mlops. The store was left as it is.",
            code="store_newer",
        )
    if found == 0:
        if existed or connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone():
            raise StoreUnusable(
                f"The store {path} is empty or not ours, though there were jobs.",
                hint="Restore it from a backup. To begin anew, move its directory away.",
            )
        return 0
    for table in _CHECKED:
        answer = connection.execute(f"PRAGMA quick_check({table})").fetchone()[0]
        if answer != "ok":
            raise _corrupt(path, str(answer))
    return found


def _migrate(
    connection: sqlite3.Connection,
    path: Path,
    found: int,
    version: int,
    migrations: Mapping[int, str],
) -> None:
    if found:
        _backup(connection, path.with_name(f"{path.name}.v{found}.backup"))
        scripts = [migrations[step] for step in range(found, version)]
    else:
        scripts = [resources.files(__package__).joinpath("schema.sql").read_text("utf-8")]
    connection.execute("BEGIN IMMEDIATE")
    try:
        for script in scripts:
            for statement in _statements(script):
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {version:d}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _backup(connection: sqlite3.Connection, target: Path) -> None:
    """A copy of the store as it was; complete or not there."""
    unfinished = target.with_name(target.name + ".unfinished")
    unfinished.unlink(missing_ok=True)
    with contextlib.closing(sqlite3.connect(unfinished)) as copy:
        unfinished.chmod(0o600)
        connection.backup(copy)
    unfinished.replace(target)


def _statements(script: str) -> Iterator[str]:
    """The script's statements; `executescript` would end the transaction that they run in."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    if statement.strip():
        yield statement


# --- errors -------------------------------------------------------------------------------------


def _corrupt(path: Path, why: str) -> StoreUnusable:
    return StoreUnusable(
        f"The store {path} is damaged: {why}.",
        hint=f"It was left as it is. Restore a backup, or try: sqlite3 {path} .recover",
        code="store_corrupt",
    )


def translate(error: Exception, path: Path) -> MlopsError:
    """What an SQLite or OS error about the store means for a person."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if isinstance(error, OSError):
        code = {28: sqlite3.SQLITE_FULL, 122: sqlite3.SQLITE_FULL, 30: sqlite3.SQLITE_READONLY}.get(
            error.errno or 0, sqlite3.SQLITE_IOERR
        )
    if code == sqlite3.SQLITE_IOERR and _no_space(path):
        code = sqlite3.SQLITE_FULL
    if code == sqlite3.SQLITE_FULL:
        return StoreFull(
            f"There is no space left for the store {path}; nothing was accepted.",
            hint="Free some space; then it works again without a restart.",
        )
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return Busy(
            f"The store {path} is locked by another program.",
            hint="Try again. `fuser` shows who has the file open.",
            code="store_locked",
        )
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return _corrupt(path, str(error))
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN):
        return Busy(
            f"The store {path} can't be written ({error}); nothing was accepted.",
            hint="Make its directory writable again; then it works without a restart.",
            code="store_read_only",
        )
    return Busy(
        f"The disk of the store {path} reports an error ({error}); nothing was accepted.",
        hint="Check the disk, then try again.",
        code="store_io_error",
    )


def _no_space(path: Path) -> bool:
    try:
        return shutil.disk_usage(path.parent).free < 64 * 1024
    except OSError:
        return False


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """Raise the MlopsError that stands for an SQLite error inside."""
    try:
        yield
    except sqlite3.IntegrityError:
        # Never the disk: a row that must not be. The caller knows which one it expects.
        raise
    except (sqlite3.Error, OSError) as error:
        raise translate(error, path) from error
