"""Imports everything that a runner needs, for a parent that forks runners.

No thread is started, no ZeroMQ context opened, nothing read from the environment that matters.
"""

from __future__ import annotations

import zmq  # noqa: F401

import jupyter_mlops.jobs.runner.main  # noqa: F401
from jupyter_mlops.jobs.identity import boot_id
from jupyter_mlops.jobs.runner.attempt import papermill_version

# Remembered, and the same for every child.
papermill_version()
boot_id()
