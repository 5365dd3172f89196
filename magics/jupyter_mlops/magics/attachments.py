"""What a run keeps besides numbers and text: files, figures, tables, datasets.

Each is written into the run's directory first and named in a record then; the daemon takes it from
there. Nothing here imports a library for a kind of thing: a figure, a frame says itself what it is.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import shutil
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from jupyter_mlops.errors import InvalidInput, NotFound
from jupyter_mlops.naming import problem_of_artifact

#: Bytes that are copied at a time.
_PIECE = 2**20
_TABLES_TAG = "mlflow.loggedArtifacts"
#: MLflow's digest of a dataset has at most so many characters.
_DIGEST = 36
#: Characters of a suffix by which a format can be known.
_SUFFIX_MOST = 20


class _Copied(str):
    """The path of a file that is only copied: it is no data that the run reads."""

    __slots__ = ()
    of_mlops = True


class Attachments(Protocol):
    """What a `Run` does with files, figures, tables, datasets; the run does the rest."""

    #: Where they are put.
    artifacts: Path

    def record(self, record: dict[str, Any]) -> None:
        """Have a record written."""

    def check_open(self) -> None:
        """Refuse what comes after the run's end.

        Raises:
            Conflict: it has ended.
        """

    def artifact(self, path: str | os.PathLike[str], name: str | None = None) -> None:
        """Keep a copy of a file, or of everything in a directory.

        Args:
            path: the file.
            name: what it is called among the run's artifacts, as a path; its own name by default.

        Raises:
            NotFound: there is no such file.
            InvalidInput: the name leads out of the run's artifacts, or MLflow doesn't take it.
        """
        self.check_open()
        source = Path(path).expanduser()
        target = (name or source.resolve().name).rstrip("/")
        if source.is_dir():
            files = [one for one in sorted(source.rglob("*")) if one.is_file()]
            named = {f"{target}/{one.relative_to(source).as_posix()}": one for one in files}
        elif source.exists():
            named = {target: source}
        else:
            raise NotFound(f"There is no file {source}.")
        _check_names(named)
        for artifact, file in named.items():
            self._attach(artifact, functools.partial(_copy, file))

    def attach_text(self, name: str, text: str) -> None:
        """Keep a text as a file.

        Raises:
            InvalidInput: the run can't have a file of this name.
        """
        _check_names([name])
        data = text.encode("utf-8", "backslashreplace")
        self._attach(name, lambda beside: beside.write_bytes(data))

    def figure(self, figure: Any, name: str) -> None:
        """Keep a figure of matplotlib, plotly, altair or PIL; `name` without a suffix gets one.

        Raises:
            InvalidInput: it is none of these, or the name can't be used.
        """
        self.check_open()
        suffix, write = _figure_writer(figure)
        full = name if Path(name).suffix else f"{name}{suffix}"
        _check_names([full])
        self._attach(full, lambda beside: write(beside, Path(full).suffix.lstrip(".")))

    def table(self, rows: Any, name: str) -> None:
        """Keep a table: a data frame, a list of rows as dicts, or a dict of columns. It is kept as
        MLflow keeps tables, and shown by it.

        Raises:
            InvalidInput: it is none of these, or the name can't be used.
        """
        self.check_open()
        full = name if name.endswith(".json") else f"{name}.json"
        _check_names([full])
        columns, data = _table(rows)
        text = json.dumps({"columns": columns, "data": data}, default=_plain)
        self.attach_text(full, text)
        tables = self.__dict__.setdefault("_tables", [])
        if {"path": full, "type": "table"} not in tables:
            tables.append({"path": full, "type": "table"})
            self.record({"type": "tags", "tags": {_TABLES_TAG: json.dumps(tables)}})

    def dataset(self, data: Any, name: str | None = None) -> None:
        """Note a dataset that the run reads, by the hash of its content; nothing is copied.

        Args:
            data: a path of a file or directory, or a data frame.
            name: what it is called; a file's own name by default.

        Raises:
            NotFound: there is no such file.
            InvalidInput: it is neither, or has no name.
        """
        self.check_open()
        found = _dataset(data, name)
        self.record({"type": "dataset", "dataset": found})

    def _attach(self, name: str, write: Callable[[Path], Any]) -> None:
        target = self.artifacts / name
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Whole before it has its name: the daemon may take it at any moment. Whoever writes it may
        # want to see the suffix; the name itself may be as long as names can be.
        writer = f"{os.getpid()}-{threading.get_ident()}"
        beside = target.with_name(f".{writer}.new{target.suffix[:_SUFFIX_MOST]}")
        try:
            write(beside)
            os.replace(beside, target)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                beside.unlink()
            raise
        self.record({"type": "artifact", "name": name})


def _copy(source: Path, target: Path) -> None:
    with open(_Copied(source), "rb") as read, open(target, "wb") as written:
        shutil.copyfileobj(read, written, _PIECE)


def _check_names(names: Any) -> None:
    problems = [
        {"where": name[:100], "message": problem}
        for name in names
        if (problem := problem_of_artifact(name))
    ]
    if problems:
        raise InvalidInput("A run can't have artifacts of these names.", problems=problems)


def _figure_writer(figure: Any) -> tuple[str, Callable[[Path, str], Any]]:
    if callable(save := getattr(figure, "savefig", None)):
        return ".png", lambda path, kind: save(path, format=kind, bbox_inches="tight")
    get_figure = getattr(figure, "get_figure", None)  # matplotlib's axes
    if callable(get_figure) and callable(getattr(found := get_figure(), "savefig", None)):
        return _figure_writer(found)
    if callable(html := getattr(figure, "write_html", None)):  # plotly
        return ".html", lambda path, _: html(path)
    kind = type(figure).__module__.partition(".")[0]
    if kind == "PIL":
        return ".png", lambda path, kind: figure.save(path, format=_pil(kind))
    if kind == "altair":
        return ".html", lambda path, kind: figure.save(str(path), format=kind)
    raise InvalidInput(
        f"A {type(figure).__qualname__} is no figure that can be kept.",
        hint="matplotlib's, plotly's, altair's and PIL's can; save others as a file: artifact.",
    )


def _pil(kind: str) -> str:
    return "jpeg" if kind.lower() == "jpg" else kind


def _table(rows: Any) -> tuple[list[str], list[list[Any]]]:
    if callable(split := getattr(rows, "to_json", None)) and hasattr(rows, "columns"):  # pandas
        found = json.loads(split(orient="split", date_format="iso"))
        return [str(one) for one in found["columns"]], found["data"]
    if callable(dicts := getattr(rows, "to_dicts", None)):  # polars
        rows = dicts()
    elif callable(listed := getattr(rows, "to_pylist", None)):  # pyarrow
        rows = listed()
    if isinstance(rows, Mapping):
        lengths = {len(column) for column in rows.values()}
        if len(lengths) > 1:
            raise InvalidInput("The columns of a table have the same length.")
        return [str(one) for one in rows], [list(row) for row in zip(*rows.values(), strict=True)]
    if isinstance(rows, Sequence) and all(isinstance(row, Mapping) for row in rows):
        columns = list(dict.fromkeys(name for row in rows for name in row))
        return [str(one) for one in columns], [[row.get(one) for one in columns] for row in rows]
    raise InvalidInput(
        f"A {type(rows).__qualname__} is no table.",
        hint="A data frame, a list of dicts or a dict of columns is one.",
    )


def _plain(value: Any) -> Any:
    """What JSON doesn't know: arrays and their numbers as lists and numbers, the rest as text."""
    if callable(found := getattr(value, "tolist", None)):
        return found()
    return str(value)


def _dataset(data: Any, name: str | None) -> dict[str, Any]:
    if isinstance(data, (str, os.PathLike)):
        path = Path(data).expanduser()
        if not path.exists():
            raise NotFound(f"There is no file {path}.")
        size, digest = _content(path)
        where = str(path.resolve())
        return {
            "name": (name or path.resolve().name)[:500],
            "digest": digest[:_DIGEST],
            "source_type": "local",
            "source": json.dumps({"uri": where}),
            "profile": json.dumps({"size": size, "sha256": digest}),
        }
    columns = getattr(data, "columns", None)
    if columns is None or not hasattr(data, "shape"):
        raise InvalidInput(
            f"A {type(data).__qualname__} is no dataset.", hint="A path or a data frame is one."
        )
    if not name:
        raise InvalidInput("A data frame as a dataset needs a name.")
    rows, width = data.shape
    digest = _frame_digest(data)
    return {
        "name": name[:500],
        "digest": digest[:_DIGEST],
        "source_type": "code",
        "source": json.dumps({"tags": {}}),
        "profile": json.dumps(
            {"num_rows": int(rows), "num_elements": int(rows) * int(width), "sha256": digest}
        ),
    }


def _content(path: Path) -> tuple[int, str]:
    """Bytes and SHA-256 of a file; of a directory those of its files and their names."""
    if path.is_file():
        with path.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256")
            return opened.tell(), digest.hexdigest()
    size, together = 0, hashlib.sha256()
    for file in sorted(one for one in path.rglob("*") if one.is_file()):
        more, digest_of = _content(file)
        size += more
        together.update(f"{digest_of}  {file.relative_to(path).as_posix()}\n".encode())
    return size, together.hexdigest()


def _frame_digest(frame: Any) -> str:
    """SHA-256 of every value of a data frame, with the names and types of its columns."""
    digest = hashlib.sha256()
    if type(frame).__module__.partition(".")[0] == "pandas":
        from pandas.util import hash_pandas_object

        digest.update(repr([(str(n), str(t)) for n, t in frame.dtypes.items()]).encode())
        digest.update(hash_pandas_object(frame, index=True).to_numpy().tobytes())
    elif callable(hashed := getattr(frame, "hash_rows", None)):  # polars
        digest.update(repr(list(frame.schema.items())).encode())
        digest.update(hashed().to_numpy().tobytes())
    else:
        raise InvalidInput(
            f"The content of a {type(frame).__qualname__} can't be hashed.",
            hint="A pandas or polars data frame can, and so can a file.",
        )
    return digest.hexdigest()
