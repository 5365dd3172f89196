"""What a job leaves among its run's artifacts."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from jupyter_mlops.jobs.runner.files import replace_with_copy
from jupyter_mlops.tracking.run_record import ARTIFACT_DIRECTORY

_OURS = re.compile(r"mlflow-artifacts:/+([0-9]+)/([0-9a-f]{32})/artifacts/?")
_UNFIT = re.compile(r"[^\w .()+\-]")
_STEM_MOST = 100


def artifact_stem(notebook: str) -> str:
    """The notebook's name, fit for an artifact: MLflow takes no `#`, `%` and the like."""
    stem = os.fsencode(Path(notebook).stem).decode("utf-8", "replace")
    clean = _UNFIT.sub("_", stem)[:_STEM_MOST].strip(" .")
    return clean or "notebook"


def local_directory(root: Path, artifact_uri: str) -> Path | None:
    """The directory of a run's artifacts below `root`; None when they are somewhere else."""
    found = _OURS.fullmatch(artifact_uri)
    return None if found is None else root / found[1] / found[2] / "artifacts"


def put(directory: Path, files: Mapping[str, Path]) -> None:
    """Copy files below a run's `notebook/`, each whole or not at all. Blocking.

    Raises:
        OSError: one can't be read or written.
    """
    target = directory / ARTIFACT_DIRECTORY
    target.mkdir(parents=True, exist_ok=True)
    for name, source in files.items():
        replace_with_copy(target / name, source)
