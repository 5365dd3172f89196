"""Files that a runner writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mlops_runner import TEXT

from jupyter_mlops.jobs.runner import files, jsontext, notebook_file
from jupyter_mlops.jobs.runner.eventlog import EventLog
from jupyter_mlops.jobs.runner.logfile import LogFile
from jupyter_mlops.jobs.runner.rawlog import RawLog

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


BUNDLE = st.fixed_dictionaries(
    {},
    optional={
        "text/plain": TEXT,
        "text/html": TEXT,
        "image/png": TEXT,
        "image/svg+xml": TEXT,
        "application/json": JSON,
        "application/javascript": TEXT,
    },
)


OUTPUT = st.one_of(
    st.builds(
        lambda n, t: {"output_type": "stream", "name": n, "text": t},
        st.sampled_from(["stdout", "stderr"]),
        TEXT,
    ),
    st.builds(lambda d: {"output_type": "display_data", "data": d, "metadata": {}}, BUNDLE),
    st.builds(
        lambda d: {
            "output_type": "execute_result",
            "data": d,
            "metadata": {},
            "execution_count": 1,
        },
        BUNDLE,
    ),
    st.builds(
        lambda t: {"output_type": "error", "ename": "E", "evalue": t, "traceback": [t]}, TEXT
    ),
)


CELL = st.one_of(
    st.builds(
        lambda s, o: {
            "cell_type": "code",
            "id": "a",
            "metadata": {"trusted": True, "tags": []},
            "source": s,
            "outputs": o,
            "execution_count": None,
        },
        TEXT,
        st.lists(OUTPUT, max_size=4),
    ),
    st.builds(lambda s: {"cell_type": "markdown", "id": "a", "metadata": {}, "source": s}, TEXT),
    st.builds(
        lambda s, b: {
            "cell_type": "markdown",
            "id": "a",
            "metadata": {},
            "source": s,
            "attachments": {"a": b},
        },
        TEXT,
        BUNDLE,
    ),
)


@settings(max_examples=200)
@given(st.lists(CELL, max_size=4), st.dictionaries(TEXT, JSON, max_size=3))
def test_notebooks_are_written_as_nbformat_writes_them(cells: list[Any], metadata: dict[str, Any]):
    """Byte by byte, whatever is in them."""
    document = {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    node = nbformat.from_dict(json.loads(json.dumps(document)))
    wanted = nbformat.v4.nbjson.writes(node) + "\n"
    assert notebook_file.encode(document).decode() == wanted


def test_only_changed_cells_are_encoded_again(tmp_path: Path):
    """A cell is written from memory until somebody says that it has changed."""
    cells = [{"cell_type": "markdown", "metadata": {}, "source": f"{n}"} for n in range(3)]
    document = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}
    file = notebook_file.NotebookFile(document, tmp_path / "nb.ipynb")
    file.save()
    cells[0]["source"] = cells[1]["source"] = "new"
    file.changed(1)
    file.save()
    written = json.loads((tmp_path / "nb.ipynb").read_text())
    assert [cell["source"] for cell in written["cells"]] == [["0"], ["new"], ["2"]]


def test_a_failed_write_leaves_the_old_file(tmp_path: Path):
    """Whatever happens on the way, the old content is there, and nothing else."""
    path = tmp_path / "file"
    files.replace(path, [b"old"])

    def broken():
        yield b"new"
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        files.replace(path, broken())
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_json_is_for_everybody():
    """No NaN, no lone surrogates."""
    value = {"a": [float("nan"), float("inf")], "b": "x\ud800y", "c": (1,)}
    assert json.loads(jsontext.compact(value)) == {"a": ["nan", "inf"], "b": "x?y", "c": [1]}
    assert json.loads(jsontext.pretty(value)) == {"a": ["nan", "inf"], "b": "x?y", "c": [1]}


def test_events_are_whole_lines(tmp_path: Path):
    """Text is gathered, long text is split, the order is kept, numbers have no gap."""
    log = EventLog(tmp_path / "events.jsonl")
    log.append("a")
    for piece in ("x", "y", "z" * (3 << 20)):
        log.stream(0, "stdout", piece)
    log.stream(0, "stderr", "e")
    log.stream(1, "stderr", "f")
    assert log.waiting
    log.settle()
    assert log.seq == 7
    log.append("b", value=float("nan"))
    log.flush()
    log.close()
    events = [json.loads(line) for line in (tmp_path / "events.jsonl").read_bytes().splitlines()]
    assert [event["seq"] for event in events] == list(range(1, 9))
    assert [list(event)[:3] for event in events] == [["seq", "t", "type"]] * 8
    texts = [event.get("text", "") for event in events]
    assert "".join(texts[1:5]) == "xy" + "z" * (3 << 20)
    assert texts[5:7] == ["e", "f"]


def test_log_is_capped_and_says_so(tmp_path: Path):
    """Its last line says that it ends; notes still come."""
    log = LogFile(tmp_path / "log.txt", 1000)
    for _ in range(100):
        log.stream("stdout", "x" * 99 + "\n")
    log.note("a\nnote")
    log.flush()
    log.close()
    lines = (tmp_path / "log.txt").read_text().splitlines()
    assert len(lines) == 13
    assert "ends here" in lines[10]
    assert lines[11:] == ["[jupyter-mlops] a", "[jupyter-mlops] note"]


def test_raw_log_tells_what_no_cell_claims(tmp_path: Path):
    """Lines that are in the log already aren't told twice."""
    (tmp_path / "kernel.log").write_bytes(b"printed\n\x1b[31mcrash\x1b[0m\n\nmore\n")
    (tmp_path / "log.txt").write_text("printed\nother\n")
    raw = RawLog(tmp_path / "kernel.log")
    assert raw.unclaimed(tmp_path / "log.txt") == ["crash", "more"]
    assert raw.tail() == "printed\ncrash\nmore"
    assert RawLog(tmp_path / "none").tail() == ""
