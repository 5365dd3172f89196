"""From an address below `<base>/mlops/` to one of the daemon, or a refusal.

Only the undecoded address is judged and passed on: whoever decodes once more on the way can then
find nothing that wasn't judged. Addresses of the API need no escapes at all; those of MLflow may
name artifacts, so there every decoding of them is judged.
"""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from jupyter_mlops.server_ext.refusals import BadAddress

#: The longest address, in characters.
ADDRESS_MAX = 16 * 1024
_API = re.compile(r"/api/v1(?:/[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*)+")
_PLAIN = re.compile(r"[\x21-\x7e]*")
_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_DECODINGS = 6
#: Ours, of no concern to the daemon: a login's token must not get into its hands.
_OWN_PARAMETERS = frozenset({b"token", b"_xsrf", b"no_track_activity"})
#: Parameters of MLflow's addresses that name files.
_PATH_PARAMETERS = frozenset({"path", "artifact_path", "artifact_file_path", "file_path"})


def below(raw_path: str, base_url: str) -> str:
    """What follows `<base>/mlops` in an undecoded path, with its leading slash.

    Segments are counted rather than compared: JupyterHub's base may hold escapes of its own.
    """
    base = [part for part in base_url.split("/") if part]
    return "/" + "/".join(raw_path.split("/")[len(base) + 2 :])


def api_target(path: str, query: str) -> str:
    """The daemon's address for an undecoded path of the API.

    Raises:
        BadAddress: no address of the API looks like this.
    """
    if len(path) + len(query) > ADDRESS_MAX or not _API.fullmatch(path):
        raise _bad()
    return path + _query(query)


def mlflow_target(path: str, query: str) -> str:
    """The daemon's address for an undecoded path of MLflow.

    Raises:
        BadAddress: it climbs, plainly or encoded, or can't be sent.
    """
    if len(path) + len(query) > ADDRESS_MAX:
        raise _bad()
    if not (path == "/mlflow" or path.startswith("/mlflow/")):
        raise _bad()
    _check_path(path, slashes=path.count("/"))
    for name, value in _pairs(query):
        if name in _PATH_PARAMETERS:
            _check_path(value.replace("+", "%20"), slashes=None)
    return path + _query(query)


def _check_path(path: str, *, slashes: int | None) -> None:
    """Refuse what climbs, now or once somebody decodes it; with `slashes`, new ones too."""
    if not _PLAIN.fullmatch(path) or _ESCAPE.search(path):
        raise _bad()
    found = path.encode("ascii")
    for _ in range(_DECODINGS):
        if b"\\" in found or b"\0" in found or b"\r" in found or b"\n" in found:
            raise _bad()
        if any(part in (b"..", b".") for part in found.split(b"/")):
            raise _bad()
        if slashes is not None and found.count(b"/") != slashes:
            raise _bad()
        further = unquote_to_bytes(found)
        if further == found:
            return
        found = further
    raise _bad()


def _pairs(query: str) -> list[tuple[str, str]]:
    split = (part.partition("=") for part in query.split("&") if part)
    return [(name, value) for name, _, value in split]


def _query(query: str) -> str:
    """The query to pass on, with its question mark; empty when nothing is left of it."""
    if not _PLAIN.fullmatch(query) or b"\0" in unquote_to_bytes(query):
        raise _bad()
    kept = [
        part
        for part in query.split("&")
        if part and unquote_to_bytes(part.partition("=")[0]) not in _OWN_PARAMETERS
    ]
    return "?" + "&".join(kept) if kept else ""


def _bad() -> BadAddress:
    return BadAddress("This address can't be used.", hint="docs/openapi.json lists the addresses.")
