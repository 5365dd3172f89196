"""Reading notebooks (nbformat 4), strictly and cheaply.

`nbformat` is not imported: it costs more than a whole job. What is checked here is what nbformat's
schema says about everything that a job reads; a problem is reported with its place, and all
problems of a notebook at once.

    notebook = read_notebook(path)          # or bytes; raises NotebookInvalid, TooLarge
    notebook = check_notebook(document)     # an already parsed one
    clean = strip_outputs(notebook)         # what a job gets
    notebook_bytes(clean)                   # as a file; equal notebooks give equal bytes
    kernel_of(notebook, given)              # KernelName; raises where the notebook names none
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_mlops.converters.notebook_check import CELL_ID, check_document
from jupyter_mlops.converters.notebook_json import is_deep, parse, place_of, too_deep
from jupyter_mlops.errors import NotebookInvalid, TooLarge

#: A larger file is refused (bytes).
MAX_BYTES = 256 * 2**20
_KERNEL_NAME = re.compile(r"[a-zA-Z0-9._-]{1,250}")
#: Metadata that front ends and runners write about the last run or the look, not about what runs.
_VOLATILE_CELL_METADATA = frozenset(
    {"collapsed", "execution", "ExecuteTime", "papermill", "scrolled", "mlops"}
)
_VOLATILE_METADATA = frozenset({"widgets", "papermill", "mlops", "signature"})


class Notebook(dict[str, Any]):
    """A checked nbformat 4 document: `metadata` and `cells` are there, a `source` is one str."""

    @property
    def cells(self) -> list[dict[str, Any]]:
        """All cells, in order."""
        cells: list[dict[str, Any]] = self["cells"]
        return cells

    @property
    def metadata(self) -> dict[str, Any]:
        """The notebook's own metadata."""
        metadata: dict[str, Any] = self["metadata"]
        return metadata

    @property
    def language(self) -> str:
        """The language of its code cells in lower case, "" when the notebook doesn't say."""
        spec = self.metadata.get("kernelspec") or {}
        info = self.metadata.get("language_info") or {}
        return str(spec.get("language") or info.get("name") or "").lower()


@dataclass(frozen=True, slots=True)
class KernelName:
    """The kernelspec that a notebook asks for; it may not be installed."""

    name: str
    display_name: str = ""
    language: str = ""


def read_notebook(source: bytes | str | os.PathLike[str], *, name: str = "") -> Notebook:
    """The notebook in a file (`str` is a path) or in bytes; `name` is how messages call it.

    Raises:
        NotebookInvalid: it is not there, not JSON, or not a notebook; the place is named.
        TooLarge: it has more than `MAX_BYTES`.
    """
    if isinstance(source, bytes):
        called, raw = name or "The notebook", source
    else:
        called = name or shown(os.fspath(source))
        raw = _read_file(os.fspath(source), called)
    if len(raw) > MAX_BYTES:
        raise too_large(called)
    return _checked(parse(raw, called), called)


def too_large(called: str) -> TooLarge:
    """The error for a notebook over `MAX_BYTES`."""
    return TooLarge(
        f"{called} is larger than {MAX_BYTES // 2**20} MB.",
        hint="Clear its outputs (Edit → Clear Outputs of All Cells) and save it.",
    )


def check_notebook(document: object, *, name: str = "The notebook") -> Notebook:
    """The document as a `Notebook`; sources are joined, the rest is left as it is.

    Raises:
        NotebookInvalid: it is not a notebook of nbformat 4; `problems` holds every place.
    """
    if is_deep(document):
        raise too_deep(name, None)
    return _checked(document, name)


def _checked(document: object, name: str) -> Notebook:
    valid = check_document(document, name)
    checked = Notebook(valid)
    checked["nbformat_minor"] = valid.get("nbformat_minor", 0)
    checked["metadata"] = valid.get("metadata", {})
    checked["cells"] = [
        {
            **cell,
            "source": _joined(cell["source"]),
            "metadata": cell.get("metadata", {}),
        }
        for cell in valid["cells"]
    ]
    _check_text(checked, name)
    return checked


def code_cells(notebook: Notebook) -> Iterator[tuple[int, str]]:
    """Index and source of every code cell that is not blank; others don't run."""
    for index, cell in enumerate(notebook.cells):
        if cell["cell_type"] == "code" and cell["source"].strip():
            yield index, cell["source"]


def strip_outputs(notebook: Notebook) -> Notebook:
    """A copy with no outputs, no counts and nothing about earlier runs, upgraded to nbformat 4.5.

    Every cell gets a valid and unique id; ids that are already so are kept.
    """
    taken: set[str] = set()
    cells = []
    for index, cell in enumerate(notebook.cells):
        kept = {
            key: value
            for key, value in cell.items()
            if key not in ("outputs", "execution_count", "id", "metadata")
        }
        kept["metadata"] = _without(cell["metadata"], _VOLATILE_CELL_METADATA)
        kept["id"] = _cell_id(cell.get("id"), index, cell["source"], taken)
        if cell["cell_type"] == "code":
            kept["outputs"] = []
            kept["execution_count"] = None
        cells.append(kept)
    return Notebook(
        {
            "cells": cells,
            "metadata": _without(notebook.metadata, _VOLATILE_METADATA),
            "nbformat": 4,
            "nbformat_minor": max(5, notebook["nbformat_minor"]),
        }
    )


def notebook_bytes(notebook: Notebook) -> bytes:
    """The notebook as a file: JSON in UTF-8 with sorted keys, the same for equal notebooks.

    Raises:
        NotebookInvalid: it holds NaN or Infinity, which JSON doesn't have.
    """
    try:
        return _dumped(notebook)
    except UnicodeEncodeError:
        return _dumped(whole_text(notebook))
    except ValueError as error:
        where = _not_finite(notebook)
        raise NotebookInvalid(
            f"The notebook can't be written as JSON: {where} is NaN or Infinity.",
            hint="JSON has neither: write null or a string there.",
            problems=[{"where": where, "message": "is NaN or Infinity"}],
        ) from error


def _dumped(notebook: dict[str, Any]) -> bytes:
    text = json.dumps(
        notebook,
        ensure_ascii=False,
        sort_keys=True,
        allow_nan=False,
        separators=(",", ":"),
    )
    return (text + "\n").encode()


def _not_finite(value: Any, where: str = "") -> str:
    """The path of the first number that is not finite, "" when there is none."""
    if isinstance(value, float) and not math.isfinite(value):
        return where
    children: Iterable[tuple[str, Any]] = ()
    if isinstance(value, dict):
        children = ((f"{where}.{key}".lstrip("."), item) for key, item in value.items())
    elif isinstance(value, list):
        children = ((f"{where}[{index}]", item) for index, item in enumerate(value))
    return next((found for place, item in children if (found := _not_finite(item, place))), "")


def kernel_of(notebook: Notebook, given: str | None = None, *, name: str = "") -> KernelName:
    """The kernelspec to use: `given`, or else the one that the notebook names.

    Raises:
        NotebookInvalid: neither names one, or the name can't be one.
    """
    called = name or "The notebook"
    spec = notebook.metadata.get("kernelspec") or {}
    if given is not None and given != spec.get("name"):
        if not _KERNEL_NAME.fullmatch(given):
            raise NotebookInvalid(
                f"{given[:80]!r} is not the name of a kernel.",
                hint="`jupyter kernelspec list` shows the installed ones.",
                problems=[{"where": "kernel", "message": "is not the name of a kernel"}],
            )
        return KernelName(given)
    found = spec.get("name")
    if not found:
        raise NotebookInvalid(
            f"{called} names no kernel: metadata.kernelspec is missing.",
            hint="Give one with --kernel NAME (python3, for example), or open the notebook in "
            "JupyterLab, choose a kernel and save it.",
            problems=[{"where": "metadata.kernelspec", "message": "is missing"}],
        )
    if not _KERNEL_NAME.fullmatch(found):
        raise NotebookInvalid(
            f"{called}: metadata.kernelspec.name {found[:80]!r} is not the name of a kernel.",
            hint="Give one with --kernel NAME; `jupyter kernelspec list` shows them.",
            problems=[
                {
                    "where": "metadata.kernelspec.name",
                    "message": "is not the name of a kernel",
                }
            ],
        )
    return KernelName(found, str(spec.get("display_name") or ""), notebook.language)


def _read_file(path: str, called: str) -> bytes:
    try:
        with Path(path).open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise unreadable(called, error) from error


def unreadable(called: str, error: Exception) -> NotebookInvalid:
    """The error for a notebook that can't be opened or read."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return NotebookInvalid(
            f"There is no notebook {called}.",
            hint="Check the path; was it moved or renamed?",
        )
    if isinstance(error, IsADirectoryError):
        return NotebookInvalid(f"{called} is a directory.", hint="Give the path of a notebook.")
    if isinstance(error, PermissionError):
        return NotebookInvalid(
            f"{called} can't be read: permission denied.",
            hint="Check the file's permissions.",
        )
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return NotebookInvalid(f"{called} can't be read: {reason}.", hint="Check the path.")


def _check_text(notebook: Notebook, name: str) -> None:
    """Refuse halves of characters in code; replace them elsewhere (UTF-8 can't hold them)."""
    for index, cell in enumerate(notebook.cells):
        source: str = cell["source"]
        if source.isascii():
            continue
        try:
            source.encode()
        except UnicodeEncodeError as error:
            line, column = place_of(source[: error.start])
            where = f"cells[{index}].source"
            if cell["cell_type"] == "code":
                message = f"line {line}, column {column} holds half of a character (a surrogate)"
                raise NotebookInvalid(
                    f"{name} is not a valid notebook: {where}: {message}.",
                    hint="Delete that character and save the notebook.",
                    problems=[{"where": where, "message": message}],
                ) from error
            cell["source"] = _whole(source)


def whole_text(value: Any) -> Any:
    """`value` with every half of a character in its strings replaced by U+FFFD.

    The nesting is bounded by `MAX_DEPTH`, so recursion is too.
    """
    if isinstance(value, str):
        return value if value.isascii() else _whole(value)
    if isinstance(value, dict):
        return {whole_text(key): whole_text(item) for key, item in value.items()}
    if isinstance(value, list):
        return [whole_text(item) for item in value]
    return value


def _whole(text: str) -> str:
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _cell_id(given: object, index: int, source: str, taken: set[str]) -> str:
    if isinstance(given, str) and CELL_ID.fullmatch(given) and given not in taken:
        taken.add(given)
        return given
    salt = 0
    while True:
        seed = f"{index}:{salt}:{source}".encode("utf-8", "surrogatepass")
        made = hashlib.sha256(seed).hexdigest()[:8]
        if made not in taken:
            taken.add(made)
            return made
        salt += 1


def _without(metadata: dict[str, Any], keys: frozenset[str]) -> dict[str, Any]:
    return {key: value for key, value in metadata.items() if key not in keys}


def _joined(source: str | list[str]) -> str:
    return source if isinstance(source, str) else "".join(source)


def shown(path: str) -> str:
    """A path for messages: bounded, and with control and bidirectional characters escaped."""
    visible = "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in path
    )
    return visible if len(visible) <= 300 else f"{visible[:297]}…"
