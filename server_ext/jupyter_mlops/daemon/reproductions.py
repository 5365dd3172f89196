"""Jobs as reproductions ask for them; see `reproduction.work.Jobs`."""

from __future__ import annotations

from jupyter_mlops.daemon import submission
from jupyter_mlops.daemon.root import PathRules
from jupyter_mlops.daemon.service import Service
from jupyter_mlops.jobs.model import Job, JobSpec, Submission


class DaemonJobs:
    """Belongs to the daemon's event loop."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def submit(self, spec: JobSpec, key: str) -> Job:
        """An ordinary job."""
        job, _ = await submission.submit(self._service, Submission(spec=spec), key, PathRules(None))
        return job

    async def of_key(self, key: str) -> str | None:
        """The job that a key has made."""
        found = await self._service.store.by_key(key)
        return None if found is None else found[0].job.id

    async def get(self, job_id: str) -> Job:
        """The job as it is now."""
        return await self._service.dispatcher.get(job_id)

    async def changed(self, job_id: str) -> None:
        """Return at its next change."""
        await self._service.dispatcher.changed(job_id)

    async def cancel(self, job_id: str) -> None:
        """Ask for its end."""
        await self._service.dispatcher.cancel(job_id)

    async def kernels_in_use(self) -> set[str]:
        """Kernels of jobs that have not ended."""
        return {job.kernel.name for job in self._service.dispatcher.current()}
