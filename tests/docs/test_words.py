"""One word for one thing: in JupyterLab, the terminal, the magics, the API and the documents."""

from __future__ import annotations

import json
import re

from mlops_documents import DOCS, ROOT, sections, text_of

from jupyter_mlops.cli.verbs import VERBS
from jupyter_mlops.jobs.model import State

STATES = ["queued", "starting", "running", "succeeded", "failed", "cancelled"]

#: What is called otherwise here, and how.
STRANGERS = {
    r"output notebook": "executed notebook",
    r"result notebook": "executed notebook",
    r"canceled|cancell?ation of": "cancelled",
    r"\babort(ed|s)?\b": "cancelled",
    r"\btasks?\b": "job",
    r"\bre-run|rerunn?ed": "rerun",
}


def labextension() -> str:
    """The source of the labextension, without its tests and what is generated."""
    source = ROOT / "labextension" / "src"
    files = [*source.rglob("*.ts"), *source.rglob("*.tsx")]
    shown = [f for f in files if "__tests__" not in f.parts and f.name != "schema.d.ts"]
    return "\n".join(file.read_text("utf-8") for file in sorted(shown))


def test_the_states() -> None:
    """Are the same six everywhere, in the order that a job goes through them."""
    assert [state.value for state in State] == STATES
    api = json.loads((DOCS / "openapi.json").read_text("utf-8"))
    assert api["components"]["schemas"]["State"]["enum"] == STATES
    badge = (ROOT / "labextension/src/components/StateBadge.tsx").read_text("utf-8")
    shown = re.findall(r"case '(\w+)':\s+return trans\.__\('(\w+)'\)", badge)
    assert shown == [(state, state.capitalize()) for state in STATES]
    rows = re.findall(r"^\| (\w+) \|", sections("jobs.md")["States"], flags=re.MULTILINE)
    assert [row for row in rows if row != "state"] == STATES
    listing = next(verb for verb in VERBS if verb.name == "jobs")
    option = next(option for option in listing.options if "--state" in option.names)
    assert ", ".join(STATES) in option.summary
    assert ", ".join(f"`{state}`" for state in STATES) in text_of("cli.md")


def test_the_verbs() -> None:
    """What one can do with a job is called by the same word on its button and in its command."""
    source = labextension()
    for verb in ("cancel", "rerun", "delete"):
        summary = next(found.summary for found in VERBS if found.name == verb)
        assert f"trans.__('{verb.capitalize()}')" in source
        assert f"trans.__('{verb.capitalize()} Job')" in source
        if verb != "rerun":
            assert summary.startswith(f"{verb.capitalize()} jobs")
            assert f"\n{verb.capitalize()} jobs" in text_of("cli.md")
            assert f"\n{verb.capitalize()} jobs" in text_of("magics.md")


def test_no_second_words() -> None:
    """What has a word has no other one, where people read it."""
    said = {path.name: path.read_text("utf-8") for path in [*DOCS.glob("*.md"), ROOT / "README.md"]}
    messages = re.findall(r"trans\.\w+\(\s*(?:'(.*?)'|\"(.*?)\")", labextension())
    said["labextension"] = "\n".join(map("".join, messages))
    said["terminal"] = "\n".join(
        text
        for verb in VERBS
        for text in (verb.summary, *(option.summary for option in verb.options))
    )
    assert len(said["labextension"]) > 1000
    wrong = [
        f"{place}: {found[0]!r}, here called {ours!r}"
        for place, text in said.items()
        for stranger, ours in STRANGERS.items()
        for found in re.finditer(stranger, text, flags=re.IGNORECASE)
    ]
    assert wrong == []
