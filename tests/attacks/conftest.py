"""A real Jupyter server in front of a real daemon, with what an attacker would look for."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "server_ext"))

from mlops_jupyter import Jupyter

#: In the environment of the Jupyter server, the daemon and every kernel; in nothing else.
CANARY = "canary-7f3a91c2e8d5b604"
CANARY_NAME = "SOME_SERVICE_PASSWORD"
#: In files outside of the root, and so in no answer.
SECRET = "outside-of-the-root-4c1d"


def notebook(*cells: str, parameters: str | None = None, **metadata: Any) -> str:
    """A notebook as JSON."""
    listed = [(source, []) for source in cells]
    if parameters is not None:
        listed.insert(0, (parameters, ["parameters"]))
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return json.dumps({
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"kernelspec": spec} | metadata,
        "cells": [
            {
                "id": f"c{number}",
                "cell_type": "code",
                "metadata": {"tags": tags},
                "source": source,
                "outputs": [],
                "execution_count": None,
            }
            for number, (source, tags) in enumerate(listed)
        ],
    })  # fmt: skip


class Site:
    """The server, what lies below its root, and what lies beside it."""

    def __init__(self, jupyter: Jupyter) -> None:
        self.jupyter = jupyter
        self.ask = jupyter.ask
        self.root = jupyter.root
        self.beside = jupyter.root.with_name("root-secret")

    def fill(self) -> None:
        """Lay out the files."""
        self.beside.mkdir()
        (self.beside / "secret.ipynb").write_text(notebook(f"print('{SECRET}')"))
        (self.beside / "secret.txt").write_text(SECRET)
        (self.root / "work.ipynb").write_text(notebook("print(lr)", parameters="lr = 0.1"))
        (self.root / "link").symlink_to(self.beside)
        (self.root / "linked.ipynb").symlink_to(self.beside / "secret.ipynb")
        hidden = self.root / ".hidden"
        hidden.mkdir()
        (hidden / "secret.ipynb").write_text(notebook(f"print('{SECRET}')"))

    def job_count(self) -> int:
        """How many jobs there are."""
        counts: dict[str, int] = self.ask("GET", "api/v1/jobs?limit=1").json()["counts"]
        return sum(counts.values())

    def submit(self, spec: dict[str, Any], **fields: Any) -> dict[str, Any]:
        """Submit a job that is fine."""
        answer = self.ask("POST", "api/v1/jobs", body={"spec": spec, **fields})
        assert answer.status == 201, answer
        found: dict[str, Any] = answer.json()
        return found

    def ended(self, job_id: str) -> dict[str, Any]:
        """The job once it has ended."""
        deadline = time.monotonic() + 90
        while True:
            job: dict[str, Any] = self.ask("GET", f"api/v1/jobs/{job_id}").json()
            if job["state"] in ("succeeded", "failed", "cancelled"):
                return job
            assert time.monotonic() < deadline, job
            time.sleep(0.05)

    def run(self, source: str, **spec: Any) -> dict[str, Any]:
        """Run a notebook of one cell to its end."""
        name = f"run-{time.monotonic_ns()}.ipynb"
        (self.root / name).write_text(notebook(source))
        return self.ended(self.submit({"notebook": name, **spec})["id"])


@pytest.fixture(scope="session")
def running_site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """One server and one daemon for all attacks."""
    directory = tmp_path_factory.mktemp("site")
    jupyter = Jupyter(directory, directory / "data")
    jupyter.start(**{CANARY_NAME: CANARY})
    site = Site(jupyter)
    site.fill()
    yield site
    jupyter.stop()
    plugins = request.config.pluginmanager.get_plugins()
    end: Callable[[Path], None] = next(
        p.end_processes for p in plugins if hasattr(p, "end_processes")
    )
    end(jupyter.data)


@pytest.fixture
def site(running_site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    """The site, with everything allowed."""
    monkeypatch.setenv("JUPYTER_MLOPS_DATA_DIR", str(running_site.jupyter.data))
    running_site.jupyter.deny()
    running_site.jupyter.asked()
    return running_site


@pytest.fixture(scope="session")
def done_job(running_site: Site) -> dict[str, Any]:
    """A job that has ended well."""
    # Made before `site` is, and so perhaps right after a test that had something denied.
    running_site.jupyter.deny()
    return running_site.ended(running_site.submit({"notebook": "work.ipynb"})["id"])
