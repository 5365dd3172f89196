"""Models, kept with a run by MLflow's own flavours.

A model becomes what MLflow calls a logged model: made by the run, with a place of its own, loadable
by `mlflow.pyfunc.load_model`. What it needs is found out by MLflow; the versions, of everything
below as well, are those of the run's recorded packages.
"""

from __future__ import annotations

import inspect
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_mlops.converters.lock import lock_text
from jupyter_mlops.errors import InvalidInput, NotFound
from jupyter_mlops.facts.packages import installed
from jupyter_mlops.facts.watch import package_folders
from jupyter_mlops.magics.mlflow_access import imported, led_to, run_on_server

if TYPE_CHECKING:
    from jupyter_mlops.magics.run import Run

#: Package that a model's class comes from → MLflow's flavour. Those built on others come first: a
#: class of theirs may have a base class of the others.
FLAVOURS = {
    "xgboost": "xgboost",
    "lightgbm": "lightgbm",
    "catboost": "catboost",
    "transformers": "transformers",
    "torch": "pytorch",
    "keras": "keras",
    "tensorflow": "tensorflow",
    "statsmodels": "statsmodels",
    "sklearn": "sklearn",
}
#: MLflow's own choice for these can't keep trees, nor classes of the person's.
_PICKLED = ("sklearn", "lightgbm")


def keep(
    run: Run,
    model: Any,
    name: str,
    *,
    flavor: str | None = None,
    signature: Any = None,
    input_example: Any = None,
    code_paths: list[str] | None = None,
) -> str:
    """See `Run.model`."""
    mlflow = imported()
    save = _saving(mlflow, model, flavor)
    run_id = run_on_server(run)
    wanted = {"signature": signature, "input_example": input_example, "code_paths": code_paths}
    try:
        with led_to(run) as address, tempfile.TemporaryDirectory(prefix="mlops-model-") as scratch:
            client = mlflow.MlflowClient(address)
            return _kept(mlflow, client, run_id, name, save, wanted, Path(scratch))
    except ImportError as error:
        raise _missing(error) from error
    except mlflow.exceptions.MlflowException as error:
        raise InvalidInput(f"MLflow can't keep this model: {error}") from error


def _kept(
    mlflow: Any,
    client: Any,
    run_id: str,
    name: str,
    save: _Saving | _Copying,
    wanted: dict[str, Any],
    scratch: Path,
) -> str:
    constraints = scratch / "constraints.txt"
    constraints.write_text(_constraints(), encoding="utf-8")
    found = client.get_run(run_id)
    logged = client.create_logged_model(
        found.info.experiment_id,
        name=name,
        source_run_id=run_id,
        params=dict(found.data.params),
    )
    description = mlflow.models.Model(
        artifact_path=logged.artifact_location,
        run_id=run_id,
        model_uuid=logged.model_id,
        model_id=logged.model_id,
    )
    place, done = scratch / "model", False
    try:
        save(place, description, {**wanted, "extra_pip_requirements": [f"-c {constraints}"]})
        client.log_model_artifacts(logged.model_id, str(place))
        done = True
    finally:
        client.finalize_logged_model(logged.model_id, "READY" if done else "FAILED")
    client.log_outputs(run_id, [mlflow.entities.LoggedModelOutput(logged.model_id, step=0)])
    return f"models:/{logged.model_id}"


# ---------------------------------------------------------------- which flavour


class _Saving:
    """Writes a model as its flavour does."""

    def __init__(self, flavor: str, first: str, model: Any, more: Mapping[str, Any]) -> None:
        self._flavor = flavor
        self._given = {first: model, **more}

    def __call__(self, place: Path, description: Any, wanted: Mapping[str, Any]) -> None:
        """Into a directory; `description` is MLflow's `Model`."""
        save = import_module(f"mlflow.{self._flavor}").save_model
        given = {name: value for name, value in wanted.items() if value is not None}
        save(path=str(place), mlflow_model=description, **self._given, **given)


class _Copying:
    """Of a model that MLflow has saved before."""

    def __init__(self, mlflow: Any, source: Path) -> None:
        self._mlflow = mlflow
        self._source = source

    def __call__(self, place: Path, description: Any, wanted: Mapping[str, Any]) -> None:
        """Its files as they are, as this run's model."""
        shutil.copytree(self._source, place)
        saved = self._mlflow.models.Model.load(str(place))
        saved.run_id, saved.model_id = description.run_id, description.model_id
        saved.model_uuid, saved.artifact_path = description.model_uuid, description.artifact_path
        if wanted["signature"] is not None:
            saved.signature = wanted["signature"]
        saved.save(str(place / "MLmodel"))


def _saving(mlflow: Any, model: Any, flavor: str | None) -> _Saving | _Copying:
    if isinstance(model, (str, os.PathLike)) and flavor is None:
        return _of_path(mlflow, Path(model).expanduser())
    found = flavor or _flavor_of(mlflow, model)
    if found == "pyfunc":
        return _Saving("pyfunc", "python_model", model, {})
    try:
        save = import_module(f"mlflow.{found}").save_model
    except ModuleNotFoundError as error:
        if error.name == f"mlflow.{found}":
            raise InvalidInput(
                f"MLflow has no flavour {found!r:.50}.",
                hint=f"One of: pyfunc, {', '.join(sorted(set(FLAVOURS.values())))}.",
            ) from error
        raise _missing(error) from error
    except AttributeError as error:
        raise InvalidInput(f"mlflow.{found} is no flavour of models.") from error
    first = next(iter(inspect.signature(save).parameters))
    more = {"serialization_format": "cloudpickle"} if found in _PICKLED else {}
    return _Saving(found, first, model, more)


def _of_path(mlflow: Any, path: Path) -> _Saving | _Copying:
    if not path.exists():
        raise NotFound(f"There is no file {path}.")
    if (path / "MLmodel").is_file():
        return _Copying(mlflow, path)
    if path.suffix == ".py":
        # MLflow's models from code.
        return _Saving("pyfunc", "python_model", str(path.resolve()), {})
    raise InvalidInput(
        f"{path} is no model that MLflow can load.",
        hint="A directory with an MLmodel file, or a .py file that calls mlflow.models.set_model, "
        "is one. `artifact` keeps any other file.",
    )


def _flavor_of(mlflow: Any, model: Any) -> str:
    if isinstance(model, mlflow.pyfunc.PythonModel):
        return "pyfunc"
    packages = [one.__module__.partition(".")[0] for one in type(model).__mro__]
    for package, flavor in FLAVOURS.items():
        if package in packages:
            if package == "keras" and _old_keras():
                return "tensorflow"
            return flavor
    if inspect.isfunction(model):
        return "pyfunc"
    raise InvalidInput(
        f"A {type(model).__qualname__} is no model that MLflow knows.",
        hint="Name its flavour, or put it into an mlflow.pyfunc.PythonModel.",
    )


def _old_keras() -> bool:
    """Before 3 it is a part of TensorFlow."""
    version = str(getattr(sys.modules.get("keras"), "__version__", "3"))
    return version.partition(".")[0] in ("1", "2")


def _missing(error: ImportError) -> InvalidInput:
    package = (error.name or "").partition(".")[0]
    return InvalidInput(
        f"MLflow can't keep this model: {error}.",
        hint=f"%pip install {package}" if package else "",
    )


def _constraints() -> str:
    """The session's packages as its run records them; MLflow takes only those with a version."""
    lines = lock_text(installed([path for path, _ in package_folders()])).splitlines()
    return "".join(f"{line}\n" for line in lines if "==" in line and not line.startswith("#"))
