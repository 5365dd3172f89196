"""Models of LightGBM and XGBoost, kept with a run and loaded elsewhere."""

from __future__ import annotations

import json
from importlib.util import find_spec

import pytest

from .conftest import Kernel
from .mlops_store import store_ready
from .test_models import PATIENCE, QUIET, logged, predicted

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

CELL = (
    QUIET
    + """
import json
import numpy as np, pandas as pd
import jupyter_mlops as mlops
from mlflow.models import infer_signature

X = pd.DataFrame({"a": np.arange(60.0), "b": np.arange(60.0) % 7})
y = X["a"] * 2 + X["b"]
told = []
for model, asked in models(X, y):
    address = mlops.model(model, "boosted", signature=infer_signature(X, y))
    told.append([address, [float(x) for x in model.predict(asked)]])
print(json.dumps(told))
"""
)
#: Flavour → its models by scikit-learn's interface and by its own, and what each is asked.
MODELS = {
    "lightgbm": """
import lightgbm
def models(X, y):
    wanted = dict(verbose=-1, min_data_in_leaf=2, num_threads=1, seed=0)
    yield lightgbm.LGBMRegressor(n_estimators=5, **wanted).fit(X, y), X[:3]
    yield lightgbm.train(wanted, lightgbm.Dataset(X, y), 5), X[:3]
""",
    "xgboost": """
import xgboost
def models(X, y):
    yield xgboost.XGBRegressor(n_estimators=5, n_jobs=1, random_state=0).fit(X, y), X[:3]
    booster = xgboost.train({"nthread": 1, "seed": 0}, xgboost.DMatrix(X, y), 5)
    yield booster, xgboost.DMatrix(X[:3])
""",
}


@pytest.mark.parametrize("flavor", MODELS)
def test_boosted_models(kernel: Kernel, flavor: str) -> None:
    """Loaded by MLflow in a process that knows nothing else, they say the same as here."""
    if find_spec(flavor) is None:
        pytest.skip(f"{flavor} isn't installed")
    store_ready()
    kernel.run("%mlops start")
    cell = kernel.run(MODELS[flavor] + CELL, patience=PATIENCE)
    assert cell.error == ""
    told = json.loads(cell.text().splitlines()[-1])
    assert len(told) == 2
    for address, here in told:
        found = logged(address)
        assert found["name"] == "boosted"
        assert f"loader_module: mlflow.{flavor}" in (found["directory"] / "MLmodel").read_text()
        assert flavor in (found["directory"] / "requirements.txt").read_text()
        data = "__import__('pandas').DataFrame({'a': [0.0, 1.0, 2.0], 'b': [0.0, 1.0, 2.0]})"
        assert predicted(address, data) == pytest.approx(here, abs=1e-6)
    kernel.run("%mlops end")
