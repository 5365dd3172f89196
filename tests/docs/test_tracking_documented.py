"""docs/tracking.md has every tag, variable and file of the MLflow side."""

from __future__ import annotations

import re

from mlops_documents import ROOT, first_column, sections, sources, text_of

from jupyter_mlops.facts import reading, seeds
from jupyter_mlops.facts.environment import RECORDED
from jupyter_mlops.jobs import working_tree
from jupyter_mlops.jobs.bundle import NOTEBOOK
from jupyter_mlops.jobs.runner import attempt, system_metrics
from jupyter_mlops.tracking import environment, gathering, remote, run_record, tracking_server
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


def test_what_is_recorded_without_asking() -> None:
    """Files, variables, lacks and the hidden switch, as the code has them."""
    text = sections(NAME)["Recorded without asking"]
    files = {gathering.FACTS, gathering.LOCK, gathering.DATASETS, gathering.CODE_ZIP}
    files |= {NOTEBOOK, working_tree.DIFF}
    package = ROOT / "converters/jupyter_mlops/converters/reproducible.py"
    lacks = set(re.findall(r'^\s+"(\w+)",$|Lack\("(\w+)"', package.read_text(), re.MULTILINE))
    wanted = files | {one or other for one, other in lacks}
    assert set(first_column(text)) == wanted
    assert [name for name in RECORDED if f"`{name}`" not in text] == []
    assert f"`--env {attempt.NO_DATASETS}=off`" in text
    for seeder, functions in seeds.SEEDERS.items():
        assert [name for name in functions if f"`{seeder}.{name}`" not in text] == []
    assert f"begin after {system_metrics.FIRST:.0f} seconds" in text
    assert f"at most {working_tree.DIFF_MOST // 2**20} MB" in text
    assert f"more than {reading.MOST:,} files" in text
