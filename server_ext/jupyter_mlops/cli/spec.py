"""From a command line to what is sent: a `JobSpec` or `SpecChanges`, with all problems at once."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from jupyter_mlops.cli.options import Given
from jupyter_mlops.cli.values import (
    Unreadable,
    ambiguous,
    read_duration,
    read_number,
    read_pair,
    read_size,
    read_text,
    read_typed,
    read_whole,
)
from jupyter_mlops.client import Client
from jupyter_mlops.errors import InvalidInput

NotebookInfo = dict[str, Any]


class Problems:
    """Everything that is wrong with a command line, told together."""

    def __init__(self) -> None:
        self.found: list[dict[str, Any]] = []

    def add(self, where: str, message: str) -> None:
        """Note one."""
        self.found.append({"where": where, "message": message})

    def read(self, where: str, text: str, reader: Callable[[str], Any]) -> Any:
        """What `reader` makes of `text`; None, and noted, when it can't."""
        try:
            return reader(text)
        except Unreadable as error:
            self.add(where, f"{text!r} {error}" if len(text) <= 80 else f"{text[:80]!r}… {error}")
            return None

    def check(self, given: Given) -> None:
        """End here if anything was noted.

        Raises:
            InvalidInput: with all that was noted.
        """
        if self.found:
            count = "" if len(self.found) == 1 else f" ({len(self.found)} problems)"
            raise InvalidInput(
                f"The command line can't be used{count}.",
                hint=f"`jupyter mlops {given.verb.name} --help` shows how it is used.",
                problems=self.found,
            )


class Parameters:
    """Parameters from files (already values) and from `-p` (still text)."""

    def __init__(self, given: Given, problems: Problems) -> None:
        self.values: dict[str, Any] = {}
        self.texts: dict[str, str] = {}
        for path in given.many("file"):
            from jupyter_mlops.cli.files import read_parameters

            self.values.update(read_parameters(path))
        for text in given.many("param"):
            pair = problems.read("-p", text, read_pair)
            if pair is not None:
                self.texts[pair[0]] = pair[1]

    def resolve(
        self, given: Given, problems: Problems, notebook: Callable[[], NotebookInfo] | None = None
    ) -> dict[str, Any]:
        """All parameters as values.

        `notebook` tells what the notebook declares (None: nothing); it is only asked where a type
        could make something else of a text.

        Raises:
            InvalidInput: with all problems, if there were any.
        """
        types: dict[str, str] = {}
        if notebook is not None and any(map(ambiguous, self.texts.values())):
            types = {one["name"]: one["type"] for one in notebook()["parameters"]}
        resolved = dict(self.values)
        for name, text in self.texts.items():
            declared = types.get(name)
            reader = read_text if declared is None else _typed(declared)
            resolved[name] = problems.read(f"parameters.{name}", text, reader)
        problems.check(given)
        return resolved


def _typed(declared: str) -> Callable[[str], Any]:
    return lambda text: read_typed(text, declared)


def notebook_of_rerun(
    client: Client, job_id: str, changes: dict[str, Any]
) -> Callable[[], NotebookInfo]:
    """Tells what a rerun's notebook declares: the job's snapshot, or the notebook as it is now."""
    if changes.get("latest"):
        return lambda: client.inspect(client.job(job_id)["notebook"])
    return lambda: client.notebook_info(job_id)


def notebook_path(text: str, problems: Problems) -> str:
    """The absolute path of a notebook named on the command line."""
    if "://" in text:
        problems.add("notebook", f"{text} is an address: download the notebook and give its path")
    try:
        text.encode()
    except UnicodeEncodeError:
        problems.add("notebook", f"{os.fsencode(text)!r} isn't UTF-8: rename the notebook")
    return os.path.abspath(text)


def job_spec(given: Given, problems: Problems) -> dict[str, Any]:
    """A `JobSpec` but for its parameters; only what was given is in it."""
    spec: dict[str, Any] = {"notebook": notebook_path(given.positional[0], problems)}
    spec.update(_plain(given, problems))
    values, names = _environment(given, problems, by_name=True)
    tags: dict[str, str] = {}
    for text in given.many("tag"):
        if (pair := problems.read("--tag", text, read_pair)) is not None:
            tags[pair[0]] = pair[1]
    output_dir = given.text("output-dir")
    resources = {
        "cpus": _read(given, problems, "cpus", read_number),
        "memory": _read(given, problems, "memory", read_size),
        "gpus": _read(given, problems, "gpus", read_whole),
    }
    optional = {
        "kernel": given.text("kernel"),
        "experiment": given.text("experiment"),
        "output_dir": None if output_dir is None else os.path.abspath(output_dir),
        "env": values,
        "env_from": names,
        "tags": tags,
        "resources": {name: value for name, value in resources.items() if value is not None},
        "warm_start": False if given.flag("cold") else None,
    }
    spec.update((name, value) for name, value in optional.items() if value not in (None, {}, []))
    return spec


def spec_changes(given: Given, problems: Problems) -> dict[str, Any]:
    """A `SpecChanges` but for its parameters."""
    changes = _plain(given, problems)
    values, _ = _environment(given, problems, by_name=False)
    if values:
        changes["env"] = values
    if given.flag("latest"):
        changes["latest"] = True
    return changes


def _plain(given: Given, problems: Problems) -> dict[str, Any]:
    found = {
        "name": given.text("name"),
        "retries": _read(given, problems, "retries", read_whole),
        "timeout": _read(given, problems, "timeout", read_duration),
    }
    return {name: value for name, value in found.items() if value is not None}


def _read(given: Given, problems: Problems, key: str, reader: Callable[[str], Any]) -> Any:
    text = given.text(key)
    return None if text is None else problems.read(f"--{key}", text, reader)


def _environment(
    given: Given, problems: Problems, *, by_name: bool
) -> tuple[dict[str, str], list[str]]:
    values: dict[str, str] = {}
    names: list[str] = []
    for text in given.many("env"):
        if by_name and "=" not in text:
            names.append(text)
        elif (pair := problems.read("--env", text, read_pair)) is not None:
            values[pair[0]] = pair[1]
    return values, names
