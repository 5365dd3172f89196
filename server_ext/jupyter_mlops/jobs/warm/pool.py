"""The warm parents that the daemon keeps: one per interpreter, environment and set of imports."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from jupyter_mlops import paths
from jupyter_mlops.jobs.runner.kernel_process import NOT_PASSED_ON
from jupyter_mlops.settings import WarmSettings

logger = logging.getLogger(__name__)

_HERE = Path(__file__).parent
PARENT = _HERE / "parent.py"
BATCH_KERNEL = _HERE.parent / "runner" / "batch_kernel.py"
#: Seconds that a parent may take to boot: it tries each import in a child first.
BOOT_TIMEOUT = 300.0
_LOOK_AFTER = 15.0
#: They differ from job to job and mean nothing to an import; the child gets its own.
PER_JOB = frozenset(
    {
        "MLOPS_JOB_ID", "MLOPS_ATTEMPT", "MLOPS_CODE_DIR", "PWD", "OLDPWD", "_",
        "MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_ID", "MLFLOW_TRACKING_URI", "MLFLOW_TRACKING_TOKEN",
        "MLFLOW_EXPERIMENT_NAME", "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD",
        "MLOPS_RUN_ID",
    }
) | NOT_PASSED_ON  # fmt: skip


@dataclass(frozen=True, slots=True)
class Recipe:
    """What makes two jobs able to share a parent."""

    role: str
    #: The interpreter and its options.
    python: tuple[str, ...]
    environment: tuple[tuple[str, str], ...]
    imports: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """A short name of it; the environment's values can't be read from it."""
        text = json.dumps([self.role, self.python, self.environment, self.imports])
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass
class WarmParent:
    """One parent, booting, ready or gone."""

    recipe: Recipe
    socket: Path
    process: subprocess.Popen[bytes]
    log: Path
    booted_at: float = field(default_factory=time.monotonic)
    used_at: float = field(default_factory=time.monotonic)
    forks: int = 0

    @property
    def alive(self) -> bool:
        """Whether its process runs."""
        return self.process.poll() is None

    @property
    def ready(self) -> bool:
        """Whether it listens: it binds its socket last."""
        return self.alive and self.socket.exists()

    def end(self) -> None:
        """Its standard input ends: it leaves, what it forked goes on."""
        if self.process.stdin is not None:
            with contextlib.suppress(OSError):
                self.process.stdin.close()


class WarmPool:
    """Boots parents in the background and finds the one that fits; nobody waits for a boot."""

    def __init__(self, settings: WarmSettings) -> None:
        self._settings = settings
        self._parents: dict[str, WarmParent] = {}
        #: Told to end, and not reaped yet.
        self._ending: list[WarmParent] = []
        #: Recipes whose parent ended while it booted; not tried again for a while.
        self._broken: dict[str, float] = {}
        self._task: asyncio.Task[None] | None = None

    @property
    def enabled(self) -> bool:
        """Whether there may be parents at all."""
        # Forking a process that has used Apple's frameworks is not supported by them.
        return self._settings.enabled and sys.platform.startswith("linux")

    def start(self) -> None:
        """Look after the parents from now on."""
        if self.enabled and self._task is None:
            self._task = asyncio.create_task(self._look_after())

    async def close(self) -> None:
        """End all parents."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        parents = [*self._parents.values(), *self._ending]
        self._parents.clear()
        self._ending.clear()
        for parent in parents:
            parent.end()
        await asyncio.to_thread(_wait_all, parents)

    def find(self, recipe: Recipe) -> WarmParent | None:
        """The parent of a recipe, if it is ready; otherwise one boots for the next time."""
        if not self.enabled:
            return None
        self.start()
        parent = self._parents.get(recipe.key)
        if parent is not None and not parent.alive:
            self._forget(parent, "ended")
            parent = None
        if parent is None:
            self._boot(recipe)
            return None
        if not parent.ready:
            return None
        parent.used_at = time.monotonic()
        parent.forks += 1
        return parent

    def discard(self, socket: Path) -> None:
        """A parent said that it is stale, or doesn't answer: the next one is fresh."""
        for parent in list(self._parents.values()):
            if parent.socket == socket:
                self._forget(parent, "stale")

    def status(self) -> dict[str, Any]:
        """About each parent, for `GET /status`."""
        return {
            "enabled": self.enabled,
            "parents": [
                {
                    "role": parent.recipe.role,
                    "python": parent.recipe.python[0],
                    "imports": list(parent.recipe.imports),
                    "pid": parent.process.pid,
                    "ready": parent.ready,
                    "used": parent.forks,
                }
                for parent in self._parents.values()
            ],
        }

    def _boot(self, recipe: Recipe) -> None:
        if time.monotonic() < self._broken.get(recipe.key, 0.0):
            return
        if recipe.role == "kernel":
            self._make_room()
        folder = paths.private_dir(paths.runtime_dir())
        socket = folder / f"w{recipe.key}{os.urandom(2).hex()}"
        log = paths.private_dir(paths.data_dir() / "warm") / f"{recipe.role}-{recipe.key}.log"
        argv = [*recipe.python, str(PARENT), "--listen", str(socket), "--role", recipe.role]
        if recipe.role == "kernel":
            argv += ["--batch-kernel", str(BATCH_KERNEL), "--preload", ",".join(recipe.imports)]
        try:
            with log.open("wb") as output:
                process = self._spawn(argv, dict(recipe.environment), log.parent, output)
        except OSError as error:
            logger.warning("no warm parent of %s: %s", recipe.python[0], error)
            self._broken[recipe.key] = time.monotonic() + self._settings.idle_timeout
            return
        self._parents[recipe.key] = WarmParent(recipe, socket, process, log)

    @staticmethod
    def _spawn(
        argv: list[str], environment: dict[str, str], cwd: Path, output: IO[bytes]
    ) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            argv,
            env=environment,
            cwd=cwd,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )

    def _make_room(self) -> None:
        kernels = [p for p in self._parents.values() if p.recipe.role == "kernel"]
        kernels.sort(key=lambda parent: parent.used_at)
        for parent in kernels[: max(0, len(kernels) - self._settings.max_parents + 1)]:
            self._forget(parent, "making room")

    def _forget(self, parent: WarmParent, why: str) -> None:
        self._parents.pop(parent.recipe.key, None)
        if not parent.alive and not parent.socket.exists() and parent.forks == 0:
            # It never came up: the same would happen again.
            logger.warning("a warm parent didn't boot; see %s", parent.log)
            self._broken[parent.recipe.key] = time.monotonic() + self._settings.idle_timeout
        logger.info("warm parent %s: %s", parent.process.pid, why)
        parent.end()
        parent.socket.unlink(missing_ok=True)
        self._ending = [one for one in (*self._ending, parent) if one.alive]

    async def _look_after(self) -> None:
        while True:
            await asyncio.sleep(min(_LOOK_AFTER, self._settings.idle_timeout / 2))
            now = time.monotonic()
            self._ending = [parent for parent in self._ending if parent.alive]
            for parent in list(self._parents.values()):
                if not parent.alive:
                    self._forget(parent, "ended")
                elif now - parent.used_at > self._settings.idle_timeout:
                    self._forget(parent, "idle")
                elif not parent.ready and now - parent.booted_at > BOOT_TIMEOUT:
                    parent.process.kill()
                    self._forget(parent, "took too long to boot")


def _wait_all(parents: list[WarmParent]) -> None:
    deadline = time.monotonic() + 5
    for parent in parents:
        try:
            parent.process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            parent.process.kill()
            parent.process.wait()
        parent.socket.unlink(missing_ok=True)


def kernel_recipe(
    python: tuple[str, ...], environment: Mapping[str, str], imports: tuple[str, ...] = ()
) -> Recipe:
    """The recipe of an ipykernel; `environment` is the kernel's."""
    shared = tuple(sorted((k, v) for k, v in environment.items() if k not in PER_JOB))
    return Recipe("kernel", python, shared, imports)


def runner_recipe(environment: Mapping[str, str]) -> Recipe:
    """The recipe of runners: the daemon's own interpreter."""
    shared = tuple(sorted((k, v) for k, v in environment.items() if k not in PER_JOB))
    return Recipe("runner", (sys.executable,), shared)
