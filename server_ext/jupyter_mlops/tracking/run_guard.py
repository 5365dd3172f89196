"""What a request to MLflow may change of a job's run: everything but whether and when it ended.

`mlflow.end_run()` in a notebook, or at its kernel's exit, would end the run of a job that goes on,
or turn that of a failed one into a success. And a notebook may log a parameter that we have set
already, with the value that it really used. A run that a kernel logs into is ended by the kernel
likewise.
"""

from __future__ import annotations

import re
from typing import Any

from jupyter_mlops.tracking import sql
from jupyter_mlops.tracking.access import Caller
from jupyter_mlops.tracking.embedded_store import EmbeddedStore
from jupyter_mlops.tracking.live_runs import LiveRuns
from jupyter_mlops.tracking.run_record import PARENT_TAG

_CALL = re.compile(
    r"/(?:ajax-)?api/2\.0/(?:preview/)?mlflow/runs/(create|update|log-parameter|log-batch)"
)
#: On runs that a job's notebook made itself; they end with the job at the latest.
CREATOR_TAG = "mlops.created_by_job"


def concerns(method: str, path: str) -> str | None:
    """The call that has to be looked at, None when the request can pass as it is."""
    found = _CALL.fullmatch(path) if method == "POST" else None
    return None if found is None else found[1]


class RunGuard:
    """Looks at requests; used by the thread that serves them."""

    def __init__(self, live: LiveRuns) -> None:
        self._live = live

    async def revise(
        self, store: EmbeddedStore, caller: Caller, call: str, body: dict[str, Any]
    ) -> dict[str, Any]:
        """The body that MLflow gets."""
        match call:
            case "create":
                return self._created(caller, body)
            case "update":
                return await self._updated(store, body)
            case "log-parameter":
                await self._make_room(store, body, [body])
            case _:
                params = body.get("params")
                await self._make_room(store, body, params if isinstance(params, list) else [])
        return body

    def _created(self, caller: Caller, body: dict[str, Any]) -> dict[str, Any]:
        job_id = caller.job_id
        tags = body.get("tags") or []
        if job_id is None or not isinstance(tags, list):
            return body
        names = {tag.get("key") for tag in tags if isinstance(tag, dict)}
        added = [{"key": CREATOR_TAG, "value": job_id}]
        run = self._live.of_job(job_id)
        if (
            run is not None
            and PARENT_TAG not in names
            and str(body.get("experiment_id")) == run.experiment_id
        ):
            added.append({"key": PARENT_TAG, "value": run.run_id})
        return body | {"tags": [*tags, *added]}

    async def _updated(self, store: EmbeddedStore, body: dict[str, Any]) -> dict[str, Any]:
        run_id = _run_id(body)
        if "status" not in body and "end_time" not in body:
            return body
        if self._live.by_run(run_id) is None and run_id not in self._live.interactive:
            job = await store.read(lambda db: sql.job_of(db, run_id))
            if job is None:
                return body
        return {key: value for key, value in body.items() if key not in ("status", "end_time")}

    async def _make_room(
        self, store: EmbeddedStore, body: dict[str, Any], params: list[Any]
    ) -> None:
        run = self._live.by_run(_run_id(body))
        if run is None:
            return
        for param in params:
            if not isinstance(param, dict):
                continue
            key, value = str(param.get("key")), param.get("value")
            ours = run.params.get(key)
            if ours is not None and value != ours:
                await _withdraw(store, run.run_id, key, ours)


async def _withdraw(store: EmbeddedStore, run_id: str, key: str, value: str) -> None:
    await store.run(lambda db: sql.withdraw_param(db, run_id, key, value), durable=False)


def _run_id(body: dict[str, Any]) -> str:
    found = body.get("run_id") or body.get("run_uuid")
    return found if isinstance(found, str) else ""
