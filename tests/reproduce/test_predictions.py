"""Models compared by what they predict of the rows that their run has read."""

from __future__ import annotations

import hashlib
import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest
from mlops_reproduced import LOG, Reproducing, notebook

from jupyter_mlops.reproduction.predictions import tables
from jupyter_mlops.reproduction.workspace import Workspace
from jupyter_mlops.tracking.kept_data import KeptData, place_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

#: A model of the project's own module, called as one of ours.
MODULE = """
import mlflow


class Doubled(mlflow.pyfunc.PythonModel):
    def __init__(self, away):
        self.away = away

    def predict(self, context, model_input, params=None):
        return 2 * model_input["a"] + self.away
"""
LOGS = (
    LOG
    + """
import os
import pandas
from mlflow.models import infer_signature
from model import Doubled

frame = pandas.read_csv("data/train.csv")
given = frame[["a"]]
away = AWAY if "reproductions" in os.getcwd() else 0.0
mlops.model(Doubled(away), "doubled", signature=infer_signature(given, given["a"]))
"""
)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("away", [0.0, 0.5])
def test_a_model_is_asked_rows_of_its_data(
    reproducing: Reproducing, steady_packages: None, away: float
) -> None:
    """The result says so; a class of the project's module is found, though one of ours is called
    the same.
    """
    on = reproducing
    work = on.project(
        {
            "model.py": MODULE,
            "notes.csv": "name\nx\n",
            "data/train.csv": "a,target\n1,0\n2,1\n3,0\n",
            "train.ipynb": notebook("open('notes.csv').read()", LOGS.replace("AWAY", str(away))),
        }
    )
    run_id = on.ran(work / "train.ipynb")
    shutil.rmtree(work)
    found = on.reproduced(run_id)
    assert "the model doubled was asked 3 rows of data/train.csv" in found["notes"], found
    if away:
        assert found["outcome"] == "differs"
        assert found["detail"].startswith("predictions of doubled: ")
    else:
        assert found["outcome"] == "reproduced", found
        assert found["detail"] == "the same to the last bit: the predictions of 1 model"


#: Package → what fits its model.
BOOSTED = {
    "lightgbm": "lightgbm.LGBMRegressor(n_estimators=5, min_child_samples=1, verbose=-1, n_jobs=1,"
    " random_state=0)",
    "xgboost": "xgboost.XGBRegressor(n_estimators=5, n_jobs=1, random_state=0)",
}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("package", BOOSTED)
def test_a_boosted_model_is_reproduced(
    reproducing: Reproducing, steady_packages: None, package: str
) -> None:
    """Fitted anew, it predicts the same of the rows of its data."""
    if find_spec(package) is None:
        pytest.skip(f"{package} isn't installed")
    on = reproducing
    cell = LOG + (
        f"import pandas, {package}\n"
        "from mlflow.models import infer_signature\n"
        "frame = pandas.read_csv('train.csv')\n"
        f"model = {BOOSTED[package]}.fit(frame[['a', 'b']], frame['y'])\n"
        "mlops.model(model, 'boosted', signature=infer_signature(frame[['a', 'b']], frame['y']))"
    )
    rows = "".join(f"{n},{n % 7},{2 * n + n % 7}\n" for n in range(600))
    work = on.project({"train.csv": f"a,b,y\n{rows}", "train.ipynb": notebook(cell)})
    run_id = on.ran(work / "train.ipynb")
    shutil.rmtree(work)
    found = on.reproduced(run_id)
    assert found["outcome"] == "reproduced", found
    assert found["detail"] == "the same to the last bit: the predictions of 1 model"
    assert "the model boosted was asked 256 rows of train.csv" in found["notes"]


@pytest.mark.usefixtures("home")
def test_tables_are_those_that_were_read(tmp_path: Path) -> None:
    """From the workspace, from the copy where what ran there has changed it; no other content."""
    files = []
    for name in ("same.csv", "changed.parquet", "gone.npy", "notes.txt", "outside.csv"):
        folder = tmp_path if name.startswith("outside") else tmp_path / "project"
        folder.mkdir(exist_ok=True)
        (folder / name).write_text(name)
        digest = hashlib.sha256(name.encode()).hexdigest()
        files.append({"path": str(folder / name), "size": len(name), "sha256": digest})
    assert KeptData(100, 1000).keep(files[1])
    workspace = Workspace(tmp_path / "work")
    workspace.root.mkdir()
    workspace.restore_data(files, lambda _: None)
    workspace.place(files[1]["path"]).write_text("x")
    workspace.place(files[2]["path"]).unlink()
    workspace.place(files[2]["path"]).symlink_to(tmp_path / "project" / "gone.npy")
    found = tables(files, str(tmp_path / "project"), workspace)
    assert found == [
        {"path": str(workspace.place(files[0]["path"])), "name": "same.csv"},
        {"path": str(place_of(files[1]["sha256"])), "name": "changed.parquet"},
        {"path": str(workspace.place(files[4]["path"])), "name": files[4]["path"]},
    ]
