"""Python, packages, JupyterLab's and Jupyter server's parts, kernels."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jupyter_mlops.cli.checks.finding import Finding, ok, problem, warning

_DISTRIBUTION = "jupyter-mlops"
_OLDEST = (3, 11)
_KERNEL_TIMEOUT = 30.0


def python() -> list[Finding]:
    """The interpreter is new enough."""
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < _OLDEST:
        return [problem("python", f"Python {version} is too old.", "Install Python 3.11 or newer.")]
    return [ok("python", f"Python {version}, {sys.executable}")]


def packages() -> list[Finding]:
    """What the distribution requires is installed, in versions that it can use."""
    from importlib import metadata

    from packaging.requirements import InvalidRequirement, Requirement

    try:
        lines = metadata.requires(_DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        mend = f"{sys.executable} -m pip install {_DISTRIBUTION}"
        return [problem("packages", f"{_DISTRIBUTION} isn't installed here.", mend)]
    found: list[Finding] = []
    checked = 0
    for line in lines:
        try:
            required = Requirement(line)
        except InvalidRequirement:
            found.append(warning("packages", f"Unreadable requirement {line!r}.", _reinstall()))
            continue
        if required.marker and not required.marker.evaluate({"extra": ""}):
            continue
        checked += 1
        try:
            version = metadata.version(required.name)
        except metadata.PackageNotFoundError:
            found.append(problem("packages", f"{required.name} is missing.", _install(required)))
            continue
        if not required.specifier.contains(version, prereleases=True):
            detail = f"{required.name} is {version}, but {required.specifier} is needed."
            found.append(problem("packages", detail, _install(required)))
    mine = metadata.version(_DISTRIBUTION)
    return found or [ok("packages", f"{_DISTRIBUTION} {mine} and the {checked} that it needs")]


def _install(requirement: object) -> str:
    return f"{sys.executable} -m pip install '{requirement}'"


def _reinstall() -> str:
    from importlib import metadata

    try:
        origin = json.loads(metadata.distribution(_DISTRIBUTION).read_text("direct_url.json") or "")
        source = (
            str(origin["url"]).removeprefix("file://") if origin["dir_info"]["editable"] else ""
        )
    except (metadata.PackageNotFoundError, ValueError, KeyError, TypeError):
        source = ""
    if source:
        return f"{Path(sys.executable).parent / 'jupyter-builder'} develop {source} --overwrite"
    return f"{sys.executable} -m pip install --force-reinstall {_DISTRIBUTION}"


def command() -> list[Finding]:
    """The `jupyter` command finds us."""
    beside = Path(sys.executable).parent
    on_path = shutil.which("jupyter-mlops")
    mend = f'Add it: export PATH="{beside}:$PATH"'
    if on_path is None:
        return [warning("command", "`jupyter mlops` isn't on PATH.", mend)]
    if shutil.which("jupyter") is None:
        detail = "`jupyter` isn't on PATH (`jupyter-mlops` is, and works)."
        return [warning("command", detail, mend)]
    if not _same_directory(Path(on_path).parent, beside):
        return [warning("command", f"`jupyter mlops` is that of {on_path}.", mend)]
    return [ok("command", on_path)]


def _same_directory(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False


def lab_extension() -> list[Finding]:
    """JupyterLab finds our extension, whole and enabled."""
    from jupyter_core.paths import jupyter_config_path, jupyter_path

    name = "labextension"
    for directory in jupyter_path("labextensions"):
        manifest = Path(directory) / _DISTRIBUTION / "package.json"
        if manifest.is_file():
            break
    else:
        return [problem(name, "JupyterLab's part isn't installed.", _reinstall())]
    try:
        built = json.loads(manifest.read_text(encoding="utf-8"))["jupyterlab"]["_build"]["load"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        detail = f"{manifest} can't be used: {type(error).__name__}: {error}."
        return [problem(name, detail, _reinstall())]
    if not (manifest.parent / built).is_file():
        return [problem(name, f"{manifest.parent / built} is missing.", _reinstall())]
    for page in _page_configs(jupyter_config_path()):
        disabled = page.get("disabledExtensions", {})
        names = disabled if isinstance(disabled, dict) else dict.fromkeys(disabled, True)
        if any(on and n.split(":")[0] == _DISTRIBUTION for n, on in names.items()):
            mend = f"jupyter labextension enable {_DISTRIBUTION}"
            return [problem(name, "JupyterLab's part is disabled.", mend)]
    return [ok(name, str(manifest.parent))]


def _page_configs(directories: list[str]) -> Iterator[dict[str, Any]]:
    for directory in directories:
        page = _read_json(Path(directory) / "labconfig" / "page_config.json")
        if page is not None:
            yield page


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None  # what Jupyter can't read either doesn't enable or disable anything
    return document if isinstance(document, dict) else None


def server_extension() -> list[Finding]:
    """The Jupyter server loads our part."""
    from importlib.util import find_spec

    from jupyter_core.paths import jupyter_config_path

    name, enable = "server extension", "jupyter server extension enable --user jupyter_mlops"
    enabled: bool | None = None
    where = ""
    # The first directory wins; within one, files in *.d are below the main file.
    for directory in map(Path, jupyter_config_path()):
        for file in (
            directory / "jupyter_server_config.json",
            *sorted((directory / "jupyter_server_config.d").glob("*.json"), reverse=True),
        ):
            said = (_read_json(file) or {}).get("ServerApp", {}).get("jpserver_extensions", {})
            if enabled is None and isinstance(said, dict) and "jupyter_mlops" in said:
                enabled, where = bool(said["jupyter_mlops"]), str(file)
    if enabled is None:
        return [problem(name, "No configuration enables it.", enable)]
    if not enabled:
        return [problem(name, f"{where} disables it.", enable)]
    if find_spec("jupyter_mlops.server_ext.app") is None:
        return [problem(name, "Its module is missing.", _reinstall())]
    return [ok(name, f"enabled by {where}")]


def kernels() -> list[Finding]:
    """There are kernels, and each can be started."""
    from jupyter_client.kernelspec import KernelSpecManager

    name = "kernels"
    install = f"{sys.executable} -m ipykernel install --user"
    specs = KernelSpecManager().get_all_specs()
    if not specs:
        return [problem(name, "No kernels are installed.", install)]
    findings: list[Finding] = []
    good: list[str] = []
    for kernel, entry in sorted(specs.items()):
        spec = entry.get("spec") or {}
        why = _broken_kernel(spec.get("argv") or [], str(spec.get("language", "")), spec)
        if why:
            detail = f"Kernel {kernel} can't be started: {why}"
            findings.append(warning(name, detail, _mend_kernel(kernel, spec, why)))
        else:
            good.append(kernel)
    if not good:
        findings = [problem(f.name, f.detail, f"{f.mend}\n{install}") for f in findings]
    else:
        findings.insert(0, ok(name, ", ".join(good)))
    return findings


def _broken_kernel(argv: list[str], language: str, spec: dict[str, Any]) -> str:
    """Why a kernelspec can't be started; empty when it can."""
    if not argv:
        return "its kernel.json has no argv."
    program = shutil.which(argv[0])
    if program is None:
        return f"{argv[0]} doesn't exist or isn't executable."
    # A Python kernel is a module: the interpreter alone says nothing of whether it is there.
    if language.lower() != "python" or "-m" not in argv[:-1]:
        return ""
    module = argv[argv.index("-m") + 1].removesuffix("_launcher")
    given = spec.get("env")
    environment = {**os.environ, **given} if isinstance(given, dict) else dict(os.environ)
    try:
        ran = subprocess.run(
            [program, "-c", f"import {module}"],
            env={name: str(value) for name, value in environment.items()},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=_KERNEL_TIMEOUT,
            cwd="/",
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"importing {module} takes longer than {_KERNEL_TIMEOUT:.0f} s."
    except OSError as error:
        return f"{program}: {error.strerror}."
    if ran.returncode == 0:
        return ""
    lines = ran.stderr.decode("utf-8", "replace").strip().splitlines()
    return f"{lines[-1] if lines else f'exit code {ran.returncode}'}."


def _mend_kernel(kernel: str, spec: dict[str, Any], why: str) -> str:
    argv = spec.get("argv") or []
    if "No module named" in why and argv:
        return f"{argv[0]} -m pip install ipykernel"
    return f"jupyter kernelspec remove {kernel}"
