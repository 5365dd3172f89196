"""Jobs for the tests of the store."""

from __future__ import annotations

import secrets
import time
from typing import Any

from jupyter_mlops.jobs.model import JobSpec, Kernel, Outputs
from jupyter_mlops.jobs.store_rows import NewJob, OutputPaths

FILES = {"notebook.ipynb": b'{"cells": []}'}


def a_job(**given: Any) -> NewJob:
    """A job to submit."""
    retries = given.pop("retries", 0)
    job_id = given.pop("id", None) or secrets.token_hex(6)
    return NewJob(
        id=job_id,
        name=given.pop("name", "work"),
        spec=JobSpec(notebook="/home/me/work.ipynb", retries=retries),
        notebook=given.pop("notebook", "/home/me/work.ipynb"),
        notebook_hash="0" * 64,
        kernel=Kernel(name="python3"),
        cwd="/home/me",
        outputs=Outputs(directory=f"/home/me/jobs/work-{job_id}"),
        output_paths=OutputPaths("/home/me/jobs/n.ipynb", "/home/me/jobs/n.log"),
        created_at=given.pop("created_at", None) or time.time(),
        **given,
    )
