"""Logging a metric: how long a call holds up the loop, and how many points a second are recorded.

Each reading is a process of its own, as a kernel is.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from benchmarks.measure import READINGS

#: Calls that are timed one by one, and points that are counted by the clock.
_TIMED, _OURS_POINTS, _PEERS_CALLS = 20_000, 100_000, 300

_OURS = """
import json, sys, time
import jupyter_mlops as mlops
run = mlops.start("bench")
mlops.log(loss=0.0)
run.sync(60)
taken, clock = [], time.perf_counter
for number in range(int(sys.argv[1])):
    start = clock()
    mlops.log(loss=0.5)
    taken.append(clock() - start)
    if number % 200 == 0:
        time.sleep(0.002)  # a loop does something besides
run.sync(60)
count = int(sys.argv[2])
start = clock()
for number in range(count):
    mlops.log(loss=number)
while not run.sync(60)["recorded"]:
    pass
rate = count / (clock() - start)
mlops.end()
print(json.dumps([taken, rate]))
"""
_MLFLOW = """
import json, sys, time, warnings
warnings.simplefilter("ignore")
import mlflow
mlflow.set_tracking_uri(sys.argv[2])
mlflow.set_experiment("bench")
with mlflow.start_run():
    mlflow.log_metric("loss", 0.0, step=0)
    taken, clock = [], time.perf_counter
    first = clock()
    for number in range(int(sys.argv[1])):
        start = clock()
        mlflow.log_metric("loss", 0.5, step=number)
        taken.append(clock() - start)
    rate = len(taken) / (clock() - first)
print(json.dumps([taken, rate]))
"""


@dataclass
class Found:
    """Of some readings: seconds a call holds up its caller, and points a second."""

    median: float
    p99: float
    rate: float


def compared(uri: str, **environment: str) -> tuple[Found, Found]:
    """`mlops.log` into the daemon of this environment beside `mlflow.log_metric` to `uri`."""
    ours, theirs = [], []
    for _ in range(min(READINGS, 3)):
        ours.append(_run(_OURS, str(_TIMED), str(_OURS_POINTS), **environment))
        theirs.append(_run(_MLFLOW, str(_PEERS_CALLS), uri))
    return _found(ours), _found(theirs)


def store(folder: Path, made: Path) -> str:
    """The URI of a new SQLite store like ours, for MLflow alone."""
    folder.mkdir()
    shutil.copy(made, folder / "mlflow.db")
    return f"sqlite:///{folder / 'mlflow.db'}"


def _run(program: str, *arguments: str, **environment: str) -> tuple[list[float], float]:
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true"} | environment,
    )
    taken, rate = json.loads(done.stdout.splitlines()[-1])
    return taken, rate


def _found(readings: list[tuple[list[float], float]]) -> Found:
    taken = sorted(second for seconds, _ in readings for second in seconds)
    return Found(
        statistics.median(taken),
        taken[int(len(taken) * 0.99)],
        statistics.median(rate for _, rate in readings),
    )


class Server:
    """`mlflow server` with a SQLite store of its own, and a daemon of ours that records there."""

    def __init__(self, folder: Path, made: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        self.uri = f"http://127.0.0.1:{port}"
        self.ours = {
            "JUPYTER_MLOPS_DATA_DIR": str(folder / "data"),
            "MLFLOW_TRACKING_URI": self.uri,
        }
        uri = store(folder, made)
        self._process = subprocess.Popen(
            [
                sys.executable, "-m", "mlflow", "server", "--backend-store-uri", uri,
                "--artifacts-destination", str(folder / "artifacts"),
                "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
            start_new_session=True,
        )  # fmt: skip

    def __enter__(self) -> Self:
        while True:
            try:
                with urllib.request.urlopen(f"{self.uri}/health", timeout=5):
                    return self
            except OSError:
                if self._process.poll() is not None:
                    raise RuntimeError("mlflow server has ended") from None
                time.sleep(0.1)

    def __exit__(self, *_: object) -> None:
        stop = "from jupyter_mlops.client import Client\nClient(start=False).stop_daemon()"
        subprocess.run([sys.executable, "-c", stop], check=False, env=os.environ | self.ours)
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
