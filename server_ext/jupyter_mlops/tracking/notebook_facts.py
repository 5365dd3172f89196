"""What tracking wants to know of a notebook that runs: its parameters and its experiment."""

from __future__ import annotations

import ast
import json
import os
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_mlops.converters.cellcode import parsed, python_source
from jupyter_mlops.converters.declared import Declared
from jupyter_mlops.converters.parameters import PARAMETERS_TAG, declared_in
from jupyter_mlops.jobs.model import Job

_EXPERIMENT_VARIABLE = "MLFLOW_EXPERIMENT_NAME"
#: Of so many notebooks.
_REMEMBERED = 64


@dataclass(frozen=True, slots=True)
class Said:
    """What the notebook itself says."""

    declared: tuple[Declared, ...] = ()
    #: The argument of `mlflow.set_experiment(…)`: a text, or the name of a variable.
    experiment: str | None = None
    experiment_variable: str | None = None


class Facts:
    """Reads snapshots; what the last few said is remembered, since sweeps submit one notebook many
    times. Any thread may ask.
    """

    def __init__(self) -> None:
        #: By the notebook's hash: notebooks themselves may be large.
        self._said: OrderedDict[tuple[str, str], Said] = OrderedDict()

    def parameters(self, job: Job, raw: bytes) -> dict[str, Any]:
        """Declared defaults, overridden by what the job was given. An expression stands as it is
        written.
        """
        said = self._of(job, raw)
        values = {one.name: one.default if one.literal else one.default_source
                  for one in said.declared}  # fmt: skip
        return values | dict(job.spec.parameters)

    def experiment(self, job: Job, raw: bytes, inherited: Mapping[str, str]) -> str:
        """The name of the job's experiment.

        What the person chose for the job; else what the notebook itself or an environment variable
        names, so that its runs stay together however it is run; else the notebook's name.
        """
        if job.spec.experiment:
            return job.spec.experiment
        if given := job.spec.env.get(_EXPERIMENT_VARIABLE):
            return given
        said = self._of(job, raw)
        if said.experiment:
            return said.experiment
        if said.experiment_variable:
            value = self.parameters(job, raw).get(said.experiment_variable)
            if isinstance(value, str) and value:
                return value
        return inherited.get(_EXPERIMENT_VARIABLE) or notebook_name(job)

    def _of(self, job: Job, raw: bytes) -> Said:
        key = (job.notebook_hash, job.kernel.language)
        found = self._said.get(key)
        if found is None:
            found = _read(raw, job.kernel.language)
            if raw:  # a job that was deleted meanwhile has none any more
                self._said[key] = found
                if len(self._said) > _REMEMBERED:
                    self._said.popitem(last=False)
        return found


def notebook_name(job: Job) -> str:
    """The notebook's name without its suffix, fit to be shown."""
    stem = os.fsencode(Path(job.notebook).stem).decode("utf-8", "replace")
    return "".join(char if char.isprintable() else " " for char in stem).strip() or job.name


def _read(raw: bytes, language: str) -> Said:
    try:
        cells = json.loads(raw)["cells"]
        sources = [
            (_text(cell["source"]), cell.get("metadata", {}).get("tags", ()))
            for cell in cells
            if cell["cell_type"] == "code"
        ]
    except (ValueError, KeyError, TypeError, RecursionError):
        return Said()
    declared: list[Declared] = []
    for source, tags in sources:
        if PARAMETERS_TAG in tags:
            declared = declared_in(source, language or "python")
            break
    for source, _ in sources if language.lower() in ("python", "ipython") else ():
        if "set_experiment" in source and (found := _set_experiment(source)) is not None:
            if isinstance(found, ast.Name):
                return Said(tuple(declared), experiment_variable=found.id)
            return Said(tuple(declared), experiment=found)
    return Said(tuple(declared))


def _set_experiment(source: str) -> str | ast.Name | None:
    """What the first `mlflow.set_experiment` of a cell is given, where it can be read."""
    tree = parsed(python_source(source))
    for node in ast.walk(tree) if tree is not None else ():
        if not isinstance(node, ast.Call):
            continue
        match node.func:
            case ast.Attribute(value=ast.Name(id="mlflow"), attr="set_experiment"):
                pass
            case ast.Name(id="set_experiment"):
                pass
            case _:
                continue
        named = [one.value for one in node.keywords if one.arg == "experiment_name"]
        for argument in [*node.args[:1], *named]:
            if isinstance(argument, ast.Name):
                return argument
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                return argument.value or None
    return None


def _text(source: str | list[str]) -> str:
    return source if isinstance(source, str) else "".join(source)
