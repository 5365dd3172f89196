"""Projects that run and are reproduced."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from jupyter_mlops import paths

#: Logs without an import that takes seconds.
LOG = "import jupyter_mlops as mlops\n"


def git(directory: Path, *arguments: str) -> str:
    """Run git there."""
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    command = ["git", *identity, "-C", str(directory), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def notebook(*sources: str, parameters: str | None = None, kernel: str = "python3") -> str:
    """A notebook's document."""
    listed = [(source, []) for source in sources]
    if parameters is not None:
        listed.insert(0, (parameters, ["parameters"]))
    return json.dumps(
        {
            "nbformat": 4,
            "nbformat_minor": 5,
            "metadata": {
                "kernelspec": {"name": kernel, "display_name": "Python 3", "language": "python"}
            },
            "cells": [
                {
                    "id": f"cell-{number}",
                    "cell_type": "code",
                    "metadata": {"tags": tags},
                    "source": source,
                    "outputs": [],
                    "execution_count": None,
                }
                for number, (source, tags) in enumerate(listed)
            ],
        }
    )


def content_of(directory: Path) -> dict[str, str]:
    """Every file below a directory but for jobs' results, and what is in it."""
    return {
        str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(directory.rglob("*"))
        if path.is_file() and not path.is_symlink() and "jobs" not in path.parts
    }


class Reproducing:
    """A person with a daemon."""

    def __init__(self, daemon: Any, root: Path) -> None:
        self.daemon = daemon
        self.root = root

    def project(
        self, files: Mapping[str, str], *, repository: bool = False, name: str = "project"
    ) -> Path:
        """A folder with these files; `repository`: all of them are committed."""
        work = self.root / name
        for path, text in files.items():
            (work / path).parent.mkdir(parents=True, exist_ok=True)
            (work / path).write_text(text)
        if repository:
            git(work, "init", "-q", "-b", "main")
            (work / ".gitignore").write_text("jobs/\n__pycache__/\n")
            git(work, "add", "-A")
            git(work, "commit", "-q", "-m", "first")
        return work

    def ran(self, path: Path, expected: str = "succeeded", **spec: Any) -> str:
        """The run of a notebook as a job, once everything of it is recorded."""
        job = self.daemon.client.submit({"notebook": str(path), **spec})
        job = self.daemon.wait_for(job["id"], patience=250)
        assert job["state"] == expected, job["failure"]
        return self.recorded(job["id"])

    def recorded(self, job_id: str) -> str:
        """The run of a job once nothing of it is left to be recorded."""

        def done() -> str | None:
            job = self.daemon.client.job(job_id)
            pending = self.daemon.client.status()["tracking"]["pending"]
            run_id = job["tracking"]["run_id"]
            if not job["tracking"]["synced"] or pending or run_id is None:
                return None
            if "mlops.facts" not in self.tags(run_id):
                return None
            if job["git_commit"] and "taken" not in (self.facts(run_id)["code"] or {}):
                return None  # git is asked behind the submit
            return str(run_id)

        return str(self.until(done))

    def until(self, question: Callable[[], Any], patience: float = 100.0) -> Any:
        """The answer once it is true."""
        deadline = time.monotonic() + patience
        while not (found := question()):
            assert time.monotonic() < deadline, self.daemon.said()[-4000:]
            time.sleep(0.05)
        return found

    def reproduced(self, run_id: str, **order: Any) -> dict[str, Any]:
        """A reproduction once it has ended."""
        return self.ended(self.daemon.client.reproduce(run_id, order)["id"])

    def ended(self, reproduction_id: str, patience: float = 250.0) -> dict[str, Any]:
        """One once it has ended."""

        def done() -> dict[str, Any] | None:
            found: dict[str, Any] = self.daemon.client.reproduction(reproduction_id)
            return found if found["outcome"] is not None else None

        found: dict[str, Any] = self.until(done, patience)
        return found

    def tags(self, run_id: str) -> dict[str, str]:
        """A run's own tags."""
        found: dict[str, str] = self.daemon.client.run(run_id)["run"]["own_tags"]
        return found

    def facts(self, run_id: str) -> dict[str, Any]:
        """`mlops/facts.json`."""
        found: dict[str, Any] = json.loads(self.artifact(run_id, "facts.json").read_bytes())
        return found

    @staticmethod
    def artifact(run_id: str, name: str) -> Path:
        """A file in `mlops/` of the run's artifacts."""
        (found,) = (paths.mlflow_dir() / "artifacts").glob(f"*/{run_id}/artifacts/mlops")
        return found / name

    @staticmethod
    def tamper(path: Path, content: bytes | None = None) -> None:
        """Change a file by other hands: it may be another name of one of ours."""
        changed = path.read_bytes() + b" " if content is None else content
        os.unlink(path)
        path.write_bytes(changed)
