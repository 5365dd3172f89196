"""What the verbs that log do in a cell.

Each is one function of `recording`; a line only turns its words into arguments. Values are data:
numbers are read as numbers, `$name` is a variable of the notebook, the rest is text.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_mlops.errors import InvalidInput, MlopsError
from jupyter_mlops.magics import recording
from jupyter_mlops.magics.run import Run
from jupyter_mlops.magics.told import CellFailed

if TYPE_CHECKING:
    from jupyter_mlops.cli.console import Console
    from jupyter_mlops.cli.options import Given
    from jupyter_mlops.magics.session import Session

_VARIABLE = re.compile(r"\$([^\W\d]\w*)")


def start(session: Session, given: Given, console: Console, _cell: str | None) -> None:
    """Start a run."""
    _told(console, recording.start(**_beginning(session, given)))


def log(session: Session, given: Given, _console: Console, _cell: str | None) -> None:
    """Log metrics."""
    step = given.text("step")
    metrics = {name: _number(value) for name, value in _pairs(session, given.positional).items()}
    recording.log(metrics, step=None if step is None else _number(_value(session, step)))


def params(session: Session, given: Given, _console: Console, _cell: str | None) -> None:
    """Log parameters."""
    recording.params(_pairs(session, given.positional))


def tag(session: Session, given: Given, _console: Console, _cell: str | None) -> None:
    """Set tags."""
    recording.tag(_pairs(session, given.positional))


def note(_session: Session, given: Given, _console: Console, cell: str | None) -> None:
    """Add a paragraph to the description."""
    text = " ".join(given.positional) if cell is None else cell.strip()
    if not text:
        raise InvalidInput("The note is empty.")
    recording.note(text)


def artifact(session: Session, given: Given, _console: Console, _cell: str | None) -> None:
    """Keep a file."""
    recording.artifact(str(_value(session, given.positional[0])), given.text("name"))


def figure(session: Session, given: Given, _console: Console, _cell: str | None) -> None:
    """Keep a figure."""
    word = given.positional[0]
    recording.figure(_variable(session, word), given.text("name") or word.lstrip("$"))


def table(session: Session, given: Given, _console: Console, _cell: str | None) -> None:
    """Keep a table."""
    word = given.positional[0]
    recording.table(_variable(session, word), given.text("name") or word.lstrip("$"))


def dataset(session: Session, given: Given, _console: Console, _cell: str | None) -> None:
    """Note a dataset."""
    word = given.positional[0]
    if (found := _VARIABLE.fullmatch(word)) is None:
        recording.dataset(word, given.text("name"))
    else:
        recording.dataset(_variable(session, word), given.text("name") or found[1])


def model(session: Session, given: Given, console: Console, _cell: str | None) -> None:
    """Keep a model."""
    word, example = given.positional[0], given.text("example")
    found = session.user_ns.get(word.lstrip("$"), word)
    if found is word and not Path(word).expanduser().exists():
        raise InvalidInput(f"There is neither a variable nor a file {word:.100}.")
    name = given.text("name") or ("model" if isinstance(found, str) else word.lstrip("$"))
    address = recording.model(
        found,
        name,
        flavor=given.text("flavor"),
        input_example=None if example is None else _variable(session, example),
    )
    if console.json:
        console.data(json.dumps({"name": name, "model": address}) + "\n")
    else:
        console.say(f"Model {name} is kept: {address}")


def end(_session: Session, given: Given, console: Console, _cell: str | None) -> None:
    """End the run."""
    run = recording.open_run()
    recording.end(given.text("status"))
    assert run is not None  # `end` refuses otherwise
    _told(console, run)


def autolog(_session: Session, _given: Given, console: Console, _cell: str | None) -> None:
    """Have MLflow log by itself what the libraries do that are imported."""
    from jupyter_mlops.magics.autolog import autologging

    console.say(autologging.turn_on(recording.current()))


def track(session: Session, given: Given, console: Console, cell: str | None) -> None:
    """Run a cell as a run of its own.

    Raises:
        CellFailed: it raised; the traceback has been shown.
    """
    if not (cell or "").strip():
        raise InvalidInput("The cell is empty.", hint="Write below the line what is to be tracked.")
    if _waits(session, cell or ""):
        raise InvalidInput(
            "The cell has an await outside of a function, which IPython can't run from a %% line.",
            hint="Put `with mlops.start():` around it instead (import jupyter_mlops as mlops).",
        )
    run = recording.start(**_beginning(session, given))
    run.holds = True
    failed: BaseException | None = None
    try:
        result: Any = session.shell.run_cell(cell, store_history=False)
        failed = result.error_before_exec or result.error_in_exec
        if failed is not None:
            run.fail(failed, cell or "")
    finally:
        run.holds = False
        run.end()
        _told(console, run)
    if failed is not None:
        raise CellFailed(f"The cell failed, and so did its run: {run.failure}.")


def _waits(session: Session, cell: str) -> bool:
    """Whether IPython would run the cell as a coroutine: only a cell itself can be one."""
    if session.kernel is None:
        return False  # no loop is running on a terminal
    shell = session.shell
    try:
        transformed = shell.transform_cell(cell)
    except Exception:  # noqa: BLE001 - running it says what is wrong with it
        return False
    return bool(shell.should_run_async(cell, transformed_cell=transformed))


def _beginning(session: Session, given: Given) -> dict[str, Any]:
    return {
        "experiment": given.text("experiment"),
        "name": given.text("name"),
        "tags": _pairs(session, given.many("tag")),
        "params": _pairs(session, given.many("param")),
        "chart": not given.flag("no-chart"),
    }


def _told(console: Console, run: Run) -> None:
    if console.json:
        document = {
            "id": run.id,
            "run_id": run.run_id,
            "experiment": run.experiment,
            "name": run.name,
            "open": not run.ended,
            "failure": run.failure or None,
        }
        console.data(json.dumps(document) + "\n")
        return
    if run.of_job:
        how = "is this job's run; it ends with the job"
    elif run.ended:
        how = f"has ended: {run.status}"
    else:
        how = "has started"
    console.say(f"Run {run.name} {how} (experiment {run.experiment}, id {run.run_id or run.id}).")


def _pairs(session: Session, words: list[str]) -> dict[str, Any]:
    """NAME=VALUE words.

    Raises:
        InvalidInput: names all that are none.
    """
    problems: list[dict[str, Any]] = []
    found: dict[str, Any] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not (equals and name):
            problems.append({"where": word[:100], "message": "isn't NAME=VALUE"})
            continue
        try:
            found[name] = _value(session, value)
        except MlopsError as error:
            problems.append({"where": name[:100], "message": error.detail})
    if problems:
        raise InvalidInput("Not everything can be read as NAME=VALUE.", problems=problems)
    return found


def _value(session: Session, text: str) -> Any:
    return _variable(session, text) if _VARIABLE.fullmatch(text) else text


def _variable(session: Session, word: str) -> Any:
    name = word.lstrip("$")
    if name not in session.user_ns:
        raise InvalidInput(f"There is no variable {name:.100}.")
    return session.user_ns[name]


def _number(value: Any) -> Any:
    """A word as a number; what is none is refused where it is logged."""
    if not isinstance(value, str):
        return value
    for kind in (int, float):
        try:
            return kind(value)
        except ValueError:
            continue
    return value
