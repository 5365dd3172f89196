"""`%load_ext jupyter_mlops`: notebooks and cells as jobs, from the kernel.

Loading costs next to nothing: what a verb needs is imported when it is first used (tests/magics
hold a list of what may be).
"""

from __future__ import annotations

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


def unload_ipython_extension(ipython: InteractiveShell) -> None:
    """Take the magics away again; jobs go on."""
    for kind in ("line", "cell"):
        ipython.magics_manager.magics[kind].pop(NAME, None)
