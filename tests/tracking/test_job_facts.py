"""What a job's run has without anybody asking: real daemons, kernels, repositories."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from jupyter_mlops import paths

from .mlops_runs import artifact_files
from .mlops_tracked import mlflow_rows

Make = Callable[..., Path]


def git(directory: Path, *arguments: str) -> str:
    """Run git there."""
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    command = ["git", *identity, "-C", str(directory), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def run(daemon: Any, notebook: Path, expected: str = "succeeded", **spec: Any) -> dict[str, Any]:
    """The job once it has ended and its run is complete."""
    job = daemon.client.submit({"notebook": str(notebook), **spec})
    job = daemon.wait_for(job["id"])
    assert job["state"] == expected, job["failure"]
    return synced(daemon, job["id"])


def synced(daemon: Any, job_id: str) -> dict[str, Any]:
    """The job once nothing of it is left to be recorded."""
    deadline = time.monotonic() + 90
    while True:
        job = daemon.client.job(job_id)
        pending = daemon.client.status()["tracking"]["pending"]
        if job["tracking"]["synced"] and not pending:
            found: dict[str, Any] = job
            return found
        assert time.monotonic() < deadline, (job["tracking"], pending, daemon.said()[-3000:])
        time.sleep(0.05)


def facts_of(job: dict[str, Any]) -> dict[str, Any]:
    """`mlops/facts.json`."""
    found: dict[str, Any] = json.loads(artifact_of(job, "facts.json").read_bytes())
    return found


def artifact_of(job: dict[str, Any], name: str) -> Path:
    """A file in `mlops/` of the run's artifacts."""
    run_id = job["tracking"]["run_id"]
    (found,) = (paths.mlflow_dir() / "artifacts").glob(f"*/{run_id}/artifacts/mlops")
    return found / name


def tags_of(job: dict[str, Any]) -> dict[str, str]:
    """The run's tags."""
    rows = mlflow_rows("SELECT key, value FROM tags WHERE run_uuid = ?", job["tracking"]["run_id"])
    return dict(rows)


def lacking(facts: dict[str, Any]) -> set[str]:
    """What keeps it from being reproduced, but for how these tests' own packages are installed."""
    return {one["code"] for one in facts["lacks"]} - {"local_package"}


@pytest.fixture
def project(tmp_path: Path, make_notebook: Make) -> Path:
    """A repository with a notebook, a module and data, all of it committed."""
    notebook = make_notebook(
        "import random\nrandom.seed(4)",
        "import model\nprint(model.LAYERS, open('data.csv').read())",
        name="train.ipynb",
    )
    work = notebook.parent
    (work / "model.py").write_text("LAYERS = 1\n")
    (work / "data.csv").write_text("a\n1\n")
    (work / ".gitignore").write_text("jobs/\n")
    git(tmp_path, "init", "-q", "-b", "main", str(work))
    git(work, "remote", "add", "origin", "https://me:secret@example.org/it.git")
    git(work, "add", "-A")
    git(work, "commit", "-q", "-m", "first")
    return notebook


def until_git_told(daemon: Any, job: dict[str, Any]) -> dict[str, Any]:
    """The facts once the daemon has heard from git, which it lets nobody wait for."""
    deadline = time.monotonic() + 90
    while "taken" not in (facts_of(job)["code"] or {}):
        assert time.monotonic() < deadline, daemon.said()
        time.sleep(0.05)
    synced(daemon, job["id"])
    return facts_of(job)


def test_a_run_has_what_its_job_was_made_of(
    mlflow_home: Path, daemon: Any, project: Path, steady_packages: None
) -> None:
    """Code, packages, machine, cells, seeds and data, and it could be reproduced."""
    work = project.parent
    job = run(daemon, project)
    facts = until_git_told(daemon, job)
    code = facts["code"]
    assert code["commit"] == git(work, "rev-parse", "HEAD")
    assert (code["branch"], code["remote"]) == ("main", "https://example.org/it.git")
    assert (code["dirty"], code["diff"], code["untracked"]) == (False, None, [])
    assert facts["machine"]["cpus"] == os.cpu_count()
    assert facts["python"]["implementation"] == "CPython"
    assert [cell["count"] for cell in facts["history"]["cells"]] == [1, 2]
    assert facts["seeds"]["calls"] == [{"function": "random.seed", "seed": 4, "cell": 1}]
    (data,) = facts["datasets"]["files"]
    assert (Path(data["path"]).name, data["versioned"]) == ("data.csv", "git")
    assert lacking(facts) == set()
    lines = artifact_of(job, "requirements.txt").read_text().splitlines()
    pinned = [Requirement(line).name for line in lines if not line.startswith("#")]
    assert {"ipykernel", "mlflow"} <= set(pinned)
    with zipfile.ZipFile(artifact_of(job, "code.zip")) as archive:
        assert archive.namelist() == ["model.py"]
    submitted = json.loads(artifact_of(job, "notebook.ipynb").read_bytes())
    assert submitted["cells"][0]["source"].startswith("import random")
    tags = tags_of(job)
    assert tags["mlops.python"] == facts["python"]["version"]
    assert tags["mlops.packages"] == facts["packages"]["sha256"]
    assert tags["mlflow.source.git.branch"] == "main"
    assert tags["mlflow.source.git.repoURL"] == "https://example.org/it.git"
    assert tags["mlops.reproducible"] == ("no" if facts["lacks"] else "yes")
    rows = mlflow_rows(
        "SELECT datasets.name, digest, dataset_source_type, input_tags.value FROM inputs"
        " JOIN datasets ON source_id = dataset_uuid JOIN input_tags USING (input_uuid)"
        " WHERE destination_id = ?",
        job["tracking"]["run_id"],
    )
    assert rows == [("data.csv", data["sha256"][:36], "local", data["sha256"])]


def test_what_was_not_committed_is_kept(
    mlflow_home: Path, daemon: Any, project: Path, tmp_path: Path, steady_packages: None
) -> None:
    """The diff restores it; what isn't versioned is told. A rerun of the snapshot has the same."""
    work = project.parent
    (work / "model.py").write_text("LAYERS = 2\n")
    (work / "data.csv").write_text("a\n2\n")
    job = run(daemon, project)
    facts = until_git_told(daemon, job)
    assert facts["code"]["dirty"] is True
    assert set(facts["code"]["changed"]) == {"model.py", "data.csv"}
    assert lacking(facts) == set(), "a copy of the data is kept"
    git(tmp_path, "clone", "-q", str(work), "clone")
    git(tmp_path / "clone", "apply", str(artifact_of(job, "code.diff")))
    assert (tmp_path / "clone/model.py").read_text() == "LAYERS = 2\n"
    (work / "model.py").write_text("LAYERS = 3\n")
    again = daemon.client.rerun(job["id"], {})
    daemon.wait_for(again["id"])
    again = synced(daemon, again["id"])
    assert facts_of(again)["code"] == facts["code"]
    assert artifact_of(again, "code.diff").read_bytes() == (
        artifact_of(job, "code.diff").read_bytes()
    )


def test_a_burst_of_jobs_asks_git_once_more_at_most(
    mlflow_home: Path, daemon_process: Any, project: Path, tmp_path: Path, steady_packages: None
) -> None:
    """And no answer is older than the submit that it is for."""
    called = tmp_path / "called"
    wrapper = tmp_path / "bin"
    wrapper.mkdir()
    real = subprocess.check_output(["which", "git"], text=True).strip()
    (wrapper / "git").write_text(f'#!/bin/sh\necho "$*" >> {called}\nexec {real} "$@"\n')
    (wrapper / "git").chmod(0o755)
    daemon = daemon_process.start(PATH=f"{wrapper}{os.pathsep}{os.environ['PATH']}")
    spec = {"notebook": str(project)}
    jobs = [daemon.client.submit(spec)["id"] for _ in range(12)]
    for job_id in jobs:
        daemon.wait_for(job_id)
    for job_id in jobs:
        code = until_git_told(daemon, synced(daemon, job_id))["code"]
        assert code["taken"] >= code["submitted"]
    asked = [line for line in called.read_text().splitlines() if " status " in line]
    assert 1 <= len(asked) < len(jobs)


def test_the_files_that_are_read_can_be_kept_to_oneself(
    mlflow_home: Path, daemon_process: Any, project: Path, steady_packages: None
) -> None:
    """By the job, or by the operator for all."""
    daemon = daemon_process.start()
    facts = facts_of(run(daemon, project, env={"JUPYTER_MLOPS_DATASETS": "off"}))
    assert facts["datasets"] is None
    assert "data_unknown" in lacking(facts)
    daemon.client.shutdown()
    daemon.process.wait(20)
    settings = paths.data_dir() / "mlops.yaml"
    settings.write_text("attempts:\n  facts:\n    datasets: false\n    system_metrics: false\n")
    daemon.client.close()
    daemon.start()
    assert facts_of(run(daemon, project))["datasets"] is None


def test_a_kernel_that_was_killed_leaves_what_it_had_told(
    mlflow_home: Path, daemon: Any, make_notebook: Make, steady_packages: None
) -> None:
    """Its run doesn't claim to be complete."""
    notebook = make_notebook(
        "import random; random.seed(1)",
        "import time; time.sleep(2.2)",
        "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
    )
    facts = facts_of(run(daemon, notebook, "failed"))
    assert facts["complete"] is False
    assert "facts_incomplete" in lacking(facts)
    assert [cell["count"] for cell in facts["history"]["cells"]] == [1, 2, None]
    assert facts["seeds"]["calls"][0]["seed"] == 1
    early = make_notebook("import os; os.kill(os.getpid(), 9)", name="early.ipynb")
    facts = facts_of(run(daemon, early, "failed"))
    assert facts["complete"] is False
    assert "packages_unknown" in lacking(facts)


def test_facts_that_are_none_are_not_believed(
    mlflow_home: Path, daemon: Any, make_notebook: Make, steady_packages: None
) -> None:
    """A notebook that writes where its kernel does changes nothing but its own record."""
    notebook = make_notebook(
        "import atexit, glob, os\n"
        f"root = {str(paths.data_dir() / 'jobs')!r}\n"
        "def spoil():\n"
        "    for path in glob.glob(root + '/*/attempts/1/facts.json'):\n"
        "        open(path, 'w').write('[{\"python\": 5}')\n"
        "atexit.register(spoil)"
    )
    job = run(daemon, notebook)
    assert facts_of(job)["complete"] is False
    assert "mlops/requirements.txt" not in artifact_files(job["tracking"]["run_id"])


def test_the_system_is_sampled_for_the_runs_own_processes(
    mlflow_home: Path,
    daemon_process: Any,
    make_notebook: Make,
    nvml: Path,
    tmp_path: Path,
    steady_packages: None,
) -> None:
    """Processor, memory, disk, network and the GPU that the job was given; a short job has none."""
    daemon = daemon_process.start(LD_LIBRARY_PATH=str(nvml))
    notebook = make_notebook(
        "import os, subprocess, sys, time\n"
        "code = 'x = bytes([1]) * 60_000_000\\nwhile True: pass'\n"
        "other = subprocess.Popen([sys.executable, '-c', code])",
        "begun = time.monotonic()\nwhile time.monotonic() - begun < 3: pass\nother.kill()",
    )
    job = run(daemon, notebook, resources={"gpus": 1})
    rows = mlflow_rows(
        "SELECT key, value FROM latest_metrics WHERE run_uuid = ?", job["tracking"]["run_id"]
    )
    found = {key.removeprefix("system/"): value for key, value in rows}
    assert {
        "cpu_utilization_percentage", "system_memory_usage_megabytes", "disk_write_megabytes",
        "system_memory_usage_percentage", "disk_usage_percentage", "network_receive_megabytes",
    } <= found.keys()  # fmt: skip
    assert found["system_memory_usage_megabytes"] > 60
    assert 0 < found["cpu_utilization_percentage"] <= 100
    gpu = {name: value for name, value in found.items() if name.startswith("gpu_")}
    assert gpu == {
        "gpu_0_utilization_percentage": 37, "gpu_0_memory_usage_megabytes": 250,
        "gpu_0_memory_usage_percentage": 25, "gpu_0_power_usage_watts": 210,
        "gpu_0_power_usage_percentage": 50, "gpu_0_temperature_celsius": 51,
        "gpu_0_process_memory_megabytes": 0,
    }  # fmt: skip
    assert job["metrics"] == {}
    assert tags_of(job)["mlops.gpus"] == "NVIDIA H100 80GB HBM3"
    machine = facts_of(job)["machine"]
    assert (machine["driver"], machine["cuda"]) == ("580.65.06", "13.0")
    short = run(daemon, make_notebook("x = 1", name="short.ipynb"))
    rows = mlflow_rows("SELECT * FROM metrics WHERE run_uuid = ?", short["tracking"]["run_id"])
    assert rows == []


def test_a_tracking_server_has_the_same(
    home: Path, daemon_process: Any, project: Path, tmp_path: Path, steady_packages: None
) -> None:
    """Through MLflow's client: artifacts, tags, dataset inputs, samples of the system."""
    database = tmp_path / "server.db"
    daemon = daemon_process.start(MLFLOW_TRACKING_URI=f"sqlite:///{database}")
    document = json.loads(project.read_text())
    document["cells"][0]["source"] += "\nimport time; time.sleep(2.5)"
    project.write_text(json.dumps(document))
    job = run(daemon, project)
    connection = sqlite3.connect(database)
    run_id = job["tracking"]["run_id"]
    tags = dict(connection.execute("SELECT key, value FROM tags WHERE run_uuid = ?", (run_id,)))
    assert tags["mlops.reproducible"] in ("yes", "no")
    (name,) = connection.execute(
        "SELECT name FROM inputs JOIN datasets ON source_id = dataset_uuid"
        " WHERE destination_id = ?",
        (run_id,),
    ).fetchone()
    assert name == "data.csv"
    keys = connection.execute("SELECT DISTINCT key FROM metrics WHERE run_uuid = ?", (run_id,))
    assert ("system/cpu_utilization_percentage",) in keys.fetchall()
    (uri,) = connection.execute(
        "SELECT artifact_uri FROM runs WHERE run_uuid = ?", (run_id,)
    ).fetchone()
    connection.close()
    there = {path.name for path in Path(uri.removeprefix("file://")).glob("mlops/*")}
    assert {"facts.json", "requirements.txt", "datasets.json", "code.zip"} <= there


def test_the_load_is_in_the_run_while_the_job_goes_on(
    mlflow_home: Path, daemon: Any, make_notebook: Make, tmp_path: Path, steady_packages: None
) -> None:
    """Not only when it has ended; each sample once."""
    go = tmp_path / "go"
    notebook = make_notebook(
        f"import os, time\nwhile not os.path.exists({str(go)!r}): time.sleep(0.05)"
    )
    job = daemon.client.submit({"notebook": str(notebook)})
    wanted = "SELECT run_uuid FROM metrics WHERE key = 'system/system_memory_usage_megabytes'"
    deadline = time.monotonic() + 60
    while not mlflow_rows(wanted):
        assert time.monotonic() < deadline, daemon.said()
        time.sleep(0.1)
    assert daemon.client.job(job["id"])["state"] == "running"
    go.touch()
    daemon.wait_for(job["id"])
    job = synced(daemon, job["id"])
    twice = mlflow_rows(
        "SELECT key, step, count(*) FROM metrics WHERE run_uuid = ? GROUP BY key, step"
        " HAVING count(*) > 1",
        job["tracking"]["run_id"],
    )
    assert twice == []
