"""`python -m jupyter_mlops.tracking.diffs.worker`: compares notebooks and code, one JSON line a
request; see `run_diffs`, which asks. It alone loads nbdime, and is killed when it takes too long.

← `{}` when the answer is in the file that `answer` names, or `{"error": {problem document}}`. The
daemon hands that file on as it is: parsing megabytes would keep everybody else waiting.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jupyter_mlops.converters.notebook import Notebook, read_notebook
from jupyter_mlops.errors import InvalidInput, MlopsError
from jupyter_mlops.jobs.model import Model
from jupyter_mlops.tracking.diffs.code import Code, code_diff
from jupyter_mlops.tracking.diffs.notebook import notebook_diff


def answer(request: Mapping[str, Any]) -> Model:
    """The answer to one request; files are named by their paths.

    Raises:
        MlopsError: what is in them can't be compared.
    """
    match request["op"]:
        case "notebook":
            before, after = (_notebook(request[side]) for side in ("before", "after"))
            names = (_name(request["before"]), _name(request["after"]))
            return notebook_diff(before, after, paths=names)
        case "code":
            return code_diff(_code(request["before"]), _code(request["after"]))
        case other:
            raise InvalidInput(f"There is nothing called {other!r} to be compared.")


def _notebook(side: Mapping[str, str] | None) -> Notebook | None:
    if side is None:
        return None
    return read_notebook(Path(side["file"]).read_bytes(), name=f"The artifact {side['path']}")


def _name(side: Mapping[str, str] | None) -> str:
    return "" if side is None else side["path"]


def _code(side: Mapping[str, Any] | None) -> Code | None:
    if side is None:
        return None
    diff, modules = Path(side["diff"]), Path(side["modules"])
    return Code(
        side["facts"],
        diff if diff.exists() else None,
        modules if modules.exists() else None,
    )


def main() -> int:
    """Answer requests until there are no more."""
    os.umask(0o077)
    lines, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        told: dict[str, Any]
        try:
            request = json.loads(line)
            Path(request["answer"]).write_text(answer(request).model_dump_json(), "utf-8")
            told = {}
        except MlopsError as error:
            told = {"error": error.to_problem()}
        lines.write(json.dumps(told) + "\n")
        lines.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
