"""What kernels log lies in MLflow's tables as MLflow's own `log_batch` would have put it there."""

from __future__ import annotations

import dataclasses
import json
import math
import random
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from jupyter_mlops import paths
from jupyter_mlops.tracking import logged_sql, sql
from jupyter_mlops.tracking.embedded_store import EmbeddedStore
from jupyter_mlops.tracking.logbook import Batch, Dataset, Point, parse, stored
from jupyter_mlops.tracking.run_log import RunOrder

from .mlops_tracked import mlflow_rows

ORDER = RunOrder(id="0123456789abcdef" * 2, started=1000, experiment="e", name="n", user="me")
DATASET = Dataset("data.csv", "d" * 32, "local", '{"uri": "/data.csv"}', None, '{"size": 3}')

_BY_MLFLOW = """
import json
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, Metric, Param, RunTag
client = MlflowClient(URI)
run = client.create_run(client.create_experiment("e"), start_time=1000, run_name="n").info.run_id
for batch in BATCHES:
    metrics = [Metric(k, float(v), t, s) for k, v, t, s in batch]
    client.log_batch(run, metrics=metrics, params=PARAMS and [Param(k, v) for k, v in PARAMS],
                     tags=[RunTag(k, v) for k, v in TAGS])
client.log_inputs(run, [DatasetInput(Dataset(**DATASET))] * 2)
client.set_terminated(run, "FAILED", 3000)
"""
_TABLES = {
    "metrics": "key, value, typeof(value), timestamp, step, is_nan, typeof(is_nan)",
    "latest_metrics": "key, value, typeof(value), timestamp, step, is_nan",
    "params": "key, value",
    "runs": "name, status, start_time, end_time, lifecycle_stage",
    "datasets": "experiment_id, name, digest, dataset_source_type, dataset_source,"
    " dataset_schema, dataset_profile",
    "inputs": "source_type, destination_type, step",
    "input_tags": "name, value",
}


def batches() -> list[list[Point]]:
    """Everything that a point can be, in an order of its own; some twice."""
    chance = random.Random(3)
    values = [0.0, -0.0, 1, -2.5, math.nan, math.inf, -math.inf, 1e-320, 1e308, 2**60]
    points = [
        (name, value, 1000 + chance.randrange(3), chance.randrange(-2, 3))
        for name in ("loss", "val/loss", "é :-.")
        for value in values
    ] * 2
    chance.shuffle(points)
    return [points[:7], points[7:30], points[30:]]


def into(database: Path, write: Callable[[sqlite3.Connection], Any]) -> None:
    """In one transaction of the embedded store."""
    store = EmbeddedStore(database)
    try:
        store.submit(write).result()
    finally:
        store.close()


def dump(database: Path) -> dict[str, list[tuple[Any, ...]]]:
    """The tables, without what is chosen by chance."""
    connection = sqlite3.connect(database)
    found = {
        table: sorted(connection.execute(f"SELECT {columns} FROM {table}").fetchall(), key=str)
        for table, columns in _TABLES.items()
    }
    found["tags"] = connection.execute(
        "SELECT key, value FROM tags WHERE key NOT LIKE 'mlflow.%' ORDER BY key"
    ).fetchall()
    connection.close()
    return found


def test_rows_are_those_of_mlflow(
    mlflow_home: Path, prepared_store: Path, tmp_path: Path, mlflow_script: Callable[..., Any]
) -> None:
    """NaN, infinities, negative steps, doubles, the latest value; parameters, tags, datasets."""
    from jupyter_mlops.tracking.run_record import RunStatus

    other = tmp_path / "by-mlflow"
    shutil.copytree(prepared_store, other)
    params, tags = {"lr": "0.1", "empty": ""}, {"team": "é"}
    mlflow_script(
        f"from math import inf, nan\nURI='sqlite:///{other / 'mlflow.db'}'; BATCHES={batches()!r};"
        f"PARAMS={[*params.items()]!r}; TAGS={[*tags.items()]!r};"
        f"DATASET={dataclasses.asdict(DATASET)!r}\n" + _BY_MLFLOW
    )

    def write(db: sqlite3.Connection) -> None:
        place = sql.begin(db, ORDER.record(), 5000)
        for batch in batches():
            logged_sql.log_points(db, ORDER.id, batch)
            logged_sql.log_params(db, ORDER.id, params, {})
            sql.set_tags(db, ORDER.id, tags)
        logged_sql.log_datasets(db, ORDER.id, int(place.experiment_id), [DATASET, DATASET])
        logged_sql.set_status(db, ORDER.id, RunStatus.FAILED, 3000)

    database = paths.mlflow_dir() / "mlflow.db"
    into(database, write)
    theirs = dump(other / "mlflow.db")
    assert dump(database) == theirs
    assert len(theirs["metrics"]) > 20
    # A second time, in another order, as after a crash: nothing changes.
    into(database, lambda db: [logged_sql.log_points(db, ORDER.id, b) for b in reversed(batches())])
    into(database, write)
    assert dump(database) == theirs


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_every_number_has_a_place(value: float) -> None:
    """What the tables hold is finite, and NaN is known by its mark."""
    found, is_nan = stored(value)
    assert math.isfinite(found)
    assert is_nan == math.isnan(value)
    assert is_nan or math.isinf(value) or found == value


def test_a_parameter_stays_but_one_that_we_set(mlflow_home: Path) -> None:
    """MLflow's rule; for a job the notebook knows better than its declaration."""

    def write(db: sqlite3.Connection) -> None:
        sql.begin(db, ORDER.record(), 5000)
        logged_sql.log_params(db, ORDER.id, {"lr": "1", "depth": "1"}, {})
        logged_sql.log_params(db, ORDER.id, {"lr": "2", "depth": "2"}, {"lr": "1"})
        logged_sql.log_params(db, ORDER.id, {"lr": "3"}, {"lr": "1"})

    into(paths.mlflow_dir() / "mlflow.db", write)
    assert mlflow_rows("SELECT key, value FROM params ORDER BY key") == [
        ("depth", "1"),
        ("lr", "2"),
    ]


def test_what_is_no_record_is_left_out() -> None:
    """The lines around it count: of a disk that was full, or of a hostile hand."""
    lines = [
        b'{"type": "points", "points": [["a", 1, 5, 0]]}',
        b'{"type": "points", "points": [["b", 1, 5',
        b'{"type": "points", "points": [["../b", 1, 5, 0]]}',
        b'{"type": "points", "points": [["b", "x", 5, 0]]}',
        b'{"type": "points", "points": [["b", 1, -5, 0]]}',
        b'{"type": "points", "points": [["b", 1, 5, 99999999999999999999]]}',
        b'{"type": "points", "points": [["b", 1, 5, 0.5]]}',
        b'{"type": "artifact", "name": "../../etc/passwd"}',
        b'{"type": "artifact", "name": "/etc/passwd"}',
        b'{"type": "ended", "status": "GREAT", "t": 1}',
        b'{"type": "tags", "tags": {"": "x"}}',
        b'{"type": "unknown"}',
        b"[]",
        b"[" * 100_000,
        b"\xff",
        b"",
        b'{"type": "points", "points": [["c", NaN, 5, 0], ["c", Infinity, 5, 1]]}',
        json.dumps({"type": "params", "params": {"long": "x" * 10**6}}).encode(),
        json.dumps({"type": "tags", "tags": {"file": "\udc80.csv"}}).encode(),
    ]
    found = parse(lines)
    assert [point[0] for point in found.points] == ["a", "c", "c"]
    assert len(found.params["long"]) == 6000
    assert found.tags == {"file": "?.csv"}
    found.tags.clear()
    found.points.clear()
    found.params.clear()
    assert found == Batch()
