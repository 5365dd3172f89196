"""The job that runs a run again. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from jupyter_mlops.converters.replay import NotReplayable, replay_of
from jupyter_mlops.jobs.model import RESERVED_ENVIRONMENT, JobSpec
from jupyter_mlops.reproduction import model, records
from jupyter_mlops.reproduction.model import CannotReproduce, Reproduction
from jupyter_mlops.reproduction.rebuilding import FoundEnvironment
from jupyter_mlops.reproduction.recorded_run import RecordedRun

_NAME_MOST = 250
#: The dispatcher's affair.
_NOT_SET = ("CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES")
DATA_FOLDERS = "JUPYTER_MLOPS_DATA_FOLDERS"


def notebook_again(raw: bytes, facts: Mapping[str, Any]) -> bytes:
    """The notebook as a job runs it: a session's executions in their order.

    Raises:
        CannotReproduce: what ran isn't known.
    """
    if "executions" not in facts:
        return raw
    try:
        sources = facts.get("sources") or {}
        made = replay_of(json.loads(raw), facts["executions"], sources)
        return json.dumps(made).encode()
    except (NotReplayable, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CannotReproduce(f"what ran in the session can't be told: {error}") from None


def spec_again(
    record: Reproduction, run: RecordedRun, environment: FoundEnvironment, notebook: str
) -> JobSpec:
    """The job that runs a run again, `notebook` being where its notebook lies now.

    Raises:
        ValidationError: what was recorded is none.
    """
    facts = run.facts
    variables = {
        str(name): str(value)
        for name, value in (facts.get("variables") or {}).items()
        if name not in _NOT_SET and not RESERVED_ENVIRONMENT.match(str(name))
    }
    # A path that the notebook names absolutely leads to what lies there now: that is watched, too.
    variables[DATA_FOLDERS] = str(facts.get("cwd") or "")
    asked = dict(facts.get("spec") or {})
    if run.failed:
        asked["retries"] = 0  # its last attempt is the one that is recorded
    return JobSpec.model_validate(
        {
            **{name: asked[name] for name in ("parameters", "resources", "timeout", "retries")
               if name in asked},
            "notebook": notebook,
            "name": f"reproduce {run.detail.run.name}"[:_NAME_MOST],
            "kernel": environment.kernel,
            "env": variables,
            "experiment": run.detail.run.experiment[:_NAME_MOST] or None,
            "tags": {model.ORIGINAL_TAG: run.id},
            "output_dir": str(records.directory_of(record.id) / records.RESULT),
        }
    )  # fmt: skip
