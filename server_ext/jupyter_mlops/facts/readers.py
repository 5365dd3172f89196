"""Readers that open files without Python: they raise no audit event, so their calls are seen."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any

from .loading import Then, replace

#: Module → what opens the file, or files, or directory that it is given first.
READERS = {
    "pyarrow": ("memory_map", "input_stream"),
    "pyarrow.csv": ("read_csv", "open_csv"),
    "pyarrow.dataset": ("dataset",),
    "pyarrow.feather": ("read_table", "read_feather"),
    "pyarrow.json": ("read_json", "open_json"),
    "pyarrow.orc": ("read_table",),
    "pyarrow.parquet": ("read_table", "read_pandas", "ParquetFile.__init__"),
    "polars": (
        *("read_csv", "read_ipc", "read_json", "read_ndjson", "read_parquet"),
        *("scan_csv", "scan_ipc", "scan_ndjson", "scan_parquet"),
    ),
    "h5py": ("File.__init__",),
    "lightgbm": ("Dataset.__init__",),
    "xgboost": ("DMatrix.__init__", "QuantileDMatrix.__init__"),
    "cv2": ("imread",),
}
#: What the first argument may be called.
_NAMES = (
    "source",
    "data",
    "where",
    "path",
    "path_or_paths",
    "input_file",
    "name",
    "filename",
    "file",
)
#: Modes in which the file is made anew, or may be.
_WRITING = ("w", "x", "a", "w-", "r+", "r+b", "rb+")
#: Files of a directory that are looked at.
FILES_MOST = 10_000

Opened = Callable[..., object]


def wanted(opened: Opened) -> dict[str, Then]:
    """What is to happen when a module is there; `opened(path, writing=…)` is told."""

    def watch(name: str, module: Any) -> None:
        for function in READERS[name]:
            replace(module, function, functools.partial(_telling, opened, f"{name}.{function}"))

    return {name: functools.partial(watch, name) for name in READERS}


def _telling(opened: Opened, function: str, usual: Callable[..., Any]) -> Callable[..., Any]:
    method = function.endswith(".__init__")
    at = 1 if method else 0

    @functools.wraps(usual)
    def reader(*args: Any, **given: Any) -> Any:
        source = args[at] if len(args) > at else _named(given)
        mode = args[at + 1] if len(args) > at + 1 else given.get("mode")
        for path in _paths(source):
            opened(path, writing=isinstance(mode, str) and mode in _WRITING)
        return usual(*args, **given)

    if not method:
        # Found again under this name by whoever pickles it.
        reader.__module__, _, reader.__qualname__ = function.rpartition(".")
    return reader


def _named(given: dict[str, Any]) -> Any:
    return next((given[name] for name in _NAMES if name in given), None)


def _paths(source: Any) -> list[str]:
    """Local files that a reader's argument names."""
    if isinstance(source, (list, tuple)):
        # Rows of numbers are none, however many there are.
        named = (one for one in source[:FILES_MOST] if isinstance(one, (str, bytes, os.PathLike)))
        return [path for one in named for path in _paths(one)]
    if isinstance(source, bytes):
        source = os.fsdecode(source)
    elif isinstance(source, os.PathLike):
        source = os.fspath(source)
    if not isinstance(source, str) or "://" in source:
        return []
    if not os.path.isdir(source):
        # XGBoost's way to say what a file is.
        return [source.partition("?format=")[0]]
    found: list[str] = []
    for directory, _, names in os.walk(source):
        found += [os.path.join(directory, name) for name in sorted(names)]
        if len(found) >= FILES_MOST:
            break
    return found
