"""What a job leaves among its run's artifacts."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Mapping
from pathlib import Path

from jupyter_mlops.jobs.runner.files import replace_with_copy, sync_directory

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


def put(directory: Path, files: Mapping[str, Path], *, final: bool = False) -> None:
    """Bring files to their paths below a run's artifacts, each whole or not at all. Blocking.

    `final`: nobody will ever write into them (they are only replaced), so they may be shared.

    Raises:
        OSError: one can't be read or written.
    """
    folders: set[Path] = set()
    for name, source in files.items():
        target = directory / name
        if target.parent not in folders:
            target.parent.mkdir(parents=True, exist_ok=True)
            folders.add(target.parent)
        if not (final and _link(target, source)):
            replace_with_copy(target, source, settled=False)
    for folder in folders:
        sync_directory(folder)


def _link(target: Path, source: Path) -> bool:
    """Make `target` another name of `source`'s file; False where that can't be."""
    beside = target.with_name(f".mlops-{os.getpid()}-{threading.get_ident()}.link")
    try:
        os.link(source, beside, follow_symlinks=False)
        os.replace(beside, target)
        # Renaming one name of a file to another of it leaves both.
        beside.unlink(missing_ok=True)
    except OSError:
        return False  # another file system, or one without links: it is copied
    return not target.is_symlink()
