"""Where packages come from: pip's settings as uv's, since uv doesn't read them by itself.

Whoever has set up a mirror or a folder of wheels for pip has done so for a reason. A variable or
file of uv's own goes first.
"""

from __future__ import annotations

import configparser
import os
import sys
from collections.abc import Mapping
from pathlib import Path

#: pip's option → uv's variable.
_MEANT = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "no-index": "UV_NO_INDEX",
    "cert": "SSL_CERT_FILE",
    "trusted-host": "UV_INSECURE_HOST",
}
_YES = ("1", "true", "yes", "on")


def uv_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment that uv is started with: `environment`, and what pip is told besides."""
    found = {k: v for k, v in environment.items() if k not in ("VIRTUAL_ENV", "CONDA_PREFIX")}
    for option, value in _of_pip(environment).items():
        name = _MEANT.get(option)
        if name is None or name in found or not value.strip():
            continue
        if option == "no-index":
            if value.strip().lower() in _YES:
                found[name] = "1"
        elif option == "find-links":
            found[name] = ",".join(value.split())
        else:
            found[name] = " ".join(value.split())
    # Its progress is for terminals; what it asks nobody answers.
    return found | {"UV_NO_PROGRESS": "1", "NO_COLOR": "1", "GIT_TERMINAL_PROMPT": "0"}


def _of_pip(environment: Mapping[str, str]) -> dict[str, str]:
    """Pip's options, from its files and over these its variables."""
    found: dict[str, str] = {}
    for file in _files(environment):
        reader = configparser.RawConfigParser()
        try:
            reader.read(file, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError):
            continue  # pip itself says so whenever it is used
        for section in ("global", "install"):
            if reader.has_section(section):
                found |= {k.replace("_", "-"): v for k, v in reader.items(section)}
    for option in _MEANT:
        value = environment.get(f"PIP_{option.upper().replace('-', '_')}")
        if value is not None:
            found[option] = value
    return found


def _files(environment: Mapping[str, str]) -> list[Path]:
    """Where pip looks, the last one goes first."""
    home = Path(environment.get("HOME") or "~").expanduser()
    config = Path(environment.get("XDG_CONFIG_HOME") or home / ".config")
    found = [
        Path("/etc/pip.conf"),
        *(Path(one) / "pip/pip.conf" for one in environment.get("XDG_CONFIG_DIRS", "").split(":")
          if one),
        home / ".pip" / "pip.conf",
        config / "pip" / "pip.conf",
        Path(sys.prefix) / "pip.conf",
    ]  # fmt: skip
    if sys.platform == "darwin":
        found[0:0] = [Path("/Library/Application Support/pip/pip.conf")]
    if given := environment.get("PIP_CONFIG_FILE"):
        if given == os.devnull:
            return []
        found.append(Path(given))
    return found
