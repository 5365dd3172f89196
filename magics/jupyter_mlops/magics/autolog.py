"""MLflow's own autologging, into the run that is open here, and into those that begin later."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from jupyter_mlops.errors import MlopsError
from jupyter_mlops.magics.mlflow_access import TOKEN, URI, imported, run_on_server, variables

if TYPE_CHECKING:
    from jupyter_mlops.magics.run import Run

#: MLflow prints an address for each run that it leaves. It leads to the daemon's own port, which
#: lets nobody in without a token: JupyterLab's way there is another one.
_QUIET = "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"


class Autologging:
    """Of this kernel: once on, each run has it."""

    def __init__(self) -> None:
        self._on = False

    def turn_on(self, run: Run) -> str:
        """Turn MLflow's autologging on; says what was done.

        Raises:
            InvalidInput: mlflow isn't installed in this kernel's environment.
            Busy: the run isn't on the tracking server yet.
        """
        api = imported()
        if not run.of_job:
            _lead(api, run)
        api.autolog()
        self._on = True
        return f"MLflow's autologging is on; it logs into {run.name}."

    def follow(self, run: Run) -> None:
        """Another run has begun: from now on it logs into this one."""
        if not self._on or run.of_job:
            return
        try:
            _lead(imported(), run)
        except MlopsError as error:
            sys.stderr.write(f"mlops: MLflow's autologging doesn't log into this run: {error}\n")


#: This kernel's.
autologging = Autologging()


def _lead(api: Any, run: Run) -> None:
    run_id = run_on_server(run)
    wanted = variables(run)
    os.environ.update(wanted)
    if TOKEN in wanted:
        os.environ.setdefault(_QUIET, "true")
    api.set_tracking_uri(os.environ[URI])
    active = api.active_run()
    if active is None or active.info.run_id != run_id:
        if active is not None:
            api.end_run()
        api.start_run(run_id=run_id)
    run.at_end(lambda: _leave(api, run_id))


def _leave(api: Any, run_id: str) -> None:
    active = api.active_run()
    if active is None or active.info.run_id != run_id:
        return
    try:
        # The daemon ends it; what MLflow says of that is not asked for.
        api.end_run()
    except api.exceptions.MlflowException as error:
        sys.stderr.write(f"mlops: MLflow can't leave the run, which ends all the same: {error}\n")
