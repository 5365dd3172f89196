"""`run`, `rerun`, `attach` and `help` of the magics, and `%%mlops run`."""

from __future__ import annotations

import json
import re
import threading
import time
from typing import TYPE_CHECKING, Any

from jupyter_mlops.cli import render
from jupyter_mlops.cli.console import Console, one_line
from jupyter_mlops.cli.progress import View
from jupyter_mlops.cli.resolve import resolve
from jupyter_mlops.cli.run import settle, tracked
from jupyter_mlops.cli.spec import (
    Parameters,
    Problems,
    job_spec,
    notebook_of_rerun,
    spec_changes,
)
from jupyter_mlops.client import Client
from jupyter_mlops.errors import InvalidInput, MlopsError, NotFound
from jupyter_mlops.magics.cards import REDRAW, Card, card_for
from jupyter_mlops.magics.outputs import Outputs
from jupyter_mlops.magics.page import TERMINAL_STATES
from jupyter_mlops.magics.told import Detached, JobFailed

if TYPE_CHECKING:
    from jupyter_mlops.cli.options import Given
    from jupyter_mlops.magics.session import Session

Job = dict[str, Any]

_TITLE_MOST = 60
_VARIABLE = re.compile(r"\$([^\W\d]\w*)")
#: How often a waiting job is read again, in seconds: its events say nothing of why it waits.
_REFRESH = 1.0


def help(_session: Session, given: Given, console: Console, _cell: str | None) -> None:  # noqa: A001
    """Help of everything, or of a verb."""
    from jupyter_mlops.magics.help import help_on

    help_on(" ".join(given.positional), console)


def run(session: Session, given: Given, console: Console, _cell: str | None) -> None:
    """Submit a notebook and follow the job."""
    problems = Problems()
    spec = job_spec(given, problems)
    parameters = _parameters(session, given, problems)
    problems.check(given)
    client = Client()
    with _Submitting():
        spec["parameters"] = parameters.resolve(
            given, problems, lambda: client.inspect(spec["notebook"])
        )
        job = client.submit(spec, idempotency_key=given.text("idempotency-key"))
    _accepted(session, given, console, client, job, outputs=False)


def run_cell(session: Session, given: Given, console: Console, cell: str | None) -> None:
    """Submit the cell and follow the job; its outputs come into this cell."""
    from jupyter_mlops.converters.cell import notebook_of_cell
    from jupyter_mlops.magics.imports import session_imports
    from jupyter_mlops.magics.values import names_of, taken_along

    source = cell or ""
    if not source.strip():
        raise InvalidInput("The cell is empty.", hint="Write what the job is to do below the line.")
    problems = Problems()
    notebook = session.cell_path()
    given.positional = [str(notebook)]
    spec = job_spec(given, problems)
    parameters = _parameters(session, given, problems)
    problems.check(given)
    spec["parameters"] = parameters.resolve(given, problems)
    spec.setdefault("name", _title(notebook.stem, source))
    spec["tags"] = spec.get("tags", {}) | {render.CELL_TAG: render.CELL}
    names = names_of(given.many("with"))
    values = taken_along(names, session.user_ns)
    hidden = session.shell.user_ns_hidden
    variables = {n: v for n, v in session.user_ns.items() if n not in hidden}
    content = notebook_of_cell(
        source,
        kernel=spec.get("kernel") or session.kernel_name(),
        imports=session_imports(source, variables, {*names, *spec["parameters"]}),
    )
    client = Client()
    with _Submitting():
        job = client.submit(
            spec, content=content, values=values, idempotency_key=given.text("idempotency-key")
        )
    _accepted(session, given, console, client, job, outputs=True)


def rerun(session: Session, given: Given, console: Console, _cell: str | None) -> None:
    """Submit a job again, with changes, and follow the new one."""
    problems = Problems()
    changes = spec_changes(given, problems)
    parameters = _parameters(session, given, problems)
    problems.check(given)
    client = Client()
    with _Submitting():
        job_id = resolve(client, given.positional[0])
        declaring = notebook_of_rerun(client, job_id, changes)
        changes["parameters"] = parameters.resolve(given, problems, declaring)
        job = client.rerun(job_id, changes)
    _accepted(session, given, console, client, job, outputs=render.was_cell(job))


def attach(session: Session, given: Given, console: Console, _cell: str | None) -> None:
    """Follow a job that was submitted before; what it showed is shown again."""
    client = Client()
    job = client.job(resolve(client, given.positional[0]))
    _follow(session, given, console, client, job, outputs=render.was_cell(job))


def last_job(session: Session) -> str:
    """The id of the newest job of this notebook.

    Raises:
        NotFound: there is none.
    """
    found = Client().jobs(notebook=str(session.cell_path()), limit=1)["jobs"]
    if not found:
        raise NotFound(
            "This notebook has no jobs yet.", hint="`%mlops jobs` lists those of all notebooks."
        )
    return str(found[0]["id"])


class _Submitting:
    """What an interrupt means before the daemon has answered."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is KeyboardInterrupt:
            raise Detached(
                "Interrupted before the daemon had acknowledged the job: it may have been "
                "accepted.\n  `%mlops jobs` shows whether it was."
            ) from None


def _title(stem: str, source: str) -> str:
    """A name that tells one cell of a notebook from another."""
    lines = (line.strip() for line in source.splitlines())
    first = next((line for line in lines if line and not line.startswith(("#", "%"))), "")
    title = one_line(f"{stem}: {first}" if first else stem)
    return title if len(title) <= _TITLE_MOST else title[: _TITLE_MOST - 1] + "…"


def _parameters(session: Session, given: Given, problems: Problems) -> Parameters:
    """The parameters; `-p name=$variable` takes a variable's value, as data."""
    texts = given.many("param")
    taken: dict[str, Any] = {}
    kept = []
    for text in texts:
        name, equals, value = text.partition("=")
        found = _VARIABLE.fullmatch(value.strip())
        if not (equals and name.strip() and found):
            kept.append(text)
        elif found[1] not in session.user_ns:
            problems.add(f"-p {name.strip()}", f"there is no variable {found[1]}")
        else:
            try:
                taken[name.strip()] = plain(session.user_ns[found[1]])
            except TypeError as error:
                problems.add(f"-p {name.strip()}", f"{found[1]} {error}")
    texts[:] = kept
    parameters = Parameters(given, problems)
    parameters.values.update(taken)
    return parameters


def plain(value: Any) -> Any:
    """A value as JSON has it; arrays and their numbers become lists and numbers.

    Raises:
        TypeError: JSON has nothing like it; the message ends a sentence about it.
    """
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise TypeError("has keys that aren't text")
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if callable(found := getattr(value, "tolist", None)):
        return plain(found())
    kind = type(value).__qualname__
    raise TypeError(f"is a {kind}, which no parameter can be; --with takes variables along")


def _accepted(
    session: Session, given: Given, console: Console, client: Client, job: Job, *, outputs: bool
) -> None:
    if not given.flag("detach"):
        _follow(session, given, console, client, job, outputs=outputs)
        return
    if console.json:
        console.data(json.dumps(job) + "\n")
        return
    card = card_for(session, client, console, quiet=given.flag("quiet"))
    view = View(job)
    if card.outlives:
        card.show(view)
        _go_on_behind(card, client, view, 0)
    else:
        console.say(f"{one_line(job['name'])} is submitted: {job['id']}")
        render.fields(console, [("next", render.next_steps(console, job))])


def _follow(
    session: Session, given: Given, console: Console, client: Client, job: Job, *, outputs: bool
) -> None:
    """Follow a job to its end.

    Raises:
        JobFailed: it didn't succeed.
        Detached: the person interrupted it; the job goes on.
    """
    view = View(job)
    card = card_for(session, client, console, quiet=given.flag("quiet"))
    shown = None
    if outputs and not console.json:
        shown = Outputs(session, job["id"], aside=card.aside, again=lambda: card.show(view))
    seen = [0]
    try:
        card.show(view)
        if job["state"] not in TERMINAL_STATES or shown is not None:
            job = _watch(client, view, card, shown, seen)
        view.refresh(_settled(client, job, html=given.flag("wait-html")))
        job = view.job
        card.end(view)
    except KeyboardInterrupt:
        card.aside()
        if card.outlives and view.state not in TERMINAL_STATES:
            _go_on_behind(card, client, view, seen[0])
        raise Detached(_gone_on(view)) from None
    if console.json:
        console.data(json.dumps(job) + "\n")
    if job["state"] != "succeeded":
        failure = job.get("failure") or {}
        raise JobFailed(
            f"{one_line(job['name'])} {job['state']} ({job['id']})."
            + (f" {one_line(failure['message'])}" if failure.get("message") else ""),
            code=failure.get("code") or job["state"],
        )


def _watch(client: Client, view: View, card: Card, outputs: Outputs | None, seen: list[int]) -> Job:
    """Follow the events; `seen` holds the number of the last one."""
    read_at = time.monotonic()
    attempt = view.attempt or (1 if seen[0] else None)
    for event in client.follow(view.job["id"], after=seen[0], attempt=attempt, tick=REDRAW):
        if event is None:
            if view.waiting and time.monotonic() - read_at >= _REFRESH:
                view.refresh(client.job(view.job["id"]))
                read_at = time.monotonic()
        elif event.get("type") == "job":
            found: Job = event["job"]
            return found
        else:
            view.take(event)
            seen[0] = int(event.get("seq", 0 if event.get("type") == "attempt" else seen[0]))
            if outputs is not None:
                outputs.take(event)
        card.update(view, event)
    raise AssertionError("the events of a job end with the job")


def _go_on_behind(card: Card, client: Client, view: View, seen: int) -> None:
    """Keep a card up to date while the kernel does other things."""

    def follow() -> None:
        try:
            job = _watch(client, view, card, None, [seen])
            view.refresh(_settled(client, job, html=False))
        except MlopsError as error:
            # Nobody waits for an answer here; the card says what it knows.
            view.last_output = one_line(error.detail)
        card.end(view)

    threading.Thread(target=follow, name=f"mlops-{view.job['id']}", daemon=True).start()


def _settled(client: Client, job: Job, *, html: bool) -> Job:
    """The job once its metrics are known (and with `html` that is written), or after a while."""
    return job if tracked(job) and not html else settle(client, job, html=html)


def _gone_on(view: View) -> str:
    job_id = view.job["id"]
    if view.state in TERMINAL_STATES:
        return f"The job has {view.state} meanwhile: {job_id}."
    return (
        f"The job goes on: {view.name}, {job_id}.\n"
        f"  Follow it: %mlops attach {job_id}\n"
        f"  Stop it:   %mlops cancel {job_id}"
    )
