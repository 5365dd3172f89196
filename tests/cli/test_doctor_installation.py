"""What `doctor` says of the installation."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from jupyter_mlops.cli.checks import installation

from .mlops_doctor import Patch, broken, only


class Version(NamedTuple):
    """As `sys.version_info`."""

    major: int
    minor: int
    micro: int


def test_an_old_python(monkeypatch: Patch) -> None:
    """Is a problem."""
    monkeypatch.setattr(sys, "version_info", Version(3, 10, 2))
    broken(installation.python(), "problem", "3.10.2", "3.11")


def test_packages_missing_and_too_old(tmp_path: Path, monkeypatch: Patch) -> None:
    """Each is named with the command that installs it; extras aren't asked for."""
    assert only(installation.packages()).status == "ok"
    metadata = tmp_path / "jupyter_mlops-9.0.0.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text(
        "Metadata-Version: 2.1\nName: jupyter-mlops\nVersion: 9.0.0\n"
        "Requires-Dist: no-such-package-here>=2\nRequires-Dist: packaging<1\n"
        "Requires-Dist: another-missing; extra == 'test'\nRequires-Dist: pip\n"
        "Requires-Dist: !!!\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    found = installation.packages()
    broken(found, "problem", "no-such-package-here is missing", "pip install 'no-such-package")
    broken(found, "problem", "packaging is ", "pip install 'packaging<1'")
    broken(found, "warning", "!!!", "")
    assert len(found) == 3


def test_not_installed(monkeypatch: Patch) -> None:
    """A source tree on the path alone is no installation."""
    monkeypatch.setattr(installation, "_DISTRIBUTION", "jupyter-mlops-elsewhere")
    broken(installation.packages(), "problem", "isn't installed", "pip install")


def test_the_command(tmp_path: Path, monkeypatch: Patch) -> None:
    """Missing from PATH, another installation's, `jupyter` missing, and well."""
    monkeypatch.setenv("PATH", str(tmp_path))
    broken(installation.command(), "warning", "isn't on PATH", "export PATH=")
    program = tmp_path / "jupyter-mlops"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    broken(installation.command(), "warning", "`jupyter` isn't on PATH", "export PATH=")
    shutil.copy(program, tmp_path / "jupyter")
    broken(installation.command(), "warning", f"that of {program}", "export PATH=")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    assert only(installation.command()).status == "ok"


@pytest.fixture
def jupyter(tmp_path: Path, monkeypatch: Patch) -> Path:
    """Jupyter's data and configuration in a directory of the test's own alone."""
    import jupyter_core.paths

    monkeypatch.setattr(
        jupyter_core.paths, "jupyter_path", lambda *parts: [str(tmp_path.joinpath(*parts))]
    )
    monkeypatch.setattr(jupyter_core.paths, "jupyter_config_path", lambda: [str(tmp_path)])
    return tmp_path


def write(path: Path, document: Any) -> Path:
    """A JSON file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))
    return path


def test_the_labextension(jupyter: Path) -> None:
    """Not there, without its files, unreadable, disabled in both forms, and well."""
    check = installation.lab_extension
    broken(check(), "problem", "isn't installed", "jupyter")
    directory = jupyter / "labextensions" / "jupyter-mlops"
    load = {"jupyterlab": {"_build": {"load": "static/remoteEntry.js"}}}
    manifest = write(directory / "package.json", load)
    broken(check(), "problem", "remoteEntry.js is missing", "jupyter")
    (directory / "static").mkdir()
    (directory / "static" / "remoteEntry.js").touch()
    assert only(check()).status == "ok"
    page = jupyter / "labconfig" / "page_config.json"
    for disabled in ({"jupyter-mlops": True}, ["jupyter-mlops:panel"], {"jupyter-mlops:x": True}):
        write(page, {"disabledExtensions": disabled})
        broken(check(), "problem", "disabled", "labextension enable")
    for other in ({"jupyter-mlops": False}, ["other"], {"jupyter-mlops-more": True}):
        write(page, {"disabledExtensions": other})
        assert only(check()).status == "ok"
    manifest.write_text("{")
    broken(check(), "problem", "can't be used", "jupyter")
    manifest.write_text('{"jupyterlab": null}')
    broken(check(), "problem", "can't be used", "jupyter")


def test_the_server_extension(jupyter: Path) -> None:
    """Not enabled, disabled by the main file, and enabled by the one that we install."""
    check = installation.server_extension
    broken(check(), "problem", "No configuration", "server extension enable")
    ours = {"ServerApp": {"jpserver_extensions": {"jupyter_mlops": True}}}
    write(jupyter / "jupyter_server_config.d" / "jupyter_mlops.json", ours)
    assert only(check()).status == "ok"
    theirs = {"ServerApp": {"jpserver_extensions": {"jupyter_mlops": False}}}
    write(jupyter / "jupyter_server_config.json", theirs)
    broken(check(), "problem", "jupyter_server_config.json disables it", "server extension enable")


def kernelspecs(monkeypatch: Patch, **specs: dict[str, Any]) -> None:
    """These are the kernelspecs that there are."""
    from jupyter_client.kernelspec import KernelSpecManager

    found = {name: {"spec": {"language": "python", **spec}} for name, spec in specs.items()}
    monkeypatch.setattr(KernelSpecManager, "get_all_specs", lambda _self: found)


GOOD = {"argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]}


def test_no_kernels(monkeypatch: Patch) -> None:
    """Nothing could run."""
    kernelspecs(monkeypatch)
    broken(installation.kernels(), "problem", "No kernels", "ipykernel install --user")


def test_a_kernel_whose_interpreter_is_gone(monkeypatch: Patch) -> None:
    """Beside a good one it is a warning; alone it is a problem."""
    gone = {"argv": ["/old/venv/bin/python", "-m", "ipykernel_launcher"]}
    kernelspecs(monkeypatch, good=GOOD, gone=gone)
    found = installation.kernels()
    assert (found[0].status, found[0].detail) == ("ok", "good")
    broken(found, "warning", "/old/venv/bin/python doesn't exist", "kernelspec remove gone")
    kernelspecs(monkeypatch, gone=gone)
    broken(installation.kernels(), "problem", "doesn't exist", "ipykernel install --user")


def test_a_kernel_without_ipykernel(tmp_path: Path, monkeypatch: Patch) -> None:
    """It is tried in the kernel's own interpreter and environment."""
    (tmp_path / "ipykernel").mkdir()
    (tmp_path / "ipykernel" / "__init__.py").write_text(
        "raise ModuleNotFoundError(\"No module named 'ipykernel'\")"
    )
    kernelspecs(monkeypatch, bare={**GOOD, "env": {"PYTHONPATH": str(tmp_path)}})
    found = installation.kernels()
    broken(found, "problem", "No module named 'ipykernel'", "-m pip install ipykernel")


def test_kernels_that_are_odd(tmp_path: Path, monkeypatch: Patch) -> None:
    """Without argv, one that hangs, one that dies silently, one of another language."""
    slow = tmp_path / "slow"
    slow.write_text("#!/bin/sh\nsleep 60\n")
    silent = tmp_path / "silent"
    silent.write_text("#!/bin/sh\nexit 3\n")
    for program in (slow, silent):
        program.chmod(0o755)
    monkeypatch.setattr(installation, "_KERNEL_TIMEOUT", 0.5)
    kernelspecs(
        monkeypatch,
        empty={"argv": []},
        slow={"argv": [str(slow), "-m", "ipykernel_launcher"]},
        silent={"argv": [str(silent), "-m", "ipykernel_launcher"]},
        bash={"argv": [str(silent), "-m", "bash_kernel"], "language": "bash"},
    )
    found = installation.kernels()
    assert found[0].detail == "bash"
    broken(found, "warning", "no argv", "remove empty")
    broken(found, "warning", "longer than", "remove slow")
    broken(found, "warning", "exit code 3", "remove silent")
