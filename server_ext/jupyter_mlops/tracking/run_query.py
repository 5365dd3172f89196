"""Questions about experiments and runs to MLflow's tables. Blocking; inside one view of the store.

MLflow's own indexes are enough: `latest_metrics`, `params` and `tags` are keyed by (key, run), so
that ordering 10,000 runs by a metric costs a walk over that metric. Nothing of ours is in the
tables, so nothing has to be kept fresh or brought through MLflow's migrations.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

from jupyter_mlops.errors import NotFound
from jupyter_mlops.tracking import run_lineage, run_sql
from jupyter_mlops.tracking.run_filter import Entity
from jupyter_mlops.tracking.run_page import (
    COLUMNS_LISTED,
    UNNAMED_MOST,
    VALUE_MOST,
    WHOLE_MOST,
    ExperimentQuery,
    RunQuery,
    read_cursor,
    short,
    write_cursor,
)
from jupyter_mlops.tracking.run_record import JOB_TAG, PARENT_TAG, RunStatus
from jupyter_mlops.tracking.run_views import (
    FAVOURITE_TAG,
    NOTE_TAG,
    Columns,
    Experiment,
    ExperimentList,
    MetricSummary,
    Place,
    RunDetail,
    RunList,
    RunRow,
    is_own,
    metric_value,
    note_version,
    seconds,
)

_CHILDREN_MOST = 1000
_RUN = (
    "SELECT r.run_uuid, r.name, r.status, r.experiment_id, e.name, r.user_id, r.start_time,"
    " r.end_time"
    " FROM runs r JOIN experiments e ON e.experiment_id = r.experiment_id WHERE r.run_uuid = ?"
)


def runs(db: sqlite3.Connection, query: RunQuery) -> RunList:
    """One page of the runs that match.

    Raises:
        NotFound: there is no such experiment.
        InvalidInput: the cursor isn't of this listing.
    """
    chosen = where(db, query)
    ordering = run_sql.ordering(query.orders)
    total = db.execute(
        f"SELECT count(*) FROM runs r WHERE {chosen.text}",  # noqa: S608 - text of our own
        chosen.values,
    ).fetchone()[0]
    after = run_sql.Condition("1")
    if query.cursor is not None:
        last = read_cursor(query.mark, query.cursor, len(ordering.columns))
        after = ordering.after(last)
    rows = db.execute(
        f"SELECT r.run_uuid, {ordering.selected} FROM runs r{ordering.joins}"  # noqa: S608
        f" WHERE {chosen.text} AND {after.text} ORDER BY {ordering.order} LIMIT ? OFFSET ?",
        [*ordering.join_values, *chosen.values, *after.values, query.limit + 1, query.offset],
    ).fetchall()
    further = None
    if len(rows) > query.limit:
        rows = rows[: query.limit]
        further = write_cursor(query.mark, rows[-1][1:])
    filler = _Filler(db, query)
    found = [filler.row(str(row[0])) for row in rows]
    return RunList(runs=found, next=further, total=total, cut=filler.cut, words_in=words_in(query))


def words_in(query: RunQuery) -> list[Place]:
    """Where plain words of its filter are looked for."""
    return ["name", "params", "tags"] if query.has_words else []


def columns(db: sqlite3.Connection, query: RunQuery, words: str) -> Columns:
    """Names of metrics, parameters and tags that runs have; `words`: only those with this."""
    chosen = where(db, query)
    found: dict[str, list[str]] = {}
    cut = False
    for table in ("latest_metrics", "params", "tags"):
        own = " AND substr(c.key, 1, 7) <> 'mlflow.'" if table == "tags" else ""
        rows = db.execute(
            f"SELECT DISTINCT c.key FROM {table} c JOIN runs r ON r.run_uuid = c.run_uuid"  # noqa: S608
            f" WHERE {chosen.text}{own} AND lower(c.key) LIKE ? ESCAPE '\\' LIMIT ?",
            [*chosen.values, run_sql.literal(words), COLUMNS_LISTED + 1],
        ).fetchall()
        cut = cut or len(rows) > COLUMNS_LISTED
        found[table] = sorted(str(row[0]) for row in rows[:COLUMNS_LISTED])
    return Columns(
        metrics=found["latest_metrics"], params=found["params"], tags=found["tags"], cut=cut
    )


def row(db: sqlite3.Connection, run_id: str) -> RunRow:
    """A run with everything that it has.

    Raises:
        NotFound: there is none.
    """
    return _Filler(db, None).row(run_id)


def detail(db: sqlite3.Connection, run_id: str) -> RunDetail:
    """Everything about a run but its lineage; metrics as far as their last values go.

    Raises:
        NotFound: there is none.
    """
    filler = _Filler(db, None)
    found = filler.row(run_id)
    (stage,) = db.execute(
        "SELECT lifecycle_stage FROM runs WHERE run_uuid = ?", (run_id,)
    ).fetchone()
    metrics = db.execute(
        "SELECT key, value, is_nan, step, timestamp FROM latest_metrics WHERE run_uuid = ?"
        " ORDER BY key LIMIT ?",
        (run_id, WHOLE_MOST),
    )
    children = db.execute(
        "SELECT r.run_uuid FROM tags t JOIN runs r USING (run_uuid) WHERE t.key = ? AND t.value = ?"
        " AND r.lifecycle_stage = 'active' ORDER BY r.start_time, r.run_uuid LIMIT ?",
        (PARENT_TAG, run_id, _CHILDREN_MOST),
    )
    return RunDetail(
        run=found,
        artifact_uri=artifact_uri(db, run_id),
        deleted=stage != "active",
        note_version=note_version(found.note),
        metrics=[
            MetricSummary(
                key=str(key),
                last=metric_value(value, is_nan=bool(is_nan)),
                step=step,
                time=(stamp or 0) / 1000,
            )
            for key, value, is_nan, step, stamp in metrics
        ],
        datasets=run_lineage.datasets(db, run_id),
        children=[str(child) for (child,) in children],
        cut=filler.cut,
    )


def artifact_uri(db: sqlite3.Connection, run_id: str) -> str:
    """Where a run's artifacts are.

    Raises:
        NotFound: there is no such run.
    """
    row = db.execute("SELECT artifact_uri FROM runs WHERE run_uuid = ?", (run_id,)).fetchone()
    if row is None:
        raise _no_run(run_id)
    return str(row[0] or "")


def experiments(db: sqlite3.Connection, query: ExperimentQuery) -> ExperimentList:
    """One page of the experiments that match: favourites first, then by last activity."""
    found = [one for one in _experiments(db) if _has(one, query.words)]
    found.sort(key=_rank)
    mark = repr(query.words)
    page = found
    if query.cursor is not None:
        last = tuple(
            one for one in read_cursor(mark, query.cursor, 3) if isinstance(one, (int, float))
        )
        page = [one for one in found if _rank(one) > last]
    further = None
    if len(page) > query.limit:
        page = page[: query.limit]
        further = write_cursor(mark, _rank(page[-1]))
    return ExperimentList(experiments=page, next=further, total=len(found))


def experiment_ids(db: sqlite3.Connection, ids: Iterable[str], names: Iterable[str]) -> list[int]:
    """Ids of experiments that were named.

    Raises:
        NotFound: there is no such experiment.
    """
    found: list[int] = []
    for column, given in (("experiment_id", ids), ("name", names)):
        for one in given:
            row = db.execute(
                "SELECT experiment_id FROM experiments"  # noqa: S608 - one of two columns
                f" WHERE {column} = ? AND lifecycle_stage = 'active'",
                (one,),
            ).fetchone()
            if row is None:
                raise _no_experiment(one)
            found.append(int(row[0]))
    return found


def experiment(db: sqlite3.Connection, experiment_id: str) -> Experiment:
    """One experiment.

    Raises:
        NotFound: there is none.
    """
    found = next((one for one in _experiments(db) if one.id == experiment_id), None)
    if found is None:
        raise _no_experiment(experiment_id)
    return found


def where(db: sqlite3.Connection, query: RunQuery) -> run_sql.Condition:
    """What holds of the runs that match.

    Raises:
        NotFound: there is no such experiment.
    """
    found = run_sql.condition(query.clauses)
    ids = experiment_ids(db, query.experiments, query.experiment_names)
    if ids:
        found.text += f" AND r.experiment_id IN ({', '.join('?' * len(ids))})"
    else:
        found.text += (
            " AND r.experiment_id IN"
            " (SELECT experiment_id FROM experiments WHERE lifecycle_stage = 'active')"
        )
    found.values += ids
    if query.id_prefix:
        found.text += " AND r.run_uuid >= ? AND r.run_uuid < ?"
        found.values += [query.id_prefix, query.id_prefix + "\x7f"]
    found.text += " AND r.lifecycle_stage = 'active'"
    return found


def _experiments(db: sqlite3.Connection) -> list[Experiment]:
    counts: dict[int, dict[RunStatus, int]] = {}
    latest: dict[int, int] = {}
    for number, status, count, last in db.execute(
        "SELECT experiment_id, status, count(*), max(max(coalesce(end_time, 0), start_time))"
        " FROM runs WHERE lifecycle_stage = 'active' GROUP BY experiment_id, status"
    ):
        counts.setdefault(number, {})[RunStatus(status)] = count
        latest[number] = max(latest.get(number, 0), last or 0)
    tags: dict[int, dict[str, str]] = {}
    for number, key, value in db.execute(
        "SELECT experiment_id, key, value FROM experiment_tags WHERE key IN (?, ?)",
        (NOTE_TAG, FAVOURITE_TAG),
    ):
        tags.setdefault(number, {})[key] = value or ""
    rows = db.execute(
        "SELECT experiment_id, name, creation_time, last_update_time FROM experiments"
        " WHERE lifecycle_stage = 'active'"
    )
    found = []
    for number, name, created, updated in rows:
        own = tags.get(number, {})
        note = own.get(NOTE_TAG, "")
        found.append(
            Experiment(
                id=str(number),
                name=name,
                counts=dict.fromkeys(RunStatus, 0) | counts.get(number, {}),
                created_at=seconds(created),
                last_activity=seconds(latest.get(number) or updated or created),
                note=note,
                note_version=note_version(note),
                favourite=own.get(FAVOURITE_TAG) == "true",
            )
        )
    return found


def _has(one: Experiment, words: Sequence[str]) -> bool:
    text = f"{one.name}\n{one.note}".lower()
    return all(word.lower() in text for word in words)


def _rank(one: Experiment) -> tuple[int, float, int]:
    return (0 if one.favourite else 1, -(one.last_activity or 0.0), int(one.id))


def _no_run(run_id: str) -> NotFound:
    return NotFound(
        f"There is no run {run_id}.", hint="`jupyter mlops runs` lists them.", code="run_not_found"
    )


def _no_experiment(named: str) -> NotFound:
    return NotFound(
        f"There is no experiment {named!r}.",
        hint="`jupyter mlops experiments` lists them.",
        code="experiment_not_found",
    )


class _Filler:
    """Makes rows of runs; without a query with everything that they have, within reason."""

    def __init__(self, db: sqlite3.Connection, query: RunQuery | None) -> None:
        self._db = db
        self._query = query
        self._most = UNNAMED_MOST if query is not None else WHOLE_MOST
        #: Whether something was left out.
        self.cut = False

    def row(self, run_id: str) -> RunRow:
        """The run.

        Raises:
            NotFound: there is none.
        """
        found = self._db.execute(_RUN, (run_id,)).fetchone()
        if found is None:
            raise _no_run(run_id)
        tags = dict(
            self._db.execute("SELECT key, value FROM tags WHERE run_uuid = ?", (run_id,)).fetchall()
        )
        wanted = None if self._query is None else self._query.names(Entity.TAG)
        note = tags.pop(NOTE_TAG, None) or ""
        return RunRow(
            id=run_id,
            name=tags.get("mlflow.runName") or found[1] or "",
            status=RunStatus(found[2]),
            experiment_id=str(found[3]),
            experiment=str(found[4]),
            user=found[5] or "",
            started_at=seconds(found[6]),
            ended_at=seconds(found[7]),
            job_id=tags.get(JOB_TAG),
            parent_id=tags.get(PARENT_TAG),
            favourite=tags.get(FAVOURITE_TAG) == "true",
            note=self._short(note),
            params={key: self._short(value) for key, value in self._pairs("params", run_id)},
            metrics={
                key: metric_value(value, is_nan=bool(is_nan))
                for key, value, is_nan in self._metrics(run_id)
            },
            tags={
                key: self._short(value or "")
                for key, value in sorted(tags.items())
                if not is_own(key) and (wanted is None or key in wanted)
            },
            own_tags={
                key: self._short(value or "") for key, value in sorted(tags.items()) if is_own(key)
            },
        )

    def _pairs(self, table: str, run_id: str) -> list[tuple[str, str]]:
        names = None if self._query is None else self._query.names(Entity.PARAM)
        return self._keyed(table, "key, value", names, run_id)

    def _metrics(self, run_id: str) -> list[tuple[str, float, int]]:
        names = None if self._query is None else self._query.names(Entity.METRIC)
        return self._keyed("latest_metrics", "key, value, is_nan", names, run_id)

    def _keyed(self, table: str, what: str, names: list[str] | None, run_id: str) -> list[tuple]:  # type: ignore[type-arg]
        if names is None:
            # The first by name are the same in runs that are compared; a list needs no order.
            order = " ORDER BY key" if self._query is None else ""
            rows = self._db.execute(
                f"SELECT {what} FROM {table} WHERE run_uuid = ?{order} LIMIT ?",  # noqa: S608
                (run_id, self._most + 1),
            ).fetchall()
            if len(rows) > self._most:
                self.cut, rows = True, rows[: self._most]
            return sorted(rows)
        if not names:
            return []
        marks = ", ".join("?" * len(names))
        return sorted(
            self._db.execute(
                f"SELECT {what} FROM {table} WHERE key IN ({marks}) AND run_uuid = ?",  # noqa: S608
                (*names, run_id),
            ).fetchall()
        )

    def _short(self, text: str) -> str:
        if self._query is None or len(text) <= VALUE_MOST:
            return text
        self.cut = True
        return short(text)
