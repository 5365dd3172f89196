"""Files that a run read, as MLflow's dataset inputs. Pure."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

#: Inputs that a run is given; `mlops/datasets.json` has all.
MOST = 100
#: What MLflow's tables take.
_NAME_MOST, _DIGEST_MOST = 500, 36
HASH_TAG = "mlops.content_hash"


@dataclass(frozen=True, slots=True)
class DatasetInput:
    """One; the fields are MLflow's."""

    name: str
    #: The beginning of the content's SHA-256; all of it is the input's tag.
    digest: str
    source_type: str
    source: str
    profile: str
    tags: dict[str, str]


def dataset_inputs(files: Sequence[Mapping[str, Any]], cwd: str) -> Iterator[DatasetInput]:
    """Inputs of the files (as `mlops/datasets.json` has them) whose content is known."""
    known = [one for one in files if "sha256" in one]
    for one in known[:MOST]:
        path = str(one["path"])
        beside = os.path.relpath(path, cwd)
        yield DatasetInput(
            name=(path if beside.startswith("..") else beside)[-_NAME_MOST:],
            digest=str(one["sha256"])[:_DIGEST_MOST],
            source_type="local",
            source=json.dumps({"uri": path}),
            profile=json.dumps({"size": one["size"]}),
            tags={HASH_TAG: str(one["sha256"])},
        )


def rows_of(profile: str | None) -> int | None:
    """The rows of a dataset by its profile as MLflow writes one; None when it tells none."""
    try:
        told = json.loads(profile or "null")
    except (ValueError, RecursionError):
        return None
    rows = told.get("num_rows") if isinstance(told, dict) else None
    return rows if isinstance(rows, int) and not isinstance(rows, bool) else None
