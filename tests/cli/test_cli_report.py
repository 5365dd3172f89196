"""`report` against the real daemon: files, names, refusals, and the cells that make it anew."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
import pytest

if TYPE_CHECKING:
    from mlops_script import Run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(560)]

LOG = """
import jupyter_mlops as mlops
for lr in (0.5, 0.25):
    with mlops.start("churn", name=f"fit {lr}", params={"lr": lr}) as run:
        for step in range(20):
            mlops.log(acc=step * lr)
    print(run.id)
"""


@pytest.fixture
def runs(cli: Run) -> list[str]:
    """Two runs with points."""
    assert cli("experiments").returncode == 0  # the store is there
    done = subprocess.run(
        [sys.executable, "-c", LOG], capture_output=True, text=True, check=True, timeout=250
    )
    return done.stdout.split()


def test_a_report(cli: Run, runs: list[str], tmp_path: Path) -> None:
    """Named runs, or those of an experiment; nothing is written over unasked; its cells execute."""
    done = cli("report", runs[0][:10], runs[1], "-o", "r.ipynb", "--html")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("A report on 2 runs: r.ipynb, r.html")
    document = nbformat.read(tmp_path / "r.ipynb", 4)
    nbformat.validate(document)
    assert "data:image/svg+xml" in (tmp_path / "r.html").read_text()
    assert (tmp_path / "r.ipynb").stat().st_mode & 0o777 == 0o666 & ~mask()
    again = cli("report", runs[0], "-o", "r.ipynb")
    assert again.returncode == 5
    assert "--force" in again.stderr
    chosen = cli(
        "report", "--experiment", "churn", "--filter", "params.lr = '0.5'", "--metric", "acc",
        "--json", "--title", "Just one",
    )  # fmt: skip
    assert json.loads(chosen.stdout) == {"files": ["report-Just-one.ipynb"], "left_out": []}
    one = nbformat.read(tmp_path / "report-Just-one.ipynb", 4)
    assert one.metadata["mlops"]["report"]["runs"] == [runs[0]]
    assert cli("report", runs[0], "-o", "r.ipynb", "--force").returncode == 0
    # The folded code does what it says.
    code = "\n".join(cell.source for cell in document.cells if cell.cell_type == "code")
    calls = code.replace("report.", "print(report.").replace("])", "]))").replace("')", "'))")
    told = subprocess.run(
        [sys.executable, "-c", calls], capture_output=True, text=True, check=False, timeout=250
    )
    assert told.returncode == 0, told.stderr
    assert "acc" in told.stdout
    assert "last 9.5, from 0 to 9.5" in told.stdout


def test_what_is_refused(cli: Run, runs: list[str], tmp_path: Path) -> None:
    """With a line that says what to do, and no file."""
    (tmp_path / "d.ipynb").mkdir()
    for words, code in (
        ((), 2),
        ((runs[0], "--experiment", "churn"), 2),
        ((runs[0], "-o", "r.txt"), 2),
        ((runs[0], "-o", "d.ipynb"), 2),
        ((runs[0], "-o", "nowhere/r.ipynb"), 2),
        (("--experiment", "churn", "--limit", "51"), 2),
        (("--experiment", "churn", "--filter", "params.lr = '9'"), 4),
        (("0" * 32,), 4),
    ):
        done = cli("report", *words)
        assert done.returncode == code, (words, done.stderr)
        assert "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.glob("*.ipynb")] == ["d.ipynb"]


def mask() -> int:
    """Of this process."""
    found = os.umask(0)
    os.umask(found)
    return found
