"""A run as it was recorded, each part compared with the hash that was noted of it."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_mlops.converters.reproducible import Lack, lacks
from jupyter_mlops.errors import MlopsError, NotFound
from jupyter_mlops.reproduction.model import CannotReproduce
from jupyter_mlops.tracking.gathering import DATASETS, DIRECTORY, FACTS, FACTS_TAG
from jupyter_mlops.tracking.run_reader import RunReader
from jupyter_mlops.tracking.run_record import RunStatus
from jupyter_mlops.tracking.run_views import RunDetail

#: Bytes of an artifact that are read into memory, and that are fetched at all.
_READ_MOST, _FETCH_MOST = 64 * 2**20, 512 * 2**20
_CHUNK = 2**20


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """One run."""

    detail: RunDetail
    facts: dict[str, Any]
    #: Name below `mlops/` → SHA-256 of what was recorded.
    artifacts: dict[str, str]
    #: Files that it read; `facts.json` names only the first.
    datasets: tuple[dict[str, Any], ...]
    #: What an exact reproduction lacks.
    lacks: tuple[Lack, ...]

    @property
    def id(self) -> str:
        """MLflow's."""
        return self.detail.run.id

    @property
    def failed(self) -> bool:
        """Whether an error of a cell is how it ended."""
        return self.detail.run.status is RunStatus.FAILED


async def recorded_run(reader: RunReader, run_id: str, *, finished: bool = True) -> RecordedRun:
    """A run with its facts.

    Args:
        reader: of runs.
        run_id: which.
        finished: whether it has to have ended with a result.

    Raises:
        NotFound: there is no such run.
        CannotReproduce: nothing was recorded of it, or that was changed since.
    """
    detail = await reader.detail(run_id, summary=False)
    if finished and detail.run.status in (RunStatus.RUNNING, RunStatus.SCHEDULED):
        raise CannotReproduce("it has not ended yet")
    noted = detail.run.own_tags.get(FACTS_TAG)
    path = f"{DIRECTORY}/{FACTS}"
    try:
        raw = await read_artifact(reader, run_id, path)
    except NotFound:
        raise CannotReproduce(
            "nothing was recorded of its code, packages and data"
            if noted is None
            else f"{path} is missing from its artifacts"
        ) from None
    if noted is None:
        raise CannotReproduce(f"no hash of {path} was noted, so nobody knows whether it is genuine")
    _check(raw, noted, path)
    facts = _object(raw, path)
    if finished:
        _check_status(detail, facts)
    artifacts = facts.get("artifacts")
    if not isinstance(artifacts, dict):
        raise CannotReproduce(f"{path} has no hashes of what was recorded")
    listed: list[Any] = (facts.get("datasets") or {}).get("files", [])
    if DATASETS in artifacts:
        name = f"{DIRECTORY}/{DATASETS}"
        told = await verified(reader, run_id, DATASETS, artifacts)
        listed = _object(told, name).get("files", [])
    datasets = tuple(one for one in listed if isinstance(one, dict))
    hashes = {str(name): str(digest) for name, digest in artifacts.items()}
    return RecordedRun(detail, facts, hashes, datasets, _lacks(facts, path))


async def verified(reader: RunReader, run_id: str, name: str, artifacts: dict[str, Any]) -> bytes:
    """The content of an artifact below `mlops/`.

    Raises:
        CannotReproduce: it isn't there, or isn't what was recorded.
    """
    path = f"{DIRECTORY}/{name}"
    if name not in artifacts:
        raise CannotReproduce(f"{path} was not recorded")
    try:
        raw = await read_artifact(reader, run_id, path)
    except NotFound:
        raise CannotReproduce(f"{path} is missing from its artifacts") from None
    _check(raw, str(artifacts[name]), path)
    return raw


async def fetched(
    reader: RunReader, run_id: str, name: str, artifacts: dict[str, str], target: Path
) -> Path:
    """An artifact below `mlops/` as a file of our own.

    Raises:
        CannotReproduce: it isn't there, isn't what was recorded, or is too large.
    """
    path = f"{DIRECTORY}/{name}"
    try:
        content = await reader.content(run_id, path)
    except NotFound:
        raise CannotReproduce(f"{path} is missing from its artifacts") from None

    def copy() -> str:
        digest, left = hashlib.sha256(), _FETCH_MOST
        with content.file as given, open(target, "xb") as made:
            while piece := given.read(_CHUNK):
                left -= len(piece)
                if left < 0:
                    raise CannotReproduce(f"{path} is larger than {_FETCH_MOST // 2**20} MB")
                digest.update(piece)
                made.write(piece)
        return digest.hexdigest()

    if await asyncio.to_thread(copy) != artifacts.get(name):
        raise _changed(path)
    return target


async def read_artifact(reader: RunReader, run_id: str, path: str) -> bytes:
    """An artifact's content.

    Raises:
        NotFound: there is none.
        CannotReproduce: it is too large.
    """
    content = await reader.content(run_id, path)

    def read() -> bytes:
        with contextlib.closing(content.file) as file:
            return file.read(_READ_MOST + 1)

    raw = await asyncio.to_thread(read)
    if len(raw) > _READ_MOST:
        raise CannotReproduce(f"{path} is larger than {_READ_MOST // 2**20} MB")
    return raw


def _check_status(detail: RunDetail, facts: Mapping[str, Any]) -> None:
    status = detail.run.status
    if status is RunStatus.KILLED:
        raise CannotReproduce("it was killed: there is no result to compare")
    if status is RunStatus.FAILED and "job" not in facts and not facts.get("errors"):
        raise CannotReproduce("it failed, and no cell of it did: there is no result to compare")


def _lacks(facts: dict[str, Any], path: str) -> tuple[Lack, ...]:
    try:
        return tuple(lacks(facts))
    except (KeyError, TypeError, AttributeError):
        raise CannotReproduce(f"{path} is none that was recorded here") from None


def _check(raw: bytes, noted: str, path: str) -> None:
    if hashlib.sha256(raw).hexdigest() != noted:
        raise _changed(path)


def _changed(path: str) -> CannotReproduce:
    return CannotReproduce(f"{path} was changed since it was recorded")


def _object(raw: bytes, path: str) -> dict[str, Any]:
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        raise CannotReproduce(f"{path} can't be read") from None
    if not isinstance(found, dict):
        raise CannotReproduce(f"{path} can't be read")
    return found


def detail_of(error: MlopsError) -> str:
    """An error of ours as the end of a sentence."""
    return error.detail.rstrip(".")
