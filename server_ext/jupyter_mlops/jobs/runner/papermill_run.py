"""What `papermill --engine mlops` does: the runner's execution below papermill's own bookkeeping.

The notebook on the way is saved atomically and not after every cell; its cells say the truth when
the kernel dies. papermill itself writes the final notebook.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, Self, TextIO

from jupyter_mlops.jobs import kernelspecs
from jupyter_mlops.jobs.model import State
from jupyter_mlops.jobs.order import OutputLimits
from jupyter_mlops.jobs.runner.cells import CellRun, CellStatus, iso, prepare
from jupyter_mlops.jobs.runner.execution import Execution, Outcome, Plan
from jupyter_mlops.jobs.runner.kernel_client import KernelClient
from jupyter_mlops.jobs.runner.kernel_process import (
    KernelCommand,
    KernelProcess,
    environment,
    is_ipykernel,
    is_python,
)
from jupyter_mlops.jobs.runner.notebook_file import NotebookFile
from jupyter_mlops.jobs.runner.rawlog import RawLog
from jupyter_mlops.jobs.runner.timers import Timers
from jupyter_mlops.jobs.runner.wake import Wake

#: A notebook may have what memory holds: papermill has no limits.
_LIMITS = OutputLimits(cell_bytes=2**40, total_bytes=2**40, single_bytes=2**40)


def execute(  # noqa: PLR0913 - papermill passes them all by name
    nb: Any,
    kernel_name: str,
    *,
    output_path: str | None = None,
    input_path: str | None = None,
    progress_bar: bool | dict[str, Any] = True,
    log_output: bool = False,
    autosave_cell_every: float = 30,
    start_timeout: float = 60,
    execution_timeout: float | None = None,
    stdout_file: TextIO | None = None,
    stderr_file: TextIO | None = None,
) -> Any:
    """Execute the notebook node `nb`; return it. A cell's error is left for papermill to raise.

    `execution_timeout` counts for each cell, `autosave_cell_every` is in seconds (0: never).

    Raises:
        PapermillException: the kernel didn't start, died, or a cell took too long.
        KeyboardInterrupt: interrupted; the notebook so far was saved.
    """
    from nbformat import from_dict
    from papermill.exceptions import PapermillException

    del input_path  # papermill has written it into the metadata already
    begun_at, begun = time.time(), time.monotonic()
    runs = prepare(nb)
    timers = Timers()
    bar = None if progress_bar is False else _bar(progress_bar, len(nb.cells))
    journal = _Journal(nb, output_path, autosave_cell_every, timers, bar)
    journal.copies = {"stdout": stdout_file, "stderr": stderr_file}
    journal.logging = log_output
    nb.metadata.papermill |= {"start_time": iso(begun_at), "exception": None}
    plan = Plan(
        nb,
        runs,
        kernel_name,
        limits=_LIMITS,
        cell_timeout=execution_timeout,
        start_timeout=start_timeout,
        quiet_after=10 * 365 * 86_400,
    )
    with journal:
        outcome = _execute(plan, journal, timers)
        duration = time.monotonic() - begun
        nb.metadata.papermill |= {
            "duration": duration,
            "end_time": iso(begun_at + duration),
            "exception": True if outcome.state is not State.SUCCEEDED else None,
        }
        nb.cells = [from_dict(cell) for cell in nb.cells]  # type: ignore[no-untyped-call]
        journal.save()
    if outcome.state is State.CANCELLED:
        raise KeyboardInterrupt
    failure = outcome.failure
    if failure is not None and failure.code != "cell_failed":
        raise PapermillException(f"{failure.message} {failure.hint}")
    return nb


def _execute(plan: Plan, journal: _Journal, timers: Timers) -> Outcome:
    spec = kernelspecs.find(plan.kernel_name).order()
    plan.interrupt_by_message = spec.interrupt_mode == "message"
    in_main_thread = threading.current_thread() is threading.main_thread()
    with (
        _temporary_directory() as directory,
        Wake() if in_main_thread else nullcontext() as wake,
        KernelClient(
            directory, ipc=is_python(spec.argv), bounded=is_ipykernel(spec.argv)
        ) as client,
    ):
        log = directory / "kernel.log"
        env = environment(dict(os.environ), spec, {}, None)
        command = KernelCommand.of(spec, client.connection_file, os.getcwd(), env, log)
        process = KernelProcess(command, None, "")
        try:
            execution = Execution(plan, process, client, journal, timers, RawLog(log).tail)
            if wake is not None:
                wake.attach(execution.watch, execution.cancel)
            outcome = execution.run(lambda: None, journal.turn)
            execution.begin_close()
            execution.close()
            return outcome
        finally:
            process.kill()
            process.close()


@contextmanager
def _temporary_directory() -> Iterator[Path]:
    # Sockets' paths have to be short, which TMPDIR may not be.
    directory = tempfile.mkdtemp(prefix="mlops-", dir="/tmp")
    try:
        yield Path(directory)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


class _Journal:
    """The `Journal` of a papermill run: a progress bar, autosaves, copies of what is printed."""

    def __init__(
        self,
        nb: Any,
        output_path: str | None,
        interval: float,
        timers: Timers,
        bar: Any,
    ) -> None:
        local = output_path is not None and "://" not in output_path and output_path != "-"
        self._file = NotebookFile(nb, Path(output_path).absolute()) if local else None  # type: ignore[arg-type]
        self._interval = interval
        self._timers = timers
        self._bar = bar
        self._dirty = False
        self.copies: dict[str, TextIO | None] = {}
        self.logging = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def save(self) -> None:
        """Save, where there is a file."""
        if self._file is not None:
            self._file.save()
            self._dirty = False

    def turn(self) -> None:
        """Save now and then."""
        if self._dirty and self._interval and not self._timers.is_set("save"):
            self._timers.after("save", self._interval, self.save)

    def cell_started(self, run: CellRun) -> None:
        """See `Journal`."""
        if self.logging:
            self._log(f"Executing Cell {run.index + 1:-<40}")

    def cell_finished(self, run: CellRun, status: CellStatus, duration: float) -> None:
        """See `Journal`."""
        del duration
        if self._bar is not None and status is not CellStatus.NOT_RUN:
            self._bar.update(run.index + 1 - self._bar.n)
        if self.logging and status is not CellStatus.NOT_RUN:
            self._log(f"Ending Cell {run.index + 1:-<43}")
            for copy in self.copies.values():
                if copy is not None:
                    copy.flush()

    def stream(self, index: int, name: str, text: str) -> None:
        """See `Journal`."""
        del index
        copy = self.copies.get(name)
        if copy is not None:
            copy.write(text)
        if self.logging:
            self._log(text.rstrip("\n"), warning=name == "stderr")

    def output(self, index: int, output: dict[str, Any], display_id: str | None) -> None:
        """See `Journal`."""
        del index, display_id
        if self.logging and "text/plain" in output.get("data", {}):
            self._log(str(output["data"]["text/plain"]))

    def clear(self, index: int, *, wait: bool) -> None:
        """See `Journal`."""

    def update_display(
        self, display_id: str, data: dict[str, Any], metadata: dict[str, Any]
    ) -> None:
        """See `Journal`."""

    def changed(self, index: int) -> None:
        """See `Journal`."""
        self._dirty = True
        if self._file is not None:
            self._file.changed(index)

    def note(self, text: str) -> None:
        """See `Journal`."""
        self._log(text, warning=True)

    def _log(self, text: str, *, warning: bool = False) -> None:
        from papermill.log import logger

        if warning:
            logger.warning(text)
        else:
            logger.info(text)


def _bar(wanted: object, total: int) -> Any:
    from tqdm.auto import tqdm  # type: ignore[import-untyped]

    options = wanted if isinstance(wanted, dict) else {}
    return tqdm(
        **({"unit": "cell", "desc": "Executing", "file": sys.stderr} | options), total=total
    )
