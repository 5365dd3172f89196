"""The Jupyter server extension: login, authorization and the way to the daemon. No logic."""

from __future__ import annotations

from jupyter_server.extension.application import ExtensionApp
from traitlets import Float, Int

from jupyter_mlops.server_ext.base import BODY_LIMIT, UPSTREAM
from jupyter_mlops.server_ext.forward import ApiHandler
from jupyter_mlops.server_ext.mlflow import MlflowHandler, MlflowRoot
from jupyter_mlops.server_ext.stream import PATIENCE, SUBSCRIPTIONS, StreamHandler
from jupyter_mlops.server_ext.upstream import Upstream


class MlopsApp(ExtensionApp):
    """MLOps in the Jupyter server: `<base>/mlops/…`."""

    name = "jupyter_mlops"
    extension_url = "/mlops"
    load_other_extensions = True
    description = __doc__

    body_limit = Int(
        128 * 2**20, min=1024, config=True, help="Largest body of a request, in bytes."
    )
    subscriptions = Int(
        64, min=1, config=True, help="How many things one page may follow at the same time."
    )
    patience = Float(
        60.0,
        min=0.1,
        config=True,
        help="Seconds that a browser may take for one message of a stream before it is ended.",
    )

    def initialize_settings(self) -> None:
        """What the handlers need."""
        self.settings.update({
            UPSTREAM: Upstream(),
            BODY_LIMIT: self.body_limit,
            SUBSCRIPTIONS: self.subscriptions,
            PATIENCE: self.patience,
        })  # fmt: skip

    def initialize_handlers(self) -> None:
        """The addresses, below the server's own base."""
        self.handlers.extend([
            (r"/mlops/(api/.*)", ApiHandler),
            (r"/mlops/mlflow", MlflowRoot),
            (r"/mlops/(mlflow/.*)", MlflowHandler),
            (r"/mlops/stream", StreamHandler),
        ])  # fmt: skip
