"""Where the data differs that two runs read. Pure."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from jupyter_mlops.tracking.diffs.views import DataChange, DataDiff, DataFile
from jupyter_mlops.tracking.run_views import Dataset

#: Files and datasets that are told.
_TOLD_MOST = 2_000
#: A dataset that only stands for a file that was seen being read has this source, …
_LOCAL = "local"
#: … and the beginning of its hash as a digest.
_DIGEST = 36

Read = Mapping[str, Any] | None


def data_diff(
    facts: tuple[Read, Read], read: tuple[Read, Read], logged: Sequence[Sequence[Dataset]]
) -> DataDiff:
    """Files by their path and hash, and datasets that were logged by name.

    Args:
        facts: `facts.json` of each run; None where it has none.
        read: `datasets.json` of each run; None where it read nothing.
        logged: each run's dataset inputs.
    """
    known = [one is not None and one.get("datasets") is not None for one in facts]
    files = [_files(one, of) for one, of in zip(read, facts, strict=True)]
    changes: list[DataChange] = []
    equal = 0
    if all(known):
        changes, equal = _compared(files[0], files[1])
    named = [_datasets(one, of.values()) for one, of in zip(logged, files, strict=True)]
    for name in sorted(named[0].keys() | named[1].keys()):
        one, other = named[0].get(name), named[1].get(name)
        if one is not None and other is not None and one.hash == other.hash:
            equal += 1
        else:
            changes.append(_change(name, one, other, dataset=True))
    notes = []
    if len(changes) > _TOLD_MOST:
        notes.append(f"Only the first {_TOLD_MOST:,} that differ are told.")
    if any(one is not None and one.get("more") for one in read):
        notes.append("A run read more files than were recorded.")
    return DataDiff(
        known=known,
        data=changes[:_TOLD_MOST],
        equal=equal,
        changes=len(changes),
        notes=notes,
    )


def _compared(
    old: Mapping[str, DataFile], new: Mapping[str, DataFile]
) -> tuple[list[DataChange], int]:
    changes: list[DataChange] = []
    equal = 0
    gone = {one.hash: name for name, one in old.items() if name not in new and one.hash}
    moved: set[str] = set()
    for name, file in new.items():
        if name in old:
            continue
        if file.hash and (former := gone.pop(file.hash, None)) is not None:
            moved |= {name, former}
            changes.append(DataChange(name=name, change="moved", before=old[former], after=file))
    for name in old.keys() | new.keys():
        if name in moved:
            continue
        one, other = old.get(name), new.get(name)
        if one is not None and other is not None and one.hash and one.hash == other.hash:
            equal += 1
        else:
            changes.append(_change(name, one, other, dataset=False))
    changes.sort(key=lambda one: one.name)
    return changes, equal


def _change(name: str, old: DataFile | None, new: DataFile | None, *, dataset: bool) -> DataChange:
    if old is None or new is None:
        found = DataChange(
            name=name, change="added" if old is None else "removed", before=old, after=new
        )
    elif (old.hash and new.hash) or old.size != new.size:
        found = DataChange(name=name, change="changed", before=old, after=new)
    else:
        found = DataChange(name=name, change="unknown", before=old, after=new)
    return found.model_copy(update={"dataset": dataset})


def _files(read: Read, facts: Read) -> dict[str, DataFile]:
    cwd = str((facts or {}).get("cwd") or "/")
    found: dict[str, DataFile] = {}
    listed = (read or {}).get("files")
    for one in listed if isinstance(listed, list) else ():
        if not isinstance(one, Mapping) or not isinstance(one.get("path"), str):
            continue
        path = one["path"]
        beside = os.path.relpath(path, cwd) if os.path.isabs(path) else path
        found[path if beside.startswith("..") else beside] = DataFile(
            path=path,
            size=_whole(one.get("size")),
            hash=_text(one.get("sha256")),
            rows=_whole(one.get("rows")),
            versioned=_text(one.get("versioned")),
            note=_text(one.get("note")),
        )
    return found


def _datasets(logged: Sequence[Dataset], files: Iterable[DataFile]) -> dict[str, DataFile]:
    """Those that somebody logged: not those that only stand for files that were read."""
    digests = {one.hash[:_DIGEST] for one in files if one.hash}
    found: dict[str, DataFile] = {}
    for one in logged:
        if one.source_type == _LOCAL and one.digest in digests:
            continue
        name = f"{one.name} ({one.context})" if one.context else one.name
        number = 2
        while name in found:  # one name with several digests
            name = f"{one.name} ({number})"
            number += 1
        found[name] = DataFile(path=_source(one.source), hash=one.digest, rows=one.rows)
    return found


def _source(text: str) -> str:
    """Where a dataset came from, as a person reads it."""
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        return text
    for key in ("uri", "url", "path", "tags"):
        if isinstance(told, Mapping) and isinstance(told.get(key), str):
            return str(told[key])
    return text


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
