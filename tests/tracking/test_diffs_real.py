"""Where two runs differ in what they were made of: real daemons, kernels and repositories."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .test_job_facts import artifact_of, git, run, until_git_told

Make = Callable[..., Path]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.usefixtures("mlflow_home")]


def line_texts(text: dict[str, Any], op: str) -> list[str]:
    """Lines of a text diff."""
    return [
        "".join(line["pieces"])
        for hunk in text["hunks"]
        for line in hunk["lines"]
        if line["op"] == op
    ]


def edit(notebook: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change a notebook as somebody would who saves it."""
    document = json.loads(notebook.read_text("utf-8"))
    change(document)
    notebook.write_text(json.dumps(document), "utf-8")


@pytest.fixture
def project(tmp_path: Path, make_notebook: Make) -> Path:
    """A repository with a notebook, modules and data, all of it committed."""
    notebook = make_notebook(
        "import model\nprint('layers', model.LAYERS)",
        "print('same')",
        "rows = open('data.csv').read().split()\nprint(len(rows), 'rows')",
        name="train.ipynb",
    )
    work = notebook.parent
    (work / "model.py").write_text("import tools\nLAYERS = 1\n")
    (work / "tools.py").write_text("UNIT = 'm'\n")
    (work / "config.toml").write_text("depth = 3\nname = 'base'\n")
    (work / "data.csv").write_text("a\n1\n")
    (work / ".gitignore").write_text("jobs/\n")
    git(tmp_path, "init", "-q", "-b", "main", str(work))
    git(work, "add", "-A")
    git(work, "commit", "-q", "-m", "first")
    return notebook


def pair(daemon: Any, notebook: Path, change: Callable[[], None]) -> tuple[dict[str, Any], ...]:
    """Two jobs, with something changed in between."""
    first = run(daemon, notebook)
    until_git_told(daemon, first)
    change()
    second = run(daemon, notebook)
    until_git_told(daemon, second)
    return first, second


def ids(jobs: tuple[dict[str, Any], ...]) -> list[str]:
    """Their runs."""
    return [job["tracking"]["run_id"] for job in jobs]


def test_a_notebook_that_was_edited(daemon: Any, project: Path, steady_packages: None) -> None:
    """Edited, added and removed cells with their outputs; what only ran again is the same."""

    def change(document: dict[str, Any]) -> None:
        cells = document["cells"]
        cells[2]["source"] = cells[2]["source"].replace("'rows'", "'lines'")
        cells.append({**cells[1], "id": "new", "source": "print('new')"})

    jobs = pair(daemon, project, lambda: edit(project, change))
    found = daemon.client.diff(*ids(jobs), "notebook")
    assert (found["changes"], found["equal"], found["outputs_compared"]) == (2, 2, True)
    assert found["metadata"] is None
    changed, added = found["cells"]
    assert (changed["change"], changed["before"], changed["after"]) == ("changed", 2, 2)
    (old,) = [line for h in changed["source"]["hunks"] for line in h["lines"] if line["op"] == "-"]
    assert old["pieces"][1::2] == ["rows"]
    (output,) = changed["outputs"]
    assert (output["change"], output["kind"]) == ("changed", "stdout")
    assert line_texts(output["text"], "-") == ["2 rows"]
    assert line_texts(output["text"], "+") == ["2 lines"]
    assert (added["change"], added["before"], added["after"]) == ("added", None, 3)
    assert line_texts(added["outputs"][0]["text"], "+") == ["new"]
    turned = daemon.client.diff(*reversed(ids(jobs)), "notebook")
    assert [cell["change"] for cell in turned["cells"]] == ["changed", "removed"]
    same = daemon.client.diff(ids(jobs)[0], ids(jobs)[0], "notebook")
    assert (same["changes"], same["cells"], same["equal"]) == (0, [], 3)


def test_code_committed_uncommitted_and_imported(
    daemon: Any, project: Path, steady_packages: None
) -> None:
    """Modules as they ran, other files by commit and diff; the notebook is no code."""
    work = project.parent
    (work / "config.toml").write_text("depth = 4\nname = 'base'\n")  # not committed

    def change() -> None:
        git(work, "checkout", "-q", "config.toml")
        (work / "tools.py").write_text("UNIT = 'km'\n")
        (work / "notes.md").write_text("# Notes\n")
        git(work, "add", "-A")
        git(work, "commit", "-q", "-m", "second")
        (work / "model.py").write_text("import tools\nLAYERS = 2\n")  # not committed

    jobs = pair(daemon, project, change)
    found = daemon.client.diff(*ids(jobs), "code")
    assert found["notes"] == []
    assert found["before"]["commit"] != found["after"]["commit"]
    assert found["before"]["dirty"] is True
    files = {one["path"]: one for one in found["files"]}
    assert {path: (one["change"], one["ran"]) for path, one in files.items()} == {
        "model.py": ("changed", True),
        "tools.py": ("changed", True),
        "config.toml": ("changed", False),
        "notes.md": ("added", False),
    }
    assert line_texts(files["model.py"]["text"], "+") == ["LAYERS = 2"]
    assert line_texts(files["config.toml"]["text"], "-") == ["depth = 4"]
    assert line_texts(files["config.toml"]["text"], "+") == ["depth = 3"]
    assert line_texts(files["config.toml"]["text"], "=") == ["name = 'base'"]
    assert line_texts(files["notes.md"]["text"], "+") == ["# Notes"]
    assert git(work, "status", "--porcelain") == "M model.py"
    (work / ".git").rename(work / "gone")
    without = daemon.client.diff(*ids(jobs), "code")
    assert {one["path"] for one in without["files"]} == {"model.py", "tools.py"}
    assert "isn't on this machine" in without["notes"][0]


def test_the_same_commit_without_its_repository(
    daemon: Any, project: Path, steady_packages: None
) -> None:
    """What was changed beyond it is compared by the diffs that the runs keep."""
    work = project.parent
    (work / "config.toml").write_text("depth = 4\nname = 'base'\n")

    def change() -> None:
        (work / "config.toml").write_text("depth = 5\nname = 'base'\n")
        (work / ".gitignore").write_text("jobs/\n*.tmp\n")

    jobs = pair(daemon, project, change)
    with_it = daemon.client.diff(*ids(jobs), "code")
    assert {one["path"] for one in with_it["files"]} == {"config.toml", ".gitignore"}
    (work / ".git").rename(work / "gone")
    found = daemon.client.diff(*ids(jobs), "code")
    files = {one["path"]: one for one in found["files"]}
    assert line_texts(files[".gitignore"]["text"], "+") == ["*.tmp"]
    assert "The commit isn't here" in files["config.toml"]["note"]
    assert line_texts(files["config.toml"]["text"], "+") == ["+depth = 5"]
    back = {one["path"]: one for one in daemon.client.diff(*reversed(ids(jobs)), "code")["files"]}
    assert line_texts(back[".gitignore"]["text"], "-") == ["*.tmp"]


def test_data_and_packages(daemon: Any, project: Path, steady_packages: None) -> None:
    """A file that was changed, moved, gone; requirements that differ."""
    work = project.parent
    (work / "moved.bin").write_bytes(b"12345")
    (work / "gone.bin").write_bytes(b"9")
    reading = "for name in names.split():\n    open(name, 'rb').read()"

    def prepare(document: dict[str, Any]) -> None:
        cells = document["cells"]
        cells[0] = {**cells[0], "source": "names = 'moved.bin gone.bin'"}
        cells[1] = {**cells[1], "source": reading}

    def change() -> None:
        (work / "data.csv").write_text("a\n1\n2\n")
        (work / "moved.bin").rename(work / "there.bin")
        edit(project, lambda doc: doc["cells"][0].update(source="names = 'there.bin'"))

    edit(project, prepare)
    jobs = pair(daemon, project, change)
    found = daemon.client.diff(*ids(jobs), "data")
    assert found["known"] == [True, True]
    told = {one["name"]: one for one in found["data"]}
    assert {name: one["change"] for name, one in told.items()} == {
        "data.csv": "changed",
        "there.bin": "moved",
        "gone.bin": "removed",
    }
    assert (told["data.csv"]["before"]["size"], told["data.csv"]["after"]["size"]) == (4, 6)
    assert told["there.bin"]["before"]["path"].endswith("moved.bin")
    same = daemon.client.diff(*ids(jobs), "packages")
    assert (same["changes"], same["packages"]) == (0, [])
    assert same["equal"] > 50
    # As if another interpreter had run it.
    lock = artifact_of(jobs[1], "requirements.txt")
    text = lock.read_text()
    lock.unlink()  # it is another name of the daemon's own
    lines = [line for line in text.splitlines() if not line.startswith(("h11==", "anyio=="))]
    lock.write_text("\n".join([*lines, "h11==99.1", "new-one @ https://example.org/new.whl"]))
    found = daemon.client.diff(*ids(jobs), "packages")
    told = {one["name"]: one for one in found["packages"]}
    assert {name: one["change"] for name, one in told.items()} == {
        "anyio": "removed",
        "h11": "changed",
        "new-one": "added",
    }
    assert (told["h11"]["after"], told["h11"]["step"]) == ("99.1", "major")
    assert told["new-one"]["after"] == "from https://example.org/new.whl"
    lock.unlink()
    unknown = daemon.client.diff(*ids(jobs), "packages")
    assert (unknown["known"], unknown["changes"]) == ([True, False], 0)
