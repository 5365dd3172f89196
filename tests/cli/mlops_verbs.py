"""A job that was run by a verb."""

from __future__ import annotations

from typing import Any

from mlops_script import JOB, Script, cells, finished

FAILURE = {
    "code": "cell_failed",
    "message": "ValueError: could not convert string to float: 'x'",
    "hint": "Mend cell 2.",
    "cell_index": 1,
    "ename": "ValueError",
    "evalue": "could not convert",
    "traceback": "\n".join(f"line {number}" for number in range(40)),
}


def run_job(script: Script, state: str = "succeeded", **fields: Any) -> None:
    """Have the next job run two cells and end so."""
    script.events[JOB] = [*cells("import os", "fit()"), finished(state, **fields)]
