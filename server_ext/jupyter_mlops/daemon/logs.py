"""The daemon's log: rotated, private, and without secrets."""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Mapping
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path

_SIZE = 4 * 2**20
_KEPT = 2
_SECRET_NAME = re.compile(
    r"TOKEN|PASSW|SECRET|KEY|CREDENTIAL|AUTH|PRIVATE|_URI$|_URL$", re.IGNORECASE
)
#: Shorter values would blank out words that mean nothing.
_SHORTEST = 6


class Redaction(logging.Filter):
    """Replaces the values of secret-looking environment variables, wherever they turn up."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        super().__init__()
        self._formatter = logging.Formatter()
        self._pattern = _pattern(environment)

    def filter(self, record: logging.LogRecord) -> bool:
        """Redact the record; always keep it."""
        if self._pattern is None:
            return True
        record.msg = self.redact(record.getMessage())
        record.args = None
        if record.exc_info and record.exc_info[1] is not None:
            record.exc_text = self.redact(self._formatter.formatException(record.exc_info))
        return True

    def redact(self, text: str) -> str:
        """`text` without secrets."""
        return text if self._pattern is None else self._pattern.sub("[redacted]", text)


def secret_values(environment: Mapping[str, str]) -> list[str]:
    """Values that must not be seen: of variables whose names say so, and passwords in URLs."""
    found: set[str] = set()
    for name, value in environment.items():
        if not _SECRET_NAME.search(name) or len(value) < _SHORTEST:
            continue
        if re.search(r"_UR[IL]$", name, re.IGNORECASE):
            # The address itself may be told, the credentials in it may not.
            if credentials := re.search(r"//([^/@]+)@", value):
                found.add(credentials[1])
        elif not value.startswith("/"):
            found.add(value)
    return sorted(found, key=lambda value: (-len(value), value))


def _pattern(environment: Mapping[str, str]) -> re.Pattern[str] | None:
    values = secret_values(environment)
    return re.compile("|".join(map(re.escape, values))) if values else None


class _PrivateFile(RotatingFileHandler):
    """Every file of the rotation is 0600."""

    def _open(self) -> TextIOWrapper:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(self.baseFilename, flags, 0o600)
        return TextIOWrapper(os.fdopen(descriptor, "ab"), encoding="utf-8", line_buffering=True)


def configure(path: Path | None, level: str) -> None:
    """Log to `path`, or (None) to stderr."""
    handler: logging.Handler = (
        logging.StreamHandler(sys.stderr)
        if path is None
        else _PrivateFile(path, maxBytes=_SIZE, backupCount=_KEPT)
    )
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    handler.addFilter(Redaction(os.environ))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.captureWarnings(True)
