"""What a run keeps of what it was made of, read from its artifacts wherever they are."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Any

from jupyter_mlops.converters import notebook_json
from jupyter_mlops.errors import MlopsError, NotFound, TooLarge
from jupyter_mlops.jobs.bundle import NOTEBOOK
from jupyter_mlops.jobs.working_tree import DIFF
from jupyter_mlops.tracking.gathering import CODE_ZIP, DATASETS, DIRECTORY, FACTS
from jupyter_mlops.tracking.run_compare import PACKAGE_FILES
from jupyter_mlops.tracking.run_reader import RunReader
from jupyter_mlops.tracking.run_record import ARTIFACT_DIRECTORY

#: Bytes of a document that is read here, and of a file that is handed on.
DOCUMENT_MOST, FILE_MOST = 16 * 2**20, 64 * 2**20


class Kept:
    """One run's."""

    def __init__(self, reader: RunReader, run_id: str) -> None:
        self._reader = reader
        self._run_id = run_id

    async def facts(self) -> dict[str, Any] | None:
        """What was recorded without asking; None when nothing was.

        Raises:
            MlopsError: there is no such run, or its artifacts can't be read.
        """
        return await self._document(FACTS)

    async def datasets(self) -> dict[str, Any] | None:
        """The files that it read."""
        return await self._document(DATASETS)

    async def requirements(self) -> str | None:
        """Its packages, as a requirements file."""
        for path in PACKAGE_FILES:
            if (raw := await self._read(path)) is not None:
                return raw.decode("utf-8", "replace")
        return None

    async def notebook(self, target: Path) -> str | None:
        """Copy its notebook, the executed one where there is one; the artifact's path."""
        listed = await self._executed()
        for path in (*listed, f"{DIRECTORY}/{NOTEBOOK}"):
            if await self._copy(path, target):
                return path
        return None

    async def code(self, diff: Path, modules: Path) -> None:
        """Copy what its code was beyond the commit."""
        await self._copy(f"{DIRECTORY}/{DIFF}", diff)
        await self._copy(f"{DIRECTORY}/{CODE_ZIP}", modules)

    async def _executed(self) -> list[str]:
        try:
            found = await self._reader.artifacts(self._run_id, ARTIFACT_DIRECTORY)
        except NotFound as error:
            _known(error)
            return []
        return [one.path for one in found.artifacts if one.path.endswith(".ipynb")][:1]

    async def _document(self, name: str) -> dict[str, Any] | None:
        raw = await self._read(f"{DIRECTORY}/{name}")
        if raw is None:
            return None
        found = await asyncio.to_thread(notebook_json.parse, raw, f"{name} of {self._run_id}")
        return found if isinstance(found, dict) else None

    async def _read(self, path: str) -> bytes | None:
        try:
            content = await self._reader.content(self._run_id, path)
        except NotFound as error:
            _known(error)
            return None
        with content.file as file:
            if content.size > DOCUMENT_MOST:
                raise _too_large(path, DOCUMENT_MOST)
            return await asyncio.to_thread(file.read, DOCUMENT_MOST)

    async def _copy(self, path: str, target: Path) -> bool:
        try:
            content = await self._reader.content(self._run_id, path)
        except NotFound as error:
            _known(error)
            return False

        def copy() -> None:
            with content.file as source, target.open("xb") as there:
                shutil.copyfileobj(source, there)

        if content.size > FILE_MOST:
            content.file.close()
            raise _too_large(path, FILE_MOST)
        await asyncio.to_thread(copy)
        return True


def _known(error: MlopsError) -> None:
    """A run that keeps nothing is no error; one that isn't there is.

    Raises:
        MlopsError: the latter.
    """
    if error.stable_code != "artifact_not_found":
        raise error


def _too_large(path: str, most: int) -> TooLarge:
    return TooLarge(
        f"The artifact {path!r} is larger than {most // 2**20} MB.",
        hint="Download both and compare them by hand.",
        code="diff_too_large",
    )
