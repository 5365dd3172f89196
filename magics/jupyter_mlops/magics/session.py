"""Where the magics are: which notebook, which kernel, who looks at it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

#: Names a job whose cell is in no notebook that we know.
_NOWHERE = "cell.ipynb"


class Session:
    """One IPython session."""

    def __init__(self, shell: InteractiveShell) -> None:
        self.shell = shell

    @property
    def kernel(self) -> Any:
        """The ipykernel that we are in; None on a terminal."""
        return getattr(self.shell, "kernel", None)

    @property
    def user_ns(self) -> dict[str, Any]:
        """The person's variables."""
        found: dict[str, Any] = self.shell.user_ns
        return found

    def notebook(self) -> Path | None:
        """The notebook that we are in, as far as its front end says; it may have been renamed."""
        named = [self.user_ns.get("__vsc_ipynb_file__"), os.environ.get("JPY_SESSION_NAME")]
        for name in named:
            if isinstance(name, str) and name.endswith(".ipynb"):
                path = Path(os.path.abspath(name))
                if path.parent.is_dir():
                    return path
        return None

    def cell_path(self) -> Path:
        """What a cell's job calls its notebook; the job works in its directory."""
        return self.notebook() or Path.cwd() / _NOWHERE

    def kernel_name(self) -> str:
        """The kernelspec of this session; "python3" where nobody says."""
        return self._connection_kernel() or self._notebook_kernel() or "python3"

    def _connection_kernel(self) -> str:
        application = getattr(self.kernel, "parent", None)
        path = getattr(application, "abs_connection_file", None)
        if not isinstance(path, str):
            return ""
        try:
            found = json.loads(Path(path).read_bytes()).get("kernel_name")
        except (OSError, ValueError, AttributeError):
            return ""
        return found if isinstance(found, str) else ""

    def _notebook_kernel(self) -> str:
        path = self.notebook()
        try:
            found = json.loads(path.read_bytes()) if path else {}
            name = found["metadata"]["kernelspec"]["name"]
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return ""
        return name if isinstance(name, str) else ""
