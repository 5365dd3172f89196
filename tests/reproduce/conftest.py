"""Runs of real jobs, reproduced by a real daemon."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

# Test modules are imported by path; their helpers are imported by name.
sys.path[:0] = [str(Path(__file__).parents[1] / "tracking"), str(Path(__file__).parent)]
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"

from mlops_reproduced import Reproducing  # noqa: E402


@pytest.fixture
def reproducing(mlflow_home: Path, daemon: Any, tmp_path: Path) -> Reproducing:
    """A daemon, and a folder for projects."""
    return Reproducing(daemon, tmp_path / "home")
