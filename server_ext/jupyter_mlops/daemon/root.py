"""Which paths a request may name.

With `X-Mlops-Root` (set by the Jupyter server alone) everything has to lie below that directory,
links resolved; without it the caller is the user's own terminal or kernel, and any absolute path
will do. What was checked may be swapped before it is opened, so opening checks again
(`jobs.careful`).
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import unquote

from jupyter_mlops.errors import InvalidInput, Refused
from jupyter_mlops.jobs import snapshot

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:/")
_DECODINGS = 5


class PathRules:
    """The rules of one request."""

    def __init__(self, root: str | None) -> None:
        """With the value of the request's `X-Mlops-Root`, or None.

        Raises:
            InvalidInput: the root isn't an absolute path of a directory.
        """
        self.root: Path | None = None
        if root is not None:
            real = os.path.realpath(root)
            if not os.path.isabs(root) or not os.path.isdir(real):
                raise InvalidInput("The root of the Jupyter server is not a directory.")
            self.root = Path(real)

    def resolve(self, path: str, where: str, *, base: Path | None = None) -> Path:
        """The real path that a request means; it need not exist.

        A relative one is taken from the root, or else from `base`.

        Raises:
            InvalidInput: no path at all, or relative where it can't be.
            Refused: outside the root, or hidden.
        """
        _check_text(path, where)
        if self.root is None:
            if not os.path.isabs(path):
                if base is None:
                    raise _invalid(where, "must be an absolute path")
                path = os.path.join(base, path)
            return _real(path, where)
        _check_encodings(path, where)
        given = Path(path)
        real = _real(self.root / given, where)
        if not real.is_relative_to(self.root):
            raise _refused(where, "lies outside the Jupyter server's root")
        if any(part.startswith(".") for part in real.relative_to(self.root).parts):
            raise _refused(where, "is hidden, and hidden files are not served")
        return real

    def notebook(self, path: str, where: str) -> Path:
        """The path of a notebook as its job keeps it.

        Links in it are left as they were named, so that the job works in the directory that the
        person sees.

        Raises:
            InvalidInput, Refused: as `resolve`.
        """
        self.resolve(path, where)
        return snapshot.resolve(path, self.root)

    def below(self, path: str | None) -> str | None:
        """A path as the Jupyter server names it, with forward slashes; None when it is outside."""
        if path is None or self.root is None:
            return None
        found = Path(path)
        if not found.is_relative_to(self.root):
            return None
        relative = found.relative_to(self.root)
        if any(part.startswith(".") for part in relative.parts):
            return None
        return relative.as_posix()


def _real(path: str | Path, where: str) -> Path:
    try:
        return Path(os.path.realpath(path))
    except OSError as error:  # a link that became a file while it was followed, …
        raise _refused(where, f"can't be looked up: {error.strerror}") from error


def _check_text(path: str, where: str) -> None:
    if not path.strip():
        raise _invalid(where, "is empty")
    if "\0" in path:
        raise _invalid(where, "contains a NUL character")
    if _URL.match(path):
        raise _invalid(where, "must be a local path, not a URL")
    try:
        encoded = os.fsencode(path)
    except UnicodeEncodeError:
        raise _invalid(where, "contains characters that no file name can have") from None
    if any(len(part) > 255 for part in encoded.split(b"/")):
        raise _invalid(where, "has a part of more than 255 bytes, longer than a file name can be")


def _check_encodings(path: str, where: str) -> None:
    """Refuse what would climb once somebody decodes it, as often as they like."""
    decoded = path
    for _ in range(_DECODINGS):
        if "\\" in decoded:
            raise _refused(where, "contains a backslash")
        if ".." in decoded.split("/"):
            raise _refused(where, "contains ..")
        if "\0" in decoded:
            raise _refused(where, "contains an encoded NUL")
        further = unquote(decoded)
        if further == decoded:
            return
        decoded = further


def _invalid(where: str, message: str) -> InvalidInput:
    return InvalidInput(f"{where} {message}.", problems=[{"where": where, "message": message}])


def _refused(where: str, message: str) -> Refused:
    return Refused(
        f"{where} {message}.",
        hint="Name a file below the directory that JupyterLab shows.",
        problems=[{"where": where, "message": message}],
    )
