"""Runs that failed: they are reproduced where the same cell raises the same error."""

from __future__ import annotations

import shutil

import pytest
from mlops_reproduced import LOG, Reproducing, notebook

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def test_a_run_that_failed_fails_again_in_the_same_way(
    reproducing: Reproducing, steady_packages: None
) -> None:
    """In one attempt, with what it had logged before; said in advance."""
    on = reproducing
    cells = (LOG + "mlops.log(loss=0.5)", "{}[int(open('data.txt').read())]", "mlops.log(never=1)")
    work = on.project({"fails.ipynb": notebook(*cells), "data.txt": "7"})
    run_id = on.ran(work / "fails.ipynb", "failed", retries=1)
    told = on.daemon.client.reproducibility(run_id)
    assert told["possible"], told
    shutil.rmtree(work)
    found = on.reproduced(run_id)
    assert found["outcome"] == "reproduced", found
    assert found["detail"] == "the same to the last bit: 1 metric and the KeyError of cell 2"
    assert on.tags(run_id)["mlops.reproduction"] == "reproduced"
    job = on.daemon.client.job(found["job_id"])
    assert (job["state"], job["attempt"]) == ("failed", 1)


@pytest.mark.parametrize(
    ("again", "expected"),
    [
        ("pass", "cell 2 raised nothing, was ZeroDivisionError"),
        ("raise ValueError", "cell 2 raised ValueError, was ZeroDivisionError"),
    ],
)
def test_a_run_that_failed_and_fails_otherwise_differs(
    reproducing: Reproducing, steady_packages: None, again: str, expected: str
) -> None:
    """What it raises this time, and what it had raised."""
    on = reproducing
    cell = f"import os\nif 'reproductions' in os.getcwd():\n    {again}\nelse:\n    1 / 0"
    work = on.project({"fails.ipynb": notebook("x = 1", cell)})
    run_id = on.ran(work / "fails.ipynb", "failed")
    found = on.reproduced(run_id)
    assert (found["outcome"], found["detail"]) == ("differs", expected), found
