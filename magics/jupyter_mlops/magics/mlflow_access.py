"""This kernel's own mlflow, led to the store in which a run is."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from jupyter_mlops import paths
from jupyter_mlops.errors import Busy, InvalidInput

if TYPE_CHECKING:
    from jupyter_mlops.magics.run import Run

URI, TOKEN = "MLFLOW_TRACKING_URI", "MLFLOW_TRACKING_TOKEN"


def imported() -> Any:
    """The module mlflow; importing it takes seconds.

    Raises:
        InvalidInput: it isn't installed in this kernel's environment.
    """
    try:
        import mlflow
    except ImportError as error:
        raise InvalidInput(
            "mlflow isn't installed in this kernel's environment.", hint="%pip install mlflow"
        ) from error
    return mlflow


def run_on_server(run: Run) -> str:
    """MLflow's id of a run, of which all that was logged so far is there.

    Raises:
        Busy: the run isn't on the tracking server yet.
    """
    found = run.sync()["run_id"]
    if found is None:
        raise Busy("The tracking server is away, so MLflow can't log to it.")
    return str(found)


def variables(run: Run) -> dict[str, str]:
    """What leads mlflow to the store; in a job the kernel has it already.

    Credentials of a tracking server are the person's own, in their environment or MLflow's file of
    them.
    """
    if run.of_job and os.environ.get(URI):
        return {}
    tracking = run.tracking()
    if tracking.get("address"):
        access = json.loads((paths.mlflow_dir() / "access.json").read_bytes())
        return {URI: access["uri"], TOKEN: access["token"]}
    return {} if os.environ.get(URI) else {URI: tracking["uri"]}


@contextlib.contextmanager
def led_to(run: Run) -> Iterator[str]:
    """Have the environment lead mlflow to the store, for a while; gives the store's address."""
    wanted = variables(run)
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield os.environ[URI]
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
