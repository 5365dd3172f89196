"""Errors that only the Jupyter server can have, and every error as a problem document."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

from jupyter_mlops.errors import MlopsError

MEDIA_TYPE = "application/problem+json"
#: Largest problem document that is taken from the daemon, in bytes.
PROBLEM_MAX = 256 * 1024


class BadAddress(MlopsError):
    """The address holds what no address of ours does: dots that climb, encoded slashes."""

    code, http_status, title = "bad_address", 400, "Bad address"


class MethodNotAllowed(MlopsError):
    """The address doesn't take the method."""

    code, http_status, title = "method_not_allowed", 405, "Method not allowed"


class UnsupportedMediaType(MlopsError):
    """The body isn't JSON."""

    code, http_status, title = "unsupported_media_type", 415, "Unsupported media type"


class NoXsrfToken(MlopsError):
    """The request doesn't show that a page of this server made it."""

    code, http_status, title = "xsrf", 403, "Refused"


class NoRoot(MlopsError):
    """The server's files don't lie in a directory of this machine."""

    code, http_status, title = "no_root", 501, "No root directory"


class DaemonGone(MlopsError):
    """The daemon went away before it had answered to the end; asking again is safe for reading."""

    code, http_status, title = "daemon_gone", 503, "The daemon went away"


class SlowReader(MlopsError):
    """The browser takes nothing any more; the subscription can be opened again."""

    code, http_status, title = "slow_reader", 503, "Too slow"


class BadGateway(MlopsError):
    """The daemon's answer can't be passed on."""

    code, http_status, title = "bad_gateway", 502, "Bad gateway"


_CODES = {
    400: ("bad_request", "The request can't be read."),
    401: ("unauthenticated", "This needs a login."),
    403: ("forbidden", "This isn't allowed: it needs a login, or a permission that you lack."),
    404: ("not_found", "There is nothing at this address."),
    405: ("method_not_allowed", "This address doesn't take this method."),
    413: ("too_large", "The request is too large."),
}


def http_problem(status: int, detail: str = "", hint: str = "") -> dict[str, Any]:
    """The problem document of a status of HTTP itself; nothing of the request is echoed."""
    code, standard = _CODES.get(status, (f"http_{status}", "The request failed."))
    try:
        title = HTTPStatus(status).phrase
    except ValueError:
        title = "The request failed"
    return {
        "type": f"urn:jupyter-mlops:error:{code}",
        "title": title,
        "status": status,
        "code": code,
        "detail": detail or standard,
        "hint": hint,
        "problems": [],
    }


def read_problem(status: int, data: bytes) -> dict[str, Any]:
    """The daemon's problem document, or one of our own where it sent none."""
    try:
        document = json.loads(data)
    except ValueError:
        document = None
    if isinstance(document, dict) and "code" in document:
        return document
    return http_problem(status)
