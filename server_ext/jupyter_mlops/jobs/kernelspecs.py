"""The kernelspecs that are installed, read as Jupyter does but without its imports (0.2 s)."""

from __future__ import annotations

import functools
import json
import os
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

from jupyter_core.paths import jupyter_path

from jupyter_mlops import paths
from jupyter_mlops.errors import KernelUnknown
from jupyter_mlops.jobs.model import Kernel
from jupyter_mlops.jobs.order import KernelOrder

#: Names that Jupyter itself accepts; anything else can't be a kernelspec's directory.
_NAME = re.compile(r"[A-Za-z0-9._-]+")
#: Kernels of environments that were rebuilt for a reproduction; nobody chooses them from a list.
REBUILT_PREFIX = "mlops-rebuilt-"
#: As jupyter_client: such a first word means the Python that Jupyter runs in.
_GENERIC_PYTHON = re.compile(r"(python|python3|python3\.\d+)$")
#: Variables that decide where kernelspecs are looked for.
_MATTERING = (
    "HOME", "JUPYTER_PATH", "JUPYTER_DATA_DIR", "JUPYTER_PREFER_ENV_PATH", "JUPYTER_PLATFORM_DIRS",
    "XDG_DATA_HOME", "CONDA_PREFIX", "CONDA_DEFAULT_ENV",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class KernelSpec:
    """One installed kernelspec."""

    name: str
    argv: tuple[str, ...]
    display_name: str
    language: str
    directory: str
    interrupt_mode: str = "signal"
    env: dict[str, str] = field(default_factory=dict)

    @property
    def kernel(self) -> Kernel:
        """As clients see it."""
        return Kernel(name=self.name, display_name=self.display_name, language=self.language)

    def order(self) -> KernelOrder:
        """As a runner is told; `{connection_file}` is left for it to fill in."""
        argv = [
            word.replace("{resource_dir}", self.directory).replace("{prefix}", sys.prefix)
            for word in self.argv
        ]
        if _GENERIC_PYTHON.match(argv[0]):
            argv[0] = sys.executable
        return KernelOrder(
            name=self.name,
            language=self.language,
            argv=argv,
            env={name: os.path.expandvars(value) for name, value in self.env.items()},
            interrupt_mode=self.interrupt_mode,
            display_name=self.display_name,
        )


def installed() -> dict[str, KernelSpec]:
    """Every kernelspec by its (lower-case) name; one that can't be read is left out."""
    found: dict[str, KernelSpec] = {}
    for directory in _kernel_dirs():
        try:
            entries = sorted(os.scandir(directory), key=lambda entry: entry.name)
        except OSError:
            continue
        for entry in entries:
            name = entry.name.lower()
            if name not in found and _NAME.fullmatch(name):
                spec = _read(name, Path(entry.path))
                if spec is not None:
                    found[name] = spec
    if "python3" not in found:
        found["python3"] = _own_python()
    return found


def find(name: str) -> KernelSpec:
    """The kernelspec called `name`.

    Raises:
        KernelUnknown: it isn't installed; the hint lists those that are.
    """
    if (rebuilt := _rebuilt(name)) is not None:
        return rebuilt
    known = installed()
    spec = known.get(name.lower())
    if spec is None:
        raise KernelUnknown(
            f"There is no kernel {name[:100]!r} here.",
            hint=f"Installed: {', '.join(sorted(known))}. Choose one of them or install it "
            "(`jupyter kernelspec list`).",
        )
    return spec


def _rebuilt(name: str) -> KernelSpec | None:
    key = name.removeprefix(REBUILT_PREFIX)
    if key == name or not _NAME.fullmatch(key) or key.startswith("."):
        return None
    return _read(name, paths.rebuilt_dir() / key)


def _kernel_dirs() -> tuple[str, ...]:
    return _dirs_in(tuple(map(os.environ.get, _MATTERING)))


@functools.lru_cache(16)
def _dirs_in(_environment: tuple[str | None, ...]) -> tuple[str, ...]:
    """Looking for them asks the system about homes and owners, twice a job."""
    own = os.path.join(sys.prefix, "share", "jupyter", "kernels")
    found: list[str] = jupyter_path("kernels")
    return (*found,) if own in found else (*found, own)


def _read(name: str, directory: Path) -> KernelSpec | None:
    try:
        document = json.loads((directory / "kernel.json").read_text("utf-8"))
        if not document["argv"]:
            return None
        return KernelSpec(
            name=name,
            argv=tuple(str(word) for word in document["argv"]),
            display_name=str(document.get("display_name", name)),
            language=str(document.get("language", "")),
            directory=str(directory),
            interrupt_mode=str(document.get("interrupt_mode", "signal")),
            env={str(k): str(v) for k, v in dict(document.get("env", {})).items()},
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _own_python() -> KernelSpec:
    """The Python that runs us, as Jupyter offers it even where nothing was installed."""
    return KernelSpec(
        name="python3",
        argv=(sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"),
        display_name="Python 3 (ipykernel)",
        language="python",
        directory="",
    )
