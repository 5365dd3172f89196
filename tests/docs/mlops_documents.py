"""Reading the documentation as a test needs it."""

from __future__ import annotations

import re
from pathlib import Path

from jupyter_mlops.cli.options import Option, Verb

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def text_of(name: str) -> str:
    """A document of docs/."""
    return (DOCS / name).read_text("utf-8")


def sections(name: str) -> dict[str, str]:
    """The text below each heading of the second level of a document."""
    parts = re.split(r"^## (.+)$", text_of(name), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def first_column(text: str) -> list[str]:
    """What stands in code spans in the first column of the tables of a text."""
    rows = re.findall(r"^\| (`[^|]+`) \|", text, flags=re.MULTILINE)
    return [name for row in rows for name in re.findall(r"`([^`]+)`", row)]


def sources(*places: str) -> str:
    """Python source below these places of the package, one after the other."""
    package = ROOT / "server_ext" / "jupyter_mlops"
    found = []
    for place in places:
        path = package / place
        files = [path] if path.is_file() else sorted(path.rglob("*.py"))
        assert files, place
        found += [file.read_text("utf-8") for file in files]
    return "\n".join(found)


def heading(verb: Verb, command: str) -> str:
    """The heading of a verb's section: how it is used."""
    return "`" + " ".join([command, verb.name, *(a.usage for a in verb.arguments)]) + "`"


def option_rows(text: str) -> set[str]:
    """The first column of the tables of a text, as it is written."""
    return set(re.findall(r"^\| (`.+?`) \| .+ \|$", text, flags=re.MULTILINE))


def option_row(option: Option) -> str:
    """An option's first column."""
    *short, last = option.names
    value = f" {option.metavar}" if option.metavar else ""
    return ", ".join([*(f"`{name}`" for name in short), f"`{last}{value}`"])
