"""Real runners with real kernels, one attempt each, without a daemon."""

from __future__ import annotations

import json
import secrets
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

# Test modules are imported by path; their helpers are imported by name.
sys.path.insert(0, str(Path(__file__).parent))

from mlops_runner import PYTHON, RunnerAttempt, code

from jupyter_mlops import paths


@pytest.fixture
def doorbell(home: Path) -> Iterator[socket.socket]:
    """The daemon's doorbell, so that no runner starts a daemon."""
    home.mkdir(mode=0o700)
    runtime = paths.private_dir(paths.runtime_dir())
    bell = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    bell.bind(str(paths.doorbell_socket()))
    bell.setblocking(False)
    yield bell
    bell.close()
    with suppress(FileNotFoundError):
        paths.doorbell_socket().unlink()
    left = [entry.name for entry in runtime.iterdir()]
    if not runtime.is_relative_to(home):
        shutil.rmtree(runtime)
    assert left == [], "runners leave nothing behind in the runtime directory"


@pytest.fixture
def make_attempt(
    home: Path, tmp_path: Path, doorbell: socket.socket
) -> Iterator[Callable[..., RunnerAttempt]]:
    """Lays out an attempt: `make_attempt("print(1)", code("x", "tag"), timeout=3)`."""
    made: list[RunnerAttempt] = []

    def make(
        *cells: str | dict[str, Any],
        argv: list[str] = PYTHON,
        language: str = "python",
        kernel: dict[str, Any] | None = None,
        minor: int = 5,
        **order: Any,
    ) -> RunnerAttempt:
        job = secrets.token_hex(6)
        directory = home / "jobs" / job / "attempts" / "1"
        bundle = directory / "bundle"
        bundle.mkdir(mode=0o700, parents=True)
        whole = []
        for number, cell in enumerate(cells):
            one = code(cell) if isinstance(cell, str) else dict(cell)
            one.setdefault("metadata", {})
            if minor >= 5:
                one["id"] = f"cell-{number}"
            if one["cell_type"] == "code":
                one |= {"outputs": [], "execution_count": None}
            whole.append(one)
        spec = {"name": "test", "display_name": "Test", "language": language}
        notebook = {
            "nbformat": 4,
            "nbformat_minor": minor,
            "metadata": {"kernelspec": spec},
            "cells": whole,
        }
        (bundle / "notebook.ipynb").write_text(json.dumps(notebook), "utf-8")
        work = tmp_path / "work"
        work.mkdir(exist_ok=True)
        output = work / "jobs" / f"nb-{job}"
        told = {
            "job_id": job,
            "attempt": 1,
            "name": "a test",
            "directory": str(directory),
            "notebook": str(bundle / "notebook.ipynb"),
            "source": str(work / "nb.ipynb"),
            "cwd": str(work),
            "kernel": {"name": "test", "language": language, "argv": argv} | (kernel or {}),
            "output_notebook": str(output / "nb.ipynb"),
            "output_log": str(output / "nb.log"),
            "doorbell": str(paths.doorbell_socket()),
            "kernel_start_timeout": 60.0,
            "interrupt_grace": 1.0,
        } | order
        (directory / "order.json").write_text(json.dumps(told), "utf-8")
        attempt = RunnerAttempt(directory, told)
        made.append(attempt)
        return attempt

    yield make
    for attempt in made:
        if attempt.process is not None and attempt.process.poll() is None:
            attempt.process.kill()
            attempt.process.wait()
