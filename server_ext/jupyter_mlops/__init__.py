"""MLOps for JupyterLab: notebooks as jobs, tracked by MLflow.

Importing this package costs nothing: the kernel loads it, and so does every command.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

# server_ext/, magics/ and converters/ each hold a part of this one package.
__path__ = __import__("pkgutil").extend_path(__path__, __name__)

try:
    from ._version import __version__
except ImportError:  # a source tree that was never built
    __version__ = "0.0.0.dev0"

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

__all__ = ["__version__"]


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    return [{"src": "labextension", "dest": "jupyter-mlops"}]


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    from jupyter_mlops.server_ext.app import MlopsApp

    return [{"module": "jupyter_mlops", "app": MlopsApp}]


def load_ipython_extension(ipython: InteractiveShell) -> None:
    """`%load_ext jupyter_mlops`."""
    from jupyter_mlops.magics import load_ipython_extension as load

    load(ipython)


def unload_ipython_extension(ipython: InteractiveShell) -> None:
    """`%unload_ext jupyter_mlops`."""
    from jupyter_mlops.magics import unload_ipython_extension as unload

    unload(ipython)
