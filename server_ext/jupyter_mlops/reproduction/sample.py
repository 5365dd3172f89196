"""Rows of a table that a run has read, as its model's signature wants them.

Loaded by its place, in the run's own environment: the standard library, and what is there of NumPy,
pandas and pyarrow. However large a file is, only so many bytes and rows of it are read; nothing
of it is unpickled.
"""

from __future__ import annotations

import bz2
import gzip
import io
from collections.abc import Callable, Iterator
from typing import Any

#: Rows that are read, of which those that are asked are taken evenly.
READ_MOST = 20_000
#: Bytes of a text, unpacked, and of a part of a file that has to be read as a whole.
TEXT_MOST, PART_MOST = 8 * 2**20, 2**30
_BYTES_MOST = 256 * 2**20
_OPENERS: dict[str, Callable[[str], Any]] = {".gz": gzip.open, ".bz2": bz2.open}
TEXTS, ARRAYS, PARQUETS = (".csv", ".tsv"), (".npy",), (".parquet", ".pq")
#: Names of files that may hold a table.
ENDINGS = (*TEXTS, *(text + packed for text in TEXTS for packed in _OPENERS), *ARRAYS, *PARQUETS)


class NoMatch(Exception):
    """The file holds nothing that the model could be asked."""


def sample(path: str, name: str, schema: Any, most: int) -> tuple[Any, int]:
    """At most `most` rows of a file, and how many they are.

    Args:
        path: of the file.
        name: says by its ending what it is.
        schema: of the model's inputs, MLflow's.
        most: rows.

    Raises:
        NoMatch: it has other columns, or other values in them; or it can't be read here.
    """
    lower = name.lower()
    try:
        if lower.endswith(ARRAYS):
            return _of_array(path, schema, most)
        if schema.is_tensor_spec():
            raise NoMatch("a table, where an array is wanted")
        frame = _parquet(path, schema) if lower.endswith(PARQUETS) else _text(path, lower, schema)
        return _fitted(frame, schema, most)
    except NoMatch:
        raise
    # Readers raise what they like about a file that somebody else has made.
    except Exception as error:
        raise NoMatch(f"{type(error).__name__}: {error}") from error


def _names(schema: Any) -> tuple[list[Any], set[Any]]:
    """The columns that are wanted, and those of them without which it can't be asked."""
    names = [one.name for one in schema.inputs]
    if None in names:
        raise NoMatch("its columns have no names")
    return names, {one.name for one in schema.inputs if getattr(one, "required", True)}


# ---------------------------------------------------------------- files


def _text(path: str, name: str, schema: Any) -> Any:
    import pandas as pd

    names, needed = _names(schema)
    packed = next((end for end in _OPENERS if name.endswith(end)), None)
    with open(path, "rb") if packed is None else _OPENERS[packed](path) as opened:
        raw = opened.read(TEXT_MOST + 1)
    if len(raw) > TEXT_MOST:
        raw = raw[: raw.rfind(b"\n", 0, TEXT_MOST) + 1]  # whole lines
    words = {one.name: str for one in schema.inputs if _kind(one) == "U"}
    for separator in "\t" if ".tsv" in name else ",;\t":
        given: dict[str, Any] = {"sep": separator, "encoding_errors": "replace"}
        head = pd.read_csv(io.BytesIO(raw), nrows=0, **given)
        there = [column for column in head.columns if column in names]
        if needed <= set(there):
            return pd.read_csv(
                io.BytesIO(raw), nrows=READ_MOST, usecols=there, dtype=words, **given
            )
    raise NoMatch("it has other columns")


def _parquet(path: str, schema: Any) -> Any:
    from pyarrow import parquet

    names, needed = _names(schema)
    with parquet.ParquetFile(path, memory_map=True) as file:
        there = [one for one in file.schema_arrow.names if one in names]
        if not needed <= set(there):
            raise NoMatch("it has other columns")
        about = file.metadata
        for number in range(about.num_row_groups):
            group = about.row_group(number)
            if not group.num_rows:
                continue
            columns = [group.column(at) for at in range(group.num_columns)]
            sizes = [one.total_uncompressed_size for one in columns if one.path_in_schema in there]
            if sum(sizes) > PART_MOST:
                raise NoMatch("its first part is too large")
            asked = {"batch_size": READ_MOST, "row_groups": [number], "columns": there}
            return next(file.iter_batches(**asked)).to_pandas()
    raise NoMatch("it has no rows")


def _of_array(path: str, schema: Any, most: int) -> tuple[Any, int]:
    import numpy as np

    array = np.load(path, mmap_mode="r", allow_pickle=False)
    if not array.ndim or not len(array):
        raise NoMatch("it has no rows")
    each = max(1, array.nbytes // len(array))
    rows = array[_evenly(min(len(array), READ_MOST), min(most, _BYTES_MOST // each))]
    if schema.is_tensor_spec():
        if len(schema.inputs) != 1:
            raise NoMatch("several arrays are wanted")
        (wanted,) = schema.inputs
        fits = len(wanted.shape) == rows.ndim and all(
            asked in (-1, there)
            for asked, there in zip(wanted.shape, rows.shape)  # noqa: B905 - Python 3.9
        )
        if not fits or not np.can_cast(rows.dtype, wanted.type, "same_kind"):
            raise NoMatch("it has another shape")
        rows = np.asarray(rows).astype(wanted.type)
        return ({wanted.name: rows} if schema.has_input_names() else rows), len(rows)
    import pandas as pd

    if rows.dtype.names:
        names, needed = _names(schema)
        there = [one for one in rows.dtype.names if one in names]
        if rows.ndim != 1 or not needed <= set(there):
            raise NoMatch("it has other columns")
        return _fitted(pd.DataFrame({one: rows[one] for one in there}), schema, most)
    if rows.ndim != 2 or rows.shape[1] != len(schema.inputs) or schema.has_input_names():
        raise NoMatch("it has other columns")
    kinds = [one.type.to_numpy() for one in schema.inputs]
    if not all(np.can_cast(rows.dtype, kind, "same_kind") for kind in kinds):
        raise NoMatch("it has other values")
    return pd.DataFrame(np.asarray(rows)).astype(dict(enumerate(kinds))), len(rows)


# ---------------------------------------------------------------- columns


def _fitted(frame: Any, schema: Any, most: int) -> tuple[Any, int]:
    """Some rows, evenly taken, in the types and the order of the signature."""
    import pandas as pd

    frame = frame.iloc[_evenly(len(frame), most)].reset_index(drop=True)
    if not len(frame):
        raise NoMatch("it has no rows")
    made = {
        one.name: _cast(frame[one.name], one) for one in schema.inputs if one.name in frame.columns
    }
    return pd.DataFrame(made), len(frame)


def _kind(column: Any) -> str:
    """NumPy's letter for a column's type; "" where it has none."""
    numpy = getattr(column.type, "to_numpy", None)
    return "" if numpy is None else str(numpy().kind)


def _cast(values: Any, wanted: Any) -> Any:
    import pandas as pd

    kind = _kind(wanted)
    if kind == "U":
        listed = [None if missing else value for value, missing in _marked(values)]
        if not all(one is None or isinstance(one, str) for one in listed):
            raise NoMatch(f"{wanted.name} is no text")
        return pd.Series(listed, dtype=object)
    if kind == "M":
        return pd.to_datetime(values)
    if kind not in ("b", "i", "u", "f"):
        raise NoMatch(f"{wanted.name} is of another type")
    numbers = pd.to_numeric(values)
    if kind == "f":
        return numbers.astype(wanted.type.to_numpy())
    if numbers.isna().any():
        raise NoMatch(f"{wanted.name} has values that are missing")
    made = numbers.astype(wanted.type.to_numpy())
    if not (made == numbers).all():
        raise NoMatch(f"{wanted.name} has other values")
    return made


def _marked(values: Any) -> Iterator[tuple[Any, bool]]:
    return zip(values.tolist(), values.isna().tolist())  # noqa: B905 - Python 3.9


def _evenly(count: int, most: int) -> list[int]:
    """Places of at most `most` of so many."""
    if count <= most:
        return list(range(count))
    return [place * count // most for place in range(most)]
