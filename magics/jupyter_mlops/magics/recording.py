"""`mlops.start`, `mlops.log` and their like: the run that this process logs into.

In a job it is the job's own; elsewhere one that `start` began, or the first thing that is logged.
"""

from __future__ import annotations

import atexit
import functools
import os
import sys
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from jupyter_mlops.errors import Conflict, MlopsError
from jupyter_mlops.magics.origin import Origin
from jupyter_mlops.magics.points import Entry, known
from jupyter_mlops.magics.run import Run
from jupyter_mlops.magics.texts import texts
from jupyter_mlops.naming import PARAM_VALUE_MOST, TAG_VALUE_MOST

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

_hooked: set[int] = set()
_run: Run | None = None
_now = time.time
#: Whole numbers below it are good in every place; others are looked at more closely.
_MOST = 2**53
#: MLflow's, of a run within another one.
PARENT_TAG = "mlflow.parentRunId"


def _begin_with(entry: Entry) -> None:
    """What `log` appends to where no run is open."""
    current().points.append(entry)


#: Of the open run's points: `log` is called in loops.
_append: Callable[[Entry], None] = _begin_with


def start(
    experiment: str | None = None,
    name: str | None = None,
    tags: Mapping[str, Any] | None = None,
    params: Mapping[str, Any] | None = None,
    *,
    chart: bool = True,
) -> Run:
    """Start a run; one that is open ends first. Also `with mlops.start(…) as run:`.

    In the block of another run it is a run within that one, which goes on when this one has ended.

    In a job this is the job's own run, in the job's experiment; name, tags and parameters are
    added to it.

    Args:
        experiment: its name; the notebook's by default.
        name: of the run; the experiment and the time by default.
        tags: by their names.
        params: parameters, by their names.
        chart: draw the metrics below the cells that log them.

    Raises:
        InvalidInput: names everything that MLflow doesn't take; nothing is started.
        MlopsError: the daemon can't be reached.
    """
    told: set[str] = set()
    given_tags = texts(tags or {}, "tags", TAG_VALUE_MOST, told)
    given_params = texts(params or {}, "params", PARAM_VALUE_MOST, told)
    origin = Origin()
    if (job := origin.job) is not None:
        run = _run if _run is not None and not _run.ended else _opened(job)
        added = {**given_tags, **({"mlflow.runName": name} if name else {})}
        if added:
            run.tag(added)
        if given_params:
            run.params(given_params)
        return run
    around = _holding()
    if around is None:
        end_all()
    within = {} if around is None or around.run_id is None else {PARENT_TAG: around.run_id}
    experiment = experiment or (origin.experiment if around is None else around.experiment)
    return _opened(
        {
            "id": os.urandom(16).hex(),
            "experiment": experiment,
            "name": name or f"{experiment[:200]} {time.strftime('%Y-%m-%d %H:%M:%S')}",
            "tags": {**origin.tags, **within, **given_tags},
            "params": given_params,
            **origin.place,
        },
        chart=chart,
        around=around,
    )


def log(values: Mapping[str, Any] | None = None, /, *, step: Any = None, **named: Any) -> None:
    """Log metrics: `log(loss=0.1)`, `log({"val/loss": 0.1}, step=3)`. Costs about a microsecond.

    Without a step each metric counts its own, from 0.

    Raises:
        InvalidInput: names every one that can't be logged; nothing is.
    """
    if values is not None:
        named = {**values, **named}
    if (step is None or (type(step) is int and -_MOST < step < _MOST)) and known.issuperset(named):
        for value in named.values():
            if type(value) is not float and not (type(value) is int and -_MOST < value < _MOST):
                break
        else:
            _append((_now(), step, named))
            return
    current().log(named, step=step)


def params(values: Mapping[str, Any] | None = None, /, **named: Any) -> None:
    """Log parameters: `params(lr=0.1)`. Each has one value for the whole run.

    Raises:
        InvalidInput: names every one that can't be logged, or has another value already.
    """
    current().params(values, **named)


def tag(values: Mapping[str, Any] | None = None, /, **named: Any) -> None:
    """Set tags: `tag(team="vision")`; the last value stays.

    Raises:
        InvalidInput: names every one that can't be set.
    """
    current().tag(values, **named)


def note(text: str) -> None:
    """Add a paragraph to the run's description."""
    current().note(text)


def artifact(path: str | os.PathLike[str], name: str | None = None) -> None:
    """Keep a copy of a file or directory; see `Run.artifact`."""
    current().artifact(path, name)


def figure(fig: Any, name: str) -> None:
    """Keep a figure of matplotlib, plotly, altair or PIL; see `Run.figure`."""
    current().figure(fig, name)


def table(rows: Any, name: str) -> None:
    """Keep a data frame, a list of dicts or a dict of columns; see `Run.table`."""
    current().table(rows, name)


def dataset(data: Any, name: str | None = None) -> None:
    """Note a file, directory or data frame that the run reads; see `Run.dataset`."""
    current().dataset(data, name)


def model(
    model: Any,
    name: str = "model",
    *,
    flavor: str | None = None,
    signature: Any = None,
    input_example: Any = None,
    code_paths: list[str] | None = None,
) -> str:
    """Keep a model, by MLflow's flavour for it; returns its address. See `Run.model`."""
    return current().model(
        model,
        name,
        flavor=flavor,
        signature=signature,
        input_example=input_example,
        code_paths=code_paths,
    )


def end(status: str | None = None) -> None:
    """End the run: failed if a cell of it failed, else finished; or as `status` says.

    Raises:
        Conflict: no run is open.
        InvalidInput: there is no such status.
    """
    if _run is None or _run.ended:
        raise Conflict("No run is open.", hint="mlops.start() begins one.")
    _run.end(status)


def open_run() -> Run | None:
    """The open run, if there is one; the innermost."""
    return None if _run is None or _run.ended else _run


def end_all() -> None:
    """End the open run, and the one that it is within."""
    while (run := open_run()) is not None and not run.of_job:
        run.end()


def _holding() -> Run | None:
    """The run in whose block this is called; what was begun in that block without one ends."""
    inner = open_run()
    found = inner
    while found is not None and (found.ended or not found.holds):
        found = found.around
    while found is not None and inner is not None and inner is not found:
        inner.end()
        inner = inner.around
    return found


def current() -> Run:
    """The open run; one is started where none is.

    Raises:
        MlopsError: none can be started.
    """
    return open_run() or start()


def _opened(order: dict[str, Any], *, chart: bool = True, around: Run | None = None) -> Run:
    global _run, _append  # noqa: PLW0603 - `log` has no time to look for them
    from jupyter_mlops.client import Client

    run = _run = Run(Client(), order, ended=_forget, around=around)
    _append = run.points.append
    _hook()
    if not run.of_job:  # a job's kernel is watched from its beginning
        from jupyter_mlops.magics.surroundings import attend

        attend(run, _shell(), run.facts_wanted, chart=chart)
        run.at_return(functools.partial(_autolog_into, run))
        _autolog_into(run)
    return run


def _autolog_into(run: Run) -> None:
    if (autolog := sys.modules.get("jupyter_mlops.magics.autolog")) is not None:
        autolog.autologging.follow(run)


def _forget(run: Run) -> None:
    global _run, _append  # noqa: PLW0603 - as above
    if run is not _run:
        return
    _append = _begin_with
    around = run.around
    while around is not None and around.ended:
        around = around.around
    if around is not None:
        _run, _append = around, around.points.append
        around.go_on()


# --- the kernel around it ---


def _hook() -> None:
    if not _hooked:
        atexit.register(_at_exit)
        os.register_at_fork(after_in_child=_in_child)
        _hooked.add(0)
    shell = _shell()
    if shell is not None and id(shell) not in _hooked:
        _hooked.add(id(shell))
        shell.events.register("post_run_cell", _after_cell)


def _shell() -> InteractiveShell | None:
    interactive = sys.modules.get("IPython.core.getipython")
    found: InteractiveShell | None = None if interactive is None else interactive.get_ipython()
    return found


def _after_cell(result: Any) -> None:
    run = open_run()
    if run is None:
        return
    if result.error_in_exec is not None and not _only_refused(result):
        run.fail(result.error_in_exec, str(getattr(result.info, "raw_cell", "") or ""))
    run.end_cell()


def _only_refused(result: Any) -> bool:
    from jupyter_mlops.magics.refusals import only_refused

    shell = _shell()
    return shell is not None and only_refused(shell, result)


def _at_exit() -> None:
    error = getattr(sys, "last_value", None) if _shell() is None else None
    run = open_run()
    while run is not None:
        if isinstance(error, BaseException):
            # A script that ends by an exception.
            run.fail(error)
        try:
            run.end(wait=0)
        except Conflict:  # a forked child that has exit handlers
            return
        except MlopsError as problem:
            sys.stderr.write(f"mlops: {problem.detail}\n")
        run = run.around


def _in_child() -> None:
    global _append  # noqa: PLW0603 - as above
    run = open_run()
    if run is not None:
        inner: Run | None = run
        while inner is not None:
            inner.in_child()
            inner = inner.around
        _append = run.points.append
