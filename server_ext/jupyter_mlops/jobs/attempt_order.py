"""What a runner is told, put together from the job, its snapshot and the settings."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from jupyter_mlops import paths
from jupyter_mlops.jobs.bundle import CODE, LINKS, NOTEBOOK, VALUES
from jupyter_mlops.jobs.kernelspecs import KernelSpec
from jupyter_mlops.jobs.order import AttemptOrder
from jupyter_mlops.jobs.store_rows import StoredJob
from jupyter_mlops.settings import AttemptSettings

ORDER = "order.json"
BUNDLE = "bundle"


def make_order(
    stored: StoredJob,
    attempt: int,
    directory: Path,
    files: Sequence[str],
    spec: KernelSpec,
    environment: dict[str, str],
    settings: AttemptSettings,
) -> AttemptOrder:
    """The order of one attempt; `files` are the snapshot's paths, laid out below `bundle/`."""
    job = stored.job
    bundle = directory / BUNDLE
    has_code = any(path == LINKS or path.startswith(f"{CODE}/") for path in files)
    return AttemptOrder(
        job_id=job.id,
        attempt=attempt,
        name=job.name,
        directory=str(directory),
        notebook=str(bundle / NOTEBOOK),
        source=job.notebook,
        code_dir=str(bundle / CODE) if has_code else None,
        values=str(bundle / VALUES) if VALUES in files else None,
        cwd=stored.cwd,
        parameters=job.spec.parameters,
        kernel=spec.order(),
        env=job.spec.env | {"MLOPS_JOB_ID": job.id, "MLOPS_ATTEMPT": str(attempt)} | environment,
        timeout=job.spec.timeout,
        kernel_start_timeout=settings.kernel_start_timeout,
        quiet_after=settings.quiet_after,
        interrupt_grace=settings.interrupt_grace,
        memory_limit=job.spec.resources.memory,
        cpus_only=not job.spec.resources.memory and not job.spec.resources.gpus,
        limits=settings.limits,
        facts=settings.facts,
        hashes=str(paths.hashes_dir()),
        output_notebook=stored.output_paths.notebook,
        output_log=stored.output_paths.log,
        doorbell=str(paths.doorbell_socket()),
    )


def write_order(order: AttemptOrder) -> Path:
    """Write `order.json` (0600) into the attempt's directory."""
    target = Path(order.directory) / ORDER
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb") as file:
        file.write(order.model_dump_json().encode())
    return target
