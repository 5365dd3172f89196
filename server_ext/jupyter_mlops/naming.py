"""What MLflow takes as a name or a value. Standard library only: the kernel loads this module.

MLflow's own limits (`mlflow.utils.validation`), which its server enforces and its tables don't.
"""

from __future__ import annotations

import posixpath
import re

KEY_MOST = 250
PARAM_VALUE_MOST = 6000
TAG_VALUE_MOST = 8000
EXPERIMENT_NAME_MOST = 500
RUN_NAME_MOST = 250
#: Steps and timestamps are 64 bits.
STEP_MOST = 2**63 - 1
_NAME = re.compile(r"[/\w.\- :]+")


def problem_of_name(name: object) -> str:
    """Why MLflow takes no metric, parameter or tag of this name; empty when it does."""
    if not isinstance(name, str):
        return f"a name is text, not {type(name).__name__}"
    if not name:
        return "a name can't be empty"
    if _NAME.fullmatch(name) is None:
        return "a name has only letters, digits, spaces and _ - . : /"
    if len(name) > KEY_MOST:
        return f"a name has at most {KEY_MOST} characters, this one has {len(name)}"
    clean = posixpath.normpath(name)
    if clean != name or clean == "." or clean.startswith(("..", "/")):
        return f"as the name of a file it would be {clean!r}"
    return ""


def problem_of_artifact(name: str) -> str:
    """Why a run takes no artifact of this name, a path below its artifacts; empty when it does."""
    if not name or not name.isprintable() or "\\" in name:
        return "an artifact's name is a path of printable characters"
    if len(name) > 1000 or any(
        len(part.encode("utf-8", "replace")) > 200 for part in name.split("/")
    ):
        return "it is too long"
    parts = name.split("/")
    if any(part in ("", ".", "..") for part in parts):
        return "it has to stay below the run's artifacts: no leading '/', no '..'"
    if any(char in name for char in '#%?*:|<>"'):
        return 'MLflow takes none of # % ? * : | < > " in it'
    return ""
