"""`logs`: what a job printed."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator

from jupyter_mlops.cli.console import Console, clean
from jupyter_mlops.cli.options import Given
from jupyter_mlops.cli.resolve import resolve
from jupyter_mlops.cli.run import EXIT_DETACHED
from jupyter_mlops.cli.spec import Problems
from jupyter_mlops.cli.values import read_whole
from jupyter_mlops.client import Client


def logs(given: Given, console: Console) -> int:
    """Print a job's log; with `--follow`, until the job has ended."""
    problems = Problems()
    numbers = {
        key: None
        if (text := given.text(key)) is None
        else problems.read(f"--{key}", text, read_whole)
        for key in ("attempt", "tail")
    }
    problems.check(given)
    client = Client()
    job_id = resolve(client, given.positional[0])
    attempt, tail = numbers["attempt"], numbers["tail"]
    follow = given.flag("follow")
    offset, kept = 0, ""
    if tail is not None or not follow:
        data = b"".join(client.log(job_id, attempt=attempt))
        offset = len(data)
        kept = clean(data.decode("utf-8", "replace"))
        if tail is not None:
            kept = "".join(kept.splitlines(keepends=True)[-tail:] if tail else [])
    if console.json and not follow:
        console.data(json.dumps({"job": job_id, "attempt": attempt, "log": kept}) + "\n")
        return 0
    _put(console, kept)
    if not follow:
        return 0
    try:
        for text in _decoded(client.follow_log(job_id, attempt=attempt, offset=offset)):
            _put(console, clean(text))
            if console.closed:
                return 0
    except KeyboardInterrupt:
        console.note(f"The job goes on. Follow it: jupyter mlops attach {job_id}")
        return EXIT_DETACHED
    return 0


def _put(console: Console, text: str) -> None:
    if text:
        console.data(json.dumps({"text": text}) + "\n" if console.json else text)


def _decoded(pieces: Iterator[bytes]) -> Iterator[str]:
    """Whole lines where possible, so that an escape sequence isn't cut in two."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    rest = ""
    for piece in pieces:
        text = rest + decoder.decode(piece)
        # What ends within an escape sequence waits for the rest of it.
        escape = text.rfind("\x1b", max(0, len(text) - 64))
        cut = len(text) if escape < 0 or "\n" in text[escape:] else escape
        rest = text[cut:]
        yield text[:cut]
    yield rest + decoder.decode(b"", final=True)
