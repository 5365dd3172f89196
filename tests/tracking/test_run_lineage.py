"""What a run came from and what came out of it, and its notebook as a file, through the API."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jupyter_mlops import paths

from .mlops_looking import Looking, looking_at
from .test_experiments_api import artifacts_of, write

LINEAGE = """
from mlflow import MlflowClient
from mlflow.entities import LoggedModelInput
client = MlflowClient(URI)
made = client.create_logged_model(EXPERIMENT, name="net", source_run_id=IDS[0])
client.finalize_logged_model(made.model_id, "READY")
client.log_inputs(IDS[3], models=[LoggedModelInput(made.model_id)])
client.create_registered_model("classifier")
for run in (IDS[0], IDS[4]):
    client.create_model_version("classifier", f"runs:/{run}/model", run_id=run)
client.set_registered_model_alias("classifier", "champion", "1")
client.set_tag(IDS[4], "mlops.job_id", "fedcba987654")
client.set_tag(IDS[4], "mlops.rerun_of", "0123456789ab")
data = client.get_run(IDS[0]).inputs.dataset_inputs
client.log_inputs(IDS[1], data)
tell(made.model_id)
"""


def names(links: list[dict[str, Any]]) -> list[str]:
    """Of runs."""
    return [one["name"] for one in links]


def test_lineage(logged: list[str], mlflow_script: Any) -> None:
    """Parents, children, repetitions, models and who else used the data; from both ends."""
    database = paths.mlflow_dir() / "mlflow.db"
    given = f"URI, EXPERIMENT, IDS = {f'sqlite:///{database}'!r}, '1', {logged!r}\n"
    model = mlflow_script(given + LINEAGE)

    async def story(on: Looking, others: int | None = 1) -> None:
        alpha = await on.get(f"/runs/{logged[0]}")
        told = alpha["lineage"]
        assert (told["parent"], names(told["children"])) == (None, ["Beta_1"])
        assert told["children"][0] == {"id": logged[1], "name": "Beta_1", "status": "FAILED"}
        assert names(told["repeated_by"]) == ["서울 실험"]
        assert told["models"] == [
            {"name": "classifier", "model_id": None, "version": 1, "aliases": ["champion"]},
            {"name": "net", "model_id": model, "version": None, "aliases": []},
        ]
        assert [one["other_runs"] for one in alpha["datasets"]] == [others]
        child = (await on.get(f"/runs/{logged[1]}"))["lineage"]
        assert child["parent"]["name"] == "alpha"
        again = (await on.get(f"/runs/{logged[4]}"))["lineage"]
        assert (again["repeats"]["id"], again["repeats_job"]) == (logged[0], "0123456789ab")
        user = (await on.get(f"/runs/{logged[3]}"))["lineage"]
        assert [(one["name"], one["model_id"]) for one in user["models_used"]] == [("net", model)]
        assert (await on.get(f"/runs/{logged[0]}", summary=False))["lineage"] is None

    looking_at(story)
    # The same of MLflow's own client, as a tracking server is asked; it would have to go through
    # all runs to tell who used a dataset.
    looking_at(lambda on: story(on, None), {"MLFLOW_TRACKING_URI": f"sqlite:///{database}"})


def test_many_artifacts_of_one_directory(logged: list[str]) -> None:
    """Ten thousand are listed; more are said to be there."""

    async def story(on: Looking) -> None:
        root = artifacts_of(logged[0])
        for number in range(10_000):
            (root / f"{number:05}.txt").touch()
        found = await on.get(f"/runs/{logged[0]}/artifacts")
        assert (len(found["artifacts"]), found["cut"]) == (10_000, False)
        (root / "one-more.txt").touch()
        found = await on.get(f"/runs/{logged[0]}/artifacts")
        assert (len(found["artifacts"]), found["cut"]) == (10_000, True)

    looking_at(story)


def test_a_notebook_is_opened_as_it_was(logged: list[str], tmp_path: Path) -> None:
    """Beside the original, with outputs where the run has them, for this server's root only."""

    async def story(on: Looking) -> None:
        root = tmp_path / "root"
        (root / "work").mkdir(parents=True)
        path = f"/runs/{logged[0]}/notebook"
        served = {"X-Mlops-Root": quote(os.fsencode(root))}
        answer = await on.ask("POST", path, headers=served)
        assert (answer.status_code, answer.json()["code"]) == (404, "no_notebook")
        kept = artifacts_of(logged[0])
        (kept / "mlops").mkdir()
        (kept / "mlops" / "notebook.ipynb").write_text("as submitted")
        facts = {"notebook": {"path": str(root / "work" / "train.ipynb")}}
        (kept / "mlops" / "facts.json").write_text(json.dumps(facts))
        found = (await on.ask("POST", path, headers=served)).json()
        assert found["contents"] == f"work/train-{logged[0][:8]}.ipynb"
        assert (found["executed"], found["warnings"]) == (False, [])
        assert (root / found["contents"]).read_text() == "as submitted"
        (kept / "notebook").mkdir()
        (kept / "notebook" / "train.ipynb").write_text("with outputs")
        found = (await on.ask("POST", path, headers=served)).json()
        assert found["contents"] == f"work/train-{logged[0][:8]}-2.ipynb"
        assert found["executed"] is True
        assert (root / found["contents"]).read_text() == "with outputs"
        # Another server, which doesn't show that folder.
        other = tmp_path / "other"
        other.mkdir()
        elsewhere = {"X-Mlops-Root": quote(os.fsencode(other))}
        found = (await on.ask("POST", path, headers=elsewhere)).json()
        assert found["contents"] == f"train-{logged[0][:8]}.ipynb"
        assert "relative paths" in found["warnings"][0]
        (root / "work").rename(root / "gone")
        answer = await on.ask("POST", path)
        assert (answer.status_code, answer.json()["code"]) == (404, "no_folder")

    looking_at(story)


def test_lineage_of_a_missing_parent(logged: list[str]) -> None:
    """A parent that was purged is none."""

    async def story(on: Looking) -> None:
        write("UPDATE tags SET value = ? WHERE key = 'mlflow.parentRunId'", "e" * 32)
        found = await on.get(f"/runs/{logged[1]}")
        assert found["run"]["parent_id"] == "e" * 32
        assert found["lineage"]["parent"] is None

    looking_at(story)
