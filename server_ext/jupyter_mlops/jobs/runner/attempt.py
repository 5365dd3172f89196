"""One attempt from its order to its exit: prepare, execute, publish, end."""

from __future__ import annotations

import json
import os
import time
from functools import cache
from pathlib import Path
from typing import Any

from jupyter_mlops import paths
from jupyter_mlops.converters.notebook import Notebook, read_notebook
from jupyter_mlops.converters.parameters import inject, values_source
from jupyter_mlops.errors import MlopsError
from jupyter_mlops.jobs.attempt_log import facts_file
from jupyter_mlops.jobs.model import Failure, State
from jupyter_mlops.jobs.order import AttemptOrder
from jupyter_mlops.jobs.runner import failures, files
from jupyter_mlops.jobs.runner.attempt_journal import AttemptJournal
from jupyter_mlops.jobs.runner.cells import CellRun, iso, prepare
from jupyter_mlops.jobs.runner.doorbell import Doorbell
from jupyter_mlops.jobs.runner.execution import Execution, Outcome, Plan
from jupyter_mlops.jobs.runner.kernel_client import KernelClient, sweep
from jupyter_mlops.jobs.runner.kernel_process import (
    KernelCommand,
    KernelProcess,
    environment,
    is_ipykernel,
    is_python,
)
from jupyter_mlops.jobs.runner.lease import Lease
from jupyter_mlops.jobs.runner.rawlog import RawLog
from jupyter_mlops.jobs.runner.results import Results, cannot_write
from jupyter_mlops.jobs.runner.system_metrics import SystemMetrics, processes_of
from jupyter_mlops.jobs.runner.timers import Timers
from jupyter_mlops.jobs.runner.wake import Wake

VALUES_TAG = "mlops-values"
#: Given to a job (`--env JUPYTER_MLOPS_DATASETS=off`), it keeps the files that are read to itself.
NO_DATASETS = "JUPYTER_MLOPS_DATASETS"
#: Further folders of one job in which data lies.
DATA_FOLDERS = "JUPYTER_MLOPS_DATA_FOLDERS"


class Refusal(Exception):
    """The attempt can't be carried out; says why."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class Attempt:
    """Carries out one order. Nothing else writes into its directory meanwhile."""

    def __init__(self, order: AttemptOrder, lease: Lease, wake: Wake) -> None:
        self._order = order
        self._directory = Path(order.directory)
        self._lease = lease
        self._wake = wake
        self._begun = time.monotonic()
        self._begun_at = time.time()
        self._results = Results(order, self._begun, self._begun_at)
        self._timers = Timers()
        self._raw_log = RawLog(self._directory / "kernel.log")
        self._system: SystemMetrics | None = None
        self._doorbell = Doorbell(
            order.doorbell, f"{order.job_id}/{order.attempt}", data_dir(self._directory)
        )

    def carry_out(self) -> State:
        """Do it; the exit is written.

        Raises:
            LeaseLost: the attempt was taken from us; nothing more was written.
            OSError: not even the exit could be written.
        """
        order = self._order
        try:
            self._check_places()
            notebook = self._prepare()
        except Refusal as refusal:
            self._lease.check()
            self._results.refuse(refusal.failure)
            self._doorbell.ring()
            return State.FAILED
        runs = prepare(notebook)
        self._describe(notebook)
        journal = AttemptJournal(
            self._directory,
            notebook,
            self._lease,
            self._doorbell,
            self._timers,
            order.limits.total_bytes,
        )
        try:
            return self._execute(journal, notebook, runs)
        finally:
            journal.close()

    # ------------------------------------------------------------ before

    def _check_places(self) -> None:
        """What would only be found at the end of a long run otherwise."""
        order = self._order
        if not os.path.isdir(order.cwd):
            raise Refusal(
                Failure(
                    code="cwd_missing",
                    message=f"The working directory {order.cwd} isn't there any more.",
                    hint="Put it back, or submit the notebook again from where it is now.",
                )
            )
        output = Path(order.output_notebook)
        try:
            files.make_writable(output.parent, len(os.fsencode(output.name)))
        except OSError as error:
            raise Refusal(cannot_write(str(output.parent), error, "")) from error

    def _prepare(self) -> Notebook:
        """The notebook to execute, with what is injected."""
        order = self._order
        try:
            notebook = read_notebook(order.notebook, name=order.source)
            language = order.kernel.language
            notebook, _ = inject(notebook, order.parameters, language or None)
        except MlopsError as error:
            raise Refusal(_as_failure(error)) from error
        if order.values is not None:
            notebook = self._with_values(notebook, order.values)
        if notebook.get("nbformat_minor", 0) < 5:
            for cell in notebook.cells:
                cell.pop("id", None)
        return notebook

    def _with_values(self, notebook: Notebook, values: str) -> Notebook:
        order = self._order
        if order.kernel.language.lower() != "python":
            raise Refusal(
                Failure(
                    code="values_need_python",
                    message=f"Variables can't be taken along into {order.kernel.language}.",
                    hint="Give them as parameters.",
                )
            )
        cell: dict[str, Any] = {
            "cell_type": "code",
            "execution_count": None,
            "id": VALUES_TAG,
            "metadata": {"tags": [VALUES_TAG]},
            "outputs": [],
            "source": values_source(values),
        }
        return Notebook({**notebook, "cells": [cell, *notebook.cells]})

    def _describe(self, notebook: Notebook) -> None:
        order = self._order
        notebook.metadata["mlops"] = {
            "job_id": order.job_id,
            "attempt": order.attempt,
            "state": State.RUNNING.value,
            "started_at": self._begun_at,
            "seq": 0,
        }
        notebook.metadata["papermill"] = {
            "default_parameters": {},
            "duration": None,
            "end_time": None,
            "environment_variables": {},
            "exception": None,
            "input_path": order.source,
            "output_path": order.output_notebook,
            "parameters": order.parameters,
            "start_time": iso(self._begun_at),
            "version": papermill_version(),
        }

    # ------------------------------------------------------------ the run

    def _execute(self, journal: AttemptJournal, notebook: Notebook, runs: list[CellRun]) -> State:
        order = self._order
        # Where the doorbell is the path is short enough, too.
        sockets = paths.sockets_dir(Path(order.doorbell).parent)
        argv = order.kernel.argv
        with KernelClient(sockets, ipc=is_python(argv), bounded=is_ipykernel(argv)) as client:
            env = environment(dict(os.environ), order.kernel, order.env, order.code_dir)
            if is_ipykernel(argv):
                env["MLOPS_FACTS"] = self._facts_wanted(env)
            if order.facts.system_metrics:
                self._system = SystemMetrics(
                    self._directory, self._timers, order.facts.system_interval, order.cwd, env
                )
            command = KernelCommand.of(
                order.kernel, client.connection_file, order.cwd, env, self._raw_log.path
            )
            try:
                process = KernelProcess(
                    command, order.kernel.parent_socket, order.kernel.cold_reason
                )
            except OSError as error:
                why = error.strerror or str(error)
                failure = failures.kernel_start_failed(order.kernel.name, why, "")
                return self._finish(journal, notebook, Outcome(State.FAILED, failure), None)
            try:
                return self._run(journal, notebook, runs, process, client)
            finally:
                process.kill()
                process.close()
                sweep(sockets)

    def _run(
        self,
        journal: AttemptJournal,
        notebook: Notebook,
        runs: list[CellRun],
        process: KernelProcess,
        client: KernelClient,
    ) -> State:
        order = self._order
        elapsed = time.monotonic() - self._begun
        plan = Plan(
            notebook,
            runs,
            order.kernel.name,
            limits=order.limits,
            timeout=None if order.timeout is None else order.timeout - elapsed,
            timeout_said=order.timeout or 0.0,
            start_timeout=order.kernel_start_timeout,
            quiet_after=order.quiet_after,
            interrupt_grace=order.interrupt_grace,
            interrupt_by_message=order.kernel.interrupt_mode == "message",
            memory_limit=order.memory_limit,
        )
        execution = Execution(plan, process, client, journal, self._timers, self._raw_log.tail)
        self._wake.attach(execution.watch, execution.cancel)

        def prepared() -> None:
            journal.events.append(
                "prepared",
                total=len(runs),
                start=process.start.model_dump(),
                kernel={"pid": process.pid, "start_time": process.started},
            )
            journal.flush()
            if self._system is not None and process.pid is not None:
                kernel, guard = process.pid, process.guard_pid
                self._system.begin(lambda: processes_of(kernel, guard))

        # While the kernel starts; after a power cut nobody needs it.
        journal.save(durable=False)
        outcome = execution.run(prepared, journal.turn)
        if self._system is not None:
            self._system.end()
        return self._finish(journal, notebook, outcome, execution)

    def _facts_wanted(self, env: dict[str, str]) -> str:
        """What the kernel is to write down about itself."""
        order = self._order
        wanted = order.facts
        datasets = wanted.datasets and env.get(NO_DATASETS, "").lower() not in ("off", "0", "false")
        return json.dumps(
            {
                "file": str(facts_file(self._directory)),
                "datasets": datasets,
                "folders": [
                    os.path.join(order.cwd, one)
                    for one in (*wanted.data_folders, *env.get(DATA_FOLDERS, "").split(os.pathsep))
                    if one
                ],
                "without": [_without_data(self._directory, order.cwd)],
                "variables": wanted.variables,
                "hash_limit": wanted.hash_limit,
                "cache": order.hashes,
            }
        )

    # ------------------------------------------------------------ the end

    def _finish(
        self,
        journal: AttemptJournal,
        notebook: Notebook,
        outcome: Outcome,
        execution: Execution | None,
    ) -> State:
        # The result first: nobody has to wait for the kernel's exit handlers, which run meanwhile.
        if execution is not None:
            execution.begin_close()
        if self._order.cpus_only:
            self._release(journal)
        outcome = self._results.publish(journal, notebook, outcome)
        if execution is not None:
            execution.close()
            if journal.dirty:  # what exit handlers printed
                outcome = self._results.publish(journal, notebook, outcome)
        if not self._order.cpus_only:
            self._release(journal)
        self._add_raw_log(journal)
        outcome = self._results.publish_log(journal, outcome)
        peak = execution.peak_memory if execution is not None else None
        self._results.end(journal, outcome, peak)
        self._doorbell.ring()
        return outcome.state

    def _release(self, journal: AttemptJournal) -> None:
        """What the attempt held is free while the disk works."""
        journal.events.append("released")
        journal.flush()

    def _add_raw_log(self, journal: AttemptJournal) -> None:
        journal.log.settle()
        journal.flush()
        lines = self._raw_log.unclaimed(journal.log.path)
        if lines:
            journal.log.lines("The kernel's own output:", lines)


def data_dir(directory: Path) -> Path | None:
    """The data directory that an attempt's directory lies in; None when it lies elsewhere."""
    attempts, jobs = directory.parent, directory.parent.parent.parent
    return jobs.parent if (attempts.name, jobs.name) == ("attempts", "jobs") else None


def _without_data(directory: Path, cwd: str) -> str:
    """Where nothing is data: our own directory, unless the notebook works in it (as one that is
    reproduced does), and then the attempt's.
    """
    ours = data_dir(directory)
    return str(directory if ours is None or Path(cwd).is_relative_to(ours) else ours)


def _as_failure(error: MlopsError) -> Failure:
    return Failure(code=error.stable_code, message=error.detail, hint=error.hint)


@cache
def papermill_version() -> str:
    """The installed papermill's; "" where there is none. Reading it takes a while."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("papermill")
    except PackageNotFoundError:
        return ""
