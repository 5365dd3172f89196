"""Odd text, locales, and streams that nobody reads or that are full."""

from __future__ import annotations

import os
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest
from mlops_script import COMMAND, JOB, Run, Script, cells, finished, make_job

from .mlops_verbs import FAILURE, run_job


def test_an_unexpected_error_is_one_line(cli: Run, script: Script, home: Path) -> None:
    """With the place of its traceback, which --debug shows; its exit code is its own."""
    script.server.answer = lambda request: request.json(["not", "a", "job"])
    ran = cli("show", JOB)
    assert ran.returncode == 70
    assert ran.stderr.count("\n") == 1
    assert str(home / "cli.log") in ran.stderr
    assert "Traceback" in (home / "cli.log").read_text()
    assert (home / "cli.log").stat().st_mode & 0o777 == 0o600
    assert "Traceback" in cli("--debug", "show", JOB).stderr


def test_a32_a_name_with_escapes_and_html(cli: Run, script: Script) -> None:
    """Whatever a job is called and wherever it is printed, the terminal obeys nothing."""
    name = "evil\x9b2J\u202e<img src=x onerror=alert(1)>"
    failure = {**FAILURE, "message": "\x1b]0;owned\x07boom", "traceback": "\x1b[31mred"}
    job = make_job(state="failed", failure=failure, attempt=1, warnings=["\x1b[8mhidden"])
    job["name"] = name
    job["progress"]["current_source"] = "\x1b[2J"
    job["tracking"] |= {"experiment": "\x1b[1m", "run_id": "r"}
    script.jobs[JOB] = job
    for words in (["show"], ["attach"], ["cancel"]):
        text = cli(*words, JOB).stdout
        assert not any(c in text for c in "\x1b\x9b\x07\u202e")
        assert "evil<img src=x onerror=alert(1)>" in text
    text = cli("jobs").stdout
    assert not any(c in text for c in "\x1b\x9b\x07\u202e")


@pytest.mark.parametrize(
    "env",
    [
        {"LANG": "C", "LC_ALL": "C"},
        {"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
        {"PYTHONIOENCODING": "ascii"},
    ],
    ids=["C", "POSIX", "ascii"],
)
def test_f35_any_locale(cli: Run, script: Script, env: dict[str, str]) -> None:
    """Names in any script are printed, or their codes where the terminal can't show them."""
    script.add(name="报告 🚀", state="succeeded", attempt=1)
    for words in (["show", JOB], ["jobs"], ["attach", JOB], ["run", "--help"]):
        ran = cli(*words, env={**os.environ, **env})
        assert ran.returncode == 0, ran.stderr
        assert ran.stderr == ""
        if words[0] == "show":
            assert "报告 🚀" in ran.stdout or "\\u62a5\\u544a \\U0001f680" in ran.stdout


def test_f35_a_name_of_255_bytes(cli: Run, script: Script, tmp_path: Path) -> None:
    """Is passed on as it is."""
    run_job(script)
    name = "ü" * 124 + ".ipynb"
    assert cli("run", name, "-q").returncode == 0
    assert script.submitted[0]["spec"]["notebook"] == str(tmp_path / name)


def test_nobody_reads_any_more(script: Script) -> None:
    """`jupyter mlops logs | head -1` ends quietly, however much is left."""
    script.add()
    script.logs[JOB] = b"line\n" * 50_000
    command = " ".join([*COMMAND, "logs", JOB])
    ran = subprocess.run(
        f"set -o pipefail; {command} | head -1",
        shell=True,
        executable="/bin/bash",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "line\n", "")


def test_nobody_reads_a_run(script: Script) -> None:
    """Its exit code is still the job's: it is followed to its end."""
    script.events[JOB] = [*cells(*(["x = 1"] * 500)), finished("failed", failure=FAILURE)]
    command = " ".join([*COMMAND, "run", "nb.ipynb"])
    ran = subprocess.run(
        f"set -o pipefail; {command} | head -1",
        shell=True,
        executable="/bin/bash",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (1, "")


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&- <&-"])
def test_without_a_stdout(script: Script, closed: str) -> None:
    """As cron and nohup may start it."""
    run_job(script)
    command = " ".join([*COMMAND, "run", "nb.ipynb", closed])
    ran = subprocess.run(command, shell=True, capture_output=True, timeout=60, check=False)
    assert ran.returncode == 0


def test_f03_the_daemon_goes_away_while_a_job_is_followed(cli: Run, script: Script) -> None:
    """It is taken up where it was; each cell is told once."""
    released = threading.Event()
    events = cells("a", "b")
    asked: list[str] = []
    usual = script.server.answer

    def answer(request: Any) -> None:
        if not request.path.endswith("/events"):
            usual(request)
            return
        asked.append(request.target.partition("?")[2])
        request.begin_stream()
        for event in events[:4] if len(asked) == 1 else [*events[4:], finished()]:
            request.event(event)
        if len(asked) == 1:
            request.hang_up()
        request.chunk(b"")

    script.server.answer = answer
    released.set()
    ran = cli("run", "nb.ipynb")
    assert ran.returncode == 0
    assert asked == ["follow=true", "attempt=1&after=3&follow=true"]
    assert ran.stdout.count("cell 1/2") == ran.stdout.count("cell 2/2") == 1
    assert "the daemon was started again; the job went on" in ran.stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("words", [["jobs"], ["show", JOB, "--json"], ["logs", JOB]])
def test_f19_stdout_on_a_full_disk(script: Script, words: list[str]) -> None:
    """What couldn't be written is an error, never silence with exit code 0."""
    script.add()
    script.logs[JOB] = b"line\n"
    with Path("/dev/full").open("w") as full:
        ran = subprocess.run(
            [*COMMAND, *words], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert ran.returncode == 6
    assert "No space left on device" in ran.stderr
    assert "Exception ignored" not in ran.stderr
