"""A client of a scripted daemon."""

from __future__ import annotations

from collections.abc import Callable

from mlops_standin import Request, StandIn

from jupyter_mlops.client import Client

Serve = Callable[[Callable[[Request], None]], StandIn]


JOB = "0123456789ab"


def client() -> Client:
    """A client that starts nothing."""
    return Client(start=False, timeout=5)
