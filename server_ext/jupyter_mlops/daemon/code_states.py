"""Learns, behind a submit's back, how a job's code relates to a commit.

Git may be slow, so nobody waits for it. A tree is asked once for all jobs that came before the
asking began, and not again for two seconds: so an answer is never older than the submit that it is
for, and a burst of jobs starts one git. What was saved between the two is named in the answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jupyter_mlops import paths
from jupyter_mlops.errors import NotFound
from jupyter_mlops.jobs.background import Background
from jupyter_mlops.jobs.gitstate import GitSilent, repository
from jupyter_mlops.jobs.runner import files
from jupyter_mlops.jobs.store import Store
from jupyter_mlops.jobs.working_tree import DIFF, STATE, TreeState, tree_state

log = logging.getLogger(__name__)

#: Seconds between two askings about one tree.
_APART = 2.0


@dataclass(frozen=True, slots=True)
class _Waiting:
    job_id: str
    submitted: float
    #: The notebook first.
    files: tuple[Path, ...]


class CodeStates:
    """Belongs to the event loop."""

    def __init__(self, store: Store, background: Background) -> None:
        self._store = store
        self._background = background
        self._waiting: dict[Path, list[_Waiting]] = {}

    def learn(self, job_id: str, submitted: float, notebook: Path, code: Sequence[Path]) -> None:
        """Write down the state of the working tree that `notebook` lies in.

        `code`: the files that its snapshot has copies of.
        """
        found = repository(notebook.parent)
        if found is None:
            return
        top = found[0]
        waiting = self._waiting.get(top)
        if waiting is None:
            waiting = self._waiting[top] = []
            self._background.spawn(self._ask(top), f"state of {top}")
        waiting.append(_Waiting(job_id, submitted, (notebook, *code)))

    def copy(self, job_id: str, original: str) -> None:
        """A job that runs another one's snapshot has that one's state."""
        for name in (STATE, DIFF):
            source = paths.job_dir(original) / name
            if source.exists():
                target = paths.job_dir(job_id)
                target.mkdir(mode=0o700, parents=True, exist_ok=True)
                shutil.copyfile(source, target / name)

    async def _ask(self, top: Path) -> None:
        try:
            while self._waiting[top]:
                jobs, self._waiting[top] = self._waiting[top], []
                began = time.monotonic()
                state: TreeState | str | None
                try:
                    every = list(dict.fromkeys(file for job in jobs for file in job.files))
                    state = await asyncio.to_thread(tree_state, top, every)
                except GitSilent as silent:
                    state = str(silent)
                for job in jobs:
                    await self._tell(job, state)
                await asyncio.sleep(max(0.0, began + _APART - time.monotonic()))
        finally:
            del self._waiting[top]

    async def _tell(self, job: _Waiting, state: TreeState | str | None) -> None:
        if state is None:
            return
        try:
            await self._store.get(job.job_id)
            dirty = await asyncio.to_thread(_write, job, state)
            if dirty is not None:
                await self._store.update(job.job_id, git_dirty=dirty)
        except NotFound:
            # Deleted meanwhile: nothing of it stays.
            await asyncio.to_thread(_remove, paths.job_dir(job.job_id))
        except OSError as error:
            log.warning("the state of job %s's code can't be kept: %s", job.job_id, error)


def _write(job: _Waiting, state: TreeState | str) -> bool | None:
    directory = paths.job_dir(job.job_id)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if isinstance(state, str):
        said = {"note": f"Git can't tell what had changed: {state}.", "dirty": None}
        files.replace(directory / STATE, [json.dumps(said).encode()])
        return None
    told = state.for_files(job.files, job.submitted)
    if state.diff is not None:
        files.replace(directory / DIFF, [state.diff])
    files.replace(directory / STATE, [json.dumps(told).encode("utf-8", "surrogateescape")])
    return bool(told["dirty"])


def _remove(directory: Path) -> None:
    for name in (STATE, DIFF):
        with contextlib.suppress(OSError):
            os.unlink(directory / name)
    with contextlib.suppress(OSError):
        os.rmdir(directory)
