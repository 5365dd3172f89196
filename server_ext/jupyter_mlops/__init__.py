"""MLOps for JupyterLab: notebooks as jobs, tracked by MLflow.

    import jupyter_mlops as mlops

    with mlops.start(params={"lr": 0.1}):
        for batch in batches:
            mlops.log(loss=train(batch))

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

    from jupyter_mlops.magics.recording import (
        artifact,
        dataset,
        end,
        figure,
        log,
        model,
        note,
        params,
        start,
        table,
        tag,
    )

__all__ = [
    "__version__",
    "artifact",
    "dataset",
    "end",
    "figure",
    "log",
    "model",
    "note",
    "params",
    "start",
    "table",
    "tag",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from jupyter_mlops.magics import recording

    # From the second time on it is found without this.
    found = globals()[name] = getattr(recording, name)
    return found


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
