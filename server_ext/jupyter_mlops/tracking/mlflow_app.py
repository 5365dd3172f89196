"""MLflow's own ASGI app, loaded into this process.

The names of the environment variables are MLflow's private ones (`mlflow server` sets them); a test
holds them. They stay set, since MLflow reads some at each request: whoever starts a process with
the environment of this one has to take the one that it began with.
"""

from __future__ import annotations

import gc
import os
import re
import sys
import warnings
from pathlib import Path
from typing import Any

from jupyter_mlops.tracking.create_store import ARTIFACTS, DATABASE
from jupyter_mlops.tracking.sql import ARTIFACT_ROOT

#: What of MLflow's own app is not offered: it starts processes, runs an agent's commands, or calls
#: addresses that a request names.
WITHHELD = re.compile(
    r"/ajax-api/3\.0/(?:mlflow/assistant|jobs)(?:/|$)|/ajax-api/2\.0/mlflow/gateway-proxy(?:/|$)"
)


def server_environment(directory: Path) -> dict[str, str]:
    """What MLflow's app reads: the store and artifacts in `directory`, no process of its own."""
    uri = f"sqlite:///{directory / DATABASE}"
    return {
        "_MLFLOW_SERVER_FILE_STORE": uri,
        "_MLFLOW_SERVER_REGISTRY_STORE": uri,
        "_MLFLOW_SERVER_ARTIFACT_ROOT": ARTIFACT_ROOT,
        "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
        "_MLFLOW_SERVER_ARTIFACT_DESTINATION": str(directory / ARTIFACTS),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        # Nobody asked the daemon to report to anybody.
        "MLFLOW_DISABLE_TELEMETRY": "true",
        # The daemon checks hosts and origins itself, for every address; these would undo MLflow's.
        "MLFLOW_SERVER_ALLOWED_HOSTS": "localhost",
        "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS": "",
        "MLFLOW_SERVER_DISABLE_SECURITY_MIDDLEWARE": "false",
        "MLFLOW_ENABLE_WORKSPACES": "false",
    }


def load(directory: Path) -> Any:
    """MLflow's app with its store opened; takes seconds, so call it in a thread, once."""
    os.environ.update(server_environment(directory))
    uris = {name: os.environ.get(name) for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI")}
    interval = sys.getswitchinterval()
    # Other threads get their turn often, and no collection walks through what is being loaded.
    sys.setswitchinterval(0.0005)
    gc.disable()
    warnings.filterwarnings("ignore", message="starlette.middleware.wsgi is deprecated")
    try:
        from mlflow.server import handlers
        from mlflow.server.fastapi_app import app

        handlers._get_tracking_store()  # noqa: SLF001 - opened here, once, by nobody else
        handlers._get_model_registry_store()  # noqa: SLF001 - as above
    finally:
        gc.freeze()
        gc.enable()
        sys.setswitchinterval(interval)
        # Opening the stores told every process to be started to open the file by itself.
        for name, value in uris.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
    return app
