"""`daemon status`, help, version, and verbs that aren't there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from mlops_script import Run, Script


def test_daemon_status_when_none_runs(cli: Run, home: Path) -> None:
    """Says so, starts nothing, and has its own exit code."""
    ran = cli("daemon", "status")
    assert ran.returncode == 6
    assert "isn't running" in ran.stderr
    assert not home.exists()
    assert json.loads(cli("daemon", "stop", "--json").stdout) == {"stopped": False}


def test_daemon_status(cli: Run, script: Script) -> None:
    """Version, process, jobs."""
    text = cli("daemon", "status").stdout
    assert "The daemon runs." in text
    assert "1 running" in text
    assert json.loads(cli("daemon", "status", "--json").stdout)["version"] == "0.1.0"


@pytest.mark.parametrize("words", [[], ["-h"], ["--help"], ["help"]])
def test_help_lists_every_verb(cli: Run, words: list[str]) -> None:
    """With the exit codes."""
    ran = cli(*words)
    assert ran.returncode == 0
    assert "cancel" in ran.stdout
    assert "130 detached by Ctrl-C" in ran.stdout


def test_help_of_a_verb(cli: Run) -> None:
    """Usage, options and examples; several for a family."""
    text = cli("run", "--help").stdout
    assert "usage: jupyter mlops run NOTEBOOK [options]" in text
    assert "-p, --param NAME=VALUE" in text
    assert cli("help", "run").stdout == text
    assert cli("run", "nb.ipynb", "-h").stdout == text
    family = cli("help", "daemon").stdout
    assert family.count("usage:") == 4
    assert cli("daemon", "--help").stdout == cli("daemon", "-h").stdout == family
    assert len(json.loads(cli("daemon", "--help", "--json").stdout)["verbs"]) == 4
    assert json.loads(cli("help", "run", "--json").stdout)["verbs"][0]["verb"] == "run"
    assert cli("help", "rnu").returncode == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["rnu"], "Did you mean run?"),
        (["daemon"], "daemon restart"),
        (["daemon", "strat"], "needs to know"),
        (["show"], "needs JOB"),
        (["\x1b[31mx"], "no verb 'x'"),
    ],
)
def test_a_wrong_verb(cli: Run, words: list[str], said: str) -> None:
    """Is told with what was perhaps meant."""
    ran = cli(*words)
    assert ran.returncode == 2
    assert said in ran.stderr
    assert "\x1b" not in ran.stderr


def test_version(cli: Run) -> None:
    """As text and JSON; options that every verb has may come first."""
    text = cli("--version").stdout
    assert text.startswith("jupyter-mlops ")
    assert json.loads(cli("--json", "--version").stdout)["version"] == text.split()[1]
