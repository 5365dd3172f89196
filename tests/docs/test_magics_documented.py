"""docs/magics.md says everything that there is, and nothing that there isn't."""

from __future__ import annotations

import inspect
import re
import shlex

import pytest
from mlops_documents import heading, option_row, option_rows, sections, text_of

from jupyter_mlops.cli.options import COMMON, Verb, find_verb, parse
from jupyter_mlops.magics.values import LIMIT
from jupyter_mlops.magics.verbs import CELL_VERBS, LINE_VERBS

TEXT = text_of("magics.md")
SECTIONS = sections("magics.md")
ALL = (*CELL_VERBS, *LINE_VERBS)


def title(verb: Verb) -> str:
    """A verb's heading, with one percent sign or two."""
    return heading(verb, "%%mlops" if verb in CELL_VERBS else "%mlops")


def test_every_verb_has_its_section_and_no_other() -> None:
    """Lines and cells, with their arguments in the heading."""
    documented = {name for name in SECTIONS if name.startswith("`%")}
    assert documented == {title(verb) for verb in ALL}


@pytest.mark.parametrize("verb", ALL, ids=title)
def test_every_option_is_documented_and_no_other(verb: Verb) -> None:
    """By all its names and what its value is called."""
    own = {option_row(option) for option in verb.options if option not in COMMON}
    assert option_rows(SECTIONS[title(verb)]) == own


def test_what_every_verb_has() -> None:
    """Is documented once."""
    assert option_rows(SECTIONS["Every verb"]) == {option_row(option) for option in COMMON}


def test_the_limit_is_the_one_that_is_documented() -> None:
    """In the text and in the help."""
    assert TEXT.count(f"{LIMIT // 2**20} MB at most") == 2
    assert f"{LIMIT // 2**20} MB at most" in CELL_VERBS[0].options[0].summary


def test_examples_are_understood() -> None:
    """Every line of the documentation that begins with %mlops or %%mlops."""
    lines = re.findall(r"^(%{1,2})mlops (.+)$", TEXT, flags=re.MULTILINE)
    assert len(lines) >= 3
    for mark, rest in lines:
        verbs = CELL_VERBS if mark == "%%" else LINE_VERBS
        verb, words = find_verb(shlex.split(rest), verbs)
        parse(verb, words)


def test_every_function_is_documented() -> None:
    """With its arguments; what `import jupyter_mlops` offers, and nothing else."""
    import jupyter_mlops

    rows = re.findall(r"^\| `(\w+)\((.*?)\)` \|", text_of("logging.md"), flags=re.MULTILINE)
    assert {name for name, _ in rows} == set(jupyter_mlops.__all__) - {"__version__"}
    for name, arguments in rows:
        wanted = inspect.signature(getattr(jupyter_mlops, name)).parameters.values()
        named = [one.name for one in wanted if one.kind is not inspect.Parameter.VAR_KEYWORD]
        given = [word.partition("=")[0].strip("{…} ") for word in arguments.split(", ")]
        # A mapping that may stand first is written as one.
        given = [word for word in given if word and not word.startswith("**")]
        assert given == [word for word in named if word != "values"], name
