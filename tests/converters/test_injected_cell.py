"""Where parameters go in a notebook, and what is checked of their values."""

from __future__ import annotations

import pytest

from jupyter_mlops.converters.notebook import check_notebook
from jupyter_mlops.converters.parameters import (
    check_parameters,
    declared_in,
    inject,
)

# ---------------------------------------------------------------- the cell


def test_the_cell_follows_the_parameters_cell(notebook_of):
    """As papermill: after the tagged cell, replaced when it is there, else first."""
    made = check_notebook(notebook_of("use", parameters="a = 1"))
    injected, index = inject(made, {"a": 2})
    assert index == 1
    assert injected["cells"][1]["source"] == "# Parameters\na = 2\n"
    assert injected["cells"][1]["metadata"]["tags"] == ["injected-parameters"]
    assert len(made["cells"]) == 2
    again, index = inject(injected, {"a": 3})
    assert (index, len(again["cells"])) == (1, 3)
    assert again["cells"][1]["source"] == "# Parameters\na = 3\n"
    first, index = inject(check_notebook(notebook_of("use")), {"a": 2})
    assert index == 0
    assert len({cell["id"] for cell in first["cells"]}) == 2


def test_without_parameters_nothing_is_injected(notebook_of):
    """The notebook runs as it is."""
    made = check_notebook(notebook_of("use", parameters="a = 1"))
    assert inject(made, {}) == (made, None)


# ---------------------------------------------------------------- checking


@pytest.mark.parametrize(
    ("source", "value", "fine"),
    [
        ("n: int = 1", 2, True),
        ("n: int = 1", 2.5, False),
        ("n: int = 1", True, False),
        ("n: int = 1", "2", False),
        ("n: int = 1", None, False),
        ("n: Optional[int] = 1", None, True),
        ("n = 1", 2.5, True),
        ("n = 1", None, True),
        ("n = 1", "2", False),
        ("n = 1", False, False),
        ("x: float = 1", 2, True),
        ("x: float = 1", "2", False),
        ("b = True", False, True),
        ("b = True", 1, False),
        ("s = 'x'", "y", True),
        ("s = 'x'", 1, False),
        ("l = []", [1], True),
        ("l = []", {"a": 1}, False),
        ("d = {}", {"a": 1}, True),
        ("d = {}", [1], False),
        ("u = f()", object, True),
        ("z = None", "anything", True),
    ],
)
def test_a_value_has_to_fit_what_is_declared(source, value, fine):
    """Annotated types strictly, inferred ones with sense."""
    value = 3 if value is object else value
    name = source.split(":")[0].split("=")[0].strip()
    problems, warnings = check_parameters({name: value}, declared_in(source, "python"))
    assert (problems == []) is fine
    assert warnings == []
    if not fine:
        assert problems[0]["where"] == f"parameters.{name}"


def test_a_name_that_is_not_declared_is_a_warning():
    """Papermill sets it all the same; a typo should be noticed."""
    problems, warnings = check_parameters({"epoch": 3}, declared_in("epochs = 1", "python"))
    assert problems == []
    assert "no parameter epoch;" in warnings[0]
    problems, warnings = check_parameters({"epoch": 3}, [])
    assert problems == []
    assert 'tagged "parameters"' in warnings[0]


def test_values_that_the_language_cannot_hold_are_refused_before_the_job_runs():
    """At submit, with the place."""
    problems, _ = check_parameters({"PATH": "x", "n": 1}, [], "bash")
    assert [one["where"] for one in problems] == ["parameters.PATH"]
    problems, _ = check_parameters({"n": 1}, [], "cobol")
    assert problems[0]["where"] == "parameters"
    assert check_parameters({}, [], "cobol") == ([], [])
