"""From a loop to a run's file: order, steps, a full disk, a daemon that isn't there."""

from __future__ import annotations

import errno
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_mlops.errors import DaemonUnreachable, InvalidInput
from jupyter_mlops.magics import record_file, record_writer
from jupyter_mlops.magics.attachments import Attachments
from jupyter_mlops.magics.points import Steps, checked
from jupyter_mlops.magics.record_file import RecordFile
from jupyter_mlops.magics.record_writer import RecordWriter
from jupyter_mlops.naming import problem_of_artifact, problem_of_name

RUN = "a" * 32


@pytest.fixture
def directory(home: Path, tmp_path: Path) -> Path:
    """A run's, as the daemon makes it."""
    found = tmp_path / RUN
    (found / "artifacts").mkdir(parents=True)
    (found / "lease").touch()
    (found / "records.jsonl").touch()
    return found


@pytest.fixture
def writer(directory: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RecordWriter]:
    """Whose thread does nothing by itself; nobody hears its doorbell."""
    monkeypatch.setattr(record_writer, "INTERVAL", 3600.0)
    found = RecordWriter(RecordFile(directory, RUN), lambda: None)
    yield found
    found.end({"type": "ended", "status": "FINISHED", "t": 0.0})
    found._file.close()


def lines(directory: Path) -> list[dict[str, Any]]:
    """The records that can be read."""
    found = []
    for line in (directory / "records.jsonl").read_bytes().splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found


def points(directory: Path) -> list[Any]:
    """All points."""
    return [point for record in lines(directory) for point in record.get("points", [])]


@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.none() | st.integers(-5, 5)), min_size=1, max_size=30
    )
)
def test_steps(entries: list[tuple[str, int | None]]) -> None:
    """A metric without a step goes on behind its last one, however the entries are cut."""
    given_ = [(1.0, step, {name: 0.0}) for name, step in entries]
    whole = Steps().records(given_)
    steps, pieces = Steps(), []
    for entry in given_:
        pieces += steps.records([entry])
    flat = [point for record in whole for point in record["points"]]
    assert flat == [point for record in pieces for point in record["points"]]
    last: dict[str, int] = {}
    for (name, step), (_, _, _, found) in zip(entries, flat, strict=True):
        assert found == (last.get(name, -1) + 1 if step is None else step)
        last[name] = found


def test_a_full_disk(
    directory: Path, writer: RecordWriter, monkeypatch: pytest.MonkeyPatch, capfd
) -> None:
    """What couldn't be written, or only in part, is written later, whole; it is said once."""
    usual, room = os.write, [40]

    def write(descriptor: int, data: bytes) -> int:
        if room[0] is None:
            return usual(descriptor, data)
        if room[0] == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        taken, room[0] = room[0], 0
        return usual(descriptor, data[:taken])

    monkeypatch.setattr(record_file.os, "write", write)
    for number in range(1200):
        writer.points.append((1.0, None, {"loss": number}))
    assert not writer.flush()
    assert not writer.flush()
    writer.add({"type": "tags", "tags": {"a": "b"}})
    room[0] = None
    assert writer.flush()
    assert [point[3] for point in points(directory)] == list(range(1200))
    assert {"type": "tags", "tags": {"a": "b"}} in lines(directory)
    assert capfd.readouterr().err.count("can't be recorded now") == 1


def test_the_last_record_is_the_last(directory: Path, writer: RecordWriter) -> None:
    """However much was logged just before."""
    for number in range(3000):
        writer.points.append((1.0, number, {"loss": 0.5}))
    writer.add({"type": "tags", "tags": {}})
    assert writer.end({"type": "ended", "status": "FINISHED", "t": 2.0})
    assert len(points(directory)) == 3000
    assert lines(directory)[-1]["type"] == "ended"


def test_several_threads(directory: Path, writer: RecordWriter) -> None:
    """Log and flush at once; nothing is lost or doubled."""

    def work(name: str) -> None:
        for number in range(2000):
            writer.points.append((1.0, None, {name: number}))
            if number % 100 == 0:
                writer.flush()

    threads = [threading.Thread(target=work, args=(f"m{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.flush()
    for n in range(4):
        mine = [point for point in points(directory) if point[0] == f"m{n}"]
        assert [(point[1], point[3]) for point in mine] == [(i, i) for i in range(2000)]


def test_a_daemon_that_cannot_be_started(
    directory: Path, monkeypatch: pytest.MonkeyPatch, capfd
) -> None:
    """It is said once; what is logged is in the file all the same."""
    monkeypatch.setattr(record_writer, "INTERVAL", 0.01)
    monkeypatch.setattr(record_writer, "_RESTART_INTERVAL", 0.0)
    tried = threading.Semaphore(0)

    def start() -> None:
        tried.release()
        raise DaemonUnreachable("There is none.")

    writer = RecordWriter(RecordFile(directory, RUN), start)
    writer.points.append((1.0, None, {"loss": 1}))
    for _ in range(3):
        assert tried.acquire(timeout=10)
    assert writer.end({"type": "ended", "status": "FINISHED", "t": 2.0})
    writer._file.close()
    assert points(directory) == [["loss", 1, 1000, 0]]
    assert capfd.readouterr().err.count("There is none.") == 1


@settings(deadline=None)
@given(st.text(max_size=300))
def test_names_are_mlflows(name: str) -> None:
    """What we take MLflow takes, and the other way round."""
    from mlflow.exceptions import MlflowException
    from mlflow.utils import validation

    try:
        validation._validate_metric_name(name)
        validation._validate_length_limit("Metric name", validation.MAX_ENTITY_KEY_LENGTH, name)
        theirs = bool(name) and not name.endswith("\n")
    except MlflowException:
        theirs = False
    assert (problem_of_name(name) == "") == theirs


@given(st.text(alphabet="ab/.\\\n#", max_size=12))
def test_an_artifact_stays_below(name: str) -> None:
    """Whatever is let through leads into the run's artifacts and nowhere else."""
    if not problem_of_artifact(name):
        path = os.path.normpath(f"/run/artifacts/{name}")
        assert path == f"/run/artifacts/{name}"


def test_every_problem_is_said_at_once() -> None:
    """Names, values and the step."""
    with pytest.raises(InvalidInput) as refused:
        checked({"good": 1, "": 1, "text": "x"}, "late")
    assert [one["where"] for one in refused.value.problems] == ["", "text", "step"]


class Kept(Attachments):
    """Of no run."""

    def __init__(self, artifacts: Path) -> None:
        self.artifacts = artifacts
        self.names: list[str] = []

    def record(self, record: dict[str, Any]) -> None:
        """It is named."""
        self.names.append(record["name"])

    def check_open(self) -> None:
        """It is."""


@pytest.mark.parametrize("name", ["가" * 65 + ".csv", "a." + "b" * 198])
def test_a_name_may_be_as_long_as_mlflow_takes_it(tmp_path: Path, name: str) -> None:
    """What it is called meanwhile is no longer than that."""
    kept = Kept(tmp_path / "artifacts")
    kept.attach_text(name, "x")
    assert kept.names == [name]
    assert [one.name for one in kept.artifacts.iterdir()] == [name]
