"""The examples of the repository: what the README promises of them."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from jupyter_mlops.converters.imports import import_plan
from jupyter_mlops.converters.notebook import code_cells, read_notebook, strip_outputs
from jupyter_mlops.converters.parameters import check_parameters, declared_parameters

EXAMPLES = Path(__file__).parents[2] / "examples"
NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_an_example_is_valid_and_has_no_outputs(path):
    """As it would be submitted."""
    nbformat.validate(nbformat.read(path, as_version=4))
    document = json.loads(path.read_text("utf-8"))
    notebook = read_notebook(path)
    assert strip_outputs(notebook) == notebook
    assert all(not cell.get("outputs") for cell in document["cells"])


def test_the_training_declares_parameters_of_every_plain_type():
    """With a type and help each; those that the README and params.yaml give are accepted."""
    declared = declared_parameters(read_notebook(EXAMPLES / "train.ipynb"))
    assert [(one.name, one.type) for one in declared] == [
        ("lr", "float"),
        ("layers", "list"),
        ("epochs", "int"),
        ("activation", "str"),
        ("shuffle", "bool"),
        ("seed", "int"),
    ]
    assert all(one.help and one.annotated and one.literal for one in declared)
    yaml = pytest.importorskip("yaml")
    given = yaml.safe_load((EXAMPLES / "params.yaml").read_text())
    assert check_parameters(given, declared) == ([], [])
    assert check_parameters({"lr": 0.1, "layers": [64, 64]}, declared) == ([], [])


def test_the_quick_example_has_three_cells_and_imports_nothing():
    """It shows how long a job itself takes."""
    cells = [source for _, source in code_cells(read_notebook(EXAMPLES / "quick.ipynb"))]
    assert len(cells) == 3
    assert import_plan(cells).preload == ()


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_the_training_runs_by_hand_too(tmp_path):
    """Without a job: the same code as a script logs its metrics, plot and model to MLflow."""
    sources = [source for _, source in code_cells(read_notebook(EXAMPLES / "train.ipynb"))]
    script = tmp_path / "train.py"
    script.write_text("\n".join(sources).replace("epochs: int = 25", "epochs: int = 4"))
    environment = {name: value for name, value in os.environ.items() if "MLFLOW" not in name}
    environment |= {
        "MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path / 'mlflow.db'}",
        "MPLBACKEND": "agg",
    }
    subprocess.run(
        [sys.executable, script], cwd=tmp_path, env=environment, check=True, capture_output=True
    )
    with contextlib.closing(sqlite3.connect(tmp_path / "mlflow.db")) as store:
        found = dict(store.execute("SELECT key, count(*) FROM metrics GROUP BY key"))
        (models,) = store.execute("SELECT count(*) FROM logged_models").fetchone()
    assert found["test_accuracy"] == found["train_loss"] == 4
    assert {"accuracy", "macro_f1", "log_loss"} <= found.keys()
    assert models == 1
    assert list(tmp_path.rglob("learning.png"))
