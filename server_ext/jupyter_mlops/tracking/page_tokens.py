"""Page tokens of a tracking server, as far as they can be understood. Pure.

MLflow's own stores name a page by how many runs come before it. That is no promise of theirs: it
is used only for a server whose own token has just been seen to be such a one.
"""

from __future__ import annotations

import base64
import binascii
import json


def token_at(offset: int) -> str | None:
    """The token of the page that begins so many runs down; None for the first."""
    if offset <= 0:
        return None
    return base64.b64encode(json.dumps({"offset": offset}).encode()).decode()


def offset_of(token: str | None) -> int | None:
    """Where the page of a token begins; None where that isn't told."""
    try:
        found = json.loads(base64.b64decode(token or "", validate=True))
    except (ValueError, binascii.Error, RecursionError):
        return None
    if not isinstance(found, dict) or found.keys() != {"offset"}:
        return None
    offset = found["offset"]
    return offset if isinstance(offset, int) and not isinstance(offset, bool) else None
