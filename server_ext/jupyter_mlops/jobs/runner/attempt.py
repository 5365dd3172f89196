"""One attempt from its order to its exit: prepare, execute, publish, end."""

from __future__ import annotations

import os
import time
from functools import cache
from pathlib import Path
from typing import Any

from jupyter_mlops.converters.notebook import Notebook, read_notebook
from jupyter_mlops.converters.parameters import inject, values_source
from jupyter_mlops.errors import MlopsError
from jupyter_mlops.jobs.model import Failure, State
from jupyter_mlops.jobs.order import AttemptOrder
from jupyter_mlops.jobs.runner import failures, files
from jupyter_mlops.jobs.runner.attempt_journal import AttemptJournal
from jupyter_mlops.jobs.runner.cells import CellRun, iso, prepare
from jupyter_mlops.jobs.runner.doorbell import Doorbell
from jupyter_mlops.jobs.runner.execution import Execution, Outcome, Plan
from jupyter_mlops.jobs.runner.jsontext import compact
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
from jupyter_mlops.jobs.runner.timers import Timers
from jupyter_mlops.jobs.runner.wake import Wake

VALUES_TAG = "mlops-values"


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
        self._timers = Timers()
        self._raw_log = RawLog(self._directory / "kernel.log")
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
            return self._refuse(refusal.failure)
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
            output.parent.mkdir(parents=True, exist_ok=True)
            files.probe(output.parent, len(os.fsencode(output.name)))
        except OSError as error:
            raise Refusal(_cannot_write(str(output.parent), error, "")) from error

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
        runtime = runtime_dir(order)
        argv = order.kernel.argv
        with KernelClient(runtime, ipc=is_python(argv), bounded=is_ipykernel(argv)) as client:
            env = environment(dict(os.environ), order.kernel, order.env, order.code_dir)
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
                sweep(runtime)

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

        # While the kernel starts; after a power cut nobody needs it.
        journal.save(durable=False)
        outcome = execution.run(prepared, journal.turn)
        return self._finish(journal, notebook, outcome, execution)

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
        outcome = self._publish(journal, notebook, outcome)
        if execution is not None:
            execution.close()
            if journal.dirty:  # what exit handlers printed
                outcome = self._publish(journal, notebook, outcome)
        self._add_raw_log(journal)
        outcome = self._publish_log(journal, outcome)
        peak = execution.peak_memory if execution is not None else None
        ended = _exit(outcome, time.monotonic() - self._begun, peak)
        journal.check_lease(now=True)
        journal.free_reserve()
        journal.events.append("finished", **ended)
        journal.flush()
        files.replace(self._directory / "exit.json", [compact(ended), b"\n"])
        self._doorbell.ring()
        return outcome.state

    def _publish(self, journal: AttemptJournal, notebook: Notebook, outcome: Outcome) -> Outcome:
        """Save the executed notebook for us and for the person."""
        self._describe_end(notebook, outcome)
        own, target = journal.file.path, Path(self._order.output_notebook)
        saved = True
        try:
            journal.save(settled=False)  # with exit.json, which comes into the same directory
        except OSError as error:
            saved = False
            journal.free_reserve()
            kept = "What was saved before it is still there."
            outcome = _worse(outcome, _cannot_write(str(own), error, kept))
        try:
            journal.check_lease(now=True)
            if saved:
                files.replace_with_copy(target, own, settled=False)  # with the log
            else:
                # What was saved on the way says that it is running; the person's copy says more.
                files.replace(target, journal.file.chunks(), mode=0o666, settled=False)
        except OSError as error:
            kept = f"The executed notebook is in {own}." if saved else ""
            return _worse(outcome, _cannot_write(str(target.parent), error, kept))
        journal.events.append("saved")
        journal.flush()
        return outcome

    def _publish_log(self, journal: AttemptJournal, outcome: Outcome) -> Outcome:
        if outcome.failure is not None:
            text = f"{outcome.failure.message}\n{outcome.failure.hint}".strip()
            journal.log.note(text)
        elif outcome.state is State.CANCELLED:
            journal.log.note("Cancelled.")
        journal.flush()
        target = Path(self._order.output_log)
        try:
            journal.check_lease(now=True)
            try:
                files.replace_with_copy(target, journal.log.path, settled=False)
            finally:
                files.sync_directory(target.parent)
        except OSError as error:
            return _worse(
                outcome,
                _cannot_write(str(target.parent), error, f"The log is in {journal.log.path}."),
            )
        return outcome

    def _add_raw_log(self, journal: AttemptJournal) -> None:
        journal.log.settle()
        journal.flush()
        lines = self._raw_log.unclaimed(journal.log.path)
        if lines:
            journal.log.lines("The kernel's own output:", lines)

    def _describe_end(self, notebook: Notebook, outcome: Outcome) -> None:
        duration = time.monotonic() - self._begun
        told: dict[str, Any] = notebook.metadata["mlops"]
        told["state"] = outcome.state.value
        told["duration"] = round(duration, 6)
        if outcome.failure is not None:
            told["failure"] = {
                "code": outcome.failure.code,
                "message": outcome.failure.message,
            }
        notebook.metadata["papermill"] |= {
            "duration": round(duration, 6),
            "end_time": iso(self._begun_at + duration),
            "exception": outcome.state is not State.SUCCEEDED or None,
        }

    def _refuse(self, failure: Failure) -> State:
        """End before anything has begun: there is no notebook to save."""
        ended = _exit(Outcome(State.FAILED, failure), time.monotonic() - self._begun, None)
        self._lease.check()
        text = f"[jupyter-mlops] {failure.message}\n{failure.hint}".strip() + "\n"
        files.replace(self._directory / "log.txt", [text.encode("utf-8", "replace")])
        line = compact({"seq": 1, "t": time.time(), "type": "finished", **ended}) + b"\n"
        files.replace(self._directory / "events.jsonl", [line])
        files.replace(self._directory / "exit.json", [compact(ended), b"\n"])
        self._doorbell.ring()
        return State.FAILED


def data_dir(directory: Path) -> Path | None:
    """The data directory that an attempt's directory lies in; None when it lies elsewhere."""
    attempts, jobs = directory.parent, directory.parent.parent.parent
    return jobs.parent if (attempts.name, jobs.name) == ("attempts", "jobs") else None


def runtime_dir(order: AttemptOrder) -> Path:
    """The directory for sockets: where the doorbell is, since that path is short."""
    from jupyter_mlops import paths

    return paths.private_dir(Path(order.doorbell).parent)


def _exit(outcome: Outcome, duration: float, peak: int | None) -> dict[str, Any]:
    failure = outcome.failure
    return {
        "state": outcome.state.value,
        "failure": failure.model_dump() if failure is not None else None,
        "duration": round(duration, 6),
        "peak_memory": peak,
    }


def _cannot_write(what: str, error: OSError, kept: str) -> Failure:
    if files.is_full(error):
        return failures.disk_full(what, kept)
    failure = failures.output_unwritable(what, error.strerror or str(error))
    failure.message = f"{failure.message} {kept}".strip()
    return failure


def _worse(outcome: Outcome, failure: Failure) -> Outcome:
    """A result that can't be written fails a job; a job that failed has its reason already."""
    if outcome.failure is None:
        return Outcome(State.FAILED, failure)
    outcome.failure.message += f" {failure.message}"
    return outcome


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
