"""What a kernel wrote about itself (`facts.json`, see `jupyter_mlops.facts`), checked.

It lies where the notebook's own code could write, too: what has another shape is not believed.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

log = logging.getLogger(__name__)

#: Bytes: a larger file is not the kernel's own doing.
_FILE_MOST = 64 * 2**20


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore")


class PythonFacts(_Part):
    """Which interpreter."""

    version: str
    implementation: str
    executable: str


class ExecutedCell(_Part):
    """One execution."""

    id: str | None = None
    hash: str
    count: int | None = None
    ok: bool = True
    #: The class of what it raised.
    error: str | None = None
    #: When it had run (epoch seconds).
    t: float | None = None
    #: It ran when this was told.
    running: bool = False


class SeedCall(_Part):
    """A call that seeds something."""

    function: str
    seed: int | float | str | None = None
    cell: int | None = None


class SeedFacts(_Part):
    """Seeds that were seen."""

    calls: list[SeedCall] = []
    drawn: list[str] = []


class ReadFile(_Part):
    """A file that was read."""

    path: str
    size: int
    mtime_ns: int
    inode: int
    cell: int | None = None
    sha256: str | None = None
    note: str | None = None


class KernelFacts(_Part):
    """All of it; what wasn't watched is None."""

    complete: bool = False
    began: float | None = None
    python: PythonFacts
    packages: list[tuple[str, int]] = []
    modules: list[str] = []
    argv: list[str] = []
    variables: dict[str, str] = {}
    cells: list[ExecutedCell] = []
    seeds: SeedFacts = SeedFacts()
    random: list[str] = []
    read: list[ReadFile] | None = None
    read_more: int = 0
    blas: list[dict[str, Any]] | None = None
    #: Of an interactive session: the working directory, and sources by their hashes.
    cwd: str = ""
    sources: dict[str, str] = {}


def kernel_facts(file: Path) -> KernelFacts | None:
    """What the file says; None where there is none, or none to be believed."""
    try:
        if file.stat().st_size > _FILE_MOST:
            log.warning("%s is too large to be a kernel's facts", file)
            return None
        return _read(file.read_bytes())
    except FileNotFoundError:
        return None  # no Python kernel, or one that was killed before it could write
    except (OSError, ValidationError, ValueError, RecursionError) as error:
        log.warning("%s holds no kernel's facts: %s", file, " ".join(str(error).split())[:300])
        return None


def _read(raw: bytes) -> KernelFacts:
    try:
        return KernelFacts.model_validate_json(raw)
    except ValidationError:
        if b"\\ud" not in raw:
            raise
    # A file's name that is no text, as Python spells it: not the rest is wrong for it.
    text = json.dumps(json.loads(raw), ensure_ascii=False)
    return KernelFacts.model_validate_json(text.encode("utf-8", "replace"))


def read_object(file: Path) -> dict[str, Any]:
    """A JSON object that another part has left; an empty one where there is none."""
    try:
        found = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
