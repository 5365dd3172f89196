"""JupyterLab as the browser tests see it: token on, loopback only, every folder fresh."""

import atexit
import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import mkdtemp

import jupyterlab

c = get_config()  # type: ignore[name-defined]  # noqa: F821  (jupyter puts it here)

# Short: sockets lie below it.
HOME = Path(mkdtemp(prefix="mlops-ui-"))


def fresh(name: str) -> str:
    folder = HOME / name
    folder.mkdir()
    return str(folder)


# The tests never see or touch the jobs, settings or runtime files of whoever runs them.
os.environ["JUPYTER_DATA_DIR"] = fresh("data")
os.environ["JUPYTER_CONFIG_DIR"] = fresh("config")
os.environ["JUPYTER_RUNTIME_DIR"] = fresh("runtime")
for name in ("JUPYTER_MLOPS_DATA_DIR", "MLFLOW_TRACKING_URI"):
    os.environ.pop(name, None)


@atexit.register
def clean_up() -> None:
    """Stop the daemon that the tests started; it would outlive this server, as it should."""
    stop = [sys.executable, "-m", "jupyter_mlops.cli", "daemon", "stop"]
    subprocess.run(stop, check=False, timeout=20, stdin=subprocess.DEVNULL)
    shutil.rmtree(HOME, ignore_errors=True)


c.ServerApp.ip = "127.0.0.1"
c.ServerApp.port = int(os.environ.get("JUPYTER_MLOPS_UI_PORT", "18888"))
c.ServerApp.port_retries = 0
c.ServerApp.open_browser = False
c.ServerApp.allow_root = True  # containers and CI
c.IdentityProvider.token = os.environ.get("JUPYTER_MLOPS_UI_TOKEN", "ui-tests")
c.ServerApp.root_dir = fresh("root")
c.LabApp.workspaces_dir = fresh("workspaces")
c.LabApp.user_settings_dir = fresh("settings")
c.LabApp.news_url = None
# Galata's fixtures rely on these two.
c.LabApp.expose_app_in_browser = True
c.LabServerApp.extra_labextensions_path = [str(Path(jupyterlab.__file__).parent / "galata")]
