"""Which schemas of MLflow's store we write by SQL."""

from __future__ import annotations

import sqlite3

#: Alembic revisions whose tables `experiments`, `runs`, `tags`, `params` and `latest_metrics` are
#: the ones that `embedded.py` writes, and the MLflow that has them.
KNOWN_REVISIONS = {
    "dc11669786a5": "3.17",
    "f4a9b2c7d1e6": "3.18",
}


def revision_of(connection: sqlite3.Connection) -> str | None:
    """The store's schema revision; None when it has none."""
    table = connection.execute(
        "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'alembic_version'"
    ).fetchone()
    if table is None:
        return None
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return None if row is None else str(row[0])
