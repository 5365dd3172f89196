"""Taking the snapshot of a job at submit, and telling what a notebook needs before.

    taken = take_snapshot(spec, content=…, values=…, root=…)    # raises with every problem at once
    taken.snapshot, taken.notebook, taken.cwd
    inspect(path, root)                                         # NotebookInfo, for the form
    notebook_info(raw, path)                                    # the same of a snapshot's notebook
    check_values(raw, parameters, language)                     # warnings; raises with all problems
    make_links(bundle)                                          # after the files were laid out

All of these block (they read files) and take a few milliseconds: call them in a thread. Whether
the working tree has changes is not asked here, since git may be slow: see `gitstate.git_dirty`.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from jupyter_mlops.converters.declared import Declared
from jupyter_mlops.converters.imports import ImportPlan, import_plan
from jupyter_mlops.converters.localcode import LocalCode, local_code
from jupyter_mlops.converters.notebook import (
    MAX_BYTES,
    KernelName,
    Notebook,
    check_notebook,
    code_cells,
    kernel_of,
    notebook_bytes,
    read_notebook,
    shown,
    strip_outputs,
    too_large,
    unreadable,
)
from jupyter_mlops.converters.opening import Outside, read_regular
from jupyter_mlops.converters.parameters import check_parameters, declared_parameters
from jupyter_mlops.errors import InvalidInput, KernelUnknown, NotebookInvalid, Refused
from jupyter_mlops.jobs import kernelspecs
from jupyter_mlops.jobs.bundle import CODE, LINKS, Snapshot
from jupyter_mlops.jobs.gitstate import git_commit
from jupyter_mlops.jobs.model import JobSpec, Kernel, NotebookInfo, ParameterInfo

#: Notebooks up to this size (bytes) are remembered with what was read from them.
_REMEMBERED = 256 * 1024
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")

FindKernel = Callable[[str], kernelspecs.KernelSpec]


@dataclass(frozen=True, slots=True)
class Taken:
    """A snapshot and where it was taken."""

    snapshot: Snapshot
    #: Absolute path of the person's notebook.
    notebook: str
    #: Where the job works: the notebook's directory, so that relative data paths hold.
    cwd: str


@dataclass(frozen=True, slots=True)
class _Read:
    """What a notebook's content says; the same content says the same."""

    notebook: Notebook
    stripped: bytes
    sources: tuple[str, ...]
    declared: tuple[Declared, ...]


def take_snapshot(
    spec: JobSpec,
    *,
    content: Mapping[str, Any] | None = None,
    values: bytes | None = None,
    root: Path | None = None,
    find_kernel: FindKernel = kernelspecs.find,
) -> Taken:
    """Everything that the job needs of the notebook and its surroundings, as it is now.

    Args:
        spec: what was asked for.
        content: the notebook itself, when it isn't the file that `spec.notebook` names.
        values: the pickled variables taken along.
        root: the Jupyter server's root, when the request came through it.
        find_kernel: gives an installed kernelspec or raises `KernelUnknown`.

    Raises:
        NotebookInvalid: the notebook isn't there or can't be read, or names no kernel.
        KernelUnknown: its kernel isn't installed.
        InvalidInput: parameters don't fit; `problems` has every place.
        Refused: it lies outside `root`.
        TooLarge: it is larger than a notebook can be.
    """
    path = resolve(spec.notebook, root)
    called = shown(spec.notebook)
    if content is None:
        read = _read(_read_raw(path, called, root), called)
    else:
        _check_directory(path.parent, root)
        read = _understood(check_notebook(dict(content), name=called))
    kernel = _kernel(read, spec, find_kernel, called)
    python = kernel.language.lower() == "python"
    code = local_code(read.sources, path.parent, root=root) if python else LocalCode()
    plan = import_plan(read.sources) if python else ImportPlan()
    warnings = _checked(read, spec.parameters, kernel.language)
    return Taken(
        Snapshot(
            notebook=read.stripped,
            kernel=kernel,
            code=code.files,
            links=code.links,
            values=values,
            imports=_preload(plan, code),
            held_back=plan.held_back,
            git_commit=git_commit(path.parent),
            warnings=(*code.warnings, *warnings),
        ),
        notebook=str(path),
        cwd=str(path.parent),
    )


def inspect(notebook: str, root: Path | None = None) -> NotebookInfo:
    """What the form needs to know of a notebook file; what is wrong inside it is listed.

    Raises:
        NotebookInvalid: there is no such file, or it can't be opened.
        Refused: it lies outside `root`.
        TooLarge: it is larger than a notebook can be.
    """
    path = resolve(notebook, root)
    return notebook_info(_read_raw(path, shown(notebook), root), str(path))


def notebook_info(raw: bytes, notebook: str) -> NotebookInfo:
    """The same of a notebook's content; `notebook` is its path."""
    called = shown(os.path.basename(notebook))
    installed = kernelspecs.installed()
    info = NotebookInfo(notebook=notebook, kernels=[spec.kernel for spec in installed.values()])
    try:
        read = _read(raw, called)
    except NotebookInvalid as error:
        info.problems = error.problems or [{"where": "notebook", "message": error.detail}]
        return info
    info.cells = len(read.sources)
    info.parameters = [_info(one) for one in read.declared]
    try:
        name = kernel_of(read.notebook, name=called)
    except NotebookInvalid as error:
        info.problems = [{"where": "kernel", "message": error.detail}]
        return info
    spec = installed.get(name.name.lower())
    info.kernel = (
        spec.kernel
        if spec is not None
        else Kernel(name=name.name, display_name=name.display_name, language=name.language)
    )
    if spec is None:
        info.problems = [
            {
                "where": "kernel",
                "message": f"The kernel {shown(name.name)} is not installed here.",
            }
        ]
    return info


def check_values(raw: bytes, parameters: Mapping[str, Any], language: str) -> list[str]:
    """Check parameters against a snapshot's notebook; returns warnings.

    Raises:
        InvalidInput: `problems` has every place.
    """
    return _checked(_read(raw, "The snapshot"), parameters, language)


def make_links(bundle: Path) -> None:
    """Make the links that the snapshot laid out in `bundle` asks for; existing ones stay."""
    try:
        wanted = json.loads((bundle / LINKS).read_bytes())
    except FileNotFoundError:
        return
    code = bundle / CODE
    for relative, target in wanted.items():
        place = code / relative
        if not place.resolve().parent.is_relative_to(code.resolve()) or ".." in relative.split("/"):
            continue  # below a link that was made before: what lies there is there already
        place.parent.mkdir(parents=True, exist_ok=True)
        if not os.path.lexists(place):
            place.symlink_to(target)


def resolve(notebook: str, root: Path | None) -> Path:
    """The absolute path that `notebook` means; below `root` when there is one.

    Only the name is judged here; where the file really lies is checked when it is open.

    Raises:
        InvalidInput: it is a URL, or holds a NUL character, or is relative without a root.
        Refused: it leads out of `root`, or into something hidden there.
    """
    if "\0" in notebook:
        raise _not_a_path(notebook, "holds a NUL character")
    if _URL.match(notebook):
        raise _not_a_path(notebook, "is a URL; only files on this machine run as jobs")
    path = Path(notebook)
    if root is None:
        if not path.is_absolute():
            raise _not_a_path(notebook, "is relative; give an absolute path")
        return path
    base = next(
        (
            one
            for one in (Path(os.path.abspath(root)), Path(os.path.realpath(root)))
            if path.is_relative_to(one)
        ),
        None,
    )
    relative = path.relative_to(base) if base is not None else path
    if relative.is_absolute() or ".." in relative.parts:
        raise _outside(notebook)
    if any(part.startswith(".") for part in relative.parts):
        raise Refused(
            f"{shown(notebook)} is hidden.",
            hint="Hidden files and directories can't be used; rename or move the notebook.",
            code="hidden",
        )
    return (base or Path(os.path.abspath(root))) / relative


# ---------------------------------------------------------------- parts


def _read_raw(path: Path, called: str, root: Path | None) -> bytes:
    if path.suffix.lower() != ".ipynb":
        raise NotebookInvalid(
            f"{called} is not a notebook: its name doesn't end with .ipynb.",
            hint="Give the path of a notebook.",
            problems=[{"where": "notebook", "message": "doesn't end with .ipynb"}],
        )
    try:
        raw = read_regular(path, root=root, limit=MAX_BYTES)
    except Outside as error:
        raise _outside(called) from error
    except (OSError, ValueError) as error:
        raise unreadable(called, error) from error
    if len(raw) > MAX_BYTES:
        raise too_large(called)
    return raw


def _check_directory(directory: Path, root: Path | None) -> None:
    if not directory.is_dir():
        raise NotebookInvalid(
            f"There is no directory {shown(str(directory))}.",
            hint="The job works there: give a notebook path in a directory that exists.",
        )
    if root is not None:
        real = Path(os.path.realpath(directory))
        if not real.is_relative_to(os.path.realpath(root)):
            raise _outside(str(directory))


def _read(raw: bytes, called: str) -> _Read:
    return _remembered(raw, called) if len(raw) <= _REMEMBERED else _read_now(raw, called)


@lru_cache(maxsize=32)
def _remembered(raw: bytes, called: str) -> _Read:
    return _read_now(raw, called)


def _read_now(raw: bytes, called: str) -> _Read:
    return _understood(read_notebook(raw, name=called))


def _understood(notebook: Notebook) -> _Read:
    stripped = strip_outputs(notebook)
    return _Read(
        notebook=stripped,
        stripped=notebook_bytes(stripped),
        sources=tuple(source for _, source in code_cells(stripped)),
        declared=tuple(declared_parameters(stripped)),
    )


def _kernel(read: _Read, spec: JobSpec, find_kernel: FindKernel, called: str) -> Kernel:
    """The installed kernel; problems with the parameters are named in the same refusal."""
    name: KernelName | None = None
    try:
        name = kernel_of(read.notebook, spec.kernel, name=called)
        return find_kernel(name.name).kernel
    except (NotebookInvalid, KernelUnknown) as error:
        if isinstance(error, KernelUnknown):
            error.problems = error.problems or [{"where": "kernel", "message": error.detail}]
        language = name.language if name and name.language else read.notebook.language
        found, _ = check_parameters(spec.parameters, list(read.declared), language or "python")
        error.problems = [*error.problems, *found]
        raise


def _checked(read: _Read, parameters: Mapping[str, Any], language: str) -> list[str]:
    declared = list(read.declared)
    if language.lower() != (read.notebook.language or "python"):
        # Another kernel than the notebook's own was asked for.
        declared = declared_parameters(read.notebook, language)
    problems, warnings = check_parameters(parameters, declared, language)
    if problems:
        first = problems[0]
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise InvalidInput(
            f"{first['where']} {first['message']}{more}.",
            hint="The notebook's parameters cell says what it expects.",
            problems=problems,
        )
    return warnings


def _preload(plan: ImportPlan, code: LocalCode) -> tuple[str, ...]:
    """Imports worth making in a warm parent: the notebook's own, and its local modules'."""
    found = dict.fromkeys(
        name for name in plan.preload if name.partition(".")[0] not in code.modules
    )
    if not plan.held_back:
        found |= dict.fromkeys(code.imports)
    return tuple(found)


def _info(declared: Declared) -> ParameterInfo:
    return ParameterInfo(
        name=declared.name,
        type=declared.type,
        default=declared.default,
        default_source=declared.default_source,
        literal=declared.literal,
        help=declared.help,
        annotated=declared.annotated,
    )


def _not_a_path(notebook: str, why: str) -> InvalidInput:
    return InvalidInput(
        f"{shown(notebook)} {why}.",
        hint="Give the path of a notebook (.ipynb).",
        problems=[{"where": "notebook", "message": why}],
    )


def _outside(notebook: str) -> Refused:
    return Refused(
        f"{shown(notebook)} lies outside the server's root.",
        hint="Move the notebook into the directory that JupyterLab shows.",
        code="outside_root",
    )
