"""docs/reproduce.md has every outcome, tag and answer in advance that there is."""

from __future__ import annotations

import re

from mlops_documents import first_column, sections, sources

from jupyter_mlops.cli.reproduce import EXIT_OF_OUTCOME
from jupyter_mlops.converters import reproducible
from jupyter_mlops.reproduction import predict
from jupyter_mlops.reproduction.model import Outcome

SECTIONS = sections("reproduce.md")


def test_outcomes_and_tags() -> None:
    """With the exit code of each outcome."""
    text = SECTIONS["How it comes out"]
    tags = set(re.findall(r'"(mlops\.reproduction[a-z_]*)"', sources("reproduction/model.py")))
    assert set(first_column(text)) == {one.value for one in Outcome} | tags
    codes = dict(re.findall(r"^\| `(\w+)` \| (\d+) \|", text, re.MULTILINE))
    assert {name: int(code) for name, code in codes.items()} == EXIT_OF_OUTCOME


def test_what_is_said_in_advance() -> None:
    """The same words as in the record."""
    words = [reproducible.CANNOT, reproducible.WHILE_THERE, reproducible.MAY_DIFFER]
    assert first_column(SECTIONS["In advance"]) == words


def test_numbers() -> None:
    """As the code has them."""
    assert f"on {predict.ROWS} rows made up" in SECTIONS["What is done"]
