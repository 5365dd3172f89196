"""What a notebook logs to MLflow without a run of its own lands in its job's.

Also after MLflow has ended that: it forgets `MLFLOW_RUN_ID` with the first run that it starts,
which often is autologging's.

For `batch_kernel`, which loads it by its path: standard library only.
"""

from __future__ import annotations

import functools
import importlib.machinery
import os
import sys
from typing import Any

#: The module of `mlflow.log_metric` and its like.
_FLUENT = "mlflow.tracking.fluent"


def keep() -> None:
    """From now on where MLflow is preloaded, else as soon as it is imported."""
    fluent = sys.modules.get(_FLUENT)
    if fluent is not None:
        _continue_run(fluent)
    elif not any(isinstance(finder, _Fluent) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Fluent())


class _Fluent:
    """Finds one module as always, and has it changed once it is loaded."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name != _FLUENT:
            return None
        sys.meta_path.remove(self)
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        loader: Any = spec.loader if spec is not None else None
        if loader is not None:
            usual = loader.exec_module

            def exec_module(module: Any) -> None:
                usual(module)
                _continue_run(module)

            loader.exec_module = exec_module
        return spec


def _continue_run(fluent: Any) -> None:
    usual = getattr(fluent, "_get_or_start_run", None)
    if usual is None:
        return

    @functools.wraps(usual)
    def get_or_start_run() -> Any:
        run_id = os.environ.get("MLOPS_RUN_ID")
        if not run_id or "MLFLOW_RUN_ID" in os.environ or fluent.active_run() is not None:
            return usual()
        os.environ["MLFLOW_RUN_ID"] = run_id
        try:
            return usual()
        except fluent.MlflowException:
            if getattr(fluent, "_active_experiment_id", None) is None:
                raise
            # The person has set another experiment since: a run there, as without us.
            os.environ.pop("MLFLOW_RUN_ID", None)
            return usual()

    fluent._get_or_start_run = get_or_start_run  # noqa: SLF001 - held by a test
