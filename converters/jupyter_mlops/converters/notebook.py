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
from typing import Any

from jupyter_mlops.errors import NotebookInvalid, TooLarge

#: A larger file is refused (bytes).
MAX_BYTES = 256 * 2**20
#: Deeper nesting is refused: nothing that Jupyter writes comes near it.
MAX_DEPTH = 200
#: So many problems are reported of one notebook.
MAX_PROBLEMS = 50

_UPGRADE = (
    "Open it in JupyterLab and save it, or run "
    "`jupyter nbconvert --to notebook --nbformat 4 --inplace NOTEBOOK`."
)
_CELL_TYPES = ("code", "markdown", "raw")
_OUTPUT_TYPES = ("stream", "display_data", "execute_result", "error")
_CELL_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_KERNEL_NAME = re.compile(r"[a-zA-Z0-9._-]{1,250}")
#: Metadata that front ends and runners write about the last run or the look, not about what runs.
_VOLATILE_CELL_METADATA = frozenset(
    {"collapsed", "execution", "ExecuteTime", "papermill", "scrolled", "mlops"}
)
_VOLATILE_METADATA = frozenset({"widgets", "papermill", "mlops", "signature"})

Problem = dict[str, Any]


class Notebook(dict[str, Any]):
    """A checked nbformat 4 document: `metadata` and `cells` are there, every `source` is one str."""

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


def read_notebook(
    source: bytes | str | os.PathLike[str], *, name: str = ""
) -> Notebook:
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
    return check_notebook(_parse(raw, called), name=called)


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
    if not isinstance(document, dict):
        raise NotebookInvalid(
            f"{name} is not a notebook: it holds {_kind(document)} where an object is expected.",
            hint="A notebook is a JSON object with cells, metadata and nbformat.",
        )
    _check_version(document, name)
    _check_depth(document, name)
    problems: list[Problem] = []
    cells = document.get("cells")
    metadata = document.get("metadata", {})
    if not isinstance(metadata, dict):
        problems.append(_problem("metadata", "must be an object", metadata))
    else:
        problems += _metadata_problems(metadata)
    if not isinstance(cells, list):
        missing = "cells" not in document
        problems.append(
            {"where": "cells", "message": "is missing"}
            if missing
            else _problem("cells", "must be a list", cells)
        )
        cells = []
    for index, cell in enumerate(cells):
        problems += _cell_problems(cell, f"cells[{index}]")
        if len(problems) >= MAX_PROBLEMS:
            break
    if problems:
        first = problems[0]
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise NotebookInvalid(
            f"{name} is not a valid notebook: {first['where']} {first['message']}{more}.",
            hint="Open it in JupyterLab and save it again, or mend the JSON at that place.",
            problems=problems[:MAX_PROBLEMS],
        )
    checked = Notebook(document)
    checked["nbformat_minor"] = document.get("nbformat_minor", 0)
    checked["metadata"] = metadata
    checked["cells"] = [
        {
            **cell,
            "source": _joined(cell["source"]),
            "metadata": cell.get("metadata", {}),
        }
        for cell in cells
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
    return next(
        (found for place, item in children if (found := _not_finite(item, place))), ""
    )


def kernel_of(
    notebook: Notebook, given: str | None = None, *, name: str = ""
) -> KernelName:
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
                problems=[
                    {"where": "kernel", "message": "is not the name of a kernel"}
                ],
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


# ---------------------------------------------------------------- reading


def _read_file(path: str, called: str) -> bytes:
    try:
        with open(path, "rb") as file:
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
        return NotebookInvalid(
            f"{called} is a directory.", hint="Give the path of a notebook."
        )
    if isinstance(error, PermissionError):
        return NotebookInvalid(
            f"{called} can't be read: permission denied.",
            hint="Check the file's permissions.",
        )
    reason = (
        error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    )
    return NotebookInvalid(f"{called} can't be read: {reason}.", hint="Check the path.")


def _parse(raw: bytes, called: str) -> object:
    if raw.startswith(b"\xef\xbb\xbf"):
        raise NotebookInvalid(
            f"{called} starts with a byte order mark (line 1, column 1), which JSON doesn't allow.",
            hint='Save it as "UTF-8" instead of "UTF-8 with BOM".',
        )
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise NotebookInvalid(
            f"{called} is not UTF-8 but UTF-16 (line 1, column 1).",
            hint="Save it as UTF-8.",
        )
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line, column = _place(raw[: error.start].decode("utf-8"))
        raise NotebookInvalid(
            f"{called} is not UTF-8: line {line}, column {column} (byte {error.start}).",
            hint="Save it as UTF-8.",
        ) from error
    if not text.strip():
        raise NotebookInvalid(
            f"{called} is empty (line 1, column 1).",
            hint="Restore it from a checkpoint or a backup.",
        )
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise _not_json(text, error, called) from error
    except _Constant as error:
        line, column = _constant_place(text)
        raise NotebookInvalid(
            f"{called} is not valid JSON: line {line}, column {column}: {error} is not allowed.",
            hint="JSON has no NaN or Infinity: write null or a string there.",
        ) from error
    except RecursionError as error:
        raise _too_deep(called, _depth_place(text)) from error
    except ValueError as error:  # a number with more digits than Python converts
        raise NotebookInvalid(
            f"{called} holds a number with too many digits.",
            hint="No Jupyter program writes such a file: check where it comes from.",
        ) from error


class _Constant(Exception):
    """A token that Python's parser takes though JSON doesn't have it."""


def _refuse_constant(token: str) -> object:
    raise _Constant(token)


def _not_json(text: str, error: json.JSONDecodeError, called: str) -> NotebookInvalid:
    what = error.msg[:1].lower() + error.msg[1:]
    where = f"line {error.lineno}, column {error.colno}"
    line = text.split("\n")[error.lineno - 1]
    if line.startswith(("<<<<<<<", "=======", ">>>>>>>")):
        return NotebookInvalid(
            f"{called} has unresolved merge conflicts: {where}.",
            hint="Resolve them with git, then try again.",
        )
    # Everything from the place to the end was one unfinished token, or nothing at all.
    cut = not text[error.pos :].strip() or error.msg.startswith("Unterminated string")
    return NotebookInvalid(
        f"{called} is not valid JSON: {where}: {what}"
        + ("; the file ends there." if cut else "."),
        hint="It seems to be cut off: restore it from a checkpoint or a backup."
        if cut
        else "Mend the JSON at that place, or restore the notebook from a checkpoint.",
    )


def _place(before: str) -> tuple[int, int]:
    """Line and column, from 1, of what follows `before`."""
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


def _constant_place(text: str) -> tuple[int, int]:
    for match in re.finditer(r'"(?:[^"\\]|\\.)*+"|(NaN|-?Infinity)', text):
        if match.group(1):
            return _place(text[: match.start()])
    return 1, 1


def _depth_place(text: str) -> tuple[int, int] | None:
    """Where nesting first exceeds `MAX_DEPTH`; one pass."""
    depth = 0
    for match in re.finditer(r'"(?:[^"\\]|\\.)*+"|([\[{])|[\]}]', text):
        if match.group(1):
            depth += 1
            if depth > MAX_DEPTH:
                return _place(text[: match.start()])
        elif text[match.start()] in "]}":
            depth -= 1
    return None


def _too_deep(called: str, place: tuple[int, int] | None) -> NotebookInvalid:
    where = f" (line {place[0]}, column {place[1]})" if place else ""
    return NotebookInvalid(
        f"{called} is nested deeper than {MAX_DEPTH} levels{where}.",
        hint="No Jupyter program writes such a file: check where it comes from.",
    )


# ---------------------------------------------------------------- checking


def _check_version(document: dict[str, Any], name: str) -> None:
    major = document.get("nbformat")
    if major is None and "worksheets" in document:
        major = 3
    if major is None:
        raise NotebookInvalid(
            f"{name} is not a notebook: nbformat is missing.",
            hint="A notebook is a JSON object with cells, metadata and nbformat.",
            problems=[{"where": "nbformat", "message": "is missing"}],
        )
    if not _is_int(major):
        problem = _problem("nbformat", "must be a whole number", major)
        raise NotebookInvalid(
            f"{name} is not a valid notebook: nbformat {problem['message']}.",
            problems=[problem],
        )
    if major < 4:
        raise NotebookInvalid(
            f"{name} has nbformat {major}; version 4 is needed.",
            hint=_UPGRADE,
            problems=[{"where": "nbformat", "message": f"is {major}; 4 is needed"}],
        )
    if major > 4:
        raise NotebookInvalid(
            f"{name} has nbformat {major}, which is newer than this version of jupyter-mlops knows.",
            hint="Upgrade jupyter-mlops, or save the notebook as nbformat 4.",
            problems=[{"where": "nbformat", "message": f"is {major}; 4 is needed"}],
        )
    minor = document.get("nbformat_minor", 0)
    if not _is_int(minor) or minor < 0:
        problem = _problem("nbformat_minor", "must be a whole number", minor)
        raise NotebookInvalid(
            f"{name} is not a valid notebook: nbformat_minor {problem['message']}.",
            problems=[problem],
        )


def _check_depth(document: dict[str, Any], name: str) -> None:
    """Level by level rather than by recursion: linear, and no stack to run out of."""
    level: list[Any] = [document]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for container in level
            for child in (
                container.values() if isinstance(container, dict) else container
            )
            if isinstance(child, dict | list)
        ]
        if not level:
            return
    raise _too_deep(name, None)


def _metadata_problems(metadata: dict[str, Any]) -> list[Problem]:
    problems = []
    for key, required in (
        ("kernelspec", ("name", "display_name", "language")),
        ("language_info", ("name",)),
    ):
        value = metadata.get(key)
        if value is None:
            continue
        if not isinstance(value, dict):
            problems.append(_problem(f"metadata.{key}", "must be an object", value))
            continue
        for field in required:
            if field in value and not isinstance(value[field], str):
                where = f"metadata.{key}.{field}"
                problems.append(_problem(where, "must be a string", value[field]))
    return problems


def _cell_problems(cell: object, where: str) -> list[Problem]:
    if not isinstance(cell, dict):
        return [_problem(where, "must be an object", cell)]
    problems = []
    kind = cell.get("cell_type")
    if kind not in _CELL_TYPES:
        said = "is missing" if kind is None else f"is {str(kind)[:40]!r}"
        problems.append(
            {
                "where": f"{where}.cell_type",
                "message": f"{said}; code, markdown or raw is expected",
            }
        )
    if "source" not in cell:
        problems.append({"where": f"{where}.source", "message": "is missing"})
    elif not _is_multiline(cell["source"]):
        problems.append(
            _problem(
                f"{where}.source",
                "must be a string or a list of strings",
                cell["source"],
            )
        )
    metadata = cell.get("metadata", {})
    if not isinstance(metadata, dict):
        problems.append(_problem(f"{where}.metadata", "must be an object", metadata))
    else:
        tags = metadata.get("tags", [])
        if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
            problems.append(
                _problem(f"{where}.metadata.tags", "must be a list of strings", tags)
            )
    attachments = cell.get("attachments", {})
    if not isinstance(attachments, dict):
        problems.append(
            _problem(f"{where}.attachments", "must be an object", attachments)
        )
    if kind == "code":
        problems += _outputs_problems(cell, where)
    return problems


def _outputs_problems(cell: dict[str, Any], where: str) -> list[Problem]:
    problems = []
    count = cell.get("execution_count")
    if count is not None and not _is_int(count):
        problems.append(
            _problem(
                f"{where}.execution_count", "must be a whole number or null", count
            )
        )
    outputs = cell.get("outputs", [])
    if not isinstance(outputs, list):
        return [*problems, _problem(f"{where}.outputs", "must be a list", outputs)]
    for index, output in enumerate(outputs):
        place = f"{where}.outputs[{index}]"
        if not isinstance(output, dict):
            problems.append(_problem(place, "must be an object", output))
        elif output.get("output_type") not in _OUTPUT_TYPES:
            problems.append(
                {
                    "where": f"{place}.output_type",
                    "message": "is not one that nbformat 4 knows",
                }
            )
    return problems


def _check_text(notebook: Notebook, name: str) -> None:
    """Refuse halves of characters in code; replace them elsewhere (UTF-8 can't hold them)."""
    for index, cell in enumerate(notebook.cells):
        source: str = cell["source"]
        if source.isascii():
            continue
        try:
            source.encode()
        except UnicodeEncodeError as error:
            line, column = _place(source[: error.start])
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
    if isinstance(given, str) and _CELL_ID.fullmatch(given) and given not in taken:
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


def _is_multiline(value: object) -> bool:
    if isinstance(value, str):
        return True
    return isinstance(value, list) and all(isinstance(line, str) for line in value)


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _problem(where: str, expected: str, found: object) -> Problem:
    return {"where": where, "message": f"{expected}, not {_kind(found)}"}


def _kind(value: object) -> str:
    if value is None:
        return "null"
    named: tuple[tuple[type | tuple[type, ...], str], ...] = (
        (bool, "true or false"),
        (str, "a string"),
        ((int, float), "a number"),
        (list, "a list"),
        (dict, "an object"),
    )
    return next((name for kind, name in named if isinstance(value, kind)), type(value).__name__)


def shown(path: str) -> str:
    """A path for messages: bounded, and with control and bidirectional characters escaped."""
    visible = "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode()
        for char in path
    )
    return visible if len(visible) <= 300 else f"{visible[:297]}…"
