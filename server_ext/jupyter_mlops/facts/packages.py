"""Packages of an interpreter and what it is: `python -I -S packages.py '["site-packages", …]'`.

One JSON object on standard output. In the kernelspec's interpreter, which need not have us.
"""

from __future__ import annotations

import json
import platform
import re
import sys
from collections.abc import Sequence
from importlib import metadata
from typing import Any


def installed(folders: Sequence[str]) -> list[dict[str, Any]]:
    """Distributions in `folders`, each once (the first one wins, as it does for an import).

    `name`, `version`; `url` and what belongs to it, where it was not taken from an index.
    """
    found: dict[str, dict[str, Any]] = {}
    for distribution in metadata.distributions(path=list(folders)):
        name = distribution.metadata["Name"]
        if not name:
            continue  # a folder that a failed removal has left
        one: dict[str, Any] = {"name": name, "version": distribution.version}
        if origin := _origin(distribution.read_text("direct_url.json")):
            one.update(origin)
        found.setdefault(re.sub(r"[-_.]+", "-", name).lower(), one)
    return [found[name] for name in sorted(found)]


def _origin(text: str | None) -> dict[str, Any]:
    """What `direct_url.json` says (PEP 610)."""
    if not text:
        return {}
    try:
        said = json.loads(text)
        url = str(said["url"])
        origin: dict[str, Any] = {"url": re.sub(r"(?<=://)[^/@\s]+@", "", url)}
        if said.get("dir_info", {}).get("editable"):
            origin["editable"] = True
        if vcs := said.get("vcs_info"):
            origin["vcs"], origin["commit"] = str(vcs["vcs"]), str(vcs["commit_id"])
        if subdirectory := said.get("subdirectory"):
            origin["subdirectory"] = str(subdirectory)
    except (ValueError, KeyError, TypeError, AttributeError):
        return {"url": "unreadable"}
    return origin


def interpreter() -> dict[str, Any]:
    """What Python this is, and on which system."""
    return {
        "version": platform.python_version(),
        "implementation": platform.python_implementation(),
        "compiler": platform.python_compiler(),
        "executable": sys.executable,
        "prefix": sys.prefix,
        "platform": platform.platform(),
        "machine": platform.machine(),
    }


if __name__ == "__main__":
    told = {"python": interpreter(), "packages": installed(json.loads(sys.argv[1]))}
    sys.stdout.write(json.dumps(told))
