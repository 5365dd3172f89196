"""Runs that processes log into: real daemons, real processes, real kills."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlops import paths
from jupyter_mlops.client import Client
from jupyter_mlops.errors import InvalidInput, NotFound

from .mlops_logging import Logging, params_of, points_of, status_of, tags_of, until
from .mlops_runs import artifact_files
from .mlops_tracked import mlflow_rows

pytestmark = pytest.mark.slow

#: Waits for a line, so that a test can do something meanwhile.
PAUSE = "\nsys.stdin.readline()\n"


def settled() -> None:
    """Every run has ended and is recorded."""
    until(lambda: not list(paths.logs_dir().iterdir()))


def test_a_run_from_its_beginning_to_its_end(
    mlflow_home: Path, daemon, tmp_path: Path, mlflow_script: Callable[..., Any]
) -> None:
    """All that can be logged, read through MLflow's own client."""
    (tmp_path / "f.txt").write_text("content")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.txt").write_text("a")
    kernel = Logging(
        f"os.chdir({str(tmp_path)!r})\n"
        """
run = mlops.start("faces", name="first", tags={"team": "é"}, params={"lr": 0.1})
tell(run.id)
for i in range(3):
    mlops.log(loss=1.0 / (i + 1), acc=i)
mlops.log({"val/loss": float("nan")}, step=7)
mlops.params({"depth": 3}, kind="tree")
mlops.tag(stage="x"); mlops.tag(stage="y")
mlops.note("One."); mlops.note("Two.")
mlops.artifact("f.txt"); mlops.artifact("f.txt", "deep/er.txt"); mlops.artifact("sub")
mlops.table([{"a": 1, "b": "x"}, {"a": 2}], "rows")
mlops.dataset("f.txt"); mlops.dataset("sub", "folder")
mlops.end()
"""
    )
    run_id = kernel.told()
    assert kernel.ended() == ""
    # `end` has waited for it: all that was logged is there. The rest follows.
    assert status_of(run_id) == "FINISHED"
    settled()
    found = mlflow_script(
        f"""
from mlflow import MlflowClient
client = MlflowClient("sqlite:///{paths.mlflow_dir() / "mlflow.db"}")
run = client.get_run({run_id!r})
tell([run.info.status, run.info.run_name, run.data.params, run.data.tags,
      {{k: str(v) for k, v in run.data.metrics.items()}},
      [[m.step, m.value] for m in client.get_metric_history({run_id!r}, "loss")],
      sorted([i.dataset.name, len(i.dataset.digest)] for i in run.inputs.dataset_inputs),
      client.get_experiment(run.info.experiment_id).name, run.info.end_time is None])
"""
    )
    status, name, params, tags, metrics, history, datasets, experiment, open_ = found
    assert (status, name, experiment, open_) == ("FINISHED", "first", "faces", False)
    assert params == {"lr": "0.1", "depth": "3", "kind": "tree"}
    assert (tags["team"], tags["stage"], tags["mlflow.note.content"]) == ("é", "y", "One.\n\nTwo.")
    assert tags["mlflow.source.type"] == "LOCAL"
    assert (metrics["val/loss"], metrics["acc"]) == ("nan", "2.0")
    assert history == [[0, 1.0], [1, 0.5], [2, 1 / 3]]
    assert datasets == [["f.txt", 36], ["folder", 36], ["sub/a.txt", 36]]
    files = artifact_files(run_id)
    table = json.loads(files.pop("rows.json"))
    files = {name: text for name, text in files.items() if not name.startswith("mlops/")}
    assert files == {"f.txt": "content", "deep/er.txt": "content", "sub/a.txt": "a"}
    assert table == {"columns": ["a", "b"], "data": [[1, "x"], [2, None]]}


def test_nothing_of_a_burst_is_lost(mlflow_home: Path, daemon) -> None:
    """100,000 points without a pause, and a bare exit behind them."""
    kernel = Logging(
        """
tell(mlops.start("burst").id)
for i in range(100_000):
    mlops.log(loss=i)
"""
    )
    run_id = kernel.told()
    assert kernel.ended() == ""
    until(lambda: status_of(run_id) == "FINISHED")
    assert points_of(run_id) == [(i, float(i)) for i in range(100_000)]
    # On a slow machine the load of its process is recorded as well.
    own = "SELECT value, step FROM latest_metrics WHERE key NOT LIKE 'system/%'"
    assert mlflow_rows(own) == [(99_999.0, 99_999)]


def test_eight_at_once(mlflow_home: Path, daemon) -> None:
    """Every point of every process, and no locked database."""
    code = """
run = mlops.start("eight", name=sys.argv[-1])
tell(run.id)
for i in range(5_000):
    mlops.log(loss=i, other=-i)
    if i % 500 == 0:
        time.sleep(0.02)
mlops.end()
"""
    kernels = [Logging(code) for _ in range(8)]
    ids = [kernel.told() for kernel in kernels]
    said = "".join(kernel.ended(110) for kernel in kernels)
    assert (
        said.replace(
            "mlops: MLflow hasn't all of it yet. What was logged is kept and follows by itself.\n",
            "",
        )
        == ""
    )
    settled()
    for run_id in ids:
        assert points_of(run_id) == [(i, float(i)) for i in range(5_000)]
        assert len(points_of(run_id, "other")) == 5_000
    assert "locked" not in daemon.said()


def test_the_daemon_is_killed_in_the_middle(mlflow_home: Path, daemon) -> None:
    """Again and again: the process starts it anew, and every point is there once."""
    kernel = Logging(
        """
tell(mlops.start("killed").id)
for i in range(30_000):
    mlops.log(loss=i)
    if i % 100 == 0:
        time.sleep(0.02)
mlops.end()
tell("done")
"""
    )
    run_id = kernel.told()
    killed = 0
    deadline = time.monotonic() + 60
    while kernel.process.poll() is None and killed < 3 and time.monotonic() < deadline:
        time.sleep(0.7)
        try:
            pid = int(json.loads(paths.daemon_record().read_text())["pid"])
            os.kill(pid, signal.SIGKILL)
            killed += 1
        except (ProcessLookupError, ValueError, FileNotFoundError):
            continue
    assert killed >= 2
    assert kernel.told() == "done"
    kernel.ended()
    Client().status()
    until(lambda: status_of(run_id) == "FINISHED")
    assert points_of(run_id) == [(i, float(i)) for i in range(30_000)]


def test_a_killed_process_ends_its_run(mlflow_home: Path, daemon) -> None:
    """Within seconds, as killed, and with all that was in its file."""
    kernel = Logging(
        """
run = mlops.start("dies")
tell(run.id)
for i in range(100):
    mlops.log(loss=i)
run.flush()
tell("flushed")
"""
        + PAUSE
    )
    run_id = kernel.told()
    assert kernel.told() == "flushed"
    until(lambda: len(points_of(run_id)) == 100)
    assert status_of(run_id) == "RUNNING"
    kernel.kill()
    until(lambda: status_of(run_id) == "KILLED")
    assert tags_of(run_id)["mlops.failure"].startswith("kernel_died: ")
    (end,) = mlflow_rows("SELECT end_time >= start_time FROM runs WHERE run_uuid = ?", run_id)[0]
    assert end
    settled()


def test_a_process_that_died_while_no_daemon_ran(mlflow_home: Path, daemon) -> None:
    """The next daemon records what it left, and ends its run."""
    kernel = Logging(
        'run = mlops.start("alone")\ntell(run.id)' + PAUSE + "mlops.log(loss=1)\nrun.flush()\n"
        "os.kill(os.getpid(), 9)"
    )
    run_id = kernel.told()
    assert daemon.stop() == 0
    kernel.go_on()
    kernel.ended()
    assert (paths.run_log_dir(run_id) / "records.jsonl").stat().st_size
    daemon.start()
    until(lambda: status_of(run_id) == "KILLED")
    assert points_of(run_id) == [(0, 1.0)]


def test_an_error_before_the_exit(mlflow_home: Path, daemon) -> None:
    """Never finished by a bare exit after an error; in `with`, and in a script that dies of one."""
    inside = Logging(
        """
try:
    with mlops.start("with") as run:
        tell(run.id)
        raise ValueError("in\\nside")
except ValueError:
    pass
"""
    )
    script = Logging('tell(mlops.start("script").id)\nmlops.log(loss=1)\n1 / 0')
    ids = inside.told(), script.told()
    inside.ended()
    assert "ZeroDivisionError" in script.ended()
    for run_id, said in zip(ids, ("ValueError: in side", "ZeroDivisionError"), strict=True):
        until(lambda run_id=run_id: status_of(run_id) == "FAILED")
        assert tags_of(run_id)["mlops.failure"].startswith(said)
        assert said.partition(":")[0] in artifact_files(run_id)["mlops/traceback.txt"]


def test_a_forked_child(mlflow_home: Path, daemon) -> None:
    """Its points count; it neither ends the run nor keeps it alive."""
    kernel = Logging(
        """
run = mlops.start("fork")
tell(run.id)
mlops.log(loss=1)
child = os.fork()
if not child:
    mlops.log(child=2)
    try:
        mlops.end()
    except Exception as error:
        mlops.tag(refused=type(error).__name__)
    if os.fork() == 0:
        tell("forked")
        os.closerange(0, 3)
        time.sleep(60)
        os._exit(0)
    sys.exit(0)  # with its exit handlers
os.waitpid(child, 0)
mlops.log(loss=2)
run.flush()
"""
        + PAUSE
    )
    run_id = kernel.told()
    assert kernel.told() == "forked"
    until(lambda: len(points_of(run_id)) == 2)
    assert status_of(run_id) == "RUNNING"
    assert points_of(run_id, "child") == [(0, 2.0)]
    assert tags_of(run_id)["refused"] == "Conflict"
    kernel.kill()
    until(lambda: status_of(run_id) == "KILLED")


def test_what_is_refused_is_refused_at_once(mlflow_home: Path, daemon) -> None:
    """All problems of a call are said together, and nothing of it is logged."""
    kernel = Logging(
        """
from jupyter_mlops.errors import InvalidInput
run = mlops.start("names")
tell(run.id)
def refused(call, *args, **named):
    try:
        call(*args, **named)
    except InvalidInput as error:
        tell(len(error.problems))
    else:
        tell("taken")
mlops.log(good=1)
refused(mlops.log, {"good": 1, "a\\nb": 1, "../x": 1, "x" * 251: 1, 3: 1, "": 1, "text": "x",
                    "none": None, "flag": True, "list": [1, 2], "huge": 10**400})
refused(mlops.log, {"good": 1}, step=1.5)
refused(mlops.log, good="x")
refused(mlops.log, good=10**400)
refused(mlops.log, {"good": 1}, step=2**64)
refused(mlops.params, {"": 1, "/a": 2})
mlops.params(lr=1)
refused(mlops.params, lr=2, more=1)
refused(mlops.params, lr="1")
refused(mlops.tag, {"a/../b": 1})
for name in ("../f", "/etc/f", "a//b", "a\\x00b", ""):
    refused(mlops.artifact, __import__("jupyter_mlops").__file__, name or ".")
import decimal, fractions
mlops.log(numbers=decimal.Decimal("1.5"), fraction=fractions.Fraction(1, 4), whole=10**30)
mlops.params(long="x" * 10**6); mlops.params(longer="y" * 10**6)
mlops.log(same=1, step=5); mlops.log(same=2, step=5); mlops.log(same=3, step=-5)
mlops.end()
"""
    )
    run_id = kernel.told()
    told = [kernel.told() for _ in range(14)]
    assert told == ["10", "1", "1", "1", "1", "2", "1", "taken", "1", "1", "1", "1", "1", "1"]
    said = kernel.ended()
    assert said.count("1,000,000 characters") == 1
    assert params_of(run_id)["long"] == "x" * 6000
    assert params_of(run_id)["lr"] == "1"
    assert "more" not in params_of(run_id)
    assert points_of(run_id, "good") == [(0, 1.0)]
    assert points_of(run_id, "whole") == [(0, 1e30)]
    assert points_of(run_id, "same") == [(-5, 3.0), (5, 1.0), (5, 2.0)]
    assert not list((paths.mlflow_dir() / "artifacts").rglob("f"))


def test_very_many_names(mlflow_home: Path, daemon) -> None:
    """A hundred thousand metrics break nothing, here or for the run beside."""
    kernel = Logging(
        """
tell(mlops.start("names").id)
for i in range(100):
    mlops.log({f"m{i * 1000 + n}": n for n in range(1000)})
mlops.end()
"""
    )
    run_id = kernel.told()
    assert kernel.ended(110).count("\n") <= 1
    until(lambda: status_of(run_id) == "FINISHED", 90)
    rows = mlflow_rows(
        "SELECT count(*) FROM latest_metrics WHERE run_uuid = ? AND key NOT LIKE 'system/%'", run_id
    )
    assert rows == [(100_000,)]


def test_the_experiment_is_deleted_underneath(
    mlflow_home: Path, daemon, mlflow_script: Callable[..., Any]
) -> None:
    """It is said, nothing is written, and what was logged follows when it is restored."""
    kernel = Logging(
        'tell(mlops.start("gone").id)\nmlops.log(loss=1)\n'
        + PAUSE
        + "mlops.log(loss=2)\nmlops.end()"
    )
    run_id = kernel.told()
    until(lambda: len(points_of(run_id)) == 1)
    client = (
        f"from mlflow import MlflowClient\n"
        f'client = MlflowClient("sqlite:///{paths.mlflow_dir() / "mlflow.db"}")\n'
    )
    (row,) = mlflow_rows("SELECT experiment_id FROM experiments WHERE name = 'gone'")
    mlflow_script(client + f"client.delete_experiment('{row[0]}')")
    kernel.go_on()
    said = kernel.ended()
    assert "was deleted in MLflow" in said
    assert "Restore it" in said
    runs = daemon.client.status()["tracking"]["runs"]
    assert (runs["open"], runs["waiting"]) == (1, 1)
    assert "deleted" in runs["detail"]
    assert len(points_of(run_id)) == 1
    mlflow_script(client + f"client.restore_experiment('{row[0]}')")
    until(lambda: status_of(run_id) == "FINISHED", 90)
    assert len(points_of(run_id)) == 2


def test_an_open_run_keeps_the_daemon(mlflow_home: Path, daemon_process) -> None:
    """And nothing else does: it leaves once the run has ended."""
    paths.private_dir(paths.data_dir())
    (paths.data_dir() / "mlops.yaml").write_text("idle_timeout: 1.0\n")
    daemon_process.start()
    kernel = Logging('tell(mlops.start("idle").id)' + PAUSE)
    kernel.told()
    time.sleep(4)
    assert daemon_process.process.poll() is None
    kernel.go_on()
    kernel.ended()
    assert daemon_process.process.wait(30) == 0


def test_a_link_among_the_artifacts_leads_nowhere(mlflow_home: Path, daemon) -> None:
    """Neither out of the run's directory nor, on the other side, out of MLflow's."""
    secret = paths.data_dir() / "secret"
    secret.write_text("secret")
    kernel = Logging(
        f"""
run = mlops.start("links")
tell(run.id)
os.symlink({str(secret)!r}, run.artifacts / "a.txt")
os.symlink({str(secret.parent)!r}, run.artifacts / "dir")
run.record({{"type": "artifact", "name": "a.txt"}})
run.record({{"type": "artifact", "name": "dir/secret"}})
run.record({{"type": "artifact", "name": "../../../secret"}})
mlops.log(loss=1)
run.flush()
"""
        + PAUSE
    )
    run_id = kernel.told()
    until(lambda: points_of(run_id))
    kernel.kill()
    until(lambda: status_of(run_id) == "KILLED")
    assert "is left out" in daemon.said()
    assert secret.read_text() == "secret"
    directories = list((paths.mlflow_dir() / "artifacts").glob(f"*/{run_id}"))
    found = [path for one in directories for path in one.rglob("*") if path.is_file()]
    assert {path.parent.name for path in found} <= {"mlops"}
    assert "secret" not in {path.name for path in found}


def test_ids_and_names_of_clients_are_checked(mlflow_home: Path, daemon) -> None:
    """A run's id is no path, and every name that MLflow refuses is named."""
    client = Client()
    good = {"id": "a" * 32, "experiment": "e", "name": "n"}
    for wrong in ("../../../../tmp/x", "A" * 32, "a" * 31, "a" * 32 + "/..", ""):
        with pytest.raises(InvalidInput):
            client.start_run(good | {"id": wrong})
    with pytest.raises(InvalidInput) as refused:
        client.start_run(good | {"tags": {"a\nb": "1", "": "2"}, "params": {"../c": "3"}})
    assert len(refused.value.problems) == 3
    for wrong in ("x", "..", "A" * 32):
        with pytest.raises(NotFound):
            client.sync_run(wrong)
    with pytest.raises(NotFound):
        client.start_run({"job_id": "0" * 12, "attempt": 1})
    assert not paths.logs_dir().exists() or not list(paths.logs_dir().iterdir())
    first, again = client.start_run(good), client.start_run(good)
    assert first["directory"] == again["directory"]
    assert mlflow_rows("SELECT count(*) FROM runs") == [(1,)]

    def gone() -> bool:
        # The daemon writes the working tree's state beside it meanwhile.
        shutil.rmtree(first["directory"], ignore_errors=True)
        return not Path(first["directory"]).exists()

    until(gone)
