"""Where two runs at a real tracking server differ: what they keep comes through MLflow's client."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlops import paths

from .mlops_looking import Looking, looking_at
from .mlops_tracked import notebook
from .mlops_wire import TrackingServerProcess

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def server(tmp_path: Path, logged_store: tuple[Path, list[str]]) -> Iterator[TrackingServerProcess]:
    """One that has the runs of `mlops_logged`."""
    directory = tmp_path / "tracking-server"
    directory.mkdir()
    shutil.copy(logged_store[0] / "mlflow.db", directory / "server.db")
    found = TrackingServerProcess(directory, directory / "server.db")
    try:
        found.wait_until_up()
        yield found
    finally:
        found.stop()


def kept(directory: Path, word: str) -> Path:
    """What a run keeps, laid out as its artifacts."""
    ours = directory / "mlops"
    ours.mkdir(parents=True)
    (directory / "notebook").mkdir()
    document = notebook("import model", f"print('{word}')")
    document["cells"][1]["outputs"] = [
        {"output_type": "stream", "name": "stdout", "text": f"{word}\n"}
    ]
    (directory / "notebook" / "train.ipynb").write_text(json.dumps(document))
    (ours / "requirements.txt").write_text(f"h11==0.{len(word)}\nsame==1\n")
    facts = {"cwd": "/w", "datasets": {"files": []}, "code": None}
    (ours / "facts.json").write_text(json.dumps(facts))
    read = {"files": [{"path": "/w/data.csv", "size": len(word), "sha256": word * 8}], "more": 0}
    (ours / "datasets.json").write_text(json.dumps(read))
    with zipfile.ZipFile(ours / "code.zip", "w") as archive:
        archive.writestr("model.py", f"NAME = '{word}'\n")
    return directory


def test_all_parts(
    home: Path,
    tmp_path: Path,
    server: TrackingServerProcess,
    logged_store: tuple[Path, list[str]],
    mlflow_script: Callable[..., Any],
) -> None:
    """Notebook, packages, code and data; a run without any; a run that isn't there."""
    ids = logged_store[1]
    uri = f"http://127.0.0.1:{server.port}"
    pairs = [
        (run_id, str(kept(tmp_path / word, word)))
        for run_id, word in zip(ids[:2], ("one", "three"), strict=True)
    ]
    mlflow_script(
        "from mlflow import MlflowClient\n"
        f"client = MlflowClient({uri!r})\n"
        f"for run_id, directory in {pairs!r}:\n"
        "    client.log_artifacts(run_id, directory)\n"
    )

    async def story(on: Looking) -> None:
        address = f"/runs/{ids[0]}/diff/{ids[1]}"
        found = await on.get(f"{address}/notebook")
        (cell,) = found["cells"]
        assert (cell["change"], cell["after"], found["equal"]) == ("changed", 1, 1)
        assert [one["kind"] for one in cell["outputs"]] == ["stdout"]
        packages = await on.get(f"{address}/packages")
        (package,) = packages["packages"]
        assert (package["name"], package["before"], package["after"]) == ("h11", "0.3", "0.5")
        (file,) = (await on.get(f"{address}/code"))["files"]
        assert (file["path"], file["ran"]) == ("model.py", True)
        data = await on.get(f"{address}/data")
        told = {one["name"]: one["change"] for one in data["data"]}
        assert told["data.csv"] == "changed"
        assert told["iris (training)"] == "removed"
        nothing = f"/runs/{ids[0]}/diff/{ids[2]}"
        assert (await on.get(f"{nothing}/notebook"))["after"] is None
        assert (await on.get(f"{nothing}/packages"))["known"] == [True, False]
        assert (await on.get(f"{nothing}/code"))["known"] == [True, False]
        for part in ("notebook", "packages", "code", "data"):
            gone = f"/runs/{ids[0]}/diff/{'0' * 32}/{part}"
            await on.refused(gone, 404, "run_not_found")

    environment = {"MLFLOW_TRACKING_URI": uri, "MLFLOW_DISABLE_TELEMETRY": "true"}
    looking_at(story, environment, 280)


def test_what_a_run_without_artifacts_and_a_wrong_id_are_told(logged: list[str]) -> None:
    """In the embedded store: nothing is known, and nobody is taken for a path."""

    async def story(on: Looking) -> None:
        for part, where in (("notebook", "after"), ("packages", "known")):
            found = await on.get(f"/runs/{logged[0]}/diff/{logged[1]}/{part}")
            assert found[where] in (None, [False, False])
        await on.refused(f"/runs/{logged[0]}/diff/{'0' * 32}/data", 404, "run_not_found")
        await on.refused(f"/runs/..%5c/diff/{logged[0]}/code", 404, "run_not_found")

    looking_at(story)


def test_a_notebook_that_is_none(logged: list[str]) -> None:
    """Whatever somebody calls one, the daemon says what is wrong with it and goes on."""
    for run_id, text in ((logged[0], '{"cells": 3}'), (logged[1], "[" * 100_000)):
        place = paths.mlflow_dir() / "artifacts" / "1" / run_id / "artifacts" / "notebook"
        place.mkdir(parents=True)
        (place / "x.ipynb").write_text(text)

    async def story(on: Looking) -> None:
        for _ in range(2):
            await on.refused(
                f"/runs/{logged[0]}/diff/{logged[1]}/notebook", 422, "notebook_invalid"
            )
            await on.refused(
                f"/runs/{logged[1]}/diff/{logged[0]}/notebook", 422, "notebook_invalid"
            )

    looking_at(story)
