"""The environment that a run had: the one that is there, or one that uv builds from its lock.

Rebuilt ones lie below `rebuilt/` in the data directory, by the lock's hash, and are kernelspecs of
their own (`jobs.kernelspecs`), so that what runs in them is an ordinary job.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import re
import shutil
import signal
import sys
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_mlops import paths
from jupyter_mlops.converters.lock import Lock, normal_name, read_lock
from jupyter_mlops.errors import KernelUnknown
from jupyter_mlops.jobs import kernelspecs
from jupyter_mlops.jobs.kernelspecs import REBUILT_PREFIX
from jupyter_mlops.jobs.runner import files
from jupyter_mlops.reproduction import rebuilt
from jupyter_mlops.reproduction.model import CannotReproduce
from jupyter_mlops.reproduction.package_index import uv_environment
from jupyter_mlops.reproduction.rebuilt import WHOLE, Rebuilt
from jupyter_mlops.settings import ReproduceSettings
from jupyter_mlops.tracking.environments import Environments

log = logging.getLogger(__name__)

_KEY_LENGTH = 24
#: Ending of a kernelspec for an interpreter that is there and has lost its own.
_THERE = "-there"
#: Seconds for an interpreter to say where its packages lie.
_ASK_PATIENCE = 60.0
#: Bytes of what uv says that are read, and characters of it that are told.
_SAID_MOST, _TOLD_MOST = 256 * 1024, 600
_FOLDERS = (
    "import json, os, sys; print(json.dumps([[p, os.stat(p).st_mtime_ns] for p in sys.path"
    " if os.path.basename(p) in ('site-packages', 'dist-packages') and os.path.isdir(p)]))"
)
_OFFLINE = re.compile(
    r"dns error|failed to lookup|connect(?:ion)? (?:error|refused|reset|timed)|tcp connect"
    r"|network (?:is )?(?:unreachable|connectivity|was disabled)|error sending request|timed out",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class FoundEnvironment:
    """Where a run can be run again."""

    #: The kernelspec's name.
    kernel: str
    interpreter: str
    #: What it is, in words.
    said: str
    notes: tuple[str, ...] = ()


class Rebuilding:
    """Belongs to the daemon's event loop."""

    def __init__(self, settings: ReproduceSettings, environment: Mapping[str, str]) -> None:
        self._settings = settings
        self._environment = dict(environment)
        self._environments = Environments()
        self._building: dict[str, asyncio.Lock] = {}
        #: Kernels of environments that a reproduction needs right now.
        self._used: dict[str, int] = {}

    async def find(
        self, facts: Mapping[str, Any], lock_text: str, held: contextlib.ExitStack
    ) -> FoundEnvironment:
        """The environment of a run.

        Args:
            facts: its own.
            lock_text: its `requirements.txt`.
            held: keeps it from being removed, from before it is whole.

        Raises:
            CannotReproduce: it isn't there and can't be built; the text says what is missing.
        """
        try:
            lock = read_lock(lock_text)
        except ValueError as error:
            raise CannotReproduce(f"its requirements.txt can't be used: {error}") from None
        digest = str((facts.get("packages") or {}).get("sha256", ""))
        key = digest[:_KEY_LENGTH]
        for kernel in (key, f"{key}{_THERE}"):
            held.enter_context(self.used(REBUILT_PREFIX + kernel))
        current = await asyncio.to_thread(self._current, facts, digest)
        if current is not None:
            return current
        _check_local(facts, lock)
        if not re.fullmatch(r"[0-9a-f]{24}", key):
            raise CannotReproduce("the hash of its packages is not known")
        async with self._building.setdefault(key, asyncio.Lock()):
            return await self._rebuilt(key, lock, facts)

    def as_it_is(self, facts: Mapping[str, Any]) -> FoundEnvironment:
        """The kernel of another language than Python: the one that has its name now.

        Raises:
            CannotReproduce: there is none.
        """
        name = str((facts.get("kernel") or {}).get("name") or "")
        try:
            spec = kernelspecs.find(name)
        except KernelUnknown:
            raise CannotReproduce(
                f"its kernel {name!r:.100} isn't there, and only those of Python are rebuilt"
            ) from None
        said = f"not rebuilt: the kernel {name} that is there"
        return FoundEnvironment(name, spec.order().argv[0], said)

    @contextlib.contextmanager
    def used(self, kernel: str) -> Iterator[None]:
        """Keep an environment from being removed meanwhile."""
        self._used[kernel] = self._used.get(kernel, 0) + 1
        try:
            yield
        finally:
            self._used[kernel] -= 1
            if not self._used[kernel]:
                del self._used[kernel]

    async def make_room(self, needed: Collection[str]) -> None:
        """Remove the longest unused ones above the limit; `needed`: kernels of jobs under way."""
        spared = self._spared(needed)
        limit = self._settings.environments_limit
        await asyncio.to_thread(rebuilt.make_room, limit, spared)

    async def drop(
        self, needed: Collection[str], unused_since: float, *, pretend: bool
    ) -> list[Rebuilt]:
        """Remove those that nobody has used since then (epoch seconds); returns which.

        `pretend`: only say which.
        """
        spared = self._spared(needed)
        return await asyncio.to_thread(rebuilt.drop, spared, unused_since, pretend=pretend)

    def _spared(self, needed: Collection[str]) -> set[str]:
        kernels = {*needed, *self._used}
        return {one.removeprefix(REBUILT_PREFIX) for one in kernels}

    # --- the one that is there ---

    def _current(self, facts: Mapping[str, Any], digest: str) -> FoundEnvironment | None:
        """The interpreter that it had, if its packages are the same as then."""
        executable = str((facts.get("python") or {}).get("executable") or "")
        if not os.path.isabs(executable) or not os.access(executable, os.X_OK):
            return None
        folders = self._folders(executable)
        if folders is None:
            return None
        found = self._environments.of(executable, folders)
        if found is None or found.lock_hash != digest:
            return None
        count = len(found.packages)
        said = f"the one that is there: its {count} packages are the same as then"
        name = str((facts.get("kernel") or {}).get("name") or "python3")
        with contextlib.suppress(KernelUnknown):
            if kernelspecs.find(name).order().argv[0] == executable:
                return FoundEnvironment(name, executable, said)
        # Its kernelspec is gone or leads elsewhere; the interpreter is there all the same.
        key = digest[:_KEY_LENGTH] + _THERE
        _write_spec(paths.rebuilt_dir() / key, executable, "Python of the run")
        return FoundEnvironment(REBUILT_PREFIX + key, executable, said)

    def _folders(self, executable: str) -> list[tuple[str, int]] | None:
        import subprocess

        try:
            said = subprocess.run(  # an argument list, no shell
                [executable, "-c", _FOLDERS],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_ASK_PATIENCE,
                check=True,
                cwd="/",
                env=self._environment,
            )
            return [(str(path), int(time_ns)) for path, time_ns in json.loads(said.stdout)]
        except (OSError, subprocess.SubprocessError, ValueError, TypeError) as error:
            log.info("%s can't be asked for its packages: %s", executable, error)
            return None

    # --- one that is built ---

    async def _rebuilt(self, key: str, lock: Lock, facts: Mapping[str, Any]) -> FoundEnvironment:
        place = paths.rebuilt_dir() / key
        interpreter = str(place / "venv" / "bin" / "python")
        name = REBUILT_PREFIX + key
        count = len(lock.requirements)
        if (place / WHOLE).exists() and os.access(interpreter, os.X_OK):
            os.utime(place)
            notes = _notes(place)
            said = f"rebuilt before from its lock: {count} packages"
            return FoundEnvironment(name, interpreter, said, notes)
        began = time.monotonic()
        await asyncio.to_thread(_fresh, place)
        try:
            async with asyncio.timeout(self._settings.install_timeout):
                notes = await self._build(place, interpreter, lock, facts)
        except TimeoutError:
            raise CannotReproduce(
                f"its {count} packages could not be installed within "
                f"{self._settings.install_timeout:g} s (the setting reproduce.install_timeout)"
            ) from None
        (place / "notes.json").write_text(json.dumps(notes))
        _write_spec(place, interpreter, "Python rebuilt from a lock")
        took = time.monotonic() - began
        said = f"rebuilt from its lock: {count} packages in {took:.0f} s"
        return FoundEnvironment(name, interpreter, said, notes)

    async def _build(
        self, place: Path, interpreter: str, lock: Lock, facts: Mapping[str, Any]
    ) -> tuple[str, ...]:
        uv = find_uv(self._environment)
        notes: list[str] = []
        python = await self._make_venv(uv, place, lock, facts)
        if python:
            notes.append(python)
        requirements = place / "requirements.txt"
        requirements.write_text("".join(f"{one.line}\n" for one in lock.requirements))
        if lock.requirements:
            options = ("--python", interpreter, "--no-deps", "--requirements", str(requirements))
            status, said = await self._uv(uv, place, "pip", "install", *options)
            if status:
                raise CannotReproduce(_not_installed(said, lock))
        ours = {normal_name(one.name) for one in lock.left_out} & {"jupyter-mlops"}
        if ours:
            # A notebook may log with it; this one is an installation for developers.
            notes.append("jupyter-mlops is the one that runs here")
            _add_ours(place)
        return tuple(notes)

    async def _make_venv(self, uv: str, place: Path, lock: Lock, facts: Mapping[str, Any]) -> str:
        """Make an environment of the run's Python; a note where another one has to do."""
        had = facts.get("python") or {}
        executable = str(had.get("executable") or "")
        wanted = lock.python or str(had.get("version") or "")
        short = ".".join(wanted.split(".")[:2])
        tried = [executable] if Path(executable).is_absolute() else []
        said = ""
        for asked in [*tried, wanted, sys.executable, short]:
            status, said = await self._uv(
                uv, place, "venv", "--no-project", "--python", asked, "--clear", str(place / "venv")
            )
            if status:
                continue
            got = await asyncio.to_thread(_version_of, place / "venv")
            if got == wanted:
                return ""
            if got.split(".")[:2] == wanted.split(".")[:2] and asked == short:
                return f"Python {got} in place of {wanted}"
        raise CannotReproduce(f"there is no Python {wanted} here: {_short(said)}")

    async def _uv(self, uv: str, place: Path, *words: str) -> tuple[int, str]:
        """Its exit status and what it said."""
        log.info("uv %s", " ".join(words))
        said = place / "uv.log"
        with open(said, "wb") as output:  # noqa: ASYNC230 - it makes an empty file
            try:
                process = await asyncio.create_subprocess_exec(
                    uv,
                    *words,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    env=uv_environment(self._environment),
                    cwd=place,
                    start_new_session=True,
                )
            except OSError as error:
                raise CannotReproduce(f"uv can't be started: {error.strerror}") from error
            try:
                status = await process.wait()
            except asyncio.CancelledError:
                # With the compilers that it has started.
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
                raise
        return status, await asyncio.to_thread(_tail, said)


def find_uv(environment: Mapping[str, str]) -> str:
    """Where uv is: on the PATH, else the one that is installed beside us.

    Raises:
        CannotReproduce: there is none.
    """
    beside = str(Path(sys.executable).parent)
    search = os.pathsep.join([environment.get("PATH", ""), beside])
    found = shutil.which("uv", path=search)
    if found is None:
        raise CannotReproduce(
            "its environment has to be rebuilt, and uv isn't there: pip install uv"
        )
    return found


def _tail(file: Path) -> str:
    with open(file, "rb") as opened:
        opened.seek(max(0, opened.seek(0, os.SEEK_END) - _SAID_MOST))
        return opened.read().decode("utf-8", "replace")


def _check_local(facts: Mapping[str, Any], lock: Lock) -> None:
    """Refuse a lock whose packages can't all be had again."""
    used = {
        normal_name(str(one.get("name")))
        for one in facts.get("local_packages") or ()
        if isinstance(one, dict) and one.get("used", True)
    }
    lost = [f"{one.name} {one.version}" for one in lock.left_out if one.key in used]
    if lost:
        raise CannotReproduce(
            "packages were installed from a path of their machine, and the environment is no "
            f"longer the same: {_listed(lost)}"
        )


def _not_installed(said: str, lock: Lock) -> str:
    text = normal_name(" ".join(said.split()))
    named = [
        f"{one.name} {one.version}".strip()
        for one in lock.requirements
        if re.search(rf"(?<![a-z0-9-]){re.escape(one.key)}(?![a-z0-9-])", text)
    ]
    if _OFFLINE.search(said) and not re.search("not found in the", said):
        what = f" ({_listed(named)})" if named else ""
        return f"packages could not be fetched{what}: the index does not answer: {_short(said)}"
    if named:
        return f"could not be installed: {_listed(named)}: {_short(said)}"
    return f"its packages could not be installed: {_short(said)}"


def _short(said: str) -> str:
    lines = [" ".join(line.split()) for line in said.splitlines()]
    text = " ".join(line for line in lines if line and not line.startswith(("Using ", "Creating ")))
    plain = "".join(char for char in text if char.isprintable())
    plain = re.sub(r"(?<=://)[^/@\s]+@", "", plain)
    return plain if len(plain) <= _TOLD_MOST else plain[:_TOLD_MOST] + "…"


def _listed(names: Sequence[str], most: int = 5) -> str:
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def _fresh(place: Path) -> None:
    paths.private_dir(paths.rebuilt_dir())
    shutil.rmtree(place, ignore_errors=True)
    paths.private_dir(place)


def _notes(place: Path) -> tuple[str, ...]:
    try:
        return tuple(map(str, json.loads((place / "notes.json").read_text())))
    except (OSError, ValueError, TypeError):
        return ()


def _write_spec(place: Path, interpreter: str, called: str) -> None:
    paths.private_dir(paths.rebuilt_dir())
    paths.private_dir(place)
    document = {
        "argv": [interpreter, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": called,
        "language": "python",
    }
    files.replace(place / WHOLE, [json.dumps(document).encode()])


def _version_of(venv: Path) -> str:
    with contextlib.suppress(OSError):
        for line in (venv / "pyvenv.cfg").read_text().splitlines():
            name, _, value = line.partition("=")
            if name.strip() in ("version_info", "version"):
                return ".".join(value.strip().split(".")[:3])
    return ""


def _add_ours(place: Path) -> None:
    import jupyter_mlops

    roots = dict.fromkeys(str(Path(one).parent) for one in jupyter_mlops.__path__)
    for folder in (place / "venv" / "lib").glob("python*/site-packages"):
        (folder / "jupyter_mlops_here.pth").write_text("".join(f"{one}\n" for one in roots))
