"""`report`: runs as files to send."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from jupyter_mlops.cli.console import Console, one_line
from jupyter_mlops.cli.options import Given, wrong
from jupyter_mlops.cli.resolve import resolve_run
from jupyter_mlops.cli.runs import limit_of, listed
from jupyter_mlops.client import Client
from jupyter_mlops.errors import Conflict, InvalidInput, NotFound, StoreFull

#: Runs of one report; the daemon takes no more.
_RUNS_MOST = 50


def report(given: Given, console: Console) -> int:
    """Write a report."""
    client = Client()
    ids = _chosen(client, given)
    output = given.text("output")
    if output is not None and not output.endswith(".ipynb"):
        raise wrong(given.verb, f"the file has to end in .ipynb: {one_line(output)[:80]}")
    if output is not None:
        _check_free(_files(Path(output), html=given.flag("html")), given)
    metrics = given.many("metric")
    found = client.report(
        ids,
        title=given.text("title") or "",
        metrics=metrics or None,
        html=given.flag("html"),
    )
    notebook = Path(output or f"{found['name']}.ipynb")
    files = _files(notebook, html=given.flag("html"))
    if output is None:
        _check_free(files, given)
    for path, text in zip(files, (found["notebook"], found["html"]), strict=False):
        _write(path, text)
    _tell(console, files, len(ids), found)
    return 0


def _chosen(client: Client, given: Given) -> list[str]:
    narrowed = given.many("experiment") or given.many("filter")
    if given.positional:
        if narrowed or given.many("sort") or given.text("limit") is not None:
            raise wrong(given.verb, "name the runs, or choose them by options: not both.")
        ids = list(dict.fromkeys(resolve_run(client, text) for text in given.positional))
    elif not narrowed:
        raise wrong(given.verb, "name runs, or --experiment or --filter.")
    else:
        limit = limit_of(given)
        if limit > _RUNS_MOST:
            raise wrong(given.verb, f"a report has {_RUNS_MOST} runs at most.")
        filters: dict[str, Any] = {
            "text": " AND ".join(text for text in given.many("filter") if text.strip()),
            "order": tuple(given.many("sort")),
            # Only their ids are needed.
            "columns": ("attributes.status",),
        }
        found = listed(client, limit, tuple(given.many("experiment")), filters)
        ids = [str(run["id"]) for run in found["runs"]]
        if not ids:
            raise NotFound("No run matches.", hint="`jupyter mlops runs` lists them.")
    if len(ids) > _RUNS_MOST:
        raise InvalidInput(
            f"{len(ids)} runs are more than the {_RUNS_MOST} of a report.", hint="Choose fewer."
        )
    return ids


def _files(notebook: Path, *, html: bool) -> list[Path]:
    return [notebook, notebook.with_suffix(".html")] if html else [notebook]


def _check_free(files: list[Path], given: Given) -> None:
    for path in files:
        if path.is_dir():
            raise InvalidInput(f"{path} is a directory.", hint="Name a file by -o.")
        if path.exists() and not given.flag("force"):
            raise Conflict(f"{path} is there already.", hint="--force writes over it.")


def _write(path: Path, text: str) -> None:
    """Whole or not at all."""
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:40]}-")
        try:
            with open(descriptor, "w", encoding="utf-8", newline="") as file:
                file.write(text)
            mask = os.umask(0)
            os.umask(mask)
            os.chmod(name, 0o666 & ~mask)  # as any other file that is made here
            os.replace(name, path)
        except BaseException:
            os.unlink(name)
            raise
    except OSError as error:
        kind = StoreFull if error.errno == 28 else InvalidInput
        raise kind(
            f"{path} can't be written: {error.strerror or error}.", hint="Name another by -o."
        ) from error


def _tell(console: Console, files: list[Path], runs: int, found: dict[str, Any]) -> None:
    if console.json:
        told = {"files": [str(path) for path in files], "left_out": found["left_out"]}
        console.data(json.dumps(told) + "\n")
        return
    noun = "run" if runs == 1 else "runs"
    console.say(f"A report on {runs} {noun}: {', '.join(str(path) for path in files)}")
    for sentence in found["left_out"]:
        console.say(console.paint(one_line(sentence), "dim"))
