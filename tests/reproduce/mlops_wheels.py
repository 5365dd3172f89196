"""Wheels of what is installed here, made again from its files: an index without a network."""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def closure(*names: str) -> dict[str, metadata.Distribution]:
    """Installed distributions and what they need, by name."""
    found: dict[str, metadata.Distribution] = {}
    left = list(names)
    while left:
        key = canonicalize_name(left.pop())
        if key in found:
            continue
        try:
            found[key] = metadata.distribution(key)
        except metadata.PackageNotFoundError:
            continue  # of another platform
        for text in found[key].requires or ():
            wanted = Requirement(text)
            if wanted.marker is None or wanted.marker.evaluate({"extra": ""}):
                left.append(wanted.name)
    return found


def make_wheel(distribution: metadata.Distribution, directory: Path) -> Path:
    """A wheel of an installed distribution: its files but for scripts and caches."""
    name = distribution.metadata["Name"].replace("-", "_")
    tag = next(
        line.partition(":")[2].strip()
        for line in (distribution.read_text("WHEEL") or "").splitlines()
        if line.startswith("Tag:")
    )
    target = directory / f"{name}-{distribution.version}-{tag}.whl"
    lines: list[str] = []
    record = ""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as made:
        for file in distribution.files or ():
            path = file.as_posix()
            if path.startswith("..") or "__pycache__" in path or not file.locate().is_file():
                continue
            if path.endswith((".dist-info/RECORD", "/INSTALLER", "/REQUESTED", "/direct_url.json")):
                record = path if path.endswith("RECORD") else record
                continue
            content = Path(str(file.locate())).read_bytes()
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=")
            lines.append(f"{path},sha256={digest.decode()},{len(content)}\n")
            made.writestr(path, content)
        made.writestr(record, "".join([*lines, f"{record},,\n"]))
    return target


def make_extra(directory: Path, name: str, version: str) -> Path:
    """A wheel of one module that says its version."""
    target = directory / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(target, "w") as made:
        made.writestr(f"{name}.py", f"VERSION = {version!r}\n")
        made.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        )
        made.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        made.writestr(f"{info}/RECORD", f"{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n")
    return target


def make_environment(directory: Path, wheels: Path, *wanted: str) -> Path:
    """An environment of its own with these packages; its interpreter."""
    uv = Path(sys.executable).with_name("uv")
    variables = os.environ | {"UV_OFFLINE": "1", "UV_NO_INDEX": "1", "UV_FIND_LINKS": str(wheels)}
    python = directory / "bin" / "python"
    for words in (
        ("venv", "--no-project", "--python", sys.executable, str(directory)),
        ("pip", "install", "--python", str(python), *wanted),
    ):
        done = subprocess.run(
            [str(uv), *words], env=variables, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    return python
