"""The snapshot of a job: what was submitted, complete, so that it runs whatever happens since."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field

from jupyter_mlops.jobs.model import Kernel

NOTEBOOK = "notebook.ipynb"
CODE = "code"
VALUES = "values.pkl"
LINKS = "links.json"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Made by `jobs.snapshot` at submit, kept by the store, laid out in `bundle/` at each start."""

    #: The notebook as nbformat 4 JSON (UTF-8), outputs stripped.
    notebook: bytes
    #: The kernelspec that runs it; known to be installed.
    kernel: Kernel
    #: Local modules: path below `code/` with forward slashes → content.
    code: dict[str, bytes] = field(default_factory=dict)
    #: What stays in place beside or inside them: path below `code/` → absolute path.
    links: dict[str, str] = field(default_factory=dict)
    #: Pickled dict of the variables taken along.
    values: bytes | None = None
    #: Top-level modules that its cells import, worth preloading.
    imports: tuple[str, ...] = ()
    #: Modules that it imports only after changing the environment or `sys.path`: a parent in which
    #: one of these is loaded would not behave like a fresh kernel.
    held_back: tuple[str, ...] = ()
    git_commit: str | None = None
    git_dirty: bool | None = None
    warnings: tuple[str, ...] = ()

    @property
    def notebook_hash(self) -> str:
        """sha256 of the notebook as it runs."""
        return hashlib.sha256(self.notebook).hexdigest()

    def files(self) -> dict[str, bytes]:
        """Path in `bundle/` → content."""
        found = {NOTEBOOK: self.notebook}
        found |= {f"{CODE}/{path}": content for path, content in self.code.items()}
        if self.links:
            found[LINKS] = json.dumps(self.links, sort_keys=True).encode()
        if self.values is not None:
            found[VALUES] = self.values
        return found
