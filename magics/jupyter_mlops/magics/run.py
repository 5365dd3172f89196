"""A run that this kernel logs into."""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from jupyter_mlops.client import Client
from jupyter_mlops.errors import Busy, Conflict, InvalidInput, MlopsError, NotFound
from jupyter_mlops.magics.attachments import Attachments
from jupyter_mlops.magics.points import checked
from jupyter_mlops.magics.record_file import RecordFile
from jupyter_mlops.magics.record_writer import RecordWriter
from jupyter_mlops.magics.texts import texts
from jupyter_mlops.naming import PARAM_VALUE_MOST, TAG_VALUE_MOST, problem_of_name

STATUSES = ("finished", "failed", "killed")
_FAILURE_MOST = 1000
_NOTE_TAG = "mlflow.note.content"
_TRACEBACK = "mlops/traceback.txt"
#: How often a run is asked for whose directory is gone before its lease is held.
_TRIES = 3


class Run(Attachments):
    """Open until `end`. Logging is thread-safe and waits for nobody; a forked child may log, but
    never ends the run.
    """

    def __init__(
        self,
        client: Client,
        order: dict[str, Any],
        ended: Callable[[Run], None],
        around: Run | None = None,
    ) -> None:
        """Begin a run, or go on with a job's.

        Args:
            client: the daemon's.
            order: the body of `POST /runs`.
            ended: called as soon as nothing more can be logged.
            around: the run in whose block this one begins; it ends no later than that.

        Raises:
            MlopsError: nothing was begun.
        """
        self._client = client
        self.of_job = bool(order.get("job_id"))
        found, self._file = _begun(client, order)
        #: Ours; in the embedded store also MLflow's.
        self.id: str = found["id"]
        #: MLflow's; None while its server is away.
        self.run_id: str | None = found["run_id"]
        self.experiment: str = found["experiment"]
        self.name: str = found["name"]
        self._pid = os.getpid()
        self._writer = RecordWriter(self._file, client.ensure_daemon)
        #: What is logged is appended here; `recording.log` does so itself.
        self.points = self._writer.points
        self._params: dict[str, str] = dict(order.get("params") or {})
        self._cut: set[str] = set()
        self._note = ""
        #: What the operator wants recorded without asking (settings `attempts.facts`).
        self.facts_wanted: dict[str, Any] = found.get("facts") or {}
        #: Shared with the daemon, until all is recorded.
        self.directory = self._file.directory
        #: Where files are put that the daemon takes into the run's artifacts.
        self.artifacts = self._file.artifacts
        self.failure = ""
        self.ended = False
        #: Whether a block is open that ends it: what begins there is a run within it.
        self.holds = False
        #: The run that it is within, and the open one that is within it.
        self.around = around
        self.inner: Run | None = None
        #: How it ended; empty before.
        self.status = ""
        self._on_end = ended
        self._at_end: list[Callable[[], None]] = []
        self._at_cell_end: list[Callable[[], None]] = []
        self._at_return: list[Callable[[], None]] = []
        if around is not None:
            around.inner = self
        self._writer.add({"type": "opened", "pid": self._pid, "t": time.time()})
        self._writer.flush()

    def log(
        self, values: Mapping[str, Any] | None = None, /, *, step: Any = None, **named: Any
    ) -> None:
        """Log metrics, at the next step of each where none is given.

        Raises:
            InvalidInput: names every one that can't be logged; nothing is.
            Conflict: the run has ended.
        """
        at = time.time()
        metrics, whole = checked({**values, **named} if values is not None else named, step)
        self.check_open()
        self.points.append((at, whole, metrics))

    def params(self, values: Mapping[str, Any] | None = None, /, **named: Any) -> None:
        """Log parameters, as text. Each has one value for the whole run.

        Raises:
            InvalidInput: names every one that can't be logged; nothing is.
            Conflict: the run has ended.
        """
        self.check_open()
        found = texts({**(values or {}), **named}, "params", PARAM_VALUE_MOST, self._cut)
        problems = [
            {
                "where": f"params.{name}",
                "message": f"it is {self._params[name]:.50} already; parameters don't change",
            }
            for name, value in found.items()
            if self._params.get(name, value) != value
        ]
        if problems:
            raise InvalidInput(
                "These parameters have another value already.",
                hint="Log what changes as a metric, or start another run.",
                problems=problems,
            )
        self._params |= found
        self.record({"type": "params", "params": found})

    def tag(self, values: Mapping[str, Any] | None = None, /, **named: Any) -> None:
        """Set tags, as text; the last value stays.

        Raises:
            InvalidInput: names every one that can't be set; none is.
            Conflict: the run has ended.
        """
        self.check_open()
        found = texts({**(values or {}), **named}, "tags", TAG_VALUE_MOST, self._cut)
        self.record({"type": "tags", "tags": found})

    def note(self, text: str) -> None:
        """Add a paragraph to the run's description."""
        self.check_open()
        self._note = f"{self._note}\n\n{text}" if self._note else str(text)
        self.tag({_NOTE_TAG: self._note})

    def model(
        self,
        model: Any,
        name: str = "model",
        *,
        flavor: str | None = None,
        signature: Any = None,
        input_example: Any = None,
        code_paths: list[str] | None = None,
    ) -> str:
        """Keep a model with the run, by MLflow's flavour for it. Takes seconds: mlflow is imported.

        Args:
            model: of scikit-learn, PyTorch, Keras, XGBoost, LightGBM, …; an
                `mlflow.pyfunc.PythonModel`, a function; or a path: a directory that MLflow has
                saved, or a file with a model as code.
            name: what it is called.
            flavor: MLflow's, where its class doesn't say it.
            signature: MLflow's, of what goes in and comes out.
            input_example: what goes in; MLflow makes a signature of it.
            code_paths: local modules that the model needs wherever it is loaded.

        Returns:
            Its address: `mlflow.pyfunc.load_model` takes it.

        Raises:
            InvalidInput: mlflow or the flavour's package isn't installed, or MLflow can't keep it.
            Busy: the tracking server is away.
            Conflict: the run has ended.
        """
        from jupyter_mlops.magics.models import keep

        self.check_open()
        if problem := problem_of_name(name):
            raise InvalidInput(f"A model can't be called {name!r:.80}: {problem}.")
        return keep(
            self,
            model,
            name,
            flavor=flavor,
            signature=signature,
            input_example=input_example,
            code_paths=code_paths,
        )

    def end(self, status: str | None = None, *, wait: float = 10.0) -> None:
        """End the run: failed if a cell of it failed, else finished; or as `status` says.

        A job's run stays open: how it ends is the job's affair.

        Args:
            status: "finished", "failed" or "killed".
            wait: seconds to wait for MLflow to have all of it; 0 for not at all.

        Raises:
            InvalidInput: there is no such status.
            Conflict: this is a forked child of the run's kernel.
        """
        if status is not None and status.lower() not in STATUSES:
            raise InvalidInput(
                f"A run can't end as {status!r:.50}.", hint=f"One of: {', '.join(STATUSES)}."
            )
        if os.getpid() != self._pid:
            raise Conflict("A child process can't end the run of its kernel.")
        if self.ended:
            return
        if self.of_job:
            self._writer.flush()
            self._settle(wait)
            return
        if self.inner is not None:
            self.inner.end(wait=wait)
        said = status or ("failed" if self.failure else "finished")
        for left in self._at_end:
            left()
        self.ended, self.status = True, said.lower()
        if self.around is not None:
            self.around.inner = None
        self._on_end(self)
        if not self._writer.end({"type": "ended", "status": said.upper(), "t": time.time()}):
            sys.stderr.write("mlops: the end of the run could not be written; it ends as killed.\n")
        try:
            self._settle(wait)
        finally:
            self._file.close()

    def fail(self, error: BaseException, cell: str = "") -> None:
        """Mark the run as failed; it stays open, and keeps the error and its traceback. So does the
        one within it.
        """
        if self.inner is not None:
            self.inner.fail(error, cell)
        if self.ended or self.failure or os.getpid() != self._pid:
            return
        message = " ".join(f"{type(error).__name__}: {error}".split())[:_FAILURE_MOST]
        self.failure = message
        text = "".join(traceback.format_exception(type(error), error, _own(error.__traceback__)))
        if cell:
            text = f"The cell:\n\n{cell.rstrip()}\n\nWhat it raised:\n\n{text}"
        try:
            self.attach_text(_TRACEBACK, text)
        except OSError as problem:
            sys.stderr.write(f"mlops: the traceback can't be kept: {problem}\n")
        if not self.of_job:
            self.record({"type": "failed", "failure": message, "t": time.time()})

    def sync(self, patience: float = 5.0) -> dict[str, Any]:
        """Have recorded what was logged so far, and return what the daemon says of the run."""
        self._writer.flush()
        return self._client.sync_run(self.id, patience)

    def tracking(self) -> dict[str, Any]:
        """Where the daemon records runs, as `GET /status` says it."""
        found: dict[str, Any] = self._client.status()["tracking"]
        return found

    def at_end(self, left: Callable[[], None]) -> None:
        """Have something done when the run is about to end."""
        self._at_end.append(left)

    def at_return(self, back: Callable[[], None]) -> None:
        """Have something done when a run within this one has ended."""
        self._at_return.append(back)

    def go_on(self) -> None:
        """A run within this one has ended: it is this one again that is logged into."""
        for back in self._at_return:
            back()

    def beside(self, flush: Callable[[], None]) -> None:
        """Have something else written whenever what is logged is."""
        self._writer.beside.append(flush)

    def read(self, reader: Callable[[list[dict[str, Any]]], None]) -> None:
        """Have records told that were written."""
        self._writer.readers.append(reader)

    def at_cell_end(self, done: Callable[[], None]) -> None:
        """Have something done when a cell has ended and all that it logged is written."""
        self._at_cell_end.append(done)

    def end_cell(self) -> None:
        """A cell has ended."""
        self.flush()
        for done in self._at_cell_end:
            done()

    def flush(self) -> None:
        """Have in the file what was logged so far: what becomes of this process doesn't matter."""
        self._writer.flush()

    def record(self, record: dict[str, Any]) -> None:
        """One record of `tracking/logbook.py`."""
        self._writer.add(record)

    def in_child(self) -> None:
        """This is a forked child now: the lease and the end are its parent's."""
        if not self.ended:
            self._file.forget_lease()
            self._writer.in_child()
            self.points = self._writer.points

    def __enter__(self) -> Self:
        self.holds = True
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if os.getpid() != self._pid:
            return
        self.holds = False
        if error is not None:
            self.fail(error)
        self.end("failed" if error is not None else None)

    def __repr__(self) -> str:
        state = "ended" if self.ended else "failed" if self.failure else "open"
        return f"<run {self.name!r} of {self.experiment!r}, {state}: {self.id}>"

    def check_open(self) -> None:
        """Refuse what comes after the end.

        Raises:
            Conflict: the run has ended.
        """
        if self.ended:
            raise Conflict("The run has ended.", hint="mlops.start() begins another one.")

    def _settle(self, wait: float) -> None:
        if not wait:
            return
        try:
            found = self._client.sync_run(self.id, wait)
        except NotFound:
            return  # all of it is recorded, and the daemon has forgotten it
        except MlopsError as error:
            sys.stderr.write(f"mlops: {error.detail} What was logged is kept and follows.\n")
            return
        if not found["recorded"]:
            why = found["detail"] or "MLflow hasn't all of it yet."
            kept = "" if " is kept" in why else " What was logged is kept and follows by itself."
            sys.stderr.write(f"mlops: {why}{kept}\n")


def _begun(client: Client, order: dict[str, Any]) -> tuple[dict[str, Any], RecordFile]:
    for _ in range(_TRIES):
        found = client.start_run(order)
        directory = Path(found["directory"])
        try:
            file = RecordFile(directory, found["id"])
        except FileNotFoundError:
            continue  # a job's: it was closed just when another process of the job asked for it
        except OSError as error:
            raise Busy(f"The run's directory can't be used: {error.strerror or error}.") from error
        if (directory / "lease").exists():
            return found, file
        file.close()
    raise Busy("The run's directory goes away again and again.", hint="Try again.")


def _own(trace: TracebackType | None) -> TracebackType | None:
    """The traceback from the person's own code on: IPython's frames stand before it."""
    found = trace
    while found is not None:
        module = str(found.tb_frame.f_globals.get("__name__", ""))
        if module.partition(".")[0] not in ("IPython", "ipykernel"):
            return found
        found = found.tb_next
    return trace
