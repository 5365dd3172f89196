"""Writes the OpenAPI document: `python -m jupyter_mlops.daemon.openapi [FILE]`.

`docs/openapi.json` is kept in the repository; a test compares it with the routes.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from jupyter_mlops.daemon.app import openapi_document


def text() -> str:
    """The document as it is written."""
    return json.dumps(openapi_document(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def main() -> None:
    """Write it to the file named, or docs/openapi.json of the working directory."""
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/openapi.json")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text(), "utf-8")


if __name__ == "__main__":
    main()
