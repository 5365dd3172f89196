"""Rows of tables for models: what fits a signature, and whatever else somebody calls a table."""

from __future__ import annotations

import bz2
import gzip
import pickle
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from mlflow.types import ColSpec, DataType, Schema, TensorSpec

from jupyter_mlops.reproduction import sample

NUMBERS = Schema([ColSpec(DataType.double, "a"), ColSpec(DataType.long, "b")])


def rows_of(path: Path, schema: Schema, most: int = 4) -> Any:
    """The rows of a file."""
    given, rows = sample.sample(str(path), path.name, schema, most)
    assert len(given if not isinstance(given, dict) else next(iter(given.values()))) == rows
    return given


def table(rows: int) -> pd.DataFrame:
    """More columns than are wanted, in another order."""
    return pd.DataFrame({"target": range(rows), "b": range(rows), "a": np.arange(rows) / 2})


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("packed", ["", ".gz", ".bz2"])
def test_texts(tmp_path: Path, separator: str, packed: str) -> None:
    """Rows from everywhere in it, in the types and the order of the signature."""
    path = tmp_path / f"data.{'tsv' if separator == chr(9) else 'CSV'}{packed}"
    raw = table(100).to_csv(sep=separator, index=False).encode()
    path.write_bytes({"": bytes, ".gz": gzip.compress, ".bz2": bz2.compress}[packed](raw))
    found = rows_of(path, NUMBERS)
    assert list(found.columns) == ["a", "b"]
    assert list(found["b"]) == [0, 25, 50, 75]
    assert (found["a"].dtype, found["b"].dtype) == (np.float64, np.int64)


def test_parquet(tmp_path: Path) -> None:
    """Only the columns that are wanted; parts without rows are passed over."""
    path = tmp_path / "data.parquet"
    table(100).to_parquet(path, row_group_size=50)
    assert list(rows_of(path, NUMBERS)["b"]) == [0, 12, 25, 37]
    table(0).to_parquet(path)
    with pytest.raises(sample.NoMatch, match="no rows"):
        rows_of(path, NUMBERS)


def test_arrays(tmp_path: Path) -> None:
    """For tensors, for columns without names, and with names of their own."""
    path = tmp_path / "data.npy"
    np.save(path, np.arange(24.0).reshape(6, 4))
    tensor = Schema([TensorSpec(np.dtype("float32"), (-1, 4))])
    found = rows_of(path, tensor)
    assert (found.dtype, found.shape) == (np.float32, (4, 4))
    assert list(found[:, 0]) == [0, 4, 12, 16]
    named = Schema([TensorSpec(np.dtype("float32"), (-1, 4), "x")])
    assert list(rows_of(path, named)) == ["x"]
    assert rows_of(path, Schema([ColSpec(DataType.double)] * 4)).shape == (4, 4)
    for other in (
        Schema([TensorSpec(np.dtype("float32"), (-1, 5))]),
        Schema([TensorSpec(np.dtype("int64"), (-1, 4))]),
        Schema([ColSpec(DataType.double)] * 3),
        NUMBERS,
    ):
        with pytest.raises(sample.NoMatch):
            rows_of(path, other)
    np.save(path, table(5).to_records(index=False))
    assert list(rows_of(path, NUMBERS)["b"]) == [0, 1, 2, 3]


def test_values_have_to_fit(tmp_path: Path) -> None:
    """Text stays text, what is missing is missing, and no number is bent into another one."""
    path = tmp_path / "data.csv"
    path.write_text("code,b,ok,when\n0123,1,True,2026-01-02\n,2,False,2026-01-03\n")
    schema = Schema(
        [
            ColSpec(DataType.string, "code"),
            ColSpec(DataType.boolean, "ok"),
            ColSpec(DataType.datetime, "when"),
            ColSpec(DataType.double, "perhaps", required=False),
        ]
    )
    found = rows_of(path, schema)
    assert list(found["code"]) == ["0123", None]
    assert found["ok"].tolist() == [True, False]
    assert found["when"].dt.day.tolist() == [2, 3]
    assert list(found.columns) == ["code", "ok", "when"]
    for text in ("b\n1.5\n", "b\n1\n\n,\n", "b\nx\n", "b\n", "", "other\n1\n"):
        path.write_text(text)
        with pytest.raises(sample.NoMatch):
            rows_of(path, Schema([ColSpec(DataType.long, "b")]))


def test_large_files_are_not_read_whole(tmp_path: Path) -> None:
    """Nor are bombs unpacked, nor lines without an end."""
    bomb = tmp_path / "bomb.csv.gz"
    with gzip.open(bomb, "wb") as made:
        made.write(b"a,b\n" + b"1.5,2\n" * 30_000)
        for _ in range(100):
            made.write(b"1.5,2\n" * 2**18)
    line = tmp_path / "line.csv.gz"
    with gzip.open(line, "wb") as made:
        for _ in range(200):
            made.write(b"a" * 2**20)
    sparse = tmp_path / "sparse.npy"
    np.lib.format.open_memmap(sparse, mode="w+", dtype=np.float64, shape=(2**28, 2))
    rows_of(bomb, NUMBERS)  # what is imported is not counted
    tracemalloc.start()
    try:
        assert list(rows_of(bomb, NUMBERS)["b"]) == [2, 2, 2, 2]
        with pytest.raises(sample.NoMatch):
            rows_of(line, NUMBERS)
        rows_of(sparse, Schema([ColSpec(DataType.double)] * 2))
        assert tracemalloc.get_traced_memory()[1] < 10 * sample.TEXT_MOST
    finally:
        tracemalloc.stop()


def test_what_is_no_table(tmp_path: Path) -> None:
    """Whatever it is called; pickles aren't opened."""
    witness = tmp_path / "witness"

    class Evil:
        def __reduce__(self) -> Any:
            return witness.touch, ()

    np.save(tmp_path / "evil.npy", np.array([[Evil(), 1.0]], dtype=object))
    (tmp_path / "pickle.npy").write_bytes(pickle.dumps(Evil()))
    for name in ("a.parquet", "a.npy", "a.csv.gz", "a.csv.bz2", "a.csv"):
        (tmp_path / name).write_bytes(bytes(range(256)) * 10)
    for path in tmp_path.iterdir():
        for schema in (NUMBERS, Schema([ColSpec(DataType.double)] * 2)):
            with pytest.raises(sample.NoMatch):
                rows_of(path, schema)
    assert not witness.exists()
