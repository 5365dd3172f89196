"""Attempts as processes of this machine: runners forked from a warm parent, or started as usual."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import itertools
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jupyter_mlops.jobs import identity
from jupyter_mlops.jobs.attempt_log import read_small
from jupyter_mlops.jobs.backends.leftovers import kill_leftovers
from jupyter_mlops.jobs.launcher import Launched
from jupyter_mlops.jobs.order import AttemptOrder, KernelOrder
from jupyter_mlops.jobs.store_rows import Preload
from jupyter_mlops.jobs.warm.pool import Recipe, WarmPool, kernel_recipe, runner_recipe
from jupyter_mlops.jobs.warm.runners import Runners
from jupyter_mlops.settings import Settings

logger = logging.getLogger(__name__)

_LAUNCHERS = ("ipykernel_launcher", "ipykernel")


class RunnerProcess:
    """An attempt's runner: known by pid and start time, since pids are used again."""

    def __init__(
        self,
        directory: Path,
        pid: int,
        started: int,
        grace: float,
        child: subprocess.Popen[bytes] | None = None,
    ) -> None:
        self.pid = pid
        self._directory = directory
        self._started = started
        self._grace = grace
        self._child = child
        self._done = False

    def done(self) -> None:
        """It has carried out the attempt; what its process does next is none of our affair."""
        self._done = True

    def alive(self) -> bool:
        """Whether it is at the attempt; a child of ours is reaped by this."""
        if self._done:
            return False
        if self._child is not None:
            return self._child.poll() is None
        return identity.is_alive(self.pid, self._started)

    async def stop(self) -> None:
        """SIGTERM: interrupt, save, exit; after the grace everything is killed."""
        self._signal(signal.SIGTERM)
        deadline = time.monotonic() + self._grace
        while time.monotonic() < deadline:
            if not self.alive():
                await asyncio.to_thread(kill_leftovers, self._directory)
                return
            await asyncio.sleep(0.05)
        await self.kill()

    async def kill(self) -> None:
        """SIGKILL, to stopped processes too; its guard then ends the kernel and what that started.

        The lease is revoked first: a runner that is only being started finds it so and leaves.
        """
        await asyncio.to_thread(revoke, self._directory)
        self._signal(signal.SIGKILL, group=True)
        while self.alive():  # noqa: ASYNC110 - a process, not a task, ends here
            await asyncio.sleep(0.01)
        await asyncio.to_thread(kill_leftovers, self._directory)

    def _signal(self, number: signal.Signals, *, group: bool = False) -> None:
        if self.alive():
            with contextlib.suppress(ProcessLookupError):
                if group:
                    os.killpg(self.pid, number)
                else:
                    os.kill(self.pid, number)


class ProcessLauncher:
    """Implements `jobs.launcher.Launcher` on this machine."""

    def __init__(self, settings: Settings) -> None:
        self._pool = WarmPool(settings.warm)
        self._runners = Runners()
        # The runner gives a kernel one grace after the interrupt and one after TERM.
        self._grace = 2 * settings.attempts.interrupt_grace + 5.0

    def boot(self, kernel: KernelOrder | None, environment: Mapping[str, str]) -> None:
        """Boot what the first job will need: the runners' parent, and a plain one of `kernel`."""
        self._pool.find(runner_recipe(environment))
        if kernel is not None and (python := interpreter(kernel.argv)) is not None:
            self._pool.find(kernel_recipe(python, _kernel_environment(environment, kernel, {})))

    async def prepare(
        self, order: AttemptOrder, environment: dict[str, str], preload: Preload, *, warm: bool
    ) -> None:
        """Name the warm parent in the order, or why there is none."""
        kernel = order.kernel
        python = interpreter(kernel.argv)
        if not warm:
            kernel.cold_reason = "warm start is off for this job"
        elif not self._pool.enabled:
            kernel.cold_reason = "warm start is off"
        elif python is None:
            kernel.cold_reason = f"the kernel {kernel.name} is not an ipykernel"
        else:
            shared = _kernel_environment(environment, kernel, order.env)
            imports = tuple(n for n in preload.imports if not _held_back(n, preload.held_back))
            wanted = kernel_recipe(python, shared, tuple(sorted(set(imports))))
            found = self._pool.find(wanted)
            if found is None and wanted.imports:
                # Half of the way is better than none: ipykernel itself is imported there.
                found = self._pool.find(kernel_recipe(python, shared))
            if found is not None:
                kernel.parent_socket = str(found.socket)
            else:
                kernel.cold_reason = "a warm parent for this notebook is starting"

    async def launch(self, order: AttemptOrder, environment: dict[str, str]) -> Launched:
        """Have a forked runner carry it out, or start one; never both."""
        directory = Path(order.directory)
        parent = self._pool.find(runner_recipe(environment))
        if parent is not None:
            request = {"op": "run", "attempt_dir": order.directory, "env": environment}
            runner, answer = await self._runners.start(parent.socket, request)
            if runner is not None:
                launched = RunnerProcess(directory, runner.pid, runner.started, self._grace)
                self._runners.look_after(runner, parent.socket, launched.done)
                return launched
            logger.info("runner parent: %s", answer.get("stale", "no answer"))
            self._pool.discard(parent.socket)
            if "stale" not in answer and _took(directory):
                adopted = await self.adopt(directory)
                if adopted is not None:
                    return adopted
        return await asyncio.to_thread(self._start, order, environment)

    async def adopt(self, directory: Path) -> Launched | None:
        """The runner that holds the attempt's lease; None when nobody does, nor ever will."""
        for _ in range(100):
            if await asyncio.to_thread(revoke_if_free, directory):
                await asyncio.to_thread(kill_leftovers, directory)
                return None
            if found := read_small(directory / "runner.json"):
                known = json.loads(found)
                runner = RunnerProcess(
                    directory, int(known["pid"]), int(known["start_time"]), self._grace
                )
                if runner.alive():
                    return runner
            # It has taken the lease a moment ago and is about to say who it is; or it has died a
            # moment ago, and its last thread is about to let the lease go.
            await asyncio.sleep(0.05)
        return None

    def status(self) -> dict[str, Any]:
        """About the warm parents."""
        return self._pool.status()

    async def close(self) -> None:
        """End the warm parents; runners and kernels go on."""
        await self._runners.close()
        await self._pool.close()

    def _start(self, order: AttemptOrder, environment: dict[str, str]) -> RunnerProcess:
        directory = Path(order.directory)
        with (directory / "runner.log").open("ab") as log:
            child = subprocess.Popen(
                # -P: no module beside us may shadow what the runner imports.
                [sys.executable, "-P", "-m", "jupyter_mlops.jobs.runner", order.directory],
                env=environment,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        started = identity.start_time(child.pid) or 0
        return RunnerProcess(directory, child.pid, started, self._grace, child)


def interpreter(argv: list[str]) -> tuple[str, ...] | None:
    """Interpreter and options of an ipykernel's command; None for any other kernel."""
    for place, (option, module) in enumerate(itertools.pairwise(argv[1:]), 1):
        if option == "-m":
            if module not in _LAUNCHERS:
                return None
            python = shutil.which(argv[0])
            return None if python is None else (python, *argv[1:place])
        if not option.startswith("-"):
            return None
    return None


def revoke(directory: Path) -> None:
    """Whoever holds or takes the lease from now on must not write."""
    with contextlib.suppress(FileNotFoundError):
        (directory / "lease").write_bytes(b"revoked")


def revoke_if_free(directory: Path) -> bool:
    """Revoke the lease if no living process holds it; whether that was so."""
    try:
        descriptor = os.open(
            directory / "lease", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600
        )
    except OSError:
        return True  # the attempt's directory has gone: nothing can run there
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    else:
        os.pwrite(descriptor, b"revoked", 0)
        return True
    finally:
        os.close(descriptor)


def _took(directory: Path) -> bool:
    return (directory / "runner.json").exists()


def _held_back(name: str, held_back: tuple[str, ...]) -> bool:
    return any(name == other or name.startswith(f"{other}.") for other in held_back)


def _kernel_environment(
    base: Mapping[str, str], kernel: KernelOrder, added: dict[str, str]
) -> dict[str, str]:
    return {**base, **kernel.env, **added}


__all__ = ["ProcessLauncher", "Recipe", "RunnerProcess", "interpreter", "revoke_if_free"]
