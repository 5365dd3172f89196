"""A secret in the environment is in nothing that is kept or answered, unless it was printed."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import Any

from jupyter_mlops.daemon.app import openapi_document

from .conftest import CANARY, CANARY_NAME, notebook

TOKEN = "a-token-that-no-log-may-hold"


def holding(directory: Path, secret: str) -> set[str]:
    """Files below a directory that hold a secret, plainly or as MLflow and SQLite pack them."""
    wanted = [secret.encode(), secret.encode("utf-16-le"), secret.encode().hex().encode()]
    found = set()
    for path in directory.rglob("*"):
        if path.is_file() and not path.is_symlink():
            data = path.read_bytes()
            if any(one in data for one in wanted):
                found.add(str(path.relative_to(directory)))
    return found


def answers(site: Any, job_id: str) -> dict[str, bytes]:
    """What every GET of the API says."""
    found = {}
    for path, operations in openapi_document()["paths"].items():
        if "get" in operations:
            asked = re.sub(r"\{\w+\}", job_id, path.removeprefix("/"))
            found[path] = site.ask("GET", f"{asked}?after=0").body
    return found


def synced(site: Any, job_id: str) -> None:
    """Return once MLflow has what there is of the job."""
    deadline = time.monotonic() + 90
    while not (found := site.ask("GET", f"api/v1/jobs/{job_id}").json()["tracking"])["synced"]:
        assert time.monotonic() < deadline, found
        time.sleep(0.1)


def test_a42_an_unprinted_secret_is_nowhere(site: Any) -> None:
    """Jobs that end well, fail, are cancelled, take it over by name: nothing holds it."""
    jobs = [
        site.run(f"import os; assert os.environ[{CANARY_NAME!r}]; print('used')"),
        site.run("raise ValueError('failed')"),
        site.run("print('named')", env_from=[CANARY_NAME]),
        site.run("import os; os.abort()"),
    ]
    assert [job["state"] for job in jobs] == ["succeeded", "failed", "succeeded", "failed"]
    (site.root / "long.ipynb").write_text(notebook("import time; time.sleep(600)"))
    long = site.submit({"notebook": "long.ipynb"})["id"]
    site.ask("POST", f"api/v1/jobs/{long}/cancel")
    jobs.append(site.ended(long))
    assert site.ask("POST", "api/v1/jobs", body={"spec": {"notebook": "no.ipynb"}}).status == 422
    for job in jobs:
        synced(site, job["id"])
        for path, body in answers(site, job["id"]).items():
            assert CANARY.encode() not in body, path
    assert (site.jupyter.data / "mlflow" / "mlflow.db").exists()
    assert holding(site.jupyter.data, CANARY) == set()
    assert holding(site.root, CANARY) == set()
    assert CANARY not in site.jupyter.log


def test_a42_no_command_line_shows_it(site: Any) -> None:
    """Others can read those, and those of our own processes hold no secret at all."""
    (site.root / "long.ipynb").write_text(notebook("import time; time.sleep(600)"))
    job = site.submit({"notebook": "long.ipynb", "env": {"GIVEN": "given-secret-91d2"}})["id"]
    try:
        while site.ask("GET", f"api/v1/jobs/{job}").json()["state"] != "running":
            pass
        lines = b""
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                lines += (entry / "cmdline").read_bytes()
            except OSError:
                continue
        for secret in (CANARY, TOKEN, "given-secret-91d2"):
            assert secret.encode() not in lines
    finally:
        site.ask("POST", f"api/v1/jobs/{job}/cancel")
        site.ended(job)


def test_a42_what_was_printed_is_where_it_was_printed(site: Any) -> None:
    """In that job's own log, events and notebook; the check above would find it."""
    job = site.run(f"import os; print(os.environ[{CANARY_NAME!r}])")
    own = f"jobs/{job['id']}/"
    found = holding(site.jupyter.data, CANARY)
    assert f"{own}attempts/1/log.txt" in found
    elsewhere = {name for name in found if own not in name}
    # What a job said last is shown in lists, so the store has it as long as the job is there.
    assert elsewhere <= {
        "jobs.db",
        "jobs.db-wal",
        *(n for n in elsewhere if n.startswith("mlflow")),
    }
    assert CANARY not in site.jupyter.log


def test_a10_the_token_is_nowhere(site: Any) -> None:
    """Neither in the server's log nor in anything of the daemon's, by header or by address."""
    site.ask("GET", f"api/v1/jobs?token={TOKEN}", token=False)
    site.ask("GET", f"api/v1/jobs/nothing?token={TOKEN}", token=False)
    site.ask("GET", f"api/v1/%2e?token={TOKEN}", token=False)
    site.run(
        "import os; open('environment.txt', 'w').write('\\n'.join(f'{k}={v}' for k, v in "
        "os.environ.items()))"
    )
    assert TOKEN not in site.jupyter.log
    assert holding(site.jupyter.data, TOKEN) == set()
    assert os.path.exists(site.root / "environment.txt")
