"""Models kept with a run, from a real kernel; loaded elsewhere by MLflow alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlops import paths

from .conftest import Kernel
from .mlops_store import becomes, rows, store_ready

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
QUIET = "import warnings; warnings.simplefilter('ignore')\n"
#: MLflow imports, infers requirements in a process of its own, uploads.
PATIENCE = 240


@pytest.fixture(autouse=True, scope="module")
def store(shared_home: Path) -> None:
    """It is there."""
    store_ready()


def predicted(address: str, data: str) -> Any:
    """What the model says elsewhere: in a process that knows only where MLflow is."""
    access = json.loads((paths.mlflow_dir() / "access.json").read_bytes())
    code = (
        f"import json, mlflow\nmodel = mlflow.pyfunc.load_model({address!r})\n"
        f"found = model.predict({data})\nprint(json.dumps([float(x) for x in found]))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ
        | {"MLFLOW_TRACKING_URI": access["uri"], "MLFLOW_TRACKING_TOKEN": access["token"]},
        timeout=PATIENCE,
    )
    return json.loads(done.stdout.splitlines()[-1])


def logged(address: str) -> dict[str, Any]:
    """The model as MLflow's store has it."""
    model_id = address.removeprefix("models:/")
    ((name, status, run, location),) = rows(
        "SELECT name, status, source_run_id, artifact_location FROM logged_models"
        " WHERE model_id = ?",
        model_id,
    )
    outputs = rows(
        "SELECT source_id FROM inputs WHERE source_type = 'RUN_OUTPUT' AND destination_id = ?",
        model_id,
    )
    assert location
    (directory,) = (paths.mlflow_dir() / "artifacts").glob(f"*/models/{model_id}/artifacts")
    return {
        "name": name, "status": status, "run": run, "outputs": outputs, "directory": directory,
    }  # fmt: skip


def test_a_model_of_sklearn(kernel: Kernel) -> None:
    """Trees, which MLflow's own choice of format refuses; signature and pinned packages."""
    token = "import os\nprint(os.environ.get('MLFLOW_TRACKING_TOKEN'))"
    before = kernel.run(token).text()
    started = kernel.run("%mlops start --json -p depth=2")
    run_id = json.loads(started.text())["id"]
    cell = kernel.run(
        QUIET + "from sklearn.ensemble import RandomForestRegressor\n"
        "import numpy as np\n"
        "X = np.arange(20.0).reshape(-1, 1); y = X[:, 0] * 2\n"
        "forest = RandomForestRegressor(max_depth=2, random_state=0, n_estimators=5).fit(X, y)\n"
        "expected = [float(x) for x in forest.predict(X[:3])]\n"
        "%mlops model forest --example X\n"
        "print(expected)",
        patience=PATIENCE,
    )
    assert cell.error == ""
    said = [line for line in cell.text().splitlines() if line.startswith("Model forest is kept")]
    address = said[0].rpartition(" ")[2]
    # Its run goes on, and is nobody else's affair.
    ((status,),) = rows("SELECT status FROM runs WHERE run_uuid = ?", run_id)
    assert status == "RUNNING"
    assert kernel.run(token).text() == before
    kernel.run("%mlops end")
    becomes(run_id, "FINISHED")
    found = logged(address)
    assert (found["name"], found["run"], found["outputs"]) == ("forest", run_id, [(run_id,)])
    ready = rows("SELECT DISTINCT status FROM logged_models WHERE model_id = ?", address[8:])
    assert ready == [(found["status"],)]
    kept = {path.name for path in found["directory"].iterdir()}
    assert {"MLmodel", "requirements.txt", "constraints.txt", "input_example.json"} <= kept
    constraints = (found["directory"] / "constraints.txt").read_text().splitlines()
    import sklearn

    assert f"scikit-learn=={sklearn.__version__}" in constraints
    assert any(line.startswith("threadpoolctl==") for line in constraints)
    assert "signature" in (found["directory"] / "MLmodel").read_text()
    expected = json.loads(cell.text().splitlines()[-1])
    assert predicted(address, "__import__('numpy').arange(3.0).reshape(-1, 1)") == expected


def test_a_model_of_ones_own(kernel: Kernel, notebooks: Path) -> None:
    """A class of the notebook, a model as code, and one that MLflow has saved before."""
    (notebooks / "doubling.py").write_text(
        "import mlflow\n"
        "class Doubling(mlflow.pyfunc.PythonModel):\n"
        "    def predict(self, context, model_input, params=None):\n"
        "        return [2 * x for x in model_input]\n"
        "mlflow.models.set_model(Doubling())\n"
    )
    cell = kernel.run(
        QUIET + "import jupyter_mlops as mlops, mlflow, json, logging\n"
        "class Tripling(mlflow.pyfunc.PythonModel):\n"
        "    def predict(self, context, model_input, params=None):\n"
        "        return [3 * x for x in model_input]\n"
        "run = mlops.start()\n"
        "found = [mlops.model(Tripling(), 'tripling'), mlops.model('doubling.py', 'doubling')]\n"
        "mlflow.pyfunc.save_model('saved', python_model=Tripling())\n"
        "found.append(run.model('saved', 'again'))\n"
        "mlops.end()\n"
        "print(json.dumps(found))",
        patience=PATIENCE,
    )
    assert cell.error == ""
    addresses = json.loads(cell.text().splitlines()[-1])
    assert [logged(one)["name"] for one in addresses] == ["tripling", "doubling", "again"]
    assert [predicted(one, "[1, 2]") for one in addresses] == [[3.0, 6.0], [2.0, 4.0], [3.0, 6.0]]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("%mlops model nothing", "There is neither a variable nor a file nothing"),
        ("%mlops model number", "is no model that MLflow knows"),
        ("%mlops model number --flavor xgboost", "%pip install xgboost"),
        ("%mlops model number --flavor nonsense", "MLflow has no flavour 'nonsense'"),
        ("%mlops model data.bin", "is no model that MLflow can load"),
        ("mlops.model(number, 'a/../b')", "A model can't be called"),
        ("mlops.model(lambda x: x, 'a:b')", "MLflow can't keep this model"),
    ],
)
def test_what_is_no_model(kernel: Kernel, notebooks: Path, line: str, said: str) -> None:
    """It is said, with what to do, and no model is left that claims to be one."""
    (notebooks / "data.bin").write_text("x")
    kernel.run("import jupyter_mlops as mlops\nnumber = 5\nrun = mlops.start('models-refused')")
    cell = kernel.run(line, patience=PATIENCE)
    assert said in cell.error
    kernel.run("mlops.end('finished')")
    assert rows(
        "SELECT model_id FROM logged_models WHERE status = 2 AND experiment_id ="
        " (SELECT experiment_id FROM experiments WHERE name = 'models-refused')"
    ) == []  # fmt: skip


def test_without_mlflow(start_kernel: Callable[..., Kernel], tmp_path: Path) -> None:
    """What to install is said; the run goes on."""
    (tmp_path / "mlflow.py").write_text("raise ImportError('none here')\n")
    kernel = start_kernel()
    kernel.run(f"import sys; sys.path.insert(0, {str(tmp_path)!r})\nx = 1")
    cell = kernel.run("%mlops model x")
    assert "mlflow isn't installed" in cell.error
    assert "%pip install mlflow" in cell.error
