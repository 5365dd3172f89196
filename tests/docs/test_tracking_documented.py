"""docs/tracking.md has every tag, variable and file of the MLflow side."""

from __future__ import annotations

import re

from mlops_documents import first_column, sections, sources, text_of

from jupyter_mlops.tracking import environment, remote, run_record, tracking_server
from jupyter_mlops.tracking.create_store import ARTIFACTS, DATABASE
from jupyter_mlops.tracking.live_runs import GRACE

NAME = "tracking.md"


def test_every_tag_of_ours() -> None:
    """Those that runs carry, and no other."""
    wanted = set(re.findall(r'"(mlops\.[a-z_]+)"', sources("tracking")))
    assert len(wanted) > 5
    assert set(first_column(sections(NAME)["What is recorded"])) == wanted


def test_every_variable_of_a_kernel() -> None:
    """What a notebook's mlflow finds in its environment; settings of MLflow's client apart."""
    given = environment.for_embedded(
        "http://127.0.0.1:1", "token", run_id="r", experiment_id="1", experiment="e", inherited={}
    )
    wanted = set(given) - set(environment._DEFAULTS)
    assert set(first_column(sections(NAME)["In the notebook"])) == wanted


def test_every_credential() -> None:
    """That is read for a server, by the variables of MLflow's client."""
    source = sources("tracking/tracking_server.py")
    wanted = set(re.findall(r'get\("(MLFLOW_[A-Z_]+)"', source)) | {tracking_server.URI_VARIABLE}
    text = sections(NAME)["A tracking server"]
    assert {name for name in wanted if f"`{name}`" not in text} == set()


def test_places_and_times() -> None:
    """As the code has them."""
    text = text_of(NAME)
    assert f"`{DATABASE}`" in text
    assert f"`{ARTIFACTS}/`" in text
    assert f"`{run_record.ARTIFACT_DIRECTORY}/`" in text
    assert GRACE == 60
    assert "a minute after its end" in text
    assert remote.BEGIN_PATIENCE == 3
    assert "three seconds at most" in text
