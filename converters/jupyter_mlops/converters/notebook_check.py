"""What nbformat 4's schema says about everything that a job reads."""

from __future__ import annotations

import re
from typing import Any

from jupyter_mlops.errors import NotebookInvalid

#: So many problems are reported of one notebook.
MAX_PROBLEMS = 50
CELL_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")

_UPGRADE = (
    "Open it in JupyterLab and save it, or run "
    "`jupyter nbconvert --to notebook --nbformat 4 --inplace NOTEBOOK`."
)
_CELL_TYPES = ("code", "markdown", "raw")
_OUTPUT_TYPES = ("stream", "display_data", "execute_result", "error")

Problem = dict[str, Any]


def check_document(document: object, name: str) -> dict[str, Any]:
    """The document, when it is a notebook of nbformat 4.

    Raises:
        NotebookInvalid: it isn't; `problems` holds every place.
    """
    if not isinstance(document, dict):
        raise NotebookInvalid(
            f"{name} is not a notebook: it holds {_kind(document)} where an object is expected.",
            hint="A notebook is a JSON object with cells, metadata and nbformat.",
        )
    _check_version(document, name)
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
    return document


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
            f"{name} has nbformat {major}, newer than this version of jupyter-mlops knows.",
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
            problems.append(_problem(f"{where}.metadata.tags", "must be a list of strings", tags))
    attachments = cell.get("attachments", {})
    if not isinstance(attachments, dict):
        problems.append(_problem(f"{where}.attachments", "must be an object", attachments))
    if kind == "code":
        problems += _outputs_problems(cell, where)
    return problems


def _outputs_problems(cell: dict[str, Any], where: str) -> list[Problem]:
    problems = []
    count = cell.get("execution_count")
    if count is not None and not _is_int(count):
        problems.append(
            _problem(f"{where}.execution_count", "must be a whole number or null", count)
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
