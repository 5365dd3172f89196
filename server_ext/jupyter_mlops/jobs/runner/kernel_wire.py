"""The Jupyter message protocol (5.x) as frames, as much of it as a batch client speaks.

`jupyter_client.session.Session` does the same for everybody; it parses dates, keeps every
signature and costs a third of the runner's time for a notebook of many short cells.
"""

from __future__ import annotations

import hmac
import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

_DELIMITER = b"<IDS|MSG>"
_PROTOCOL = "5.3"
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_NOTHING = b"{}"


class WireError(Exception):
    """Not a message, or not signed with our key."""


class Message(NamedTuple):
    """A message as received; its content is parsed when somebody wants it."""

    kind: str
    #: `msg_id` of the request that it belongs to, "" for none.
    parent: str
    raw_content: bytes
    buffers: Sequence[bytes]

    @property
    def content(self) -> dict[str, Any]:
        """The parsed content.

        Raises:
            WireError: it isn't a JSON object.
        """
        try:
            content = json.loads(self.raw_content)
        except UnicodeDecodeError:  # some kernels send bytes that aren't text as they are
            content = json.loads(self.raw_content.decode("utf-8", "replace"))
        except ValueError as error:
            raise WireError("the content is not JSON") from error
        if not isinstance(content, dict):
            raise WireError("the content is no object")
        return content


class Wire:
    """Signs, packs and unpacks."""

    def __init__(self, key: bytes) -> None:
        self._mac = hmac.new(key, digestmod="sha256")
        self._session = os.urandom(16).hex()
        self._sent = 0

    def pack(self, kind: str, content: dict[str, Any], parent: str = "") -> tuple[str, list[bytes]]:
        """The id and the frames of a message."""
        self._sent += 1
        msg_id = f"{self._session}_{self._sent}"
        header = {
            "msg_id": msg_id,
            "session": self._session,
            "username": "jupyter-mlops",
            "date": datetime.now(UTC).isoformat(),
            "msg_type": kind,
            "version": _PROTOCOL,
        }
        parts = [
            _encode(header).encode(),
            _encode({"msg_id": parent}).encode() if parent else _NOTHING,
            _NOTHING,
            _encode(content).encode("utf-8", "replace"),
        ]
        return msg_id, [_DELIMITER, self._sign(parts), *parts]

    def unpack(self, frames: Sequence[bytes]) -> Message:
        """What the frames say.

        Raises:
            WireError: they can't be read, or the signature is wrong.
        """
        try:
            start = frames.index(_DELIMITER) + 1
            signature, header, parent, metadata, content = frames[start : start + 5]
        except ValueError as error:
            raise WireError("not a message") from error
        if not hmac.compare_digest(signature, self._sign((header, parent, metadata, content))):
            raise WireError("wrong signature")
        try:
            kind = json.loads(header)["msg_type"]
            parent_id = json.loads(parent).get("msg_id", "")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise WireError("no header") from error
        return Message(str(kind), str(parent_id or ""), content, frames[start + 5 :])

    def _sign(self, parts: Sequence[bytes]) -> bytes:
        mac = self._mac.copy()
        for part in parts:
            mac.update(part)
        return mac.hexdigest().encode()
