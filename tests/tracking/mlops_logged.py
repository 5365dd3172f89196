"""Runs as MLflow's own client logs them into the embedded store, to be read by us."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jupyter_mlops import paths
from jupyter_mlops.tracking.embedded_store import read_only

#: Logs runs of every kind: values missing, NaN, infinities, quotes, other alphabets, a dataset.
SEED = """
import math
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag
client = MlflowClient(URI)
RUNS = [
    ("alpha", "FINISHED", {"lr": "0.1", "model": "resnet", "batch size": "64"},
     {"acc": 0.9, "val/loss": 0.3}, {"team": "vision", "odd.key": "it's"}),
    ("Beta_1", "FAILED", {"lr": "0.01", "model": "ResNet50"},
     {"acc": 0.5, "val/loss": math.inf}, {"team": "Vision"}),
    ("beta%2", "KILLED", {"lr": "0.001", "model": 'he said "hi"'},
     {"acc": math.nan, "val/loss": -math.inf}, {"note": ""}),
    ("gamma", "RUNNING", {"model": "transformer"}, {"acc": 0.7}, {}),
    ("서울 실험", "FINISHED", {"lr": "0.1", "도시": "서울"}, {"acc": -0.25, "step": 1e-9}, {}),
    ("delta", "SCHEDULED", {}, {}, {"team": "nlp"}),
    ("epsilon", "FINISHED", {"lr": "1e-3"}, {"acc": 0.9, "val/loss": math.nan}, {"team": "nlp"}),
]
experiment = client.create_experiment("churn", artifact_location="mlflow-artifacts:/1")
other = client.create_experiment("other's", artifact_location="mlflow-artifacts:/2")
ids = []
for number, (name, status, params, metrics, tags) in enumerate(RUNS):
    where = other if name == "delta" else experiment
    run = client.create_run(where, start_time=1_700_000_000_000 + number * 1000, run_name=name)
    ids.append(run.info.run_id)
    client.log_batch(
        run.info.run_id,
        metrics=[Metric(k, v, 1_700_000_000_500, 3) for k, v in metrics.items()],
        params=[Param(k, v) for k, v in params.items()],
        tags=[RunTag(k, v) for k, v in tags.items()],
    )
    if status not in ("RUNNING",):
        client.set_terminated(run.info.run_id, status, 1_700_000_100_000 + number)
data = Dataset(name="iris", digest="abc123", source_type="local", source="/data/iris.csv")
tag = InputTag("mlflow.data.context", "training")
client.log_inputs(ids[0], [DatasetInput(data, [tag])])
client.set_tag(ids[0], "mlflow.note.content", "the best so far")
client.set_tag(ids[0], "mlops.job_id", "0123456789ab")
client.set_tag(ids[1], "mlflow.parentRunId", ids[0])
gone = client.create_run(experiment, run_name="gone")
client.delete_run(gone.info.run_id)
"""


def logged_script(database: Path, further: str = "") -> str:
    """Code for MLflow's client on a store: `client` and `ids` are there for `further`."""
    return f"URI = {f'sqlite:///{database}'!r}\n{SEED}\n{further}"


@contextmanager
def reading() -> Iterator[sqlite3.Connection]:
    """A connection as the daemon's readers have one."""
    connection = read_only(paths.mlflow_dir() / "mlflow.db")
    connection.execute("PRAGMA case_sensitive_like = ON")
    try:
        yield connection
    finally:
        connection.close()
