"""What kernels may log that nobody expects: real daemons, real processes, MLflow's own store."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlops import paths
from jupyter_mlops.client import Client
from jupyter_mlops.naming import PARAM_VALUE_MOST, TAG_VALUE_MOST

from .mlops_logging import Logging, params_of, points_of, status_of, tags_of, until
from .mlops_looking import Looking, looking_at
from .mlops_tracked import mlflow_rows

pytestmark = [pytest.mark.slow, pytest.mark.timeout(560)]

#: Distinct names of metrics in one run.
NAMES = 1_000_000


def ended(run_id: str, patience: float = 120.0) -> str:
    """Its status once all of it is recorded."""
    until(lambda: not (paths.logs_dir() / run_id).exists(), patience)
    return status_of(run_id)


def test_numbers_that_are_none_and_steps_twice(mlflow_home: Path, daemon: Any) -> None:
    """NaN and infinities are told as such; a point that is logged twice is one, another value or
    time at the same step is another point; the last value is that of the greatest step.
    """
    kernel = Logging(
        """
run = mlops.start("odd")
tell(run.id)
for value in (1.0, float("nan"), float("inf"), -float("inf"), 2.0):
    mlops.log(all=value)
for value in (5.0, 4.0, 4.0, float("nan")):
    mlops.log({"same": value}, step=7)
mlops.log({"back": 1.0}, step=9)
mlops.log({"back": 2.0}, step=-3)
mlops.log({"large": 1.7e308, "small": 5e-324}, step=2**63 - 1)
mlops.end()
"""
    )
    run_id = kernel.told()
    assert kernel.ended() == ""
    assert ended(run_id) == "FINISHED"
    rows = mlflow_rows("SELECT step, is_nan FROM metrics WHERE key = 'same' AND is_nan = 1")
    assert rows == [(7, 1)]
    assert sorted({value for _, value in points_of(run_id, "same")}) == [0.0, 4.0, 5.0]
    daemon.stop()

    async def story(on: Looking) -> None:
        row = (await on.get(f"/runs/{run_id}"))["run"]
        assert (row["metrics"]["all"], row["metrics"]["back"]) == (2.0, 1.0)
        assert row["metrics"]["large"] == 1.7e308
        found = await on.get("/metrics", run=run_id, key=["all", "same", "back"])
        every, same, back = found["series"]
        assert (every["y"], every["nan"]) == ([1.0, "Infinity", "-Infinity", 2.0], 1)
        assert sorted(set(same["y"])) == [4.0, 5.0]
        assert (same["nan"], back["x"]) == (1, [-3.0, 9.0])

    looking_at(story)


def test_values_of_a_megabyte(mlflow_home: Path, daemon: Any) -> None:
    """MLflow's limit is kept, and said once; lists stay short, and the record holds no more."""
    kernel = Logging(
        """
run = mlops.start("large", params={"given": "g" * 2**20})
tell(run.id)
mlops.params(text="p" * 2**20, other="q" * 2**20)
mlops.tag(text="t" * 2**20)
try:
    mlops.params({"bad name!": 1, "x" * 251: 2, "fine": 3})
except Exception as error:
    tell(len(error.problems))
mlops.end()
"""
    )
    run_id = kernel.told()
    assert kernel.told() == "2"
    said = kernel.ended()
    assert said.count(f"1,048,576 characters; MLflow keeps {PARAM_VALUE_MOST:,}") >= 1
    assert said.count(f"MLflow keeps {TAG_VALUE_MOST:,}") == 1
    assert said.count("MLflow keeps") <= 4
    assert ended(run_id) == "FINISHED"
    kept = params_of(run_id)
    assert {name: len(value) for name, value in kept.items()} == dict.fromkeys(
        ("given", "text", "other"), PARAM_VALUE_MOST
    )
    assert len(tags_of(run_id)["text"]) == TAG_VALUE_MOST
    listed = Client().runs(experiment_names=("large",))
    assert listed["cut"] is True
    assert len(json.dumps(listed)) < 10_000


@pytest.mark.parametrize("offset", ["-7200", "+7200"])
def test_a_clock_that_is_set(mlflow_home: Path, daemon: Any, tmp_path: Path, offset: str) -> None:
    """Back or forth in the middle: no run ends before it began, points keep their order, the last
    one is the last, and a kernel that is killed then still ends its run.
    """
    library = next(Path("/usr/lib").rglob("libfaketime.so.1"), None)
    if library is None:
        pytest.skip("there is no libfaketime")
    clock = tmp_path / "clock"
    clock.write_text("+0\n")
    code = """
run = mlops.start("clocks")
tell(run.id)
for i in range(100):
    mlops.log(loss=i)
run.flush()
tell("halfway")
sys.stdin.readline()
for i in range(100, 200):
    mlops.log(loss=i)
"""
    kernels = [
        Logging(
            code + last,
            LD_PRELOAD=str(library),
            FAKETIME_TIMESTAMP_FILE=str(clock),
            FAKETIME_NO_CACHE="1",
            DONT_FAKE_MONOTONIC="1",
            FAKETIME_DONT_FAKE_MONOTONIC="1",
        )
        for last in ("mlops.end()", "run.flush()\nos.kill(os.getpid(), 9)")
    ]
    ids = [kernel.told() for kernel in kernels]
    assert [kernel.told() for kernel in kernels] == ["halfway"] * 2
    clock.write_text(f"{offset}\n")
    for kernel in kernels:
        kernel.go_on()
        kernel.ended()
    assert [ended(run_id) for run_id in ids] == ["FINISHED", "KILLED"]
    for run_id in ids:
        assert points_of(run_id) == [(i, float(i)) for i in range(200)]
        ((took, last),) = mlflow_rows(
            "SELECT end_time - start_time, (SELECT value FROM latest_metrics l"
            " WHERE l.run_uuid = r.run_uuid) FROM runs r WHERE run_uuid = ?",
            run_id,
        )
        assert took >= 0
        assert last == 199.0
    details = [Client().run(run_id)["run"] for run_id in ids]
    assert all(one["ended_at"] >= one["started_at"] for one in details)


def test_a_million_names(mlflow_home: Path, daemon: Any) -> None:
    """All are kept; nobody's memory grows with them for good, and every answer has a limit that it
    tells.
    """
    kernel = Logging(
        f"""
import resource
run = mlops.start("names")
tell(run.id)
for start in range(0, {NAMES}, 1000):
    mlops.log({{f"m{{n}}": n for n in range(start, start + 1000)}}, step=1)
    if start % 50_000 == 0:
        run.flush()
run.end(wait=0)
tell(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
    )
    run_id = kernel.told()
    assert int(kernel.told()) < 1_000_000  # kB
    kernel.ended(300)
    assert ended(run_id, 400) == "FINISHED"
    question = (
        "SELECT count(*), sum(value) FROM latest_metrics"
        " WHERE run_uuid = ? AND key NOT LIKE 'system/%'"
    )
    assert mlflow_rows(question, run_id) == [(NAMES, NAMES * (NAMES - 1) / 2)]
    pid = json.loads(paths.daemon_record().read_text())["pid"]
    peak = next(
        int(line.split()[1])
        for line in Path(f"/proc/{pid}/status").read_text().splitlines()
        if line.startswith("VmHWM")
    )
    assert peak < 600_000  # kB
    client = Client()
    listed = client.runs(experiment_names=("names",))
    assert (listed["cut"], len(listed["runs"][0]["metrics"])) == (True, 100)
    named = client.runs(experiment_names=("names",), columns=("metrics.m999999",))
    assert named["runs"][0]["metrics"] == {"m999999": 999_999.0}
    page = client.run(run_id)
    assert page["cut"] is True
    assert len(page["metrics"]) == 20_000
