"""Errors speak of what a person typed, not of the document that was sent."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_mlops.cli.errors import parts_of
from jupyter_mlops.errors import InvalidInput


@pytest.mark.parametrize(
    ("field", "option"),
    [
        ("spec.parameters.lr", "-p lr"),
        ("parameters.lr", "-p lr"),
        ("spec.env.A B", "--env A B"),
        ("spec.env_from", "--env"),
        ("spec.tags.x", "--tag x"),
        ("spec.resources.cpus", "--cpus"),
        ("spec.output_dir", "--output-dir"),
        ("spec.retries", "--retries"),
        ("spec.notebook", "notebook"),
        ("--retries", "--retries"),
        ("cells.3", "cells.3"),
        ("", ""),
    ],
)
def test_fields_are_called_as_their_options(field: str, option: str) -> None:
    """In the line of a problem."""
    _, _, notes = parts_of(InvalidInput("No.", problems=[{"where": field, "message": "is bad"}]))
    assert notes == [f"  - {option}: is bad" if option else "  - is bad"]


def test_the_only_problem_is_in_the_first_line() -> None:
    """It isn't said twice, and the option is named there."""
    problems: list[dict[str, Any]] = [{"where": "spec.parameters.1x", "message": "is no name"}]
    error = InvalidInput("It can't be used: spec.parameters.1x: is no name", problems=problems)
    assert parts_of(error)[1:] == ("It can't be used: -p 1x: is no name", [])


def test_paths_are_left_as_they_are() -> None:
    """What looks like a field but is none."""
    error = InvalidInput("spec.ipynb and parameters.yaml are no notebooks.")
    assert parts_of(error)[1] == "spec.ipynb and parameters.yaml are no notebooks."
