"""What the tests of the API share: jobs on their way, problems."""

from __future__ import annotations

from typing import Any

from .mlops_scripted import Runner
from .mlops_served import Served


async def running(served: Served, job: dict[str, Any]) -> Runner:
    """The runner of a job, once it runs."""
    for number in range(100):
        runner = await served.stage.runner(number)
        assert runner.order is not None
        if runner.order.job_id == job["id"]:
            runner.prepared()
            served.stage.ring(runner)
            await served.stage.until(job["id"], "running")
            return runner
    raise AssertionError


def problem(answer: Any, status: int, code: str) -> dict[str, Any]:
    """The problem document of an answer that must be one."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document = answer.json()
    assert set(document) == {"type", "title", "status", "code", "detail", "hint", "problems"}
    assert (document["status"], document["code"]) == (status, code)
    assert document["detail"]
    assert "Traceback" not in answer.text
    return document
