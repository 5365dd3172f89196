"""`reproduce` against the real daemon: what is said, exit codes, JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from mlops_script import Run

Make = Callable[..., Path]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

#: The second time it is less accurate.
CELL = """
import pathlib, jupyter_mlops as mlops
seen = pathlib.Path({!r})
mlops.log(accuracy=0.912 if seen.exists() else 0.934)
seen.touch()
"""


@pytest.fixture
def run_id(cli: Run, make_notebook: Make, tmp_path: Path) -> str:
    """A run that comes out otherwise the next time."""
    assert cli("experiments").returncode == 0
    notebook = make_notebook(CELL.format(str(tmp_path / "seen")))
    done = cli("run", str(notebook), "--wait-html", "--json")
    assert done.returncode == 0, done.stderr
    return str(json.loads(done.stdout)["tracking"]["run_id"])


def test_how_it_came_out_is_told_by_words_and_exit_code(cli: Run, run_id: str) -> None:
    """Stage by stage; differs, reproduced, cannot."""
    done = cli("reproduce", run_id[:8], "--check")
    assert done.returncode == 0, done.stderr
    done = cli("reproduce", run_id)
    assert done.returncode == 10, done.stderr
    for stage in ("environment", "code", "data", "running", "comparing"):
        assert f"✔ {stage}: " in done.stdout
    assert "differs" in done.stdout
    assert "accuracy: 0.912, was 0.934" in done.stdout
    assert f"jupyter mlops compare {run_id[:12]}" in done.stdout
    done = cli("reproduce", run_id, "--tolerance", "accuracy=0.5", "--quiet")
    assert done.returncode == 0, done.stderr
    assert "the same within 1e-06: 1 metric" in done.stdout
    assert "environment" not in done.stdout
    done = cli("reproduce", run_id, "--json", "--ignore", "accuracy")
    found = json.loads(done.stdout)
    assert (done.returncode, found["outcome"]) == (11, "cannot")
    listed = cli("reproduce", run_id, "--list").stdout.splitlines()
    assert [line.split("  ")[2] for line in listed] == ["cannot", "reproduced", "differs"]
    shown = cli("describe", run_id).stdout
    assert "cannot: it logged nothing that could be compared" in shown


def test_mistakes(cli: Run, run_id: str) -> None:
    """In a line, with the exit code for it."""
    for words, code, said in [
        (["--tolerance", "much"], 2, "--tolerance"),
        (["--tolerance", "a=-1"], 2, "--tolerance"),
        (["--check", "--list"], 2, "exclude"),
        (["--cancel"], 5, "under way"),
    ]:
        done = cli("reproduce", run_id, *words)
        assert (done.returncode, done.stdout) == (code, ""), done.stderr
        assert said in done.stderr
    assert cli("reproduce", "f" * 32).returncode == 4
