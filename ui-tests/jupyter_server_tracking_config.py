"""As jupyter_server_test_config.py, at a tracking server that is started and filled for it."""

import atexit
import os
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

HERE = Path(__file__).parent
exec(compile((HERE / "jupyter_server_test_config.py").read_text(), "config", "exec"))

PORT = os.environ.get("JUPYTER_MLOPS_UI_TRACKING_PORT", "18889")
URI = f"http://127.0.0.1:{PORT}"
tracking = subprocess.Popen(
    [sys.executable, str(HERE / "seed_server.py"), fresh("tracking"), PORT],  # noqa: F821
    stdin=subprocess.DEVNULL,
    start_new_session=True,
)


@atexit.register
def stop_tracking() -> None:
    """End the server with its workers."""
    with suppress(ProcessLookupError):
        os.killpg(tracking.pid, signal.SIGKILL)


for _ in range(1200):
    if tracking.poll() is not None:
        raise SystemExit("The tracking server ended; see above.")
    with suppress(OSError), urllib.request.urlopen(f"{URI}/health", timeout=5):
        break
    time.sleep(0.2)

os.environ["MLFLOW_TRACKING_URI"] = URI
os.environ["MLFLOW_TRACKING_USERNAME"] = "ada"
os.environ["MLFLOW_TRACKING_PASSWORD"] = "a-password-of-ada"
