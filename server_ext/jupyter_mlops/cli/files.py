"""Parameter files, YAML or JSON, of bounded size: what stands in them may be somebody else's."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from jupyter_mlops.errors import InvalidInput, TooLarge

#: Largest parameter file, in bytes; YAML's reader is slow.
JSON_MAX = 1024 * 1024
YAML_MAX = 256 * 1024
#: How deep lists and dicts may be nested.
DEPTH_MAX = 64
#: How many values a YAML file may stand for once its aliases are followed.
VALUES_MAX = 100_000


def read_parameters(path: str) -> dict[str, Any]:
    """The parameters in a file: JSON when its name ends in .json, else YAML.

    Raises:
        InvalidInput: it can't be read; the detail names file and place.
        TooLarge: it, or what its aliases expand to, is over the limit.
    """
    if path.lower().endswith(".json"):
        value = _json(path, _read(path, JSON_MAX))
    else:
        value = _yaml(path, _read(path, YAML_MAX))
    if value is None:
        return {}
    if not isinstance(value, dict):
        kind = "a list" if isinstance(value, list) else "a single value"
        raise _unusable(path, f"it holds {kind}", "Write one `name: value` a line.")
    return {str(name): item for name, item in value.items()}


def _read(path: str, limit: int) -> str:
    try:
        with Path(path).open("rb") as file:
            if os.fstat(file.fileno()).st_size > limit:
                raise _too_large(path, f"{limit // 1024} KiB")
            data = file.read(limit + 1)
    except OSError as error:
        raise _unusable(
            path, error.strerror or str(error), "Check the path given to -f."
        ) from error
    if len(data) > limit:
        raise _too_large(path, f"{limit // 1024} KiB")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        place = f"byte {error.start} isn't UTF-8"
        raise _unusable(path, place, "Save it as UTF-8.") from error


def _json(path: str, text: str) -> Any:
    try:
        value = json.loads(text) if text.strip() else None
    except RecursionError:
        raise _unusable(path, f"it is nested more than {DEPTH_MAX} deep") from None
    except ValueError as error:
        raise _unusable(path, str(error)) from error
    _check_json(path, value)
    return value


def _check_json(path: str, value: Any, depth: int = 0) -> None:
    if depth > DEPTH_MAX:
        raise _unusable(path, f"it is nested more than {DEPTH_MAX} deep")
    if isinstance(value, dict):
        for item in value.values():
            _check_json(path, item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _check_json(path, item, depth + 1)


def _yaml(path: str, text: str) -> Any:
    try:
        import yaml  # only for a YAML file
    except ImportError as error:
        raise _unusable(
            path, "PyYAML isn't installed", "`pip install pyyaml`, or write the file as JSON."
        ) from error
    from jupyter_mlops.cli.yaml_reader import read_yaml

    try:
        return read_yaml(text, depth_max=DEPTH_MAX, values_max=VALUES_MAX)
    except OverflowError as error:
        raise _too_large(path, str(error)) from error
    except RecursionError:
        raise _unusable(path, f"it is nested more than {DEPTH_MAX} deep") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise _unusable(path, f"{place}{error.problem or error.context}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise _unusable(path, str(error).splitlines()[0]) from error


def _unusable(path: str, why: str, hint: str = "") -> InvalidInput:
    return InvalidInput(
        f"{path} can't be used: {why}.",
        hint=hint or "Mend the file and try again.",
        problems=[{"where": "file", "message": f"{path}: {why}"}],
    )


def _too_large(path: str, limit: str) -> TooLarge:
    return TooLarge(
        f"{path} is over the limit of {limit}.", hint="Split it, or pass a path to data."
    )
