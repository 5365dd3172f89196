"""What the store of MLflow has of a job."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jupyter_mlops import paths

Story = Callable[..., Any]


def artifact_files(run_id: str) -> dict[str, str]:
    """Artifacts of a run: name → content."""
    (directory,) = (paths.mlflow_dir() / "artifacts").glob(f"*/{run_id}/artifacts")
    return {
        str(path.relative_to(directory)): path.read_text()
        for path in directory.rglob("*")
        if path.is_file()
    }
