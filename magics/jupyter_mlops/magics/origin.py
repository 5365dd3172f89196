"""Where a run comes from: what is known of this process when it starts one.

What takes time to find out, and what is only known later, is in `surroundings.py`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from jupyter_mlops.naming import EXPERIMENT_NAME_MOST, TAG_VALUE_MOST


class Origin:
    """Of a run that begins now."""

    def __init__(self) -> None:
        self._source, self._kernel = _source()

    @property
    def job(self) -> dict[str, Any] | None:
        """The body of `POST /runs` for the job that this process belongs to; None: to none."""
        job_id, attempt = os.environ.get("MLOPS_JOB_ID"), os.environ.get("MLOPS_ATTEMPT", "")
        if not job_id or not attempt.isdigit():
            return None
        return {"job_id": job_id, "attempt": int(attempt)}

    @property
    def experiment(self) -> str:
        """The experiment of a run that names none: as the environment says, else the notebook's or
        the script's name.
        """
        if given := os.environ.get("MLFLOW_EXPERIMENT_NAME"):
            return given[:EXPERIMENT_NAME_MOST]
        path = self._source or Path.cwd() / "session"
        stem = os.fsencode(path.stem).decode("utf-8", "replace")
        return "".join(c if c.isprintable() else " " for c in stem).strip() or "session"

    @property
    def tags(self) -> dict[str, str]:
        """What MLflow and we call the source of a run."""
        found = {"mlflow.source.type": "NOTEBOOK" if self._kernel else "LOCAL"}
        if self._source is not None:
            path = os.fsencode(self._source).decode("utf-8", "replace")[:TAG_VALUE_MOST]
            found["mlflow.source.name"] = path
            if self._kernel:
                found["mlops.notebook"] = path
        if self._kernel:
            found["mlops.kernel"] = self._kernel
        return found

    @property
    def place(self) -> dict[str, str]:
        """The notebook and the working directory, for the daemon to look at; empty where it can't
        be told of them.
        """
        try:
            directory = os.getcwd()
        except OSError:
            directory = ""  # it was removed
        return {
            "notebook": _text(self._source if self._kernel else None),
            "cwd": _text(directory),
        }


def _text(path: Path | str | None) -> str:
    """A path as JSON can hold it; "" for one that is no text."""
    try:
        return str(path or "").encode().decode()
    except UnicodeEncodeError:
        return ""


def _source() -> tuple[Path | None, str]:
    """The notebook and its kernelspec; a script and no kernelspec outside of a kernel."""
    interactive = sys.modules.get("IPython.core.getipython")
    shell = None if interactive is None else interactive.get_ipython()
    if shell is not None:
        from jupyter_mlops.magics.session import Session

        session = Session(shell)
        return session.notebook(), session.kernel_name()
    script = sys.argv[0] if sys.argv else ""
    return (Path(script).resolve() if script not in ("", "-c", "-") else None), ""
