"""The notebook of a run, as a file of the person's again."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import Response

from jupyter_mlops.daemon.answers import Rules, answer
from jupyter_mlops.daemon.bodies import read_body
from jupyter_mlops.daemon.reading import RunId, reader_of
from jupyter_mlops.daemon.root import PathRules
from jupyter_mlops.errors import MlopsError, NotFound, TooLarge
from jupyter_mlops.jobs.model import Model
from jupyter_mlops.tracking import run_copy
from jupyter_mlops.tracking.artifacts import artifact_stem
from jupyter_mlops.tracking.gathering import CODE_ZIP, DIRECTORY, FACTS
from jupyter_mlops.tracking.run_reader import RunReader
from jupyter_mlops.tracking.run_views import RunRow

router = APIRouter(tags=["runs"])

#: Bytes of a notebook, of an archive of modules, of facts.
_NOTEBOOK_MOST, _CODE_MOST, _FACTS_MOST = 512 * 2**20, 64 * 2**20, 64 * 2**20
#: Hex digits of the run's id in the copy's name.
_MARK = 8


class RunNotebook(Model):
    """A run's notebook, as a file."""

    path: str = Field(description="Absolute.")
    contents: str | None = Field(description="Below the Jupyter server's root.")
    executed: bool = Field(description="With the outputs of the run; else as it was submitted.")
    modules: list[str] = Field(
        description="Laid beside it as they were: those beside the original are others by now."
    )
    warnings: list[str]


@router.post(
    "/runs/{run_id}/notebook", response_model=RunNotebook, operation_id="restore_run_notebook"
)
async def restore_run_notebook(request: Request, *, run_id: RunId, rules: Rules) -> Response:
    """Put the notebook of a run beside the original, as it was; nothing is written over."""
    await read_body(request)
    reader = reader_of(request)
    row = (await reader.detail(run_id, summary=False)).run
    facts = await _facts(reader, run_id)
    notebook, executed = await _notebook(reader, row)
    warnings: list[str] = []
    modules: dict[str, bytes] = {}
    if (archive := await _maybe(reader, run_id, f"{DIRECTORY}/{CODE_ZIP}", _CODE_MOST)) is not None:
        try:
            modules = await asyncio.to_thread(run_copy.unpacked, archive)
        except MlopsError as error:
            warnings.append(error.detail)
    original = _original(row, facts)
    home = await asyncio.to_thread(_home, original, rules)
    if original is None or home != original.parent:
        warnings.append(
            "The folder that it ran in isn't there any more: files that it reads by relative paths"
            " aren't beside it."
        )
    stem = artifact_stem(str(original or row.name or "notebook"))
    kept = run_copy.Kept(notebook, stem, modules)
    copied = await asyncio.to_thread(run_copy.put, kept, home, run_id[:_MARK])
    if copied.modules and home == (original.parent if original else None):
        warnings.append(
            "Modules beside the original have changed since: they lie beside the copy as they were,"
            " but files that it reads by relative paths don't."
        )
    return answer(
        RunNotebook(
            path=str(copied.path),
            contents=rules.below(str(copied.path)),
            executed=executed,
            modules=list(copied.modules),
            warnings=warnings,
        ),
        201,
    )


async def _facts(reader: RunReader, run_id: str) -> Mapping[str, Any]:
    raw = await _maybe(reader, run_id, f"{DIRECTORY}/{FACTS}", _FACTS_MOST)
    try:
        found = json.loads(raw or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


async def _notebook(reader: RunReader, row: RunRow) -> tuple[bytes, bool]:
    """The executed notebook of a job, else the notebook as it was recorded.

    Raises:
        NotFound: the run has none.
    """
    for folder, executed in (("notebook", True), (DIRECTORY, False)):
        try:
            listed = await reader.artifacts(row.id, folder)
        except NotFound:
            continue
        for one in listed.artifacts:
            if not one.directory and one.path.endswith(".ipynb"):
                found = await _maybe(reader, row.id, one.path, _NOTEBOOK_MOST)
                if found is not None:
                    return found, executed
    raise NotFound(
        f"The run {row.name!r} has no notebook.",
        hint="It is recorded when a run of a notebook ends; runs of plain programs have none."
        if row.status.terminal
        else "It is recorded when the run has ended.",
        code="no_notebook",
    )


async def _maybe(reader: RunReader, run_id: str, path: str, most: int) -> bytes | None:
    """An artifact, if there is one.

    Raises:
        TooLarge: there is more of it than `most`.
    """
    try:
        found = await reader.content(run_id, path)
    except NotFound:
        return None

    def read() -> bytes:
        with found.file:
            return found.file.read(most + 1)

    data = await asyncio.to_thread(read)
    if len(data) > most:
        raise TooLarge(f"The artifact {path!r} is larger than {most // 2**20} MB.")
    return data


def _original(row: RunRow, facts: Mapping[str, Any]) -> Path | None:
    told = facts.get("notebook")
    path = told.get("path") if isinstance(told, dict) else None
    path = path or row.own_tags.get("mlops.notebook") or row.own_tags.get("mlflow.source.name")
    return Path(path) if isinstance(path, str) and os.path.isabs(path) else None


def _home(original: Path | None, rules: PathRules) -> Path:
    """The directory that the notebook was in, where it may be used; else the root.

    Raises:
        NotFound: there is neither.
    """
    if original is not None:
        folder = original.parent
        allowed = rules.root is None or (
            folder.resolve() == rules.root or rules.below(str(folder.resolve())) is not None
        )
        if allowed and folder.is_dir():
            return folder
    if rules.root is not None:
        return rules.root
    raise NotFound(
        "The folder that the notebook was in isn't there any more.",
        hint="Open the run in JupyterLab: the copy goes into the folder that it shows.",
        code="no_folder",
    )
