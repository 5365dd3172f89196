"""Modules of no installation, among all that are imported."""

from __future__ import annotations

import os
import sys
import threading
import types
from collections.abc import Callable
from pathlib import Path

import pytest

from jupyter_mlops.facts import environment
from jupyter_mlops.facts.loose_modules import LooseModules


class Meanwhile:
    """A thread that does something again and again."""

    def __init__(self, work: Callable[[int], None]) -> None:
        self._work = work
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        turn = 0
        while not self._ended.is_set():
            self._work(turn := turn + 1)

    def __enter__(self) -> None:
        self._switches = sys.getswitchinterval()
        sys.setswitchinterval(1e-6)
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        sys.setswitchinterval(self._switches)


@pytest.fixture
def imported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Lets a module with a file of its own be there: `imported("name")`."""

    def add(name: str, folder: str = "work") -> str:
        module = types.ModuleType(name)
        module.__file__ = str(tmp_path / folder / f"{name}.py")
        monkeypatch.setitem(sys.modules, name, module)
        return module.__file__

    return add


def test_local_files_only(imported) -> None:
    """Neither what is installed nor what is ours nor parts of packages."""
    local = imported("zz_local")
    imported("zz_installed", "lib/site-packages")
    imported("_mlops_zz")
    imported("zz_package.part")
    found = LooseModules().files()
    assert local in found
    assert not any("zz_installed" in one or "_mlops_zz" in one or "part" in one for one in found)


def test_what_a_parent_knows_is_not_looked_at_again(imported) -> None:
    """Its files are told, and those of what came later; nothing before is touched."""
    touched = []

    class Told(types.ModuleType):
        def __getattribute__(self, name: str):
            if name == "__file__":
                touched.append(1)
            return super().__getattribute__(name)

    before = Told("zz_before")
    before.__file__ = "/somewhere/zz_before.py"
    sys.modules["zz_before"] = before
    try:
        imported("zz_last")
        modules = LooseModules()
        modules.know()
        assert touched
        touched.clear()
        later = imported("zz_later")
        found = modules.files()
        assert later in found
        assert "/somewhere/zz_before.py" in found
        assert touched == []
    finally:
        del sys.modules["zz_before"]


def test_a_module_that_went_meanwhile_hides_nothing(imported) -> None:
    """The last that was known is gone: all are looked at."""
    last = imported("zz_last")
    modules = LooseModules()
    modules.know()
    later = imported("zz_later")
    del sys.modules["zz_last"]
    assert {last, later} <= set(modules.files())


def test_another_thread_imports_meanwhile(imported) -> None:
    """The facts are told by a thread while the notebook goes on importing."""
    local = imported("zz_local")

    def work(turn: int) -> None:
        if turn % 200 < 100:
            sys.modules[f"zz_{turn % 100}"] = types.ModuleType("zz")
        else:
            sys.modules.pop(f"zz_{turn % 100}", None)

    try:
        with Meanwhile(work):
            assert all(local in LooseModules().files() for _ in range(500))
    finally:
        for turn in range(100):
            sys.modules.pop(f"zz_{turn}", None)


def test_another_thread_changes_the_environment_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that goes while they are told is left out."""
    monkeypatch.setenv("OMP_NUM_THREADS", "2")

    def work(turn: int) -> None:
        os.environ[f"MKL_{turn % 100}"] = "1"
        os.environ.pop(f"MKL_{(turn + 50) % 100}", None)

    try:
        with Meanwhile(work):
            told = [environment.recorded(os.environ) for _ in range(1000)]
    finally:
        for turn in range(100):
            os.environ.pop(f"MKL_{turn}", None)
    assert all(one["OMP_NUM_THREADS"] == "2" for one in told)
