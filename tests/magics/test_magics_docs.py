"""docs/magics.md says everything that there is, and nothing that there isn't."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from jupyter_mlops.cli.options import COMMON, Option, Verb
from jupyter_mlops.magics.values import LIMIT
from jupyter_mlops.magics.verbs import CELL_VERBS, LINE_VERBS

TEXT = (Path(__file__).parents[2] / "docs" / "magics.md").read_text("utf-8")
ALL = (*CELL_VERBS, *LINE_VERBS)


def sections() -> dict[str, str]:
    """The text below each heading of the second level."""
    parts = re.split(r"^## (.+)$", TEXT, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def heading(verb: Verb) -> str:
    """A verb's heading: how it is used."""
    mark = "%%mlops" if verb in CELL_VERBS else "%mlops"
    return "`" + " ".join([mark, verb.name, *(a.usage for a in verb.arguments)]) + "`"


def rows(text: str) -> set[str]:
    """The first column of the tables in a text."""
    found = re.findall(r"^\| (.+?) \| .+ \|$", text, flags=re.MULTILINE)
    return set(found) - {"option"}


def row(option: Option) -> str:
    """An option's first column."""
    *short, last = option.names
    value = f" {option.metavar}" if option.metavar else ""
    return ", ".join([*(f"`{name}`" for name in short), f"`{last}{value}`"])


def test_every_verb_has_its_section_and_no_other() -> None:
    """Lines and cells, with their arguments in the heading."""
    documented = {name for name in sections() if name.startswith("`%")}
    assert documented == {heading(verb) for verb in ALL}


@pytest.mark.parametrize("verb", ALL, ids=heading)
def test_every_option_is_documented_and_no_other(verb: Verb) -> None:
    """By all its names and what its value is called."""
    own = {row(option) for option in verb.options if option not in COMMON}
    assert rows(sections()[heading(verb)]) == own


def test_what_every_verb_has() -> None:
    """Is documented once."""
    assert rows(sections()["Every verb"]) == {row(option) for option in COMMON}


def test_the_limit_is_the_one_that_is_documented() -> None:
    """In the text and in the help."""
    assert TEXT.count(f"{LIMIT // 2**20} MB at most") == 2
    assert f"{LIMIT // 2**20} MB at most" in CELL_VERBS[0].options[0].summary


def test_examples_are_understood() -> None:
    """Every line of the documentation that begins with %mlops or %%mlops."""
    import shlex

    from jupyter_mlops.cli.options import parse
    from jupyter_mlops.magics.dispatch import _verb

    lines = re.findall(r"^(%{1,2})mlops (.+)$", TEXT, flags=re.MULTILINE)
    assert len(lines) >= 3
    for mark, rest in lines:
        cell = mark == "%%"
        verb, words = _verb(shlex.split(rest), CELL_VERBS if cell else LINE_VERBS, cell=cell)
        parse(verb, words)
