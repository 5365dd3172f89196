"""Writing a notebook as nbformat does, cell by cell, again and again at little cost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jupyter_mlops.jobs.runner import files
from jupyter_mlops.jobs.runner.jsontext import pretty

Cell = dict[str, Any]
_TRANSIENT = frozenset({"orig_nbformat", "orig_nbformat_minor", "signature"})
_TEXT_LIKE = frozenset({"application/javascript", "image/svg+xml"})
#: Cells of up to this size (bytes) are kept as written; larger ones are written anew each time.
_REMEMBERED = 64 * 1024


class NotebookFile:
    """A notebook and the file that it is saved to."""

    def __init__(self, notebook: dict[str, Any], path: Path) -> None:
        self._notebook = notebook
        self._path = path
        self._written: dict[int, bytes] = {}

    @property
    def path(self) -> Path:
        """The file."""
        return self._path

    def changed(self, index: int) -> None:
        """Cell `index` isn't what was written any more."""
        self._written.pop(index, None)

    def save(self, *, durable: bool = True, settled: bool = True) -> int:
        """Replace the file's content and return its size; see `files.replace`.

        Raises:
            OSError: it can't be written; what was saved before is still there.
        """
        return files.replace(self._path, self.chunks(), durable=durable, settled=settled)

    def chunks(self) -> Iterator[bytes]:
        """The content, piece by piece."""
        yield b'{\n "cells": ['
        cells: list[Cell] = self._notebook["cells"]
        for index, cell in enumerate(cells):
            yield b",\n  " if index else b"\n  "
            data = self._written.get(index)
            if data is None:
                data = encode_cell(cell)
                if len(data) <= _REMEMBERED:
                    self._written[index] = data
            yield data
        yield b"\n ]" if cells else b"]"
        rest = {key: value for key, value in self._notebook.items() if key != "cells"}
        metadata = {k: v for k, v in rest["metadata"].items() if k not in _TRANSIENT}
        # "cells" sorts before every other key that a notebook has at its top.
        yield b",\n" + pretty({**rest, "metadata": metadata})[2:] + b"\n"


def encode(notebook: dict[str, Any]) -> bytes:
    """The whole notebook, as `NotebookFile` writes it."""
    return b"".join(NotebookFile(notebook, Path()).chunks())


def encode_cell(cell: Cell) -> bytes:
    """A cell as it stands in a notebook's file: text split into lines, indented by two."""
    written = {**cell, "source": _lines(cell.get("source", ""))}
    metadata = cell.get("metadata", {})
    if "trusted" in metadata:
        written["metadata"] = {k: v for k, v in metadata.items() if k != "trusted"}
    if attachments := cell.get("attachments"):
        written["attachments"] = {k: _split(bundle) for k, bundle in attachments.items()}
    if cell["cell_type"] == "code":
        written["outputs"] = [_output(output) for output in cell.get("outputs", ())]
    # Text never holds a raw newline in JSON, so every newline is one of the layout.
    return pretty(written).replace(b"\n", b"\n  ")


def _output(output: dict[str, Any]) -> dict[str, Any]:
    kind = output["output_type"]
    if kind == "stream":
        return {**output, "text": _lines(output["text"])}
    if kind in ("display_data", "execute_result"):
        return {**output, "data": _split(output.get("data", {}))}
    return output


def _split(bundle: dict[str, Any]) -> dict[str, Any]:
    return {
        mime: value.splitlines(True)
        if isinstance(value, str) and (mime.startswith("text/") or mime in _TEXT_LIKE)
        else value
        for mime, value in bundle.items()
    }


def _lines(text: str | list[str]) -> list[str]:
    return ("".join(text) if isinstance(text, list) else text).splitlines(True)
