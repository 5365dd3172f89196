"""`python -m jupyter_mlops.tracking.exporter`: renders notebooks as HTML, one JSON line each.

→ `{"notebook": path, "target": path, "title": …, "facts": [[name, value], …], "base": directory,
   "offline": true}`
← `{"done": true}` or `{"error": {problem document}}`; with `"leaving": true` it ends after that.

A process of its own: rendering takes CPU time and memory that the daemon must not lack, and it
reads what other people wrote. It gives way to everything else.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import sys
from pathlib import Path
from typing import Any

from jupyter_mlops.errors import MlopsError

_NICE = 10
#: A process that has become larger gives its memory back by ending.
_MEMORY_MOST = 400 * 2**20


def export(request: dict[str, Any]) -> None:
    """Render one notebook into its target, which is replaced at once or not at all.

    Raises:
        MlopsError: the notebook can't be read.
        OSError: a file can't be read or written.
    """
    from jupyter_mlops.converters.html import render_html
    from jupyter_mlops.jobs.runner.files import replace

    notebook, target = Path(request["notebook"]), Path(request["target"])
    before = os.stat(notebook)
    page = render_html(
        notebook,
        title=request["title"],
        facts=[(name, value) for name, value in request["facts"]],
        base=Path(request["base"]),
        offline=bool(request.get("offline")),
    )
    replace(target, [page.encode("utf-8", "replace")])
    # Whether it is up to date is told by the time.
    os.utime(target, ns=(before.st_atime_ns, before.st_mtime_ns))


def main() -> int:
    """Answer requests until there are no more."""
    os.umask(0o077)
    with contextlib.suppress(OSError):
        os.nice(_NICE)
    for line in sys.stdin:
        answer: dict[str, Any]
        try:
            export(json.loads(line))
            answer = {"done": True}
        except MlopsError as error:
            answer = {"error": error.to_problem()}
        except OSError as error:
            answer = {"error": MlopsError(f"{error.strerror or error}.").to_problem()}
        except (RecursionError, MemoryError) as error:
            kind = "nested too deeply" if isinstance(error, RecursionError) else "too large"
            answer = {"error": MlopsError(f"The notebook is {kind} for HTML.").to_problem()}
        unit = 1 if sys.platform == "darwin" else 1024
        if resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit > _MEMORY_MOST:
            answer["leaving"] = True
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
        if "leaving" in answer:
            return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
