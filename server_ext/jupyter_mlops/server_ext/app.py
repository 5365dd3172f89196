"""The Jupyter server extension: authenticate, authorize, forward, stream. No logic of its own."""

from __future__ import annotations

from jupyter_server.extension.application import ExtensionApp

from jupyter_mlops.server_ext.forward import ForwardHandler, MlflowHandler
from jupyter_mlops.server_ext.stream import StreamHandler
from jupyter_mlops.server_ext.upstream import Upstream


class MlopsApp(ExtensionApp):
    """Puts the daemon of the person who runs this Jupyter server behind its login."""

    name = "jupyter_mlops"
    extension_url = "/mlops"
    load_other_extensions = True

    def initialize_handlers(self) -> None:
        """Three addresses."""
        self.handlers.extend(
            [
                (r"/mlops/api/v1/(.+)", ForwardHandler),
                (r"/mlops/mlflow/(.*)", MlflowHandler),
                (r"/mlops/stream", StreamHandler),
            ]
        )

    def initialize_settings(self) -> None:
        """One way to the daemon for all handlers."""
        self._upstream = Upstream()
        self.settings["mlops_upstream"] = self._upstream

    async def stop_extension(self) -> None:
        """The daemon stays: jobs outlive JupyterLab."""
        self._upstream.close()
