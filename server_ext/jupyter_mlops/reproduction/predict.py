"""What the models of a run predict: `python predict.py '{"models_of": …, "inputs_of": …}' FILE`.

Run in the run's own environment, which has MLflow but need not have us: the standard library and
what MLflow needs only. Writes JSON: model → {"inputs": in words, "asked": which, "values": […]} or
{"note": why there is nothing}. A model is code of whoever made the run, as its notebook is.

`data`: files that the run has read, each a `path` and a `name`. `asked`: model → which inputs; of
the models of the second run, which are asked the same.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

#: Rows that are predicted, and values that are told of each model.
ROWS, VALUES_MOST = 256, 200_000


class Unasked(Exception):
    """There is nothing that a model could be asked; the text says why."""


def models(client: Any, run_id: str) -> dict[str, str]:
    """Name → address of each model that a run has logged; a second one of a name is `name #2`."""
    run = client.get_run(run_id)
    listed: list[tuple[int, str, str]] = []
    if hasattr(client, "search_logged_models"):
        token = None
        while True:
            page = client.search_logged_models(
                [run.info.experiment_id],
                filter_string=f"source_run_id = '{run_id}'",
                page_token=token,
            )
            listed += [(o.creation_timestamp, o.name, f"models:/{o.model_id}") for o in page]
            token = page.token
            if not token:
                break
    else:  # MLflow 2
        history = json.loads(run.data.tags.get("mlflow.log-model.history", "[]"))
        for number, one in enumerate(history):
            path = one["artifact_path"]
            listed.append((number, path, f"runs:/{run_id}/{path}"))
    found: dict[str, str] = {}
    counts: dict[str, int] = {}
    for _, name, address in sorted(listed):
        counts[name] = counts.get(name, 0) + 1
        found[name if counts[name] == 1 else f"{name} #{counts[name]}"] = address
    return found


def inputs_of(
    path: str, data: Sequence[Mapping[str, str]], only: str | None = None
) -> Iterator[tuple[str, Any, str]]:
    """What a model may be asked, best first: which it is, the inputs, and what they are in words.

    Args:
        path: of the model.
        data: files that its run has read.
        only: which it has to be; None: whichever there is.

    Raises:
        Unasked: there is nothing; the text says why.
    """
    from mlflow.models import Model

    about = Model.load(path)
    schema = about.signature.inputs if about.signature is not None else None
    count = 0
    for number, file in enumerate(data if schema is not None else ()):
        which = f"data {number}"
        if only not in (None, which):
            continue
        try:
            given, rows = _sample.sample(file["path"], file["name"], schema, ROWS)
        except _sample.NoMatch:
            continue
        count += 1
        yield which, given, f"{rows} row{'' if rows == 1 else 's'} of {file['name']}"
    if only is not None and only.startswith("data "):
        if not count:
            raise Unasked("the rows that the first one was asked can't be read")
        return
    if about.saved_input_example_info:
        yield "example", about.load_input_example(path), "its input example"
        return
    if schema is None:
        raise Unasked("it has neither an input example nor a signature")
    made = made_up(schema)
    if made is not None:
        yield "made", made, f"{ROWS} rows made up from its signature"
    elif not count:
        raise Unasked(
            "it has no input example, its signature is not one of numbers, and no table that the "
            "run has read has its columns"
        )


def made_up(schema: Any) -> Any:
    """Numbers of the schema's shape, the same each time; None where it wants something else."""
    import numpy as np

    random = np.random.default_rng(0)

    def numbers(kind: Any, shape: tuple[int, ...]) -> Any:
        kind = np.dtype(kind)
        if kind.kind == "b":
            return random.integers(0, 2, shape).astype(kind)
        if kind.kind in "iu":
            return random.integers(0, 10, shape).astype(kind)
        return random.normal(size=shape).astype(kind) if kind.kind == "f" else None

    if schema.is_tensor_spec():
        parts = {}
        for one in schema.inputs:
            shape = tuple(ROWS if n == -1 and i == 0 else 8 if n == -1 else n
                          for i, n in enumerate(one.shape))  # fmt: skip
            parts[one.name] = numbers(one.type, shape)
        if any(part is None for part in parts.values()):
            return None
        return parts if schema.has_input_names() else next(iter(parts.values()))
    import pandas as pd

    columns = {}
    for number, one in enumerate(schema.inputs):
        kind = getattr(one.type, "to_numpy", lambda: None)()
        column = None if kind is None else numbers(kind, (ROWS,))
        if column is None:
            return None
        columns[one.name or number] = column
    return pd.DataFrame(columns)


def plain(value: Any, left: list[int]) -> Any:
    """Predictions as JSON has them."""
    if hasattr(value, "to_dict") and hasattr(value, "columns"):
        return {str(name): plain(value[name].tolist(), left) for name in value.columns}
    if callable(listing := getattr(value, "tolist", None)):
        value = listing()
    if hasattr(value, "todense"):
        return plain(value.todense(), left)
    if isinstance(value, dict):
        return {str(key): plain(one, left) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one, left) for one in value]
    left[0] -= 1
    if left[0] < 0:
        raise ValueError(f"it predicts more than {VALUES_MOST} values")
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return str(value)


def predictions(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Of every model of the run `models_of`, on the inputs that the same one of `inputs_of` has."""
    try:
        import mlflow
    except ImportError:
        return {}  # without it no model was logged

    client = mlflow.MlflowClient()
    found: dict[str, Any] = {}
    asked = models(client, wanted["inputs_of"])
    for name, address in models(client, wanted["models_of"]).items():
        with tempfile.TemporaryDirectory() as directory:
            try:
                place = os.path.join(directory, "model")
                path = mlflow.artifacts.download_artifacts(address, dst_path=place)
                other = path
                if wanted["models_of"] != wanted["inputs_of"] and name in asked:
                    other = mlflow.artifacts.download_artifacts(
                        asked[name], dst_path=os.path.join(directory, "asked")
                    )
                data, only = wanted.get("data", ()), wanted.get("asked", {}).get(name)
                found[name] = answer(path, inputs_of(other, data, only))
            except Exception as error:  # noqa: BLE001 - whatever a model raises is an answer
                found[name] = {"note": said_of(error), "failed": True}
    return found


def answer(path: str, inputs: Iterator[tuple[str, Any, str]]) -> dict[str, Any]:
    """What a model predicts of the first inputs that it takes.

    Raises:
        Exception: the model's own, of what it was logged with or of what its signature promises.
    """
    import mlflow

    loaded = None
    note = ""
    try:
        for which, given, said in inputs:
            loaded = loaded or mlflow.pyfunc.load_model(path)
            try:
                told = plain(loaded.predict(given), [VALUES_MOST])
            except Exception as error:
                if not which.startswith("data "):
                    raise
                # The table has its columns, and is another one all the same.
                note = f"it refuses {said}: {said_of(error)}"
                continue
            return {"inputs": said, "asked": which, "values": told}
    except Unasked as nothing:
        note = note or str(nothing)
    return {"note": note}


def said_of(error: Exception) -> str:
    """An error in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"


def _neighbour(name: str) -> Any:
    """A module beside this one, by its place."""
    here = os.path.dirname(os.path.abspath(__file__))
    spec = importlib.util.spec_from_file_location(
        f"_mlops_{name}", os.path.join(here, f"{name}.py")
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_sample = _neighbour("sample")

if __name__ == "__main__":
    # The folder of this script: a model may need a module of the person's that is called as one
    # of ours.
    del sys.path[0]
    with open(sys.argv[2], "w", encoding="utf-8") as file:
        json.dump(predictions(json.loads(sys.argv[1])), file)
