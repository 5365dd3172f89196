"""Processes that log as a kernel does, and what MLflow's store has of their runs."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from .mlops_tracked import mlflow_rows

_HEAD = """
import os, sys, time
import jupyter_mlops as mlops
def tell(text):
    print(text, flush=True)
"""


class Logging:
    """One process; it can be told to go on, and ended in any way."""

    def __init__(self, code: str, **environment: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", _HEAD + code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)} | environment,
            start_new_session=True,
        )

    def told(self) -> str:
        """The next line that it tells."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.ended()
        return line.strip()

    def go_on(self) -> None:
        """Give it the line that it waits for."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def kill(self) -> None:
        """`kill -9`."""
        self.process.kill()
        self.ended()

    def ended(self, patience: float = 60.0) -> str:
        """Its stderr, once it has ended."""
        if self.process.stderr is not None and self.process.stderr.closed:
            return ""
        return self.process.communicate(timeout=patience)[1]


def until(condition: Callable[[], Any], patience: float = 45.0) -> Any:
    """What it returns once that is true."""
    deadline = time.monotonic() + patience
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)
    return found


def points_of(run_id: str, name: str = "loss") -> list[tuple[int, float]]:
    """Step and value of a metric's points, by step."""
    return [
        (int(step), float(value))
        for step, value in mlflow_rows(
            "SELECT step, value FROM metrics WHERE run_uuid = ? AND key = ? ORDER BY step",
            run_id,
            name,
        )
    ]


def status_of(run_id: str) -> str:
    """Its status; empty when there is no such run."""
    rows = mlflow_rows("SELECT status FROM runs WHERE run_uuid = ?", run_id)
    return str(rows[0][0]) if rows else ""


def tags_of(run_id: str) -> dict[str, str]:
    """Its tags."""
    return dict(mlflow_rows("SELECT key, value FROM tags WHERE run_uuid = ?", run_id))


def params_of(run_id: str) -> dict[str, str]:
    """Its parameters."""
    return dict(mlflow_rows("SELECT key, value FROM params WHERE run_uuid = ?", run_id))
