"""Runs of kernels of other languages than Python: what can be done is done, and said."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from mlops_reproduced import Reproducing, git, notebook

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

BASH = [sys.executable, "-m", "bash_kernel", "-f", "{connection_file}"]


@pytest.fixture
def bash(
    mlflow_home: Path, daemon_process: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Reproducing:
    """A daemon that knows a kernel of bash."""
    spec = tmp_path / "share" / "kernels" / "shell" / "kernel.json"
    spec.parent.mkdir(parents=True)
    spec.write_text(json.dumps({"argv": BASH, "display_name": "Bash", "language": "bash"}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "share"))
    return Reproducing(daemon_process.start(), tmp_path / "home")


def test_code_and_committed_data_are_restored(bash: Reproducing, tmp_path: Path) -> None:
    """What it prints is compared; the badge says what was not rebuilt, and so does the answer in
    advance; without the kernel it can't be, and that is said, too.
    """
    on = bash
    work = on.project({"data.txt": "1 2 3\n"}, repository=True)
    (work / "count.ipynb").write_text(notebook("wc -w < data.txt", kernel="shell"))
    (work / "fails.ipynb").write_text(notebook("echo no\nfalse", kernel="shell"))
    git(work, "add", "-A")
    git(work, "commit", "-q", "-m", "notebooks")
    run_id = on.ran(work / "count.ipynb")
    failed = on.ran(work / "fails.ipynb", "failed")
    (work / "data.txt").write_text("1\n")
    assert on.tags(run_id)["mlops.reproducible"] == "no"
    told = on.daemon.client.reproducibility(run_id)
    assert [(one["code"], one["then"]) for one in told["lacks"]] == [
        ("kernel_not_python", "while_there")
    ]
    found = on.reproduced(run_id)
    assert found["outcome"] == "reproduced", found
    said = "what its cells printed; environment not rebuilt: kernel shell"
    assert found["detail"] == f"the same to the last bit: {said}"
    assert on.tags(run_id)["mlops.reproduction_detail"] == found["detail"]
    found = on.reproduced(failed)
    assert (found["outcome"], "of cell 1; environment" in found["detail"]) == ("reproduced", True)
    shutil.rmtree(tmp_path / "share")
    assert not on.daemon.client.reproducibility(run_id)["possible"]
    found = on.reproduced(run_id)
    assert found["outcome"] == "cannot"
    assert "its kernel 'shell' isn't there" in found["detail"]
