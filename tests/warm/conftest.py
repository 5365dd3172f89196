"""A daemon whose warm parents are up; a parent by itself."""

from __future__ import annotations

import json
import subprocess
import sysconfig
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from .mlops_forking import Forking


class Runs:
    """Runs notebooks on a daemon, warm or cold."""

    def __init__(self, daemon: Any) -> None:
        self.daemon = daemon
        self.client = daemon.client

    def parents(self) -> list[dict[str, Any]]:
        """The warm parents, as `GET /status` tells."""
        found: list[dict[str, Any]] = self.client.status()["warm"]["parents"]
        return found

    def wait_for_parent(self, imports: list[str], patience: float = 120.0) -> dict[str, Any]:
        """The ready kernel parent with these imports."""
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            for parent in self.parents():
                if (parent["role"], parent["imports"], parent["ready"]) == (
                    "kernel",
                    imports,
                    True,
                ):
                    return parent
            time.sleep(0.1)
        raise AssertionError(f"no parent with {imports}: {self.parents()}\n{self.daemon.said()}")

    def run(self, notebook: Path, **spec: Any) -> dict[str, Any]:
        """The job as it ended."""
        job = self.client.submit({"notebook": str(notebook), **spec})
        for event in self.client.job_events(job["id"], follow=True):
            if event.get("type") == "job":
                ended: dict[str, Any] = event["job"]
                return ended
        raise AssertionError("the events ended without the job")

    def executed(self, job: dict[str, Any]) -> dict[str, Any]:
        """The executed notebook."""
        document: dict[str, Any] = json.loads(Path(job["outputs"]["notebook"]).read_text())
        return document

    def printed(self, job: dict[str, Any]) -> str:
        """What its cells printed."""
        return "".join(
            "".join(output.get("text", ""))
            for cell in self.executed(job)["cells"]
            for output in cell.get("outputs", ())
            if output["output_type"] == "stream" and output["name"] == "stdout"
        )


@pytest.fixture
def runs(daemon: Any) -> Runs:
    """A daemon with its plain parents ready."""
    found = Runs(daemon)
    found.wait_for_parent([])
    return found


@pytest.fixture
def forking() -> Iterator[Callable[..., Forking]]:
    """Starts parents; ends them."""
    started = []

    def start(*preload: str) -> Forking:
        # Below /tmp, not below the long path of the test: a socket's path is short.
        folder = Path(subprocess.check_output(["mktemp", "-d"], text=True).strip())
        started.append(Forking(folder, *preload))
        return started[-1]

    yield start
    for one in started:
        one.end()


@pytest.fixture(autouse=True)
def _steady(steady_packages: None) -> None:
    """Parents become stale when the test itself makes them so, not by its neighbours."""


@pytest.fixture
def installed() -> Iterator[Callable[[str, str], Path]]:
    """Puts a module into site-packages for the time of the test."""
    made = []

    def put(name: str, source: str) -> Path:
        path = Path(sysconfig.get_paths()["purelib"]) / f"{name}.py"
        path.write_text(source)
        made.append(path)
        return path

    yield put
    for path in made:
        path.unlink(missing_ok=True)
