"""A run that loses its copies: what it says of itself is true at all times."""

from __future__ import annotations

import pytest
from mlops_reproduced import LOG, Reproducing, notebook

from jupyter_mlops.tracking import kept_for
from jupyter_mlops.tracking.kept_data import is_there

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

CELL = LOG + "mlops.log(n=len(open('data.txt').read()))"


def codes(on: Reproducing, run_id: str) -> list[str]:
    """What it lacks now."""
    found = on.daemon.client.reproducibility(run_id)
    assert found["exactly"] == (not found["lacks"])
    return [one["code"] for one in found["lacks"]]


def test_a_run_that_loses_its_copies_says_so(
    reproducing: Reproducing, steady_packages: None
) -> None:
    """By its tags and in advance: reproduced from the file itself, and not without that."""
    on = reproducing
    client = on.daemon.client
    work = on.project({"train.ipynb": notebook(CELL), "data.txt": "abc"})
    run_id = on.ran(work / "train.ipynb")
    before = codes(on, run_id)
    assert not {"data_unversioned", "data_gone"} & set(before)
    (file,) = on.facts(run_id)["datasets"]["files"]
    found = client.clean()
    assert found["copies"]["count"] == 0, "a run needs it"
    assert client.space()["copies"]["count"] == 1
    found = client.clean({"needed_copies": True, "pretend": True})
    assert (found["copies"]["count"], is_there(file["sha256"])) == (1, True)
    found = client.clean({"needed_copies": True})
    assert found["copies"] == {"count": 1, "size": 3}
    on.until(lambda: "mlops.copies_lost" in on.tags(run_id))
    assert on.tags(run_id)["mlops.copies_lost"] == file["path"]
    assert on.tags(run_id)["mlops.reproducible"] == "no"
    on.until(lambda: kept_for.marked_at() is None)
    assert kept_for.all_runs() == []
    assert set(codes(on, run_id)) - set(before) == {"data_unversioned"}
    (work / "data.txt").write_text("xyz")
    assert "data_gone" in codes(on, run_id)
    (work / "data.txt").unlink()
    told = client.reproducibility(run_id)
    assert not told["possible"]
    assert file["path"] in told["lacks"][0]["what"]
    assert on.reproduced(run_id)["outcome"] == "cannot"
    (work / "data.txt").write_text("abc")
    assert set(codes(on, run_id)) - set(before) == {"data_unversioned"}
    assert on.reproduced(run_id)["outcome"] == "reproduced"
    # What does it again has read the same, and so there is a copy again.
    assert codes(on, run_id) == before
