"""Asks the models of two runs, each in a process of the run's environment. Never in the daemon."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jupyter_mlops.reproduction import sample
from jupyter_mlops.reproduction.workspace import Workspace, has_content
from jupyter_mlops.tracking.kept_data import place_of

log = logging.getLogger(__name__)

_SCRIPT = Path(__file__).with_name("predict.py")
#: Bytes of an answer that are read, and characters of what a process said that are told.
_ANSWER_MOST, _TOLD_MOST = 64 * 2**20, 300
#: Files that models are asked rows of, and bytes of all of them: their content is compared first.
_TABLES_MOST, _TABLES_BYTES = 10, 4 * 2**30
#: Model → what it says.
Answers = dict[str, dict[str, Any]]


class Unasked(Exception):
    """The models can't be asked; the text says why."""


def tables(
    files: Sequence[Mapping[str, Any]], cwd: str, workspace: Workspace
) -> list[dict[str, str]]:
    """Files that a run has read and that may hold a table, each a `path` where its content is now
    as it was read, and a `name`. Blocks: they are hashed.

    Args:
        files: `path`, `size` and `sha256` of each.
        cwd: where the run worked.
        workspace: the one that it was run again in; what ran there may have changed them.
    """
    found: list[dict[str, str]] = []
    left = _TABLES_BYTES
    for one in files:
        path, digest = str(one.get("path", "")), str(one.get("sha256", ""))
        if not path.lower().endswith(sample.ENDINGS):
            continue
        left -= max(0, int(one.get("size", 0)))
        if left < 0 or len(found) == _TABLES_MOST:
            break
        kept = place_of(digest)
        for place in filter(None, (workspace.place(path), kept)):
            with contextlib.suppress(OSError):
                if has_content(place, digest):
                    name = os.path.relpath(path, cwd)
                    name = path if name.startswith("..") else name
                    found.append({"path": str(place), "name": name})
                    break
    return found


async def of_both(
    before: str,
    now: str,
    data: Sequence[Mapping[str, str]],
    ask: Callable[[Mapping[str, Any]], Awaitable[Answers]],
) -> tuple[Answers, Answers]:
    """What the models of two runs predict of the same inputs: those of the first one.

    Args:
        before: id of the first run.
        now: id of the second one.
        data: see `tables`.
        ask: `predictions` with what is wanted.

    Raises:
        Unasked: they can't be asked.
    """
    first = await ask({"models_of": before, "inputs_of": before, "data": data})
    if not first:
        return {}, {}  # it has logged none: nothing to ask the other one
    asked = {name: str(one["asked"]) for name, one in first.items() if "asked" in one}
    return first, await ask({"models_of": now, "inputs_of": before, "data": data, "asked": asked})


async def predictions(
    interpreter: str,
    directory: Path,
    cwd: Path,
    environment: Mapping[str, str],
    wanted: Mapping[str, Any],
    patience: float,
) -> Answers:
    """What each model of a run predicts.

    Args:
        interpreter: of the environment.
        directory: for the answer; private.
        cwd: where the notebook worked: a model may need its modules.
        environment: with the tracking server's address and credentials.
        wanted: `models_of` and `inputs_of`, ids of runs; `data` and `asked`, see predict.py.
        patience: seconds.

    Raises:
        Unasked: the process failed or took too long.
    """
    answer = directory / f"predictions-{wanted['models_of']}.json"
    variables = {**environment, "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false"}
    variables["PYTHONPATH"] = os.pathsep.join(
        filter(None, [str(cwd), variables.get("PYTHONPATH", "")])
    )
    said = directory / "predict.log"
    with open(said, "wb") as output:  # noqa: ASYNC230 - it makes an empty file
        try:
            process = await asyncio.create_subprocess_exec(
                *(interpreter, "-W", "ignore", str(_SCRIPT), json.dumps(dict(wanted)), str(answer)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=variables,
                cwd=cwd,
                start_new_session=True,
            )
        except OSError as error:
            raise Unasked(f"{interpreter} can't be started: {error.strerror}") from error
        try:
            async with asyncio.timeout(patience):
                status = await process.wait()
        except TimeoutError:
            raise Unasked(
                f"they took longer than {patience:g} s (the setting reproduce.predict_timeout)"
            ) from None
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    if status:
        raise Unasked(_last_line(said) or f"the process ended with status {status}")
    try:
        if answer.stat().st_size > _ANSWER_MOST:
            raise Unasked("they predict too much to be compared")
        found = json.loads(await asyncio.to_thread(answer.read_bytes))
    except (OSError, ValueError, RecursionError) as error:
        raise Unasked("their answer can't be read") from error
    if not isinstance(found, dict):
        raise Unasked("their answer can't be read")
    return {str(k): v for k, v in found.items() if isinstance(v, dict)}


def _last_line(said: Path) -> str:
    with open(said, "rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - 4096))
        lines = file.read().decode("utf-8", "replace").strip().splitlines()
    return "".join(c for c in (lines[-1] if lines else "") if c.isprintable())[:_TOLD_MOST]
