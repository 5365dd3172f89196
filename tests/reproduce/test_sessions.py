"""Runs of interactive sessions, reproduced execution by execution."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.manager import KernelManager
from mlops_reproduced import LOG, Reproducing, notebook

from jupyter_mlops import paths

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

Run = Callable[[str], str]


@pytest.fixture
def session(reproducing: Reproducing) -> Iterator[Callable[[Path], Run]]:
    """Starts a kernel for a notebook; what that gives runs a cell and returns what it printed."""
    managers: list[KernelManager] = []
    clients: list[Any] = []

    def start(path: Path) -> Run:
        manager = KernelManager(kernel_name="python3")
        managers.append(manager)
        environment = {**os.environ, "JPY_SESSION_NAME": str(path)}
        manager.start_kernel(cwd=str(path.parent), env=environment)
        client = manager.client()
        clients.append(client)
        client.start_channels()
        client.wait_for_ready(timeout=60)

        def run(source: str) -> str:
            printed: list[str] = []

            def take(message: dict) -> None:
                if message["msg_type"] == "stream" and message["content"]["name"] == "stdout":
                    printed.append(message["content"]["text"])

            client.execute_interactive(source, timeout=60, output_hook=take)
            return "".join(printed)

        return run

    yield start
    for client in clients:
        client.stop_channels()
    for manager in managers:
        manager.shutdown_kernel(now=True)


def ended(on: Reproducing, run_id: str) -> str:
    """A run once all of it is recorded."""
    on.until(lambda: not paths.run_log_dir(run_id).exists())
    assert "mlops.facts" in on.tags(run_id)
    return run_id


def test_a_session_is_done_again_in_its_order(
    reproducing: Reproducing, session: Callable[[Path], Run], steady_packages: None
) -> None:
    """Cells that ran twice, from the bottom up, and one that had failed; the notebook gone."""
    on = reproducing
    cells = ("x = globals().get('x', 1) * 3", "y = x + int(open('data.txt').read())")
    work = on.project({"book.ipynb": notebook(*cells), "data.txt": "5"})
    run = session(work / "book.ipynb")
    on.until(lambda: on.daemon.client.status()["tracking"]["store"] == "ready")
    run_id = run(LOG + "print(mlops.start('seen').id)").strip()
    run(cells[0])
    run("1 / 0")
    run(cells[0])
    run(cells[1])
    run("mlops.log(y=y)")
    run("mlops.end('finished')")
    ended(on, run_id)
    facts = on.facts(run_id)
    assert len(facts["executions"]) == 7
    assert on.daemon.client.reproducibility(run_id)["possible"], facts["lacks"]
    shutil.rmtree(work)
    found = on.reproduced(run_id)
    assert found["outcome"] == "reproduced", found
    assert found["detail"] == "the same to the last bit: 1 metric"
    new = on.daemon.client.run(found["new_run_id"])["run"]
    assert new["metrics"] == {"y": 14.0}
    assert new["id"] != run_id
    assert new["own_tags"]["mlops.reproduction_of"] == run_id


def test_a_session_whose_data_has_changed_is_not(
    reproducing: Reproducing, session: Callable[[Path], Run], steady_packages: None
) -> None:
    """Nor by a copy that somebody has put in its place."""
    on = reproducing
    work = on.project({"book.ipynb": notebook("x = 1"), "data.txt": "5"})
    run = session(work / "book.ipynb")
    on.until(lambda: on.daemon.client.status()["tracking"]["store"] == "ready")
    run_id = run(LOG + "print(mlops.start('seen').id)").strip()
    run("mlops.log(y=int(open('data.txt').read()))")
    run("mlops.end()")
    ended(on, run_id)
    assert on.facts(run_id)["datasets"]["files"][0]["kept"] is True
    shutil.rmtree(paths.kept_data_dir())
    (work / "data.txt").write_text("6")
    found = on.reproduced(run_id)
    assert found["outcome"] == "cannot"
    assert f"{work}/data.txt has changed" in found["detail"]


def test_a_session_that_failed_fails_again_where_it_did(
    reproducing: Reproducing, session: Callable[[Path], Run], steady_packages: None
) -> None:
    """Cells out of order; the error that the person has passed over is not what it ended with."""
    on = reproducing
    cells = ("y = x + 1\nmlops.log(y=y)", "x = 1", "raise LookupError(y)")
    work = on.project({"book.ipynb": notebook(*cells)})
    run = session(work / "book.ipynb")
    on.until(lambda: on.daemon.client.status()["tracking"]["store"] == "ready")
    run_id = run(LOG + "print(mlops.start('seen').id)").strip()
    for number in (0, 1, 0, 2):
        run(cells[number])
    run("mlops.end()")
    ended(on, run_id)
    assert on.daemon.client.run(run_id)["run"]["status"] == "FAILED"
    told = on.daemon.client.reproducibility(run_id)
    assert told["possible"], told
    found = on.reproduced(run_id)
    assert found["outcome"] == "reproduced", found
    assert found["detail"] == "the same to the last bit: 1 metric and the LookupError of cell 5"
