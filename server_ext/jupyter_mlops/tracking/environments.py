"""Environments that jobs ran in: the packages of an interpreter, listed once and remembered.

An environment is an interpreter and its folders of packages at their times of change; installing or
removing anything changes those. Listing takes half a second, in a process of that interpreter.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import subprocess
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_mlops import paths
from jupyter_mlops.converters.lock import is_local, lock_text
from jupyter_mlops.jobs.runner import files

log = logging.getLogger(__name__)

_SCRIPT = Path(__file__).parent.parent / "facts" / "packages.py"
#: Seconds that listing may take.
_PATIENCE = 60.0
#: Environments that are remembered on the disk; the oldest go first.
_KEPT = 200


@dataclass(frozen=True, slots=True)
class Environment:
    """One environment."""

    #: Says which it is: of interpreter, folders and times.
    key: str
    python: dict[str, Any]
    packages: list[dict[str, Any]]
    #: The requirements file.
    lock: Path
    #: SHA-256 of that file: equal for equal packages.
    lock_hash: str
    #: Those of `packages` that come from a path of this machine.
    local: tuple[dict[str, Any], ...]


class Environments:
    """Any thread may ask; one that isn't known is listed once, however many ask."""

    def __init__(self) -> None:
        self._listing = threading.Lock()
        self._known: dict[str, Environment] = {}

    def of(self, executable: str, folders: Sequence[tuple[str, int]]) -> Environment | None:
        """The environment of a kernel; None when it can't be listed (the log says why).

        Args:
            executable: its interpreter.
            folders: `facts.watch.package_folders` as it saw them. Where they have changed since,
                what is there now isn't what it had.
        """
        key = hashlib.sha256(json.dumps([executable, folders]).encode()).hexdigest()[:24]
        if (known := self._known.get(key)) is not None and known.lock.exists():
            return known
        with self._listing:
            if (known := self._known.get(key)) is not None and known.lock.exists():
                return known
            found = _remembered(key) or self._list(key, executable, folders)
            if found is not None:
                if len(self._known) > _KEPT:
                    self._known.clear()
                self._known[key] = found
            return found

    def _list(
        self, key: str, executable: str, folders: Sequence[tuple[str, int]]
    ) -> Environment | None:
        names = [path for path, _ in folders]
        if not all(_unchanged(path, time) for path, time in folders):
            log.warning("packages of %s changed before they were listed", executable)
            return None
        try:
            said = subprocess.run(  # an argument list, no shell; the interpreter that the job had
                [executable, "-I", "-S", str(_SCRIPT), json.dumps(names)],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_PATIENCE,
                check=True,
            )
            told = json.loads(said.stdout)
        except (OSError, subprocess.SubprocessError, ValueError) as error:
            log.warning("packages of %s can't be listed: %s", executable, error)
            return None
        if not all(_unchanged(path, time) for path, time in folders):
            log.warning("packages of %s changed while they were listed", executable)
            return None
        return _remember(key, told)


def _unchanged(folder: str, time: int) -> bool:
    try:
        return os.stat(folder).st_mtime_ns == time
    except OSError:
        return False


def _places(key: str) -> tuple[Path, Path]:
    directory = paths.environments_dir()
    return directory / f"{key}.json", directory / f"{key}.txt"


def _remembered(key: str) -> Environment | None:
    place, lock = _places(key)
    try:
        told = json.loads(place.read_bytes())
        text = lock.read_bytes()
    except (OSError, ValueError):
        return None
    return _environment(key, told, lock, text)


def _remember(key: str, told: dict[str, Any]) -> Environment | None:
    place, lock = _places(key)
    python = told["python"]
    text = lock_text(told["packages"], f"{python['version']} ({python['implementation']})").encode()
    try:
        paths.private_dir(place.parent)
        _forget_old(place.parent)
        files.replace(lock, [text])
        files.replace(place, [json.dumps(told).encode()])
    except OSError as error:
        log.warning("packages can't be remembered: %s", error)
        return None
    return _environment(key, told, lock, text)


def _environment(key: str, told: dict[str, Any], lock: Path, text: bytes) -> Environment:
    digest = hashlib.sha256(text).hexdigest()
    local = tuple(filter(is_local, told["packages"]))
    return Environment(key, told["python"], told["packages"], lock, digest, local)


def _forget_old(directory: Path) -> None:
    found = sorted(directory.glob("*.json"), key=lambda path: path.stat().st_mtime)
    for place in found[: max(0, len(found) - _KEPT)]:
        for one in (place, place.with_suffix(".txt")):
            with contextlib.suppress(OSError):
                one.unlink()
