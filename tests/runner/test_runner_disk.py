"""Full disks, folders that can't be written, names at the limit."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import pytest
from mlops_runner import RunnerAttempt

Make = Callable[..., RunnerAttempt]
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KB."""
    place = tmp_path / "small"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)], check=True)
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@needs_root
def test_f19_output_folder_on_a_full_disk(make_attempt: Make, small_disk: Path):
    """`disk_full`, with the place and where the notebook is kept; an earlier result is whole."""
    target, log = small_disk / "out" / "nb.ipynb", small_disk / "out" / "nb.log"
    places = {"output_notebook": str(target), "output_log": str(log)}
    assert make_attempt("print('small')", **places).run()["state"] == "succeeded"
    before = target.read_bytes()

    attempt = make_attempt("print('x' * 500_000)", **places)
    failure = attempt.run()["failure"]
    assert failure["code"] == "disk_full"
    assert str(small_disk) in failure["message"]
    assert str(attempt.directory / "notebook.ipynb") in failure["message"]
    assert target.read_bytes() == before
    assert len(attempt.text(0)) == 500_001
    assert not list(target.parent.glob(".mlops-*"))


@needs_root
def test_f19_attempt_directory_on_a_full_disk(make_attempt: Make, small_disk: Path):
    """The runner's own disk fills: the exit is written all the same, the last save parses."""
    attempt = make_attempt("print('x' * 500_000)\nimport time; time.sleep(3)", "print('last')")
    moved = small_disk / "1"
    subprocess.run(["cp", "-r", str(attempt.directory), str(moved)], check=True)
    order = json.loads((moved / "order.json").read_text())
    order |= {"directory": str(moved), "notebook": str(moved / "bundle" / "notebook.ipynb")}
    (moved / "order.json").write_text(json.dumps(order))
    attempt.directory = moved
    assert attempt.run()["failure"]["code"] == "disk_full"
    notebook = attempt.notebook
    nbformat.validate(nbformat.from_dict(notebook))
    assert notebook["metadata"]["mlops"]["state"] == "running"
    assert [event["seq"] for event in attempt.events] == list(range(1, len(attempt.events) + 1))
    # The person's copy lies on another disk and has everything.
    assert attempt.result["metadata"]["mlops"]["state"] == "failed"
    assert "".join(attempt.result["cells"][1]["outputs"][0]["text"]) == "last\n"


@needs_root
def test_full_disk_that_is_freed(make_attempt: Make, small_disk: Path):
    """Progress that couldn't be saved is saved when there is room again; the job succeeds."""
    attempt = make_attempt(
        f"import os, time\nprint('begin', flush=True); time.sleep(1)\n"
        f"f = open({str(small_disk / 'fill')!r}, 'wb', buffering=0)\n"
        "try:\n    while True: f.write(b'x' * 1000)\nexcept OSError: pass\n"
        "print('full ' + 'x' * 20_000, flush=True); time.sleep(3)\n"
        f"os.unlink({str(small_disk / 'fill')!r}); f.close(); print('free')",
    )
    moved = small_disk / "1"
    subprocess.run(["cp", "-r", str(attempt.directory), str(moved)], check=True)
    order = json.loads((moved / "order.json").read_text()) | {"directory": str(moved)}
    (moved / "order.json").write_text(json.dumps(order))
    attempt.directory = moved
    assert attempt.run()["state"] == "succeeded", attempt.said()
    assert attempt.text(0).endswith("free\n")
    assert any("disk is full" in event["text"] for event in attempt.events_of("note"))
    assert [event["seq"] for event in attempt.events] == list(range(1, len(attempt.events) + 1))
    assert attempt.events[-1]["type"] == "finished"


def test_output_folder_that_cannot_be_made(make_attempt: Make, tmp_path: Path):
    """It is said before anything runs."""
    (tmp_path / "file").write_text("")
    witness = tmp_path / "ran"
    attempt = make_attempt(
        f"open({str(witness)!r}, 'w')", output_notebook=str(tmp_path / "file" / "out" / "nb.ipynb")
    )
    failure = attempt.run()["failure"]
    assert failure["code"] == "output_not_writable"
    assert str(tmp_path / "file") in failure["message"]
    assert not witness.exists()


def test_output_folder_that_goes_away(make_attempt: Make, tmp_path: Path):
    """Removed while the job runs: a clear failure, and the notebook is kept."""
    out = tmp_path / "out"
    attempt = make_attempt(
        f"import shutil; shutil.rmtree({str(out)!r}); open({str(out)!r}, 'w').close()",
        output_notebook=str(out / "nb.ipynb"),
        output_log=str(tmp_path / "nb.log"),
    )
    failure = attempt.run()["failure"]
    assert failure["code"] == "output_not_writable"
    assert str(attempt.directory / "notebook.ipynb") in failure["message"]
    assert attempt.statuses == ["succeeded"]


@pytest.mark.parametrize(
    "name",
    [
        "报告 (1) 🚀.ipynb",
        "new\nline.ipynb",
        "-rf.ipynb",
        "x" * 249 + ".ipynb",
        "עברית.ipynb",
        "{pm[run_uuid].__class__.__mro__}.ipynb",
        "%(x)s $(id) `id`.ipynb",
    ],
)
def test_f35_a22_names_are_names(make_attempt: Make, tmp_path: Path, name: str):
    """Any name that a file can have works, and none is a template or a command."""
    output = tmp_path / "out"
    attempt = make_attempt(
        "print(1)",
        source=str(tmp_path / name),
        name=name[:200],
        output_notebook=str(output / name),
        output_log=str(output / (name[:-6] + ".log")),
    )
    assert attempt.run()["state"] == "succeeded", attempt.said()
    assert sorted(entry.name for entry in output.iterdir()) == sorted([name, name[:-6] + ".log"])
    assert attempt.result == attempt.notebook


def test_f35_a_name_that_is_too_long(make_attempt: Make, tmp_path: Path):
    """Refused before anything runs, with the system's words."""
    attempt = make_attempt("print(1)", output_notebook=str(tmp_path / ("x" * 256)))
    failure = attempt.run()["failure"]
    assert failure["code"] == "output_not_writable"
    assert "too long" in failure["message"]


def test_a_link_in_the_results_place_is_replaced(make_attempt: Make, tmp_path: Path):
    """The result replaces a link instead of writing through it."""
    precious = tmp_path / "precious"
    precious.write_text("mine")
    out = tmp_path / "out"
    out.mkdir()
    (out / "nb.ipynb").symlink_to(precious)
    (out / "nb.log").symlink_to(precious)
    attempt = make_attempt(
        "print(1)", output_notebook=str(out / "nb.ipynb"), output_log=str(out / "nb.log")
    )
    assert attempt.run()["state"] == "succeeded"
    assert precious.read_text() == "mine"
    assert not (out / "nb.ipynb").is_symlink()
