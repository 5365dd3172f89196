"""Environments rebuilt from a lock: uv, wheels of this machine, no network."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mlops_reproduced import LOG, Reproducing, notebook
from mlops_wheels import closure, make_environment, make_extra, make_wheel

from jupyter_mlops import paths

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

ROOT = Path(__file__).resolve().parents[2]
#: Says which package it had.
CELL = LOG + "import mlops_extra\nmlops.log(version=float(mlops_extra.VERSION))"


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a kernel needs, and one package more."""
    directory = tmp_path_factory.mktemp("wheels")
    for distribution in closure("ipykernel").values():
        make_wheel(distribution, directory)
    make_extra(directory, "mlops_extra", "1.5")
    return directory


@pytest.fixture
def run_elsewhere(
    mlflow_home: Path,
    daemon_process: Any,
    tmp_path: Path,
    wheels: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[], tuple[Reproducing, str, Path]]:
    """A run in an environment of its own, and the wheels that it was made from."""

    def made() -> tuple[Reproducing, str, Path]:
        index = tmp_path / "wheels"
        shutil.copytree(wheels, index)
        python = make_environment(tmp_path / "there", index, "ipykernel", "mlops_extra")
        spec = tmp_path / "share" / "kernels" / "there" / "kernel.json"
        spec.parent.mkdir(parents=True)
        argv = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        spec.write_text(json.dumps({"argv": argv, "display_name": "there", "language": "python"}))
        monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "share"))
        # What logs is not among the packages: it is found by its place, there and in the rebuilt.
        ours = [str(ROOT / name) for name in ("server_ext", "magics", "converters")]
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join(ours))
        for name, value in {"OFFLINE": "1", "NO_INDEX": "1", "FIND_LINKS": str(index)}.items():
            monkeypatch.setenv(f"UV_{name}", value)
        on = Reproducing(daemon_process.start(), tmp_path / "home")
        work = on.project({"train.ipynb": notebook(CELL, kernel="there")})
        run_id = on.ran(work / "train.ipynb")
        assert "mlops_extra==1.5" in on.artifact(run_id, "requirements.txt").read_text()
        return on, run_id, index

    return made


def test_an_environment_that_is_gone_is_rebuilt_once(
    run_elsewhere: Callable[[], tuple[Reproducing, str, Path]], tmp_path: Path
) -> None:
    """From the lock; the second time it is there already, and it makes room when it has to."""
    on, run_id, _ = run_elsewhere()
    shutil.rmtree(tmp_path / "there")
    shutil.rmtree(tmp_path / "share")
    found = on.reproduced(run_id)
    assert found["outcome"] == "reproduced", found
    assert found["stages"][0]["detail"].startswith("rebuilt from its lock: ")
    job = on.daemon.client.job(found["job_id"])
    assert job["kernel"]["name"].startswith("mlops-rebuilt-")
    new = on.artifact(found["new_run_id"], "requirements.txt").read_text()
    assert new == on.artifact(run_id, "requirements.txt").read_text()
    found = on.reproduced(run_id)
    assert found["outcome"] == "reproduced", found
    assert found["stages"][0]["detail"].startswith("rebuilt before from its lock: ")
    names = [one["name"] for one in on.daemon.client.notebook_info(job["id"])["kernels"]]
    assert not [name for name in names if name.startswith("mlops-rebuilt")]


def test_packages_that_changed_since_are_not_taken_for_it(
    run_elsewhere: Callable[[], tuple[Reproducing, str, Path]], tmp_path: Path, wheels: Path
) -> None:
    """The kernel is there with another version: it is rebuilt as it was."""
    on, run_id, index = run_elsewhere()
    make_extra(index, "mlops_extra", "2.5")
    shutil.rmtree(tmp_path / "there")
    make_environment(tmp_path / "there", index, "ipykernel", "mlops_extra==2.5")
    found = on.reproduced(run_id)
    assert found["outcome"] == "reproduced", found
    assert found["stages"][0]["detail"].startswith("rebuilt from its lock: ")


def test_a_package_that_is_not_to_be_had_is_named(
    run_elsewhere: Callable[[], tuple[Reproducing, str, Path]], tmp_path: Path
) -> None:
    """No job is made, nothing half-built stays, and once it can be had it works."""
    on, run_id, index = run_elsewhere()
    shutil.rmtree(tmp_path / "there")
    (wheel,) = index.glob("mlops_extra*")
    wheel.rename(tmp_path / wheel.name)
    found = on.reproduced(run_id)
    assert found["outcome"] == "cannot"
    assert found["detail"].startswith("could not be installed: mlops_extra 1.5"), found
    assert found["job_id"] is None
    assert not list(paths.rebuilt_dir().glob("*/kernel.json"))
    (tmp_path / wheel.name).rename(wheel)
    assert on.reproduced(run_id)["outcome"] == "reproduced"


def test_without_room_the_longest_unused_goes(
    run_elsewhere: Callable[[], tuple[Reproducing, str, Path]], tmp_path: Path
) -> None:
    """With a limit of nothing each is gone as soon as nobody needs it."""
    paths.private_dir(paths.data_dir())
    (paths.data_dir() / "mlops.yaml").write_text("reproduce:\n  environments_limit: 0\n")
    on, run_id, _ = run_elsewhere()
    shutil.rmtree(tmp_path / "there")
    assert on.reproduced(run_id)["outcome"] == "reproduced"
    assert list(paths.rebuilt_dir().iterdir()) == []
