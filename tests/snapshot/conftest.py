"""A person's project: a notebook with code and data beside it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlops.jobs.kernelspecs import KernelSpec, installed
from jupyter_mlops.jobs.model import JobSpec
from jupyter_mlops.jobs.snapshot import Taken, take_snapshot

Take = Callable[..., Taken]


@pytest.fixture
def project(tmp_path: Path, make_notebook: Callable[..., Path]) -> Path:
    """A directory with `train.ipynb`, a module and a data file."""
    directory = tmp_path / "project"
    directory.mkdir()
    made = make_notebook("import helper\nhelper.rows()", parameters="lr = 0.1  # rate")
    made.rename(directory / "train.ipynb")
    (directory / "helper.py").write_text("def rows():\n    return open('rows.csv').read()\n")
    (directory / "rows.csv").write_text("1,2\n")
    return directory


@pytest.fixture
def take(project: Path) -> Take:
    """Takes a snapshot of a notebook (`train.ipynb`); keywords are the spec's fields."""

    def taking(
        notebook: str | Path = "train.ipynb",
        *,
        root: Path | None = None,
        content: dict[str, Any] | None = None,
        values: bytes | None = None,
        **spec: Any,
    ) -> Taken:
        path = str(notebook) if root is not None else str(project / notebook)
        return take_snapshot(
            JobSpec(notebook=path, **spec), root=root, content=content, values=values
        )

    return taking


@pytest.fixture
def bash_kernel() -> Callable[[str], KernelSpec]:
    """Finds kernels where one for bash is installed too."""
    spec = KernelSpec(name="bash", argv=("x",), display_name="Bash", language="bash", directory="")
    known = {**installed(), "bash": spec}
    return lambda name: known[name]
