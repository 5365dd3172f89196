"""Runs reproduced from what was recorded: real daemons, kernels, repositories."""

from __future__ import annotations

import json
import os
import shutil
import time
import zipfile
from pathlib import Path

import pytest
from mlops_reproduced import LOG, Reproducing, content_of, git, notebook

from jupyter_mlops import paths
from jupyter_mlops.tracking.kept_data import place_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

EXAMPLE = Path(__file__).parents[2] / "examples" / "train.ipynb"
#: A mean of a file by a module of the project's own.
FILES = {
    "model.py": "def score(text, weight):\n    return weight * sum(map(float, text.split()))\n",
    "data/numbers.txt": "1 2 3\n",
    "train.ipynb": notebook(
        LOG + "from model import score",
        "for step in range(5):\n    mlops.log(loss=weight / (step + 1), step=step)",
        "mlops.log(score=score(open('data/numbers.txt').read(), weight))",
        parameters="weight = 2.0",
    ),
}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("repository", [True, False])
def test_an_example_is_reproduced_from_its_run_alone(
    reproducing: Reproducing, steady_packages: None, repository: bool
) -> None:
    """Its workspace deleted, on the same machine; metrics and the model's predictions agree."""
    on = reproducing
    work = on.project({"train.ipynb": EXAMPLE.read_text()}, repository=repository)
    run_id = on.ran(work / "train.ipynb", parameters={"epochs": 3})
    assert on.tags(run_id)["mlops.reproducible"] in ("yes", "no")
    assert on.daemon.client.reproducibility(run_id)["possible"]
    shutil.rmtree(work)
    found = on.reproduced(run_id)
    assert (found["outcome"], found["differences"]) == ("reproduced", []), found
    assert found["detail"].endswith("5 metrics and the predictions of 1 model")
    assert [stage["state"] for stage in found["stages"]] == ["done"] * 5
    tags = on.tags(run_id)
    assert tags["mlops.reproduction"] == "reproduced"
    assert tags["mlops.reproduction_detail"] == found["detail"]
    assert tags["mlops.reproduction_job"] == found["job_id"]
    assert tags["mlops.reproduction_run"] == found["new_run_id"]
    assert time.strptime(tags["mlops.reproduction_time"], "%Y-%m-%dT%H:%M:%SZ")
    new = on.daemon.client.run(found["new_run_id"])["run"]
    assert new["own_tags"]["mlops.reproduction_of"] == run_id
    assert new["params"]["epochs"] == "3"
    assert not work.exists()
    assert not (paths.reproductions_dir() / found["id"] / "workspace").exists()


def test_code_and_data_come_from_the_run(reproducing: Reproducing, steady_packages: None) -> None:
    """The module as it was changed, the data from its copy, the parameters as they were given."""
    on = reproducing
    work = on.project(FILES, repository=True)
    (work / "model.py").write_text(FILES["model.py"] + "OFFSET = 1\n")
    run_id = on.ran(work / "train.ipynb", parameters={"weight": 4.0})
    facts = on.facts(run_id)
    assert facts["code"]["changed"] == ["model.py"]
    assert facts["datasets"]["files"][0]["kept"] is True
    shutil.rmtree(work)
    found = on.reproduced(run_id)
    assert found["outcome"] == "reproduced", found
    assert found["detail"] == "the same to the last bit: 2 metrics"
    stages = {stage["name"]: stage["detail"] for stage in found["stages"]}
    assert stages["data"] == "1 file: 1 from copies"
    assert "1 local module" in stages["code"]
    assert on.daemon.client.run(found["new_run_id"])["run"]["metrics"]["score"] == 24.0


def test_a_repository_that_is_there_is_read_and_never_written(
    reproducing: Reproducing, steady_packages: None
) -> None:
    """The commit and the diff of then, though the person has gone on since."""
    on = reproducing
    work = on.project(FILES, repository=True)
    (work / "data" / "numbers.txt").write_text("4 5 6\n")
    run_id = on.ran(work / "train.ipynb")
    git(work, "checkout", "-q", "--", ".")
    (work / "model.py").write_text("def score(text, weight):\n    return 0\n")
    git(work, "commit", "-q", "-a", "-m", "second")
    before, head = content_of(work), git(work, "rev-parse", "HEAD")
    found = on.reproduced(run_id, keep=True)
    assert found["outcome"] == "reproduced", found
    stages = {stage["name"]: stage["detail"] for stage in found["stages"]}
    assert stages["code"].endswith("and its diff, 1 local module")
    assert stages["data"] == "1 file: 1 from the commit"
    assert (content_of(work), git(work, "rev-parse", "HEAD")) == (before, head)
    assert git(work, "status", "--porcelain") == ""
    there = Path(found["directory"]) / str(work).lstrip("/")
    assert (there / "data" / "numbers.txt").read_text() == "4 5 6\n"


def test_a_project_behind_a_link(reproducing: Reproducing, steady_packages: None) -> None:
    """Its files are read where they really lie; all of it comes together again."""
    on = reproducing
    work = on.project(FILES, repository=True, name="real/project")
    link = on.root / "link"
    link.symlink_to(work.parent)
    run_id = on.ran(link / "project" / "train.ipynb")
    (file,) = on.facts(run_id)["datasets"]["files"]
    assert file["path"] == str(work / "data" / "numbers.txt")
    found = on.reproduced(run_id)
    assert found["outcome"] == "reproduced", found
    stages = {stage["name"]: stage["detail"] for stage in found["stages"]}
    assert stages["data"] == "1 file: 1 from the commit"
    shutil.rmtree(work.parent)
    link.unlink()
    found = on.reproduced(run_id)
    assert found["outcome"] == "reproduced", found


def test_data_that_was_changed_is_not_taken_for_it(
    reproducing: Reproducing, steady_packages: None
) -> None:
    """Neither the file in its place nor a copy of ours; the file is named."""
    on = reproducing
    work = on.project(FILES)
    run_id = on.ran(work / "train.ipynb")
    (file,) = on.facts(run_id)["datasets"]["files"]
    copy = place_of(file["sha256"])
    assert copy is not None
    (work / "data" / "numbers.txt").write_text("7 8 9\n")
    found = on.reproduced(run_id)
    assert found["outcome"] == "reproduced", found
    on.tamper(copy, b"7 8 9\n")
    found = on.reproduced(run_id)
    assert found["outcome"] == "cannot"
    assert f"{work}/data/numbers.txt has changed" in found["detail"]
    assert on.tags(run_id)["mlops.reproduction"] == "cannot"
    assert on.tags(run_id)["mlops.reproduction_detail"] == found["detail"]
    assert found["job_id"] is None


def test_data_named_by_an_absolute_path_is_watched(
    reproducing: Reproducing, steady_packages: None
) -> None:
    """It leads to what lies there now, and that is not what was read then."""
    on = reproducing
    work = on.project({"numbers.txt": "1\n"})
    data = work / "numbers.txt"
    (work / "read.ipynb").write_text(
        notebook(LOG + f"mlops.log(count=len(open({str(data)!r}).read()))")
    )
    run_id = on.ran(work / "read.ipynb")
    assert on.reproduced(run_id)["outcome"] == "reproduced"
    data.write_text("2\n")
    found = on.reproduced(run_id)
    assert found["outcome"] == "cannot", found
    assert f"another content than then: {data}" in found["detail"]


@pytest.mark.parametrize(
    "name", ["facts.json", "requirements.txt", "notebook.ipynb", "code.zip", "datasets.json"]
)
def test_a_record_that_was_changed_is_found_out(
    reproducing: Reproducing, steady_packages: None, name: str
) -> None:
    """Whichever part of it: nothing is run."""
    on = reproducing
    run_id = on.ran(on.project(FILES) / "train.ipynb")
    on.tamper(on.artifact(run_id, name))
    found = on.reproduced(run_id)
    assert found["outcome"] == "cannot", found
    assert f"mlops/{name} was changed since it was recorded" in found["detail"]
    assert found["job_id"] is None
    os.unlink(on.artifact(run_id, name))
    found = on.reproduced(run_id)
    assert f"mlops/{name} is missing" in found["detail"]


def test_what_comes_out_otherwise_is_named(reproducing: Reproducing, steady_packages: None) -> None:
    """The metric and by how much; a tolerance that is wide enough, or ignoring it, mends it."""
    on = reproducing
    cell = LOG + (
        "import itertools, pathlib\n"
        f"seen = pathlib.Path({str(on.root / 'seen')!r})\n"
        "seen.write_text(seen.read_text() + 'x' if seen.exists() else 'x')\n"
        "mlops.log(accuracy=0.934 - 0.022 * (len(seen.read_text()) - 1), steady=1.0)"
    )
    work = on.project({"train.ipynb": notebook(cell)})
    run_id = on.ran(work / "train.ipynb")
    found = on.reproduced(run_id)
    assert found["outcome"] == "differs"
    assert found["detail"] == "accuracy: 0.912, was 0.934"
    (difference,) = found["differences"]
    assert (difference["what"], difference["before"]) == ("accuracy", 0.934)
    tags = on.tags(run_id)
    assert (tags["mlops.reproduction"], tags["mlops.reproduction_detail"]) == (
        "differs",
        "accuracy: 0.912, was 0.934",
    )
    found = on.reproduced(run_id, tolerances={"accuracy": 0.5})
    assert found["outcome"] == "reproduced", found
    assert found["detail"] == "the same within 1e-06: 2 metrics"
    assert on.reproduced(run_id, ignore=["accuracy"])["outcome"] == "reproduced"
    assert on.tags(run_id)["mlops.reproduction"] == "reproduced"
    listed = on.daemon.client.reproductions(run_id)["reproductions"]
    assert [one["outcome"] for one in listed] == ["reproduced", "reproduced", "differs"]


def test_a_series_that_only_ends_alike_differs(
    reproducing: Reproducing, steady_packages: None
) -> None:
    """Where the run is deterministic every point counts."""
    on = reproducing
    cell = LOG + (
        "import pathlib\n"
        f"seen = pathlib.Path({str(on.root / 'seen')!r})\n"
        "first = not seen.exists()\nseen.touch()\n"
        "for step in range(10):\n"
        "    mlops.log(loss=1 / (step + 1) + (0.25 if step == 4 and not first else 0), step=step)"
    )
    run_id = on.ran(on.project({"train.ipynb": notebook(cell)}) / "train.ipynb")
    found = on.reproduced(run_id)
    assert (found["outcome"], found["detail"]) == ("differs", "loss at step 4: 0.45, was 0.2")


def test_a_notebook_that_fails_this_time_says_what_is_missing(
    reproducing: Reproducing, steady_packages: None
) -> None:
    """A file that nobody saw being read, and that is gone now."""
    on = reproducing
    work = on.project({"train.ipynb": "", "answer.tmp": "1"})
    (work / "train.ipynb").write_text(notebook(LOG + "mlops.log(a=int(open('answer.tmp').read()))"))
    run_id = on.ran(work / "train.ipynb")
    found = on.reproduced(run_id)
    assert found["outcome"] == "cannot"
    assert "failed" in found["detail"]
    assert "answer.tmp" in found["detail"]
    assert on.tags(run_id)["mlops.reproduction_job"] == found["job_id"]


def test_nothing_logged_is_compared_by_what_was_printed(
    reproducing: Reproducing, steady_packages: None
) -> None:
    """And where nothing was printed there is nothing to compare."""
    on = reproducing
    work = on.project(
        {
            "prints.ipynb": notebook("print('answer', 6 * 7)\nobject()"),
            "silent.ipynb": notebook("x = 1"),
        }
    )
    found = on.reproduced(on.ran(work / "prints.ipynb"))
    assert found["outcome"] == "reproduced", found
    assert found["detail"] == "the same to the last bit: what its cells printed"
    found = on.reproduced(on.ran(work / "silent.ipynb"))
    assert (found["outcome"], "nothing that could be compared" in found["detail"]) == (
        "cannot",
        True,
    )


def test_what_is_told_in_advance_is_what_comes_of_it(
    reproducing: Reproducing, steady_packages: None
) -> None:
    """A run that was stopped, data that nobody noted."""
    on = reproducing
    work = on.project(FILES)
    (work / "long.ipynb").write_text(notebook("import time\ntime.sleep(60)"))
    client = on.daemon.client
    cases = {
        on.ran(work / "long.ipynb", "failed", timeout=1): "something else than a cell's error",
        on.ran(work / "train.ipynb", env={"JUPYTER_MLOPS_DATASETS": "off"}): "not recorded",
    }
    for run_id, expected in cases.items():
        assert on.tags(run_id)["mlops.reproducible"] == "no"
        told = client.reproducibility(run_id)
        assert (told["possible"], told["exactly"]) == (False, False), told
        found = on.reproduced(run_id)
        assert found["outcome"] == "cannot"
        assert expected in found["detail"]
    whole = on.ran(work / "train.ipynb")
    assert client.reproducibility(whole)["possible"]


def test_a_daemon_that_is_killed_takes_it_up_again(
    reproducing: Reproducing, steady_packages: None
) -> None:
    """While the job runs and before: one job, one outcome."""
    on = reproducing
    go_on = on.root / "go-on"
    cell = LOG + (
        "import os, time\n"
        f"while not os.path.exists({str(go_on)!r}):\n    time.sleep(0.05)\nmlops.log(a=1)"
    )
    work = on.project({"train.ipynb": notebook(cell)})
    go_on.write_text("")
    run_id = on.ran(work / "train.ipynb")
    go_on.unlink()
    early = on.daemon.client.reproduce(run_id)["id"]
    on.daemon.kill()
    on.daemon.start()
    found = on.until(
        lambda: (
            (one := on.daemon.client.reproduction(early))["job_id"] is not None
            and on.daemon.client.job(one["job_id"])["state"] == "running"
            and one
        )
    )
    on.daemon.kill()
    on.daemon.start()
    go_on.write_text("")
    ended = on.ended(early)
    assert ended["outcome"] == "reproduced", ended
    assert ended["job_id"] == found["job_id"]
    jobs = [job["id"] for job in on.daemon.client.all_jobs() if job["name"].startswith("repro")]
    assert jobs == [ended["job_id"]]


def test_cancelled_is_no_badge(reproducing: Reproducing, steady_packages: None) -> None:
    """Its job ends, by whichever of the two it was cancelled."""
    on = reproducing
    stop = on.root / "stop"
    cell = f"import os, time\nwhile os.path.exists({str(stop)!r}):\n    time.sleep(0.05)\nprint(1)"
    run_id = on.ran(on.project({"train.ipynb": notebook(cell)}) / "train.ipynb")
    stop.write_text("")
    client = on.daemon.client
    for cancel in ("reproduction", "job"):
        begun = client.reproduce(run_id)["id"]
        job_id = on.until(lambda begun=begun: client.reproduction(begun)["job_id"])
        on.daemon.wait_for(job_id, "running")
        if cancel == "job":
            client.cancel(job_id)
        else:
            client.cancel_reproduction(begun)
        found = on.ended(begun)
        assert (found["outcome"], client.job(job_id)["state"]) == ("cancelled", "cancelled")
    assert "mlops.reproduction" not in on.tags(run_id)


def test_hostile_code_leads_nowhere(
    reproducing: Reproducing, steady_packages: None, tmp_path: Path
) -> None:
    """A whole record by somebody else's hand: its archive names a file outside."""
    on = reproducing
    run_id = on.ran(on.project(FILES) / "train.ipynb")
    target = tmp_path / "written"
    archive = on.artifact(run_id, "code.zip")
    beside = tmp_path / "evil.zip"
    with zipfile.ZipFile(beside, "w") as made:
        made.writestr(f"{'../' * 40}{str(target).lstrip('/')}", "gotcha")
    on.tamper(archive, beside.read_bytes())
    import hashlib
    import sqlite3

    facts = on.facts(run_id)
    facts["artifacts"]["code.zip"] = hashlib.sha256(beside.read_bytes()).hexdigest()
    on.tamper(on.artifact(run_id, "facts.json"), json.dumps(facts).encode())
    digest = hashlib.sha256(on.artifact(run_id, "facts.json").read_bytes()).hexdigest()
    with sqlite3.connect(paths.mlflow_dir() / "mlflow.db", timeout=30) as db:
        db.execute("UPDATE tags SET value = ? WHERE key = 'mlops.facts'", (digest,))
    db.close()
    found = on.reproduced(run_id)
    assert found["outcome"] == "cannot"
    assert "code.zip has an entry that can't be laid out" in found["detail"]
    assert not target.exists()
