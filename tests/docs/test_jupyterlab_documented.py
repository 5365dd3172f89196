"""docs/jupyterlab.md names every command, shortcut and view."""

from __future__ import annotations

import json
import re
from pathlib import Path

from mlops_documents import sections

TOP = Path(__file__).parents[2]
NAME = "jupyterlab.md"


def test_every_command_is_documented() -> None:
    """By its id, which is what shortcuts and other extensions refer to."""
    tokens = (TOP / "labextension/src/tokens.ts").read_text()
    commands = set(re.findall(r"= '((?:jupyter-)?mlops:[a-z-]+)'", tokens))
    assert len(commands) > 5
    documented = re.findall(r"`((?:jupyter-)?mlops:[a-z-]+)`", sections(NAME)["Commands"])
    assert set(documented) == commands


def test_every_shortcut_and_setting_is_documented() -> None:
    """The keys are named as JupyterLab names them; a setting by its own name."""
    for path in (TOP / "labextension/schema").glob("*.json"):
        schema = json.loads(path.read_text())
        for setting in schema["properties"]:
            assert f"`{setting}`" in sections(NAME)["Settings"]
        for shortcut in schema.get("jupyter.lab.shortcuts", ()):
            line = next(
                line
                for line in sections(NAME)["Commands"].splitlines()
                if f"`{shortcut['command']}`" in line
            )
            for keys in shortcut["keys"]:
                assert keys.replace("Accel", "Ctrl") in line


def test_every_view_of_a_job_is_documented() -> None:
    """As its tab is called."""
    header = (TOP / "labextension/src/components/JobHeader.tsx").read_text()
    views = re.search(r"export type Tab = (.*);", header)
    assert views is not None
    for view in re.findall(r"'(\w+)'", views[1]):
        assert f"**{view.capitalize()}**" in sections(NAME)["A job"]
