"""docs/cli.md says everything that there is, and nothing that there isn't."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from mlops_documents import first_column, heading, option_row, option_rows, sections

from jupyter_mlops.cli import errors as cli_errors
from jupyter_mlops.cli import help as cli_help
from jupyter_mlops.cli import reproduce, run
from jupyter_mlops.cli.options import COMMON, Verb
from jupyter_mlops.cli.verbs import VERBS
from jupyter_mlops.errors import MlopsError

SECTIONS = sections("cli.md")


def test_every_verb_has_its_section_and_no_other() -> None:
    """With its arguments in the heading."""
    documented = {name for name in SECTIONS if name.startswith("`jupyter mlops")}
    assert documented == {heading(verb, "jupyter mlops") for verb in VERBS}


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)
def test_every_option_is_documented_and_no_other(verb: Verb) -> None:
    """By all its names and what its value is called."""
    own = [option for option in verb.options if option not in COMMON]
    assert option_rows(SECTIONS[heading(verb, "jupyter mlops")]) == set(map(option_row, own))


def test_what_every_verb_has() -> None:
    """Is documented once."""
    assert option_rows(SECTIONS["Every verb"]) == set(map(option_row, COMMON))


def tree(kind: type[MlopsError]) -> set[int]:
    """The exit codes of an error and those below it."""
    return {kind.exit_code}.union(*map(tree, kind.__subclasses__()))


def test_exit_codes() -> None:
    """Those of errors, states and Ctrl-C, in the documentation and in the help."""
    codes = tree(MlopsError) | set(run.EXIT_OF_STATE.values())
    codes |= set(reproduce.EXIT_OF_OUTCOME.values())
    codes |= {run.EXIT_DETACHED, cli_errors.EXIT_UNEXPECTED}
    assert {
        int(code) for code in re.findall(r"^\| (\d+) \|", SECTIONS["Exit codes"], re.MULTILINE)
    } == codes
    in_help = {int(c) for c in re.findall(r"(?:^|  )(\d+) ", cli_help._EXITS, re.MULTILINE)}
    assert in_help == codes


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)
def test_names_are_used_once(verb: Verb) -> None:
    """Two options of a verb never share a name, and each is explained."""
    names = [name for option in verb.options for name in option.names]
    assert len(names) == len(set(names))
    assert all(option.summary for option in verb.options)
    assert verb.summary


def test_every_variable_is_documented() -> None:
    """What the command line reads from the environment."""
    source = "".join(
        path.read_text(encoding="utf-8") for path in (Path(cli_help.__file__).parent).rglob("*.py")
    )
    read = set(re.findall(r'environ\.get\("([A-Z_]+)"', source)) - {"TERM"}
    assert read | {"JUPYTER_MLOPS_DATA_DIR"} == set(first_column(SECTIONS["Environment"]))
