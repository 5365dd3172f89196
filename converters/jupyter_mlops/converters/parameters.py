r"""The parameters of a notebook: what its `parameters` cell declares, and the cell that sets them.

    declared_parameters(notebook)                    # [Declared(name, type, default, …)]
    check_parameters(values, declared, language)     # (problems, warnings)
    injected_source("python", {"lr": 0.1})           # '# Parameters\nlr = 0.1\n'
    inject(notebook, parameters)                     # the notebook with that cell, and its index

Types are inferred as papermill does (annotation, `# type:` comment, trailing comment as help), and
from the default where neither is there. Nothing of the notebook is executed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from jupyter_mlops.converters.declared import Declared
from jupyter_mlops.converters.declared_lines import line_parameters
from jupyter_mlops.converters.declared_python import python_parameters
from jupyter_mlops.converters.dialects import dialect_of, languages
from jupyter_mlops.converters.notebook import Notebook
from jupyter_mlops.converters.notebook_check import Problem
from jupyter_mlops.converters.quoting import Unwritable
from jupyter_mlops.errors import InvalidInput

#: Tag of the cell that declares parameters, and of the one that sets them.
PARAMETERS_TAG = "parameters"
INJECTED_TAG = "injected-parameters"


def parameters_cell(notebook: Notebook) -> int | None:
    """Index of the first code cell tagged `parameters`, None when there is none."""
    return _tagged(notebook, PARAMETERS_TAG)


def declared_parameters(notebook: Notebook, language: str | None = None) -> list[Declared]:
    """What the `parameters` cell declares, in its order; `language` when it isn't the notebook's.

    A name assigned twice is reported once, with its last default, as papermill does.
    """
    index = parameters_cell(notebook)
    if index is None:
        return []
    source: str = notebook.cells[index]["source"]
    return declared_in(source, language or notebook.language or "python")


def declared_in(source: str, language: str) -> list[Declared]:
    """The parameters that the source of a `parameters` cell declares, in the order of the cell.

    A name assigned more than once counts with its last assignment. Source that can't be read
    declares nothing.
    """
    found = (
        python_parameters(source)
        if language.lower() in ("python", "ipython")
        else line_parameters(source, language)
    )
    last: dict[str, Declared] = {}
    for one in found:
        last[one.name] = one
    return list(last.values())


def check_parameters(
    values: Mapping[str, Any], declared: list[Declared], language: str = "python"
) -> tuple[list[Problem], list[str]]:
    """What is wrong with `values`: problems that refuse them, and warnings.

    An annotated type must be met (a whole number is a float as well, None fits an optional one);
    a type that was only inferred from the default lets any number stand for a number and None for
    everything. A name that isn't declared is a warning: papermill sets it all the same.
    """
    problems: list[Problem] = []
    warnings: list[str] = []
    known = {one.name: one for one in declared}
    dialect = dialect_of(language)
    if values and dialect is None:
        return [{"where": "parameters", "message": _no_dialect(language)}], []
    for name, value in values.items():
        where = f"parameters.{name}"
        if name not in known:
            if declared:
                warnings.append(
                    f"The notebook declares no parameter {name}; it is set all the same."
                )
        elif message := _mismatch(value, known[name]):
            problems.append({"where": where, "message": message})
            continue
        try:
            if dialect is not None:
                dialect.assign(name, value)
        except Unwritable as error:
            problems.append({"where": where, "message": str(error)})
    if values and not declared:
        warnings.append(
            'No cell tagged "parameters" declares any parameter; the values are set all the same.'
        )
    return problems, warnings


def injected_source(language: str, parameters: Mapping[str, Any]) -> str:
    """Source of the cell that sets `parameters`: data in the syntax of `language`, never code.

    Raises:
        InvalidInput: the language isn't known or can't hold a value; `problems` has all places.
    """
    dialect = dialect_of(language)
    if dialect is None:
        raise InvalidInput(
            f"Parameters can't be set: {_no_dialect(language)}.",
            hint="Give the values as environment variables (--env NAME=VALUE) instead.",
            problems=[{"where": "parameters", "message": _no_dialect(language)}],
        )
    if dialect.name == "Python" and "float" in parameters:
        # A parameter of that name hides the function which NaN is usually written with.
        dialect = replace(dialect, nan="(1e999 - 1e999)", infinity="1e999", minus_infinity="-1e999")
    lines = [dialect.comment.format(text="Parameters")]
    problems: list[Problem] = []
    for name, value in parameters.items():
        try:
            lines.append(dialect.assign(name, value))
        except Unwritable as error:
            problems.append({"where": f"parameters.{name}", "message": str(error)})
    if problems:
        first = problems[0]
        raise InvalidInput(
            f"{first['where']} {first['message']}.",
            hint="Change the value, or give it as a string and convert it in the notebook.",
            problems=problems,
        )
    return "\n".join(lines) + "\n"


def inject(
    notebook: Notebook, parameters: Mapping[str, Any], language: str | None = None
) -> tuple[Notebook, int | None]:
    """The notebook with a cell that sets `parameters`, and that cell's index (None: no parameters).

    As papermill: a cell tagged `injected-parameters` is replaced; else the new one follows the
    `parameters` cell, or comes first where there is none.

    Raises:
        InvalidInput: see `injected_source`.
    """
    if not parameters:
        return notebook, None
    source = injected_source(language or notebook.language or "python", parameters)
    cells = list(notebook.cells)
    taken = {cell.get("id") for cell in cells}
    cell: dict[str, Any] = {
        "cell_type": "code",
        "execution_count": None,
        "id": next(made for n in range(len(cells) + 1) if (made := f"parameters-{n}") not in taken),
        "metadata": {"tags": [INJECTED_TAG]},
        "outputs": [],
        "source": source,
    }
    replaced, declaring = _tagged(notebook, INJECTED_TAG), parameters_cell(notebook)
    if replaced is not None:
        index = replaced
        cells[index] = cell
    else:
        index = 0 if declaring is None else declaring + 1
        cells.insert(index, cell)
    return Notebook({**notebook, "cells": cells}), index


def values_source(path: str) -> str:
    """Python source that sets the variables pickled (as one dict) in the file at `path`.

    Only for the kernel to execute: unpickling runs code. Leaves no other name behind.
    """
    return (
        "globals().update(__import__('pickle').loads("
        f"__import__('pathlib').Path({path!r}).read_bytes()))\n"
    )


def _no_dialect(language: str) -> str:
    return (
        f"no way is known to write values in {language or 'an unnamed language'} "
        f"(known: {', '.join(languages())})"
    )


def _tagged(notebook: Notebook, tag: str) -> int | None:
    for index, cell in enumerate(notebook.cells):
        if cell["cell_type"] == "code" and tag in cell["metadata"].get("tags", ()):
            return index
    return None


def _mismatch(value: Any, declared: Declared) -> str:
    """Why `value` can't be given to the parameter, "" when it can."""
    wanted = declared.type
    if wanted in ("none", "unknown") or _fits(value, wanted):
        return ""
    if value is None and (declared.optional or not declared.annotated):
        return ""
    if not declared.annotated and wanted in ("int", "float") and _fits(value, "float"):
        return ""
    return f"must be {_SPOKEN[wanted]}, not {_spoken(value)}"


def _fits(value: Any, wanted: str) -> bool:
    if isinstance(value, bool):
        return wanted == "bool"
    if wanted == "float":
        return isinstance(value, int | float)
    kinds = {"int": int, "str": str, "list": list, "dict": dict}
    return wanted in kinds and isinstance(value, kinds[wanted])


_SPOKEN = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "str": "text",
    "list": "a list",
    "dict": "an object",
}


def _spoken(value: Any) -> str:
    if value is None:
        return "null"
    name = "list" if isinstance(value, tuple) else type(value).__name__
    spoken = _SPOKEN.get(name, name)
    return f"{spoken} ({value!r:.60})" if not isinstance(value, list | dict | tuple) else spoken
