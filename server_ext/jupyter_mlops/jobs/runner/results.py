"""What an attempt came to, brought to where it is kept and to where the person looks."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from jupyter_mlops.converters.notebook import Notebook
from jupyter_mlops.jobs.model import Failure, State
from jupyter_mlops.jobs.order import AttemptOrder
from jupyter_mlops.jobs.runner import failures, files
from jupyter_mlops.jobs.runner.attempt_journal import AttemptJournal
from jupyter_mlops.jobs.runner.cells import iso
from jupyter_mlops.jobs.runner.execution import Outcome
from jupyter_mlops.jobs.runner.jsontext import compact


class Results:
    """Of one attempt; `begun` by the monotonic clock, `begun_at` by the wall's."""

    def __init__(self, order: AttemptOrder, begun: float, begun_at: float) -> None:
        self._order = order
        self._directory = Path(order.directory)
        self._begun = begun
        self._begun_at = begun_at

    def publish(self, journal: AttemptJournal, notebook: Notebook, outcome: Outcome) -> Outcome:
        """Save the executed notebook for us and for the person; the outcome after that."""
        self._describe_end(notebook, outcome)
        own, target = journal.file.path, Path(self._order.output_notebook)
        saved = True
        try:
            journal.save(settled=False)  # with exit.json, which comes into the same directory
        except OSError as error:
            saved = False
            journal.free_reserve()
            kept = "What was saved before it is still there."
            outcome = _worse(outcome, cannot_write(str(own), error, kept))
        try:
            journal.check_lease(now=True)
            if saved:
                files.replace_with_copy(target, own, settled=False)  # with the log
            else:
                # What was saved on the way says that it is running; the person's copy says more.
                files.replace(target, journal.file.chunks(), mode=0o666, settled=False)
        except OSError as error:
            kept = f"The executed notebook is in {own}." if saved else ""
            return _worse(outcome, cannot_write(str(target.parent), error, kept))
        journal.events.append("saved")
        return outcome

    def publish_log(self, journal: AttemptJournal, outcome: Outcome) -> Outcome:
        """Save the log for the person; the outcome after that."""
        if outcome.failure is not None:
            text = f"{outcome.failure.message}\n{outcome.failure.hint}".strip()
            journal.log.note(text)
        elif outcome.state is State.CANCELLED:
            journal.log.note("Cancelled.")
        journal.flush(ring=False)
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
                cannot_write(str(target.parent), error, f"The log is in {journal.log.path}."),
            )
        return outcome

    def end(self, journal: AttemptJournal, outcome: Outcome, peak: int | None) -> None:
        """Say how it ended, with the most memory (bytes) that it took.

        Raises:
            LeaseLost: the attempt isn't ours any more.
            OSError: not even that can be written.
        """
        ended = _exit(outcome, time.monotonic() - self._begun, peak)
        journal.check_lease(now=True)
        journal.free_reserve()
        journal.events.append("finished", **ended)
        journal.flush(ring=False)  # with exit.json, in a moment
        files.replace(self._directory / "exit.json", [compact(ended), b"\n"])

    def refuse(self, failure: Failure) -> None:
        """End before anything has begun: there is no notebook to save.

        Raises:
            OSError: not even that can be written.
        """
        ended = _exit(Outcome(State.FAILED, failure), time.monotonic() - self._begun, None)
        text = f"[jupyter-mlops] {failure.message}\n{failure.hint}".strip() + "\n"
        files.replace(self._directory / "log.txt", [text.encode("utf-8", "replace")])
        line = compact({"seq": 1, "t": time.time(), "type": "finished", **ended}) + b"\n"
        files.replace(self._directory / "events.jsonl", [line])
        files.replace(self._directory / "exit.json", [compact(ended), b"\n"])

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


def _exit(outcome: Outcome, duration: float, peak: int | None) -> dict[str, Any]:
    failure = outcome.failure
    return {
        "state": outcome.state.value,
        "failure": failure.model_dump() if failure is not None else None,
        "duration": round(duration, 6),
        "peak_memory": peak,
    }


def cannot_write(what: str, error: OSError, kept: str) -> Failure:
    """The failure of an attempt whose results can't be written; `kept`: what there is of them."""
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
