"""`%load_ext jupyter_mlops`: notebooks and cells as jobs, from the kernel.

Loading costs next to nothing: what a verb needs is imported when it is first used (tests/magics
hold a list of what may be).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

NAME = "mlops"


def load_ipython_extension(ipython: InteractiveShell) -> None:
    """Register `%mlops` and `%%mlops`."""
    from IPython.core.magic import no_var_expand

    # A value like {"lr": 1} is data: IPython would evaluate what stands in braces.
    @no_var_expand
    def mlops(line: str, cell: str | None = None) -> None:
        """Notebooks and cells as jobs; `%mlops help` tells all."""
        from jupyter_mlops.magics.dispatch import dispatch

        dispatch(ipython, line, cell)

    register: Any = ipython.register_magic_function
    register(mlops, "line_cell", NAME)
    if not os.environ.get("MLOPS_JOB_ID"):  # a job's kernel is watched already
        ipython.events.register("post_run_cell", _watch)


def _watch(_result: Any) -> None:
    """Once the loading cell has ended: seeds, files and cells are seen from then on, so that a run
    that begins later has them.
    """
    from IPython.core.getipython import get_ipython

    from jupyter_mlops.magics.facts import watch_session

    shell: Any = get_ipython()
    shell.events.unregister("post_run_cell", _watch)
    watch_session(shell)


def unload_ipython_extension(ipython: InteractiveShell) -> None:
    """Take the magics away again; jobs go on."""
    for kind in ("line", "cell"):
        ipython.magics_manager.magics[kind].pop(NAME, None)
