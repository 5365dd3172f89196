"""Faults 31 and 37 from the outside, and the same submit from everywhere at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlops import paths
from jupyter_mlops.client import Client
from jupyter_mlops.errors import Conflict

from .mlops_faults import memory_of, runner_of


def test_f37_a_hundred_equal_keys_make_one_job(
    daemon: Any, make_notebook: Callable[..., Path]
) -> None:
    """A hundred clients at the same moment: one id, one execution; another body is refused."""
    notebook = make_notebook("with open('ran', 'a') as file: file.write('x')")
    spec = {"notebook": str(notebook)}
    start = threading.Barrier(100)
    ids: list[str] = []

    def submit() -> None:
        client = Client(start=False)
        start.wait(60)
        ids.append(client.submit(spec, idempotency_key="the-same")["id"])
        client.close()

    threads = [threading.Thread(target=submit) for _ in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(90)
    assert len(ids) == 100
    assert len(set(ids)) == 1
    assert daemon.wait_for(ids[0])["state"] == "succeeded"
    assert [job["id"] for job in daemon.client.all_jobs()] == [ids[0]]
    assert (notebook.parent / "ran").read_text() == "x"
    with pytest.raises(Conflict):
        daemon.client.submit(spec | {"name": "another"}, idempotency_key="the-same")


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_f31_a_flood_leaves_daemon_and_runner_flat(
    daemon: Any, make_notebook: Callable[..., Path]
) -> None:
    """500 MB of prints while somebody follows: capped, said so, succeeded; nobody grows with it."""
    notebook = make_notebook(
        "for i in range(500): print(f'{i} ' + 'x' * 10**6)\nprint('the end')", "print('after')"
    )
    warm_up = make_notebook("print(1)", name="first.ipynb")
    daemon.wait_for(daemon.client.submit({"notebook": str(warm_up)})["id"])
    before = memory_of(daemon.process.pid)
    job_id = daemon.client.submit({"notebook": str(notebook)})["id"]
    daemon.wait_for(job_id, "running")
    runner = runner_of(job_id)["pid"]
    peaks = [0, 0]
    received = 0
    client = Client(start=False)
    for event in client.follow(job_id):
        received += len(str(event.get("text", "")))
        peaks[0] = max(peaks[0], memory_of(daemon.process.pid))
        peaks[1] = max(peaks[1], memory_of(runner, "VmHWM"))
        if event.get("type") == "job" and event["job"]["state"] in ("succeeded", "failed"):
            break
    client.close()
    job = daemon.wait_for(job_id)
    assert job["state"] == "succeeded", job["failure"]
    assert received < 200 * 10**6
    notebook_size = Path(job["outputs"]["notebook"]).stat().st_size
    assert notebook_size < 80 * 2**20
    text = str(daemon.client.notebook(job_id)["cells"][0]["outputs"])
    assert "omitted" in text
    assert "the end" in text
    assert peaks[0] - before < 250 * 2**20, "the daemon grew with what was printed"
    assert 0 < peaks[1] < 500 * 2**20, "the runner grew with what was printed"
    size = sum(path.stat().st_size for path in paths.job_dir(job_id).rglob("*") if path.is_file())
    assert size < 200 * 2**20
