"""What a job is made of: taken once, complete, and never from where it may not come."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from jupyter_mlops.errors import (
    InvalidInput,
    KernelUnknown,
    NotebookInvalid,
    Refused,
    TooLarge,
)
from jupyter_mlops.jobs.model import JobSpec
from jupyter_mlops.jobs.snapshot import (
    check_values,
    inspect,
    make_links,
    notebook_info,
    take_snapshot,
)


def lay_out(files: dict[str, bytes], bundle: Path) -> Path:
    """As the store does: every file of the snapshot below `bundle`, then the links."""
    for relative, content in files.items():
        path = bundle / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    make_links(bundle)
    return bundle / "code"


def test_a_snapshot_has_everything_the_job_needs(take, project):
    """The stripped notebook, its kernel and code, where to work, and what may be preloaded."""
    taken = take(parameters={"lr": 0.5}, values=b"pickled")
    made = taken.snapshot
    assert taken.notebook == str(project / "train.ipynb")
    assert taken.cwd == str(project)
    assert made.kernel.name == "python3"
    assert made.kernel.language == "python"
    assert sorted(made.code) == ["helper.py"]
    assert made.imports == ()
    assert made.warnings == ()
    assert sorted(made.files()) == ["code/helper.py", "notebook.ipynb", "values.pkl"]
    assert json.loads(made.notebook)["cells"][1]["source"] == "import helper\nhelper.rows()"


def test_f29_what_was_submitted_is_what_runs(take, project, tmp_path):
    """Fault 29: the notebook and the module are edited and deleted a second later."""
    made = take().snapshot
    (project / "train.ipynb").write_text("broken")
    (project / "helper.py").write_text("raise SystemExit('edited')")
    code = lay_out(made.files(), tmp_path / "bundle")
    (project / "train.ipynb").unlink()
    (project / "helper.py").unlink()
    done = subprocess.run(
        [sys.executable, "-c", json.loads(made.notebook)["cells"][1]["source"] + "\nprint('ran')"],
        cwd=project,
        env={"PYTHONPATH": str(code)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "ran\n"


def test_code_that_asks_for_its_file_finds_its_data(take, project, tmp_path):
    """Links beside the copied module lead to the data beside the original."""
    (project / "helper.py").write_text(
        "from pathlib import Path\nDATA = (Path(__file__).parent / 'rows.csv').read_text()\n"
    )
    code = lay_out(take().snapshot.files(), tmp_path / "bundle")
    assert (code / "rows.csv").readlink() == project / "rows.csv"
    done = subprocess.run(
        [sys.executable, "-c", "import helper; print(helper.DATA, end='')"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(code)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "1,2\n"


def test_links_are_made_once_and_never_through_another_link(tmp_path):
    """A second start of the job finds them there; nothing is created outside of the bundle."""
    outside = tmp_path / "outside"
    outside.mkdir()
    bundle = tmp_path / "bundle"
    (bundle / "code").mkdir(parents=True)
    (bundle / "links.json").write_text(
        json.dumps({"a": str(outside), "a/b": "/etc/passwd", "../up": "/etc", "deep/x": "/etc"})
    )
    make_links(bundle)
    make_links(bundle)
    assert (bundle / "code/a").is_symlink()
    assert (bundle / "code/deep/x").is_symlink()
    assert list(outside.iterdir()) == []
    assert not (bundle / "up").is_symlink()


def test_imports_to_preload_are_without_local_modules_but_with_theirs(take, project):
    """A warm parent can't import what lies beside a notebook; what that imports it can."""
    (project / "helper.py").write_text("import json.decoder\nimport other\n")
    (project / "other.py").write_text("import csv\n")
    assert take().snapshot.imports == ("json.decoder", "csv")


def test_equal_notebooks_have_one_hash(take, project, make_notebook):
    """Running and saving a notebook doesn't change what was submitted."""
    before = take().snapshot.notebook_hash
    path = project / "train.ipynb"
    document = json.loads(path.read_text())
    document["cells"][1]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "x"}]
    document["cells"][1]["execution_count"] = 4
    path.write_text(json.dumps(document, indent=4))
    assert take().snapshot.notebook_hash == before
    document["cells"][1]["source"] += "\n1"
    path.write_text(json.dumps(document))
    assert take().snapshot.notebook_hash != before


def test_a_notebook_that_changed_within_one_tick_of_the_clock_is_read_again(take, project):
    """What is remembered belongs to the content, not to the file's time."""
    path = project / "train.ipynb"
    times = path.stat().st_atime_ns, path.stat().st_mtime_ns
    take()
    path.write_text(path.read_text().replace("helper.rows()", "helper.cols()"))
    os.utime(path, ns=times)
    assert b"helper.cols()" in take().snapshot.notebook


def test_content_that_is_not_saved_is_taken_instead_of_the_file(take, project):
    """A cell sent as a job: the path only names it and gives the working directory."""
    document = json.loads((project / "train.ipynb").read_text())
    document["cells"][1]["source"] = "import helper"
    taken = take("untitled", content=document)
    assert taken.cwd == str(project)
    assert taken.notebook == str(project / "untitled")
    assert sorted(taken.snapshot.code) == ["helper.py"]
    with pytest.raises(NotebookInvalid, match="no directory"):
        take("nowhere/untitled", content=document)
    with pytest.raises(NotebookInvalid, match="cells is missing"):
        take(content={"nbformat": 4})


def test_f15_an_unknown_kernel_is_refused_with_those_that_are_known(take, project):
    """Fault 15: at submit, the notebook's own or a given one; other problems are listed too."""
    with pytest.raises(KernelUnknown) as caught:
        take(kernel="nope", parameters={"lr": "fast"})
    assert "python3" in caught.value.hint
    assert [one["where"] for one in caught.value.problems] == ["kernel", "parameters.lr"]


def test_f34_no_kernelspec_is_refused_unless_one_is_given(take, project):
    """Fault 34: the place is named, and --kernel helps."""
    path = project / "train.ipynb"
    document = json.loads(path.read_text())
    document["metadata"] = {}
    path.write_text(json.dumps(document))
    with pytest.raises(NotebookInvalid, match=r"metadata\.kernelspec is missing"):
        take()
    assert take(kernel="python3").snapshot.kernel.name == "python3"


def test_every_problem_with_the_parameters_is_reported_at_once(take):
    """With its place; a name that isn't declared is a warning."""
    with pytest.raises(InvalidInput, match="must be a number, not text") as caught:
        take(parameters={"lr": "fast", "epochs": 3})
    assert [one["where"] for one in caught.value.problems] == ["parameters.lr"]
    assert "epochs" in take(parameters={"epochs": 3}).snapshot.warnings[0]


def test_values_are_checked_against_the_language_of_the_kernel(project, bash_kernel, make_notebook):
    """What bash can't hold is refused at submit; its notebooks have no Python imports."""
    path = make_notebook(
        "import helper",
        parameters="name=x # who",
        kernelspec={"name": "bash", "display_name": "Bash", "language": "bash"},
    )
    spec = JobSpec(notebook=str(path), parameters={"name": "it's $(id)"})
    made = take_snapshot(spec, find_kernel=bash_kernel).snapshot
    assert made.kernel.language == "bash"
    assert made.code == {}
    assert made.warnings == ()
    for parameters in ({"PATH": "x"}, {"name": "a\0b"}):
        spec = JobSpec(notebook=str(path), parameters=parameters)
        with pytest.raises(InvalidInput):
            take_snapshot(spec, find_kernel=bash_kernel)


def test_another_kernel_than_the_notebooks_own_reads_its_parameters_too(bash_kernel, make_notebook):
    """A notebook that names no kernel is read in the language of the one that is given."""
    path = make_notebook(
        "echo $size", parameters="size=3 # how many", kernelspec={}, name="s.ipynb"
    )
    spec = JobSpec(notebook=str(path), parameters={"size": "x"}, kernel="bash")
    with pytest.raises(InvalidInput, match=r"parameters\.size must be a whole number"):
        take_snapshot(spec, find_kernel=bash_kernel)


# ---------------------------------------------------------------- paths


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("../outside.ipynb", Refused),
        ("a/../../outside.ipynb", Refused),
        ("a/../train.ipynb", Refused),
        ("/etc/passwd", Refused),
        ("..%2foutside.ipynb", Refused),
        ("%2e%2e/outside.ipynb", NotebookInvalid),
        ("%252e%252e/outside.ipynb", NotebookInvalid),
        ("..\\outside.ipynb", Refused),
        ("train\0.ipynb", InvalidInput),
        ("http://169.254.169.254/x.ipynb", InvalidInput),
        ("file:///etc/passwd", InvalidInput),
        ("s3://bucket/x.ipynb", InvalidInput),
        (".ssh/id_rsa", Refused),
        (".hidden.ipynb", Refused),
        ("jpserver-123.json", NotebookInvalid),
        ("helper.py", NotebookInvalid),
        ("", InvalidInput),
        (".", InvalidInput),
        ('{"cells": [], "metadata": {}, "nbformat": 4}', NotebookInvalid),
        ("missing.ipynb", NotebookInvalid),
        ("x" * 300 + ".ipynb", NotebookInvalid),
        ("directory.ipynb", NotebookInvalid),
        ("pipe.ipynb", NotebookInvalid),
    ],
)
def test_a12_a18_a21_a47_paths_that_are_no_notebook_below_the_root(take, project, path, kind):
    """Attacks 12, 18, 21 and 47: refused with a code, nothing is read or written."""
    (project.parent / "outside.ipynb").write_text((project / "train.ipynb").read_text())
    (project / ".ssh").mkdir()
    for name in (".ssh/id_rsa", ".hidden.ipynb", "jpserver-123.json"):
        (project / name).write_text((project / "train.ipynb").read_text())
    (project / "directory.ipynb").mkdir()
    os.mkfifo(project / "pipe.ipynb")
    before = sorted(project.rglob("*"))
    with pytest.raises((InvalidInput, Refused)) as caught:
        inspect(path, project)
    assert isinstance(caught.value, kind)
    assert caught.value.http_status in {403, 422}
    assert sorted(project.rglob("*")) == before


def test_a13_a_sibling_directory_with_the_same_beginning_is_outside(take, project):
    """Attack 13: /srv/data-secret is not below /srv/data."""
    sibling = project.with_name("project-secret")
    sibling.mkdir()
    (sibling / "x.ipynb").write_text((project / "train.ipynb").read_text())
    with pytest.raises(Refused):
        inspect(str(sibling / "x.ipynb"), project)


def test_a16_links_out_of_the_root_are_refused(take, project):
    """Attack 16: a file, a directory, a chain; a link that stays inside is fine."""
    outside = project.with_name("outside")
    outside.mkdir()
    (outside / "x.ipynb").write_text((project / "train.ipynb").read_text())
    (project / "file.ipynb").symlink_to(outside / "x.ipynb")
    (project / "dir").symlink_to(outside)
    (project / "chain.ipynb").symlink_to("file.ipynb")
    (project / "inside.ipynb").symlink_to("train.ipynb")
    for path in ("file.ipynb", "dir/x.ipynb", "chain.ipynb"):
        with pytest.raises(Refused) as caught:
            take(path, root=project)
        assert caught.value.stable_code == "outside_root"
    taken = take("inside.ipynb", root=project)
    assert taken.notebook == str(project / "inside.ipynb")
    with pytest.raises(Refused):
        take("dir/cell", root=project, content=json.loads((outside / "x.ipynb").read_text()))


def test_a16_a_link_that_is_swapped_after_the_check_is_never_read(take, project):
    """Attack 16: while another process exchanges the file all the time, no secret gets in."""
    secret = project.with_name("secret.ipynb")
    secret.write_text((project / "train.ipynb").read_text().replace("helper.rows", "SECRET"))
    honest = (project / "train.ipynb").read_bytes()
    target = project / "swap.ipynb"
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            for make in (lambda new: new.symlink_to(secret), lambda new: new.write_bytes(honest)):
                new = project / "new.ipynb"
                make(new)
                new.rename(target)

    target.write_bytes(honest)
    swapping = threading.Thread(target=swap)
    swapping.start()
    outcomes = {"taken": 0, "refused": 0}
    try:
        for _ in range(400):
            try:
                made = take("swap.ipynb", root=project).snapshot
                outcomes["taken"] += 1
                assert b"SECRET" not in made.notebook
            except Refused:
                outcomes["refused"] += 1
    finally:
        stop.set()
        swapping.join()
    assert outcomes["taken"]
    assert outcomes["refused"]


def test_a_root_that_is_a_link_itself_works(take, project):
    """Jupyter's root often is: paths below it and absolute ones, by either name."""
    root = project.with_name("linked-root")
    root.symlink_to(project)
    for path in ("train.ipynb", str(root / "train.ipynb"), str(project / "train.ipynb")):
        assert take(path, root=root).snapshot.code.keys() == {"helper.py"}


def test_without_a_root_only_absolute_paths_are_taken(take, project):
    """The terminal and the kernel send these; hidden places are the person's own."""
    hidden = project / ".cache"
    hidden.mkdir()
    (project / "train.ipynb").rename(hidden / "train.ipynb")
    assert take(".cache/train.ipynb").cwd == str(hidden)
    with pytest.raises(InvalidInput, match="absolute"):
        take_snapshot(JobSpec(notebook="train.ipynb"))


@pytest.mark.parametrize(
    "name",
    ["报告 (1) 🚀.ipynb", "new\nline.ipynb", "-rf.ipynb", "\u202egnp.ipynb", "a'b\"c$(id).ipynb"],
)
def test_f35_unusual_names_work(take, project, name):
    """Fault 35: what the file system takes, a job can be made of."""
    (project / "train.ipynb").rename(project / name)
    taken = take(name)
    assert taken.notebook == str(project / name)
    assert taken.snapshot.code.keys() == {"helper.py"}


def test_f35_a_name_of_255_bytes_works(take, project):
    """Fault 35: the longest name there is."""
    name = "é" * 124 + "x" + ".ipynb"
    assert len(name.encode()) == 255
    (project / "train.ipynb").rename(project / name)
    assert inspect(name, project).notebook.endswith(name)


def test_a34_a_file_over_the_limit_is_too_large(project):
    """Attack 34: refused by its size, without reading all of it."""
    with (project / "huge.ipynb").open("wb") as file:
        file.truncate(300 * 2**20)
    with pytest.raises(TooLarge):
        inspect("huge.ipynb", project)


# ---------------------------------------------------------------- for the form


def test_inspect_tells_what_the_form_needs(project):
    """Parameters with types, defaults and help; the kernel and those there are; how many cells."""
    info = inspect("train.ipynb", project)
    assert [(one.name, one.type, one.default, one.help) for one in info.parameters] == [
        ("lr", "float", 0.1, "rate")
    ]
    assert info.kernel is not None
    assert info.kernel.name == "python3"
    assert "python3" in [one.name for one in info.kernels]
    assert info.cells == 2
    assert info.problems == []


def test_inspect_lists_what_would_refuse_the_submit(project, make_notebook):
    """A broken notebook, one without a kernel, one whose kernel isn't there."""
    (project / "broken.ipynb").write_text('{"cells": [')
    info = inspect("broken.ipynb", project)
    assert info.problems[0]["where"] == "notebook"
    assert "line 1, column 12" in info.problems[0]["message"]
    raw = (project / "train.ipynb").read_bytes()
    document = json.loads(raw)
    document["metadata"] = {}
    info = notebook_info(json.dumps(document).encode(), "x.ipynb")
    assert info.kernel is None
    assert info.problems[0]["where"] == "kernel"
    assert [one.name for one in info.parameters] == ["lr"]
    document["metadata"] = {"kernelspec": {"name": "nope", "display_name": "Nope"}}
    info = notebook_info(json.dumps(document).encode(), "x.ipynb")
    assert info.kernel is not None
    assert info.kernel.display_name == "Nope"
    assert "not installed" in info.problems[0]["message"]
    document["cells"][0]["source"] = 1
    info = notebook_info(json.dumps(document).encode(), "x.ipynb")
    assert info.problems[0]["where"] == "cells[0].source"


def test_new_values_are_checked_against_a_jobs_own_snapshot(take):
    """For running a job again with other parameters."""
    raw = take().snapshot.notebook
    assert check_values(raw, {"lr": 1}, "python") == []
    with pytest.raises(InvalidInput) as caught:
        check_values(raw, {"lr": "x"}, "python")
    assert caught.value.problems[0]["where"] == "parameters.lr"
