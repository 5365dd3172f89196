"""What is recorded of a job without anybody asking, put together from what its parts left.

The kernel's `facts.json` (see `jupyter_mlops.facts`), the working tree's state as the daemon learnt
it at submit, the runner's samples of the system, the packages of the interpreter, this machine. All
of it goes into `mlops/` of the run's artifacts; what one searches by is a tag.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from jupyter_mlops import paths
from jupyter_mlops.converters.reproducible import lacks
from jupyter_mlops.jobs.attempt_log import facts_file
from jupyter_mlops.jobs.attempt_order import BUNDLE
from jupyter_mlops.jobs.bundle import CODE, NOTEBOOK, VALUES
from jupyter_mlops.jobs.model import Job
from jupyter_mlops.jobs.order import FactsWanted
from jupyter_mlops.jobs.runner.system_metrics import FILE as SYSTEM
from jupyter_mlops.jobs.working_tree import DIFF, STATE
from jupyter_mlops.tracking.gathering import (
    CODE_ZIP,
    VERSION,
    Gathering,
    pack,
    this_machine,
    written,
)
from jupyter_mlops.tracking.kept_data import KeptData
from jupyter_mlops.tracking.kernel_facts import kernel_facts, read_object
from jupyter_mlops.tracking.run_facts import RunFacts, samples_of

log = logging.getLogger(__name__)


#: What a reproduction asks for as well.
_SPEC = {"parameters", "resources", "timeout", "retries", "warm_start"}
#: Says what is recorded, not what is computed.
_ABOUT_FACTS = {"JUPYTER_MLOPS_DATASETS", "JUPYTER_MLOPS_DATA_FOLDERS"}


class JobFacts:
    """Works in threads of its own: git, hashes and lists may take seconds."""

    def __init__(self, wanted: FactsWanted, kept: KeptData | None = None) -> None:
        """`wanted`: limits of what is hashed of data files; `kept`: keeps copies of small ones."""
        self._gathering = Gathering(wanted.hash_limit, kept)
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="facts")

    async def of(self, job: Job) -> RunFacts:
        """The facts of a job's last attempt, written down as files."""
        work = functools.partial(self._of, job)
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    async def recorded(self, run_id: str, facts: RunFacts) -> None:
        """They are in the run: from now on it needs the copies of what it read.

        Raises:
            StoreUnusable: that can't be noted.
        """
        work = functools.partial(self._gathering.recorded, run_id, facts)
        await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def close(self) -> None:
        """Wait for nothing more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _of(self, job: Job) -> RunFacts:
        directory = paths.attempt_dir(job.id, max(job.attempt, 1))
        bundle = directory / BUNDLE
        code = read_object(paths.job_dir(job.id) / STATE)
        if not code and job.git_commit is not None:
            code = {"commit": job.git_commit, "note": "Git has not told yet what had changed."}
        facts: dict[str, Any] = {
            "version": VERSION,
            "job": job.id,
            "attempt": max(job.attempt, 1),
            "notebook": {"path": job.notebook, "sha256": job.notebook_hash},
            "kernel": job.kernel.model_dump(),
            "cwd": str(Path(job.notebook).parent),
            "status": job.state.value,
            "spec": job.spec.model_dump(mode="json", include=_SPEC),
            "code": code or None,
            "machine": this_machine(),
        }
        if job.failure is not None:
            # Its message stands in the run's tags and log.
            facts["failure"] = job.failure.model_dump(include={"code", "cell_index", "ename"})
        environment = None
        if job.kernel.language.lower() == "python":
            kernel = kernel_facts(facts_file(directory))
            environment = self._gathering.environment(kernel)
            facts["values"] = (bundle / VALUES).exists()
            document = read_object(bundle / NOTEBOOK)
            if kernel is not None:
                named = {*job.spec.env, *job.spec.env_from} - _ABOUT_FACTS
                facts["variables_unknown"] = sorted(named - kernel.variables.keys())
            self._gathering.add_session(facts, kernel, environment, document, [bundle / CODE])
        else:
            facts["lacks"] = [one.to_json() for one in lacks(facts)]
            facts["reproducible"] = not facts["lacks"]
        try:
            beside = _code_files(job, directory)
            samples = samples_of(directory / SYSTEM)
            return written(facts, environment, directory, beside, samples)
        except OSError as error:
            if not directory.exists():
                return RunFacts()  # the job was deleted meanwhile
            log.warning("job %s: its facts can't be written: %s", job.id, error)
            return RunFacts()


def _code_files(job: Job, directory: Path) -> dict[str, Path]:
    """The snapshot that ran, and what its tree held beyond the commit."""
    found: dict[str, Path] = {}
    bundle = directory / BUNDLE
    if (bundle / NOTEBOOK).is_file():
        found[NOTEBOOK] = bundle / NOTEBOOK
    if modules := _copies(bundle / CODE):
        found[CODE_ZIP] = directory / CODE_ZIP
        pack(modules, directory / CODE_ZIP)
    diff = paths.job_dir(job.id) / DIFF
    if diff.is_file():
        found[DIFF] = diff
    return found


def _copies(code: Path) -> dict[str, Path]:
    """Files of the snapshot's code, without links and what Python made of them."""
    found: dict[str, Path] = {}
    for folder, _, names in os.walk(code):
        if "__pycache__" in folder:
            continue
        for name in names:
            path = Path(folder) / name
            if not path.is_symlink():
                found[path.relative_to(code).as_posix()] = path
    return found
