"""Changes to experiments and runs that a person makes: names, notes, favourites, tags.

They are kept as MLflow's own tags, so that MLflow's pages show them and change them as well.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from jupyter_mlops.errors import Conflict, InvalidInput, NotFound
from jupyter_mlops.naming import KEY_MOST, RUN_NAME_MOST, TAG_VALUE_MOST
from jupyter_mlops.tracking.run_record import RUN_NAME_TAG, tag_name
from jupyter_mlops.tracking.run_views import (
    FAVOURITE_TAG,
    NOTE_TAG,
    ExperimentChanges,
    RunChanges,
    is_own,
    note_version,
)

#: Most tags that one request may change.
_TAGS_MOST = 100


def tags_of(changes: RunChanges | ExperimentChanges) -> dict[str, str | None]:
    """The tags that changes set; None removes one.

    Raises:
        InvalidInput: `problems` names every place.
    """
    problems: list[dict[str, str]] = []
    found: dict[str, str | None] = {}
    if isinstance(changes, RunChanges):
        found |= _own(changes.tags, problems)
        if changes.name is not None:
            if not changes.name.strip() or len(changes.name) > RUN_NAME_MOST:
                problems.append(_problem("name", f"has to have 1 to {RUN_NAME_MOST} characters"))
            found[RUN_NAME_TAG] = changes.name
    if changes.favourite is not None:
        found[FAVOURITE_TAG] = "true" if changes.favourite else None
    if changes.note is not None:
        if len(changes.note) > TAG_VALUE_MOST:
            problems.append(_problem("note", f"is longer than {TAG_VALUE_MOST} characters"))
        if changes.note_version is None:
            problems.append(_problem("note_version", "has to come with a note"))
        found[NOTE_TAG] = changes.note or None
    if not problems and not found:
        problems.append(_problem("", "nothing is to be changed"))
    if problems:
        listed = "; ".join(f"{one['where'] or 'the body'}: {one['message']}" for one in problems)
        raise InvalidInput(f"The changes can't be made: {listed}.", problems=problems)
    return found


def check_note(changes: RunChanges | ExperimentChanges, current: str) -> None:
    """Let nobody overwrite a note that they haven't seen.

    Raises:
        Conflict: somebody has changed it meanwhile; `problems` has the text as it is now.
    """
    if changes.note is None or changes.note == current:
        return
    if changes.note_version != note_version(current):
        raise Conflict(
            "The note has been changed meanwhile, perhaps in another tab.",
            hint="Look at the note as it is now, put both together and save again.",
            problems=[
                {
                    "where": "note",
                    "message": "has been changed meanwhile",
                    "note": current,
                    "note_version": note_version(current),
                }
            ],
            code="note_changed",
        )


def change_run(
    db: sqlite3.Connection, run_id: str, changes: RunChanges, tags: Mapping[str, str | None]
) -> None:
    """Make the changes, inside a transaction of the caller.

    Raises:
        NotFound: there is no such run.
        Conflict: it is in MLflow's trash, or its note was changed meanwhile.
    """
    row = db.execute("SELECT lifecycle_stage FROM runs WHERE run_uuid = ?", (run_id,)).fetchone()
    if row is None:
        raise NotFound(f"There is no run {run_id}.", code="run_not_found")
    if row[0] != "active":
        raise deleted(run_id)
    check_note(changes, _note(db, "tags", "run_uuid", run_id))
    _set(db, "tags", "run_uuid", run_id, tags)
    if changes.name is not None:
        db.execute("UPDATE runs SET name = ? WHERE run_uuid = ?", (changes.name, run_id))


def change_experiment(
    db: sqlite3.Connection,
    experiment_id: str,
    changes: ExperimentChanges,
    tags: Mapping[str, str | None],
) -> None:
    """Likewise for an experiment.

    Raises:
        NotFound: there is no such experiment, or it is in MLflow's trash.
        Conflict: its note was changed meanwhile.
    """
    row = db.execute(
        "SELECT 1 FROM experiments WHERE experiment_id = ? AND lifecycle_stage = 'active'",
        (experiment_id,),
    ).fetchone()
    if row is None:
        raise NotFound(f"There is no experiment {experiment_id}.", code="experiment_not_found")
    check_note(changes, _note(db, "experiment_tags", "experiment_id", experiment_id))
    _set(db, "experiment_tags", "experiment_id", experiment_id, tags)


def deleted(run_id: str) -> Conflict:
    """The error of a change to a run in MLflow's trash."""
    return Conflict(
        f"The run {run_id} is in MLflow's trash.",
        hint="Restore it on MLflow's page first.",
        code="run_deleted",
    )


def _note(db: sqlite3.Connection, table: str, column: str, owner: str) -> str:
    row = db.execute(
        f"SELECT value FROM {table} WHERE key = ? AND {column} = ?",  # noqa: S608 - of ours
        (NOTE_TAG, owner),
    ).fetchone()
    return "" if row is None else str(row[0] or "")


def _set(
    db: sqlite3.Connection, table: str, column: str, owner: str, tags: Mapping[str, str | None]
) -> None:
    for key, value in tags.items():
        if value is None:
            db.execute(
                f"DELETE FROM {table} WHERE key = ? AND {column} = ?",  # noqa: S608
                (key, owner),
            )
        else:
            db.execute(
                f"INSERT INTO {table} (key, value, {column}) VALUES (?, ?, ?)"  # noqa: S608
                f" ON CONFLICT (key, {column}) DO UPDATE SET value = excluded.value",
                (key, value, owner),
            )


def _own(given: Mapping[str, str | None], problems: list[dict[str, str]]) -> dict[str, str | None]:
    if len(given) > _TAGS_MOST:
        problems.append(_problem("tags", f"are more than {_TAGS_MOST}"))
    for key, value in given.items():
        where = f"tags.{key[:80]}"
        if is_own(key):
            problems.append(_problem(where, "is set by jupyter-mlops or MLflow"))
        elif not key or key != tag_name(key):
            said = f"has to be 1 to {KEY_MOST} letters, digits and _ - . / : or blanks"
            problems.append(_problem(where, said))
        if value is not None and len(value) > TAG_VALUE_MOST:
            problems.append(_problem(where, f"is longer than {TAG_VALUE_MOST} characters"))
    return dict(given)


def _problem(where: str, message: str) -> dict[str, str]:
    return {"where": where, "message": message}
