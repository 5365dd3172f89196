"""What the documents lead to is there: files, headings, make targets, verbs."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from mlops_documents import DOCS, ROOT

from jupyter_mlops.cli.options import find_verb, parse
from jupyter_mlops.cli.verbs import VERBS

DOCUMENTS = sorted([*DOCS.glob("*.md"), *ROOT.glob("*.md"), *ROOT.glob("*/README.md")])
IDS = [str(path.relative_to(ROOT)) for path in DOCUMENTS]


def anchors(path: Path) -> set[str]:
    """Where one can jump to in a document, as GitHub makes it of headings."""
    headings = re.findall(r"^#+ (.+)$", path.read_text("utf-8"), flags=re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {name.replace(" ", "-") for name in plain}


@pytest.mark.parametrize("document", DOCUMENTS, ids=IDS)
def test_every_link_leads_somewhere(document: Path) -> None:
    """Files beside the document, and headings in them; pictures too."""
    for link in re.findall(r"\]\(([^)\s]+)\)", document.read_text("utf-8")):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (document.parent / name).resolve() if name else document
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


@pytest.mark.parametrize("document", DOCUMENTS, ids=IDS)
def test_every_command_is_one(document: Path) -> None:
    """Lines of examples that begin with `jupyter mlops` or `make` can be typed."""
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), flags=re.MULTILINE)
    text = document.read_text("utf-8")
    lines = "".join(re.findall(r"```sh\n(.*?)```", text, flags=re.DOTALL)).splitlines()
    shown = "".join(re.findall(r"```console\n(.*?)```", text, flags=re.DOTALL)).splitlines()
    lines += [line[2:] for line in shown if line.startswith("$ ")]
    commands = re.findall(r"\b((?:jupyter mlops|make) [^|&;)]+)", "\n".join(lines))
    for command in commands:
        words = shlex.split(command.partition("\n")[0], comments=True)
        if words[0] == "make":
            assert set(words[1:]) <= set(targets), command
            continue
        parse(*find_verb(words[2:], VERBS))


def test_every_document_is_found_from_the_readme() -> None:
    """Nothing lies in docs/ that nothing leads to."""
    seen: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        links = re.findall(r"\]\(([^)\s#]+\.md)", path.read_text("utf-8"))
        found = [(path.parent / link).resolve() for link in links if "://" not in link]
        waiting += [link for link in found if link.exists()]
    assert set(DOCS.glob("*.md")) <= seen
