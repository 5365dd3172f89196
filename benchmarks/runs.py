"""Experiments and runs: a table of 10,000 runs, a poll, a million points; against MLflow's own."""

from __future__ import annotations

import math
import os
import random
import sqlite3
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import psutil

from benchmarks.cases import Row
from benchmarks.measure import interleaved
from benchmarks.ours import Ours

RUNS, METRICS, POINTS = 10_000, 20, 1_000_000
_PAGE = 100
_POLLS = 2_000
_START = 1_700_000_000_000


def cases(folder: Path) -> list[Row]:
    """The rows of the report; in a data directory of its own."""
    # Whoever runs this may have a server of their own: it is no part of what is measured.
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_TRACKING_TOKEN"):
        os.environ.pop(name, None)
    directory = folder / "looked-at"
    directory.mkdir()
    store = directory / "data" / "mlflow"
    store.parent.mkdir(mode=0o700)
    # MLflow makes the store; the rows are those that its client would write within hours.
    command = [sys.executable, "-m", "jupyter_mlops.tracking.create_store", str(store)]
    subprocess.run(command, check=True, capture_output=True)
    first = seed(store / "mlflow.db")
    with Ours(directory) as ours:
        from jupyter_mlops import paths

        transport = httpx.HTTPTransport(uds=str(paths.daemon_socket()))
        base = "http://mlops/api/v1"
        with httpx.Client(transport=transport, base_url=base, timeout=120) as client:
            return [*_pages(client, store), _poll(client, ours.pid), *_points(client, first)]


def seed(database: Path) -> str:
    """Fill the store; the id of the run that has the points."""
    chance = random.Random(1)
    ids = [f"{chance.getrandbits(128):032x}" for _ in range(RUNS)]
    connection = sqlite3.connect(database)
    with connection:
        made = connection.execute(
            "INSERT INTO experiments (name, artifact_location, lifecycle_stage, creation_time,"
            " last_update_time, workspace)"
            " VALUES ('bench', 'mlflow-artifacts:/1', 'active', 1, 1, 'default')"
        )
        number = made.lastrowid
        for count, run_id in enumerate(ids):
            began = _START + count * 1000
            connection.execute(
                "INSERT INTO runs (run_uuid, name, source_type, source_name, entry_point_name,"
                " user_id, status, start_time, end_time, source_version, lifecycle_stage,"
                " artifact_uri, experiment_id) VALUES"
                " (?, ?, 'UNKNOWN', '', '', 'me', 'FINISHED', ?, ?, '', 'active', ?, ?)",
                (
                    run_id,
                    f"run-{count}",
                    began,
                    began + 500,
                    f"mlflow-artifacts:/1/{run_id}",
                    number,
                ),
            )
            rows = [(f"metric_{n}", chance.random(), began, 1, 0, run_id) for n in range(METRICS)]
            for table in ("latest_metrics", "metrics"):
                connection.executemany(
                    f"INSERT INTO {table} (key, value, timestamp, step, is_nan, run_uuid)"
                    " VALUES (?, ?, ?, ?, ?, ?)",
                    rows,
                )
            for table in ("params", "tags"):
                connection.executemany(
                    f"INSERT INTO {table} (key, value, run_uuid) VALUES (?, ?, ?)",
                    [(f"key_{n}", str(chance.random()), run_id) for n in range(5)],
                )
        connection.executemany(
            "INSERT INTO metrics (key, value, timestamp, step, is_nan, run_uuid)"
            " VALUES ('loss', ?, ?, ?, 0, ?)",
            (
                (math.exp(-n / 2e5) + chance.random() / 10, _START + n * 10, n, ids[0])
                for n in range(POINTS)
            ),
        )
    connection.close()
    return ids[0]


def _pages(client: httpx.Client, store: Path) -> list[Row]:
    from mlflow import MlflowClient

    theirs = MlflowClient(f"sqlite:///{store / 'mlflow.db'}")
    experiment = theirs.get_experiment_by_name("bench").experiment_id
    rows = []
    for what, text in (("", ""), (", filtered", "metrics.metric_3 > 0.5")):
        asked = {"experiment": experiment, "order": "metrics.metric_7:desc", "limit": _PAGE}

        def ours(text: str = text, asked: dict[str, Any] = asked) -> float:
            start = time.perf_counter()
            answer = client.get("/runs", params={**asked, "filter": text})
            taken = time.perf_counter() - start
            assert len(answer.raise_for_status().json()["runs"]) == _PAGE
            return taken

        def mlflow(text: str = text) -> float:
            start = time.perf_counter()
            order = ["metrics.metric_7 DESC"]
            found = theirs.search_runs([experiment], text, order_by=order, max_results=_PAGE)
            taken = time.perf_counter() - start
            assert len(found) == _PAGE
            return taken

        found = interleaved({"ours": ours, "MLflow search_runs": mlflow})
        mine, peer = found["ours"], found["MLflow search_runs"]
        rows.append(
            Row(
                f"page of {_PAGE} of {RUNS:,} runs × {METRICS} metrics by a metric{what}",
                f"{mine.median * 1000:,.0f} ms ({mine.spread})",
                f"{peer.name} {peer.median * 1000:,.0f} ms ({peer.spread})",
                f"{peer.median / mine.median:.1f}×",
                "≥ 50×",
            )
        )
    return rows


def _poll(client: httpx.Client, daemon: int) -> Row:
    etag = client.get("/runs", params={"limit": 1}).headers["etag"]
    taken = []
    before = _computed(daemon)
    for _ in range(_POLLS):
        start = time.perf_counter()
        answer = client.get("/runs", headers={"If-None-Match": etag})
        taken.append(time.perf_counter() - start)
        assert answer.status_code == 304
    computed = (_computed(daemon) - before) / _POLLS
    return Row(
        "poll with nothing new",
        f"{computed * 1000:.2f} ms of the daemon's CPU; "
        f"a client waits {statistics.median(taken) * 1000:.2f} ms (median), its own time included",
        "—",
        "—",
        "< 1 ms on the server",
    )


def _computed(pid: int) -> float:
    """Seconds of CPU that a process has taken."""
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def _points(client: httpx.Client, run_id: str) -> list[Row]:
    rows = []
    for what, more in (
        ("", {}),
        (", over time", {"axis": "time"}),
        (", as fine as can be", {"points": 4000}),
        (", 1 % of it zoomed in", {"from": 500_000, "to": 510_000}),
    ):
        taken, size = [], 0
        for _ in range(5):
            start = time.perf_counter()
            answer = client.get("/metrics", params={"run": run_id, "key": "loss", **more})
            taken.append(time.perf_counter() - start)
            size = len(answer.raise_for_status().content)
        rows.append(
            Row(
                f"{POINTS:,} points drawn{what}",
                f"{statistics.median(taken) * 1000:,.0f} ms, {size / 1000:.0f} KB",
                "—",
                "—",
                "< 200 KB",
            )
        )
    return rows
