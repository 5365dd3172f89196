"""Why attempts fail, in words: what happened, why, and what to do next. Codes are stable."""

from __future__ import annotations

from jupyter_mlops.jobs.model import Failure
from jupyter_mlops.jobs.runner.cells import CellError, CellRun
from jupyter_mlops.jobs.runner.kernel_process import KernelExit
from jupyter_mlops.jobs.runner.outputs import megabytes
from jupyter_mlops.jobs.runner.text import strip_controls

#: Longest traceback and message (characters) in a failure; the notebook has them whole.
_LONGEST = 64 * 1024


def cell_failed(run: CellRun, error: CellError) -> Failure:
    """A cell raised."""
    evalue = strip_controls(error.evalue)[:_LONGEST]
    first = evalue.strip().split("\n")[0][:500]
    return Failure(
        code="cell_failed",
        message=f"Cell {run.number} raised {error.ename}{': ' + first if first else ''}",
        hint="Mend the cell and submit the notebook again; the executed notebook shows the "
        "traceback and everything before it.",
        cell_index=run.index,
        ename=error.ename,
        evalue=evalue,
        traceback=strip_controls("\n".join(error.traceback))[-_LONGEST:],
    )


def kernel_died(
    run: CellRun | None, ended: KernelExit, peak: int, limit: int | None, tail: str
) -> Failure:
    """The kernel ended by itself, or by somebody's hand."""
    where = f"while cell {run.number} was running" if run is not None else "between two cells"
    return Failure(
        code="kernel_died",
        message=f"The kernel stopped {where}: {ended}. {_memory(peak, limit)}",
        hint="A crash in a library, or the system ran out of memory: see the end of the log."
        + (f"\n{tail}" if tail else ""),
        cell_index=run.index if run is not None else None,
    )


def out_of_memory(
    run: CellRun | None, peak: int, limit: int | None, error: CellError | None = None
) -> Failure:
    """More memory than the job may have, or than there is."""
    where = f" while cell {run.number} was running" if run is not None else ""
    if limit is None:
        message = f"The system ran out of memory and killed the kernel{where}."
        hint = "Use less data at once, free what isn't needed any more (`del`), or use a machine "
        hint += "with more memory. `resources.memory` sets a limit that protects other jobs."
    else:
        message = f"The kernel needed more memory than the job's limit{where}."
        hint = "Raise the job's memory limit, or use less data at once."
    return Failure(
        code="out_of_memory",
        message=f"{message} {_memory(peak, limit)}",
        hint=hint,
        cell_index=run.index if run is not None else None,
        ename=error.ename if error else None,
        evalue=strip_controls(error.evalue)[:_LONGEST] if error else None,
        traceback=strip_controls("\n".join(error.traceback))[-_LONGEST:] if error else None,
    )


def timeout(run: CellRun | None, seconds: float) -> Failure:
    """The attempt took longer than it may."""
    where = f" while cell {run.number} was running" if run is not None else ""
    return Failure(
        code="timeout",
        message=f"The job's timeout of {seconds:g} s passed{where}.",
        hint="Raise the timeout, or make the notebook quicker.",
        cell_index=run.index if run is not None else None,
    )


def kernel_start_timeout(name: str, seconds: float, tail: str) -> Failure:
    """The kernel never spoke."""
    return Failure(
        code="kernel_start_timeout",
        message=f"The kernel {name} didn't answer within {seconds:g} s."
        + (f" It said:\n{tail}" if tail else " It said nothing."),
        hint="Start it in JupyterLab to see whether it works; `jupyter kernelspec list` shows "
        "where it is installed.",
    )


def kernel_start_failed(name: str, why: str, tail: str) -> Failure:
    """The kernel ended before it spoke, or couldn't be started at all."""
    return Failure(
        code="kernel_start_failed",
        message=f"The kernel {name} could not be started: {why}."
        + (f" It said:\n{tail}" if tail else ""),
        hint="Start it in JupyterLab to see whether it works; `jupyter kernelspec list` shows "
        "where it is installed.",
    )


def disk_full(what: str, kept: str) -> Failure:
    """No room for the result."""
    return Failure(
        code="disk_full",
        message=f"The disk is full: {what} could not be written. {kept}",
        hint="Free some space and run the job again.",
    )


def output_unwritable(what: str, why: str) -> Failure:
    """The result can't go where it should."""
    return Failure(
        code="output_not_writable",
        message=f"{what} can't be written: {why}.",
        hint="Choose another output folder, or make this one writable.",
    )


def _memory(peak: int, limit: int | None) -> str:
    if not peak:
        return ""
    of = f" of {megabytes(limit)}" if limit is not None else ""
    return f"Memory peaked at {megabytes(peak)}{of}."
